//! Refused requests: evidence, without effect on any other table.

use ledger::domain::recovery::events::{Event, RecoveryRequestRefused};
use ledger::envelope::Metadata;
use ledger::ids::AccountId;
use rusqlite::{Connection, params};

use super::{At, FoldError};

/// A refusal, of an account, of the books or of the recovery.
pub(super) struct Refused<'a> {
    pub(super) account: Option<&'a AccountId>,
    pub(super) command: &'a str,
    pub(super) reason: &'a str,
    pub(super) facts: Vec<(String, String)>,
}

impl Refused<'_> {
    pub(super) fn write(
        self,
        database: &Connection,
        metadata: &Metadata,
        at: At,
    ) -> Result<(), rusqlite::Error> {
        let facts = self.facts.into_iter().map(|(name, fact)| (name, fact.into()));
        let facts = serde_json::Value::Object(facts.collect()).to_string();
        database
            .prepare_cached("INSERT INTO refusal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                at.position,
                self.account.map(AccountId::as_str),
                self.command,
                self.reason,
                facts,
                at.nanos,
                metadata.request_id.to_string(),
                metadata.actor.as_str(),
            ])?;
        Ok(())
    }
}

/// Of the recovery only refusals are kept: what was lost is asked of the log itself.
pub(super) fn of_recovery(
    database: &Connection,
    event: &Event,
    metadata: &Metadata,
    at: At,
) -> Result<(), FoldError> {
    match event {
        Event::CommitsLost(_) | Event::OriginationApproved(_) => Ok(()),
        Event::RecoveryRequestRefused(RecoveryRequestRefused { command, refusal }) => {
            let (reason, facts) = (refusal.reason(), refusal.facts());
            let refused = Refused { account: None, command, reason, facts };
            Ok(refused.write(database, metadata, at)?)
        }
    }
}
