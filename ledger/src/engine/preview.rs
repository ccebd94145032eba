//! What a command would cause, before anything is written, and whether it still would.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Engine, EngineError, Folded, Inner};
use crate::codec;
use crate::digest::Digest;
use crate::domain::account::commands::Command;
use crate::domain::account::consequences::Consequences;
use crate::domain::account::events::Event;
use crate::domain::account::state::Account;
use crate::domain::account::{Context, decide, evolve};
use crate::domain::cutoff::eastern_date;
use crate::envelope::{Position, Version};
use crate::ids::{AccountId, RequestId};

/// What a command would cause.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What a command names that is to be carried out only if this is still what it causes.
    pub hash: String,
    /// How many events the account had.
    pub version: Version,
    /// The place of the last of them in the log.
    pub position: Position,
    /// Today, in Eastern time, when it was made.
    pub today: NaiveDate,
    /// The events, none if nothing would change. Ids that the request would give are not its own.
    pub events: Vec<Event>,
    /// The account as it is.
    pub before: Arc<Folded>,
    /// The account as it would be.
    pub after: Account,
}

impl Preview {
    /// What is another after it. None for an account that is not on the books before.
    pub fn consequences(&self) -> Option<Consequences> {
        match (self.before.open(), &self.after) {
            (Some(before), Account::Open(after)) => {
                Some(Consequences::of(before, after, &self.events, self.today))
            }
            (None, _) | (_, Account::Absent) => None,
        }
    }
}

impl Engine {
    /// The events that `command` would cause if it were received at `at`, and the account as it is.
    /// Nothing is written.
    pub async fn preview(
        &self,
        account: &AccountId,
        command: &Command,
        at: DateTime<Utc>,
    ) -> Result<(Vec<Event>, Arc<Folded>), EngineError> {
        let folded = self.0.current(account).await?;
        let events = self.0.foresee(&folded, account, command, at).await?;
        Ok((events, folded))
    }

    /// What `command` would cause if it were received now. Nothing is written. Fails as the command
    /// would, and a refusal is not recorded either.
    pub async fn preview_change(
        &self,
        account: &AccountId,
        command: &Command,
    ) -> Result<Preview, EngineError> {
        let before = self.0.current(account).await?;
        let at = self.0.clock.now();
        let events = self.0.foresee(&before, account, command, at).await?;
        let mut after = Account::clone(&before.account);
        for event in &events {
            after = evolve(after, event, at);
        }
        Ok(Preview {
            hash: hash_of(before.changed, command, &events)?,
            version: before.version,
            position: before.position,
            today: eastern_date(at),
            events,
            before,
            after,
        })
    }
}

impl Inner {
    /// The events that `command` would cause on an account as it is, if it were received at `at`.
    async fn foresee(
        &self,
        folded: &Folded,
        account: &AccountId,
        command: &Command,
        at: DateTime<Utc>,
    ) -> Result<Vec<Event>, EngineError> {
        let (request, days) = (request_of(account), self.days_at(at).await?);
        let context = Context { account, request, received_at: at, rules: &self.rules, days };
        decide(&folded.account, command, &context)
            .map_err(|denial| EngineError::denied(denial, account, folded.position))
    }
}

/// The request id that every preview of an account has, so that the ids that are derived from it
/// are the same.
fn request_of(account: &AccountId) -> RequestId {
    RequestId::derived("preview", account.as_str())
}

/// The hash of a preview made now, if `command` names another: what was shown is not what would
/// happen. What would be denied is for the decision to deny.
pub(super) fn outdated(
    folded: &Folded,
    command: &Command,
    context: &Context<'_>,
) -> Result<Option<String>, EngineError> {
    let Some(shown) = command.preview() else { return Ok(None) };
    let context = Context { request: request_of(context.account), ..*context };
    let Ok(events) = decide(&folded.account, command, &context) else { return Ok(None) };
    let hash = hash_of(folded.changed, command, &events)?;
    Ok((hash != shown).then_some(hash))
}

/// SHA-256 over the last change of the account, the command and the events, the first 16 bytes in
/// hex. A refusal on record is no change: it must not outdate what it names as current.
fn hash_of(
    changed: Version,
    command: &Command,
    events: &[Event],
) -> Result<String, serde_json::Error> {
    let mut content = codec::json(&(changed, command.without_preview()))?;
    for event in events {
        let (kind, data) = event.document()?;
        content.extend_from_slice(kind.as_bytes());
        content.extend_from_slice(&data);
    }
    Ok(Digest::of(&content).to_string())
}
