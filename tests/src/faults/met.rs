//! Damage that a start does not meet, and a read does: everybody who looks tells the same place,
//! and nobody gets a wrong answer.

use proto::payledger::v1::{
    GetLogStatusRequest, GetLogStatusResponse, LogState, RecordedEvent, ReplayEventsRequest,
};
use tonic::{Code, Status};

use super::base::{ACCOUNTS, owed};
use super::oracle::{Opened, Outcome};
use crate::client::Client;
use crate::refusals::Refused;

/// What verifying has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Everything is as it should be.
    Nothing,
    /// Something is wrong, first of all at this position of the log.
    At(u64),
    /// Something is wrong that has no position.
    Somewhere,
}

/// What is told on standard error by a verification that failed.
pub(super) fn found_by(said: &str) -> Found {
    let position = said.split("the first at position ").nth(1).and_then(|rest| {
        let digits = rest.split(|it: char| !it.is_ascii_digit()).next()?;
        digits.parse().ok()
    });
    position.map_or(Found::Somewhere, Found::At)
}

/// Every event that can be read from the beginning on, and why there were no more.
pub(super) async fn replayed(client: &Client) -> (Vec<RecordedEvent>, Option<Status>) {
    let mut events = Vec::new();
    let replay = client.audit().replay_events(ReplayEventsRequest::default()).await;
    let mut messages = match replay {
        Ok(answer) => answer.into_inner(),
        Err(status) => return (events, Some(status)),
    };
    loop {
        match messages.message().await {
            Ok(Some(message)) => events.extend(message.events),
            Ok(None) => return (events, None),
            Err(status) => return (events, Some(status)),
        }
    }
}

/// The position of damage that an answer names.
fn position_of(status: &Status) -> Result<u64, String> {
    if status.code() != Code::DataLoss {
        return Err(format!("not as documented: {status:?}"));
    }
    let position = Refused::read(status).fact("position").parse();
    position.map_err(|_| format!("no position is named: {status:?}"))
}

impl Opened<'_> {
    /// A replay ended behind `whole` events with a status. Verifying and the scrub must name the
    /// same place; what an account owes is right, or names it as damaged.
    pub(super) async fn damage_met(&self, whole: u64, status: &Status) -> Result<Outcome, String> {
        let met = position_of(status)?;
        if met != whole + 1 {
            return Err(format!("{whole} events were sent, and damage named at {met}"));
        }
        if self.verified != Found::At(met) {
            return Err(format!("damage at {met}, and verifying has found {:?}", self.verified));
        }
        let standings = self.expected.base.standings.last_key_value().unwrap().1.owed();
        for (account, right) in ACCOUNTS.iter().zip(standings) {
            match owed(self.client, account).await {
                Ok(owed) if Some(owed) == right => {}
                Ok(owed) => return Err(format!("{account} owes {right:?}, and not {owed}")),
                Err(status) => {
                    position_of(&status).map_err(|problem| format!("{account}: {problem}"))?;
                }
            }
        }
        let found = self.scrubbed().await.map_err(|status| format!("scrub: {status:?}"))?;
        match found.damages.first() {
            Some(damage) if damage.position == met => Ok(Outcome::DamageOnRead),
            _ => Err(format!("damage at {met}, and the scrub has found {found:?}")),
        }
    }

    /// What the scrub says once it has looked at everything.
    async fn scrubbed(&self) -> Result<GetLogStatusResponse, Status> {
        loop {
            let asked = GetLogStatusRequest {};
            let found = self.client.operations().get_log_status(asked).await?.into_inner();
            if found.state() != LogState::Unchecked {
                return Ok(found);
            }
            tokio::task::yield_now().await;
        }
    }
}
