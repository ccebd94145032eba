//! What a command would cause, before anything is written, and whether it still would.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Engine, EngineError, Folded};
use crate::codec::{self, Fact};
use crate::digest::Digest;
use crate::domain::account::commands::Command;
use crate::domain::account::consequences::Consequences;
use crate::domain::account::events::Event;
use crate::domain::account::state::Account;
use crate::domain::account::{Context, Denial, decide, evolve};
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

/// Events that a command would cause, and what stands for them.
struct Foreseen {
    hash: String,
    events: Vec<Event>,
}

impl Engine {
    /// What `command` would cause if it were received now. Nothing is written. Fails as the command
    /// would, and a refusal is not recorded either.
    pub async fn preview_change(
        &self,
        account: &AccountId,
        command: &Command,
    ) -> Result<Preview, EngineError> {
        let before = self.0.current(account).await?;
        let at = self.0.clock.now();
        let days = self.0.days_at(at).await?;
        let request = RequestId::derived("preview", account.as_str());
        let context = Context { account, request, received_at: at, rules: &self.0.rules, days };
        let Foreseen { hash, events } = foresee(&before, command, &context)
            .map_err(|denial| EngineError::denied(denial, account, before.position))?;
        let mut after = Account::clone(&before.account);
        for event in &events {
            after = evolve(after, event, at);
        }
        Ok(Preview {
            hash,
            version: before.version,
            position: before.position,
            today: eastern_date(at),
            events,
            before,
            after,
        })
    }
}

/// What `command` would cause in `context`, under a request id that every preview of the account
/// has, so that the ids that are derived from it are the same.
fn foresee(folded: &Folded, command: &Command, context: &Context<'_>) -> Result<Foreseen, Denial> {
    let request = RequestId::derived("preview", context.account.as_str());
    let events = decide(&folded.account, command, &Context { request, ..*context })?;
    let hash = hash_of(folded.changed, command, &events);
    Ok(Foreseen { hash, events })
}

/// The hash of a preview made now, if `command` names another: what was shown is not what would
/// happen. What would be denied is for the decision to deny.
pub(super) fn outdated(
    folded: &Folded,
    command: &Command,
    context: &Context<'_>,
) -> Option<String> {
    let shown = command.preview()?;
    let now = foresee(folded, command, context).ok()?;
    (now.hash != shown).then_some(now.hash)
}

/// SHA-256 over the last change of the account, the command and the events, the first 16 bytes in
/// hex. A refusal on record is no change: it must not outdate what it names as current.
fn hash_of(changed: Version, command: &Command, events: &[Event]) -> String {
    // Commands and events are plain data, which always have a JSON form.
    let mut content = serde_json::to_vec(&(changed, command.without_preview())).unwrap_or_default();
    for event in events {
        let (kind, data) = codec::encode(&Fact::Account(event.clone())).unwrap_or_default();
        content.extend_from_slice(kind.as_bytes());
        content.extend_from_slice(&data);
    }
    Digest::of(&content).to_string()
}
