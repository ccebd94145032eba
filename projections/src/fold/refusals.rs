//! Refused requests: evidence, without effect on any other table.

use ledger::domain::account::events::RequestRefused;
use ledger::envelope::Metadata;
use ledger::ids::AccountId;
use rusqlite::{Connection, params};

use super::{At, FoldError};

pub(super) fn refused(
    database: &Connection,
    account: &AccountId,
    refused: &RequestRefused,
    metadata: &Metadata,
    at: At,
) -> Result<(), FoldError> {
    let facts: serde_json::Map<_, _> =
        refused.refusal.facts().into_iter().map(|(name, fact)| (name, fact.into())).collect();
    let facts = serde_json::Value::Object(facts).to_string();
    database
        .prepare_cached("INSERT INTO refusal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            at.position,
            account.as_str(),
            refused.command,
            refused.refusal.reason(),
            facts,
            at.nanos,
            metadata.request_id.to_string(),
            metadata.actor.as_str(),
        ])?;
    Ok(())
}
