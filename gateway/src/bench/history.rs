//! The past: the log replayed, the read models built anew, balances as of another day.

use std::time::Duration;

use proto::payledger::v1 as wire;
use tokio::time::Instant;
use wire::audit_service_client::AuditServiceClient;

use super::BenchError;
use super::load::histogram;
use super::queries::Question;
use super::report::{Figure, Spread, millis, per_second};
use super::singles::add;
use super::stage::{Stage, google_date};
use super::traffic::{self, Origin, mixed, schedule};
use crate::server::BATCH_MESSAGE_BYTES_MAX;

/// A replay of a large log is not repeated as often as a call.
const REPLAYS_MAX: u64 = 3;
/// How often it is looked whether a rebuild is done.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Stage {
    pub(super) async fn history(&mut self) -> Result<(), BenchError> {
        self.fill().await?;
        self.replays().await?;
        self.rebuild().await?;
        self.past_balances().await
    }

    /// Adds to the log until it is long enough.
    pub(super) async fn fill(&mut self) -> Result<(), BenchError> {
        let missing = self.sizes.events.saturating_sub(self.head().await?);
        let accounts = self.sizes.accounts;
        let begun = Instant::now();
        let date = google_date(3);
        self.send_all(missing, |number| {
            let account = mixed(number.rotate_left(20)).checked_rem(accounts).unwrap_or_default();
            let request = Origin::Filling.request(number);
            let order = schedule(traffic::account(account), request, date);
            wire::batch_command::Command::SchedulePayment(order)
        })
        .await?;
        if missing > 0 {
            let what = format!("{missing} payments scheduled on cold accounts, batches of 1000");
            let rate = per_second(missing, begun.elapsed());
            self.figure(Figure::new("history", what, "commands/s", Spread::once(rate)));
        }
        self.caught_up().await?;
        Ok(())
    }

    async fn replays(&mut self) -> Result<(), BenchError> {
        let channel = self.ledger.connect().await?;
        let mut client =
            AuditServiceClient::new(channel).max_decoding_message_size(BATCH_MESSAGE_BYTES_MAX);
        let mut rounds = Vec::new();
        let mut events = 0_u64;
        for _ in 0..self.sizes.rounds.min(REPLAYS_MAX) {
            let begun = Instant::now();
            let replay = client.replay_events(wire::ReplayEventsRequest::default()).await;
            let mut replay = replay.map_err(BenchError::call("ReplayEvents"))?.into_inner();
            events = 0;
            while let Some(message) =
                replay.message().await.map_err(BenchError::call("ReplayEvents"))?
            {
                let count = u64::try_from(message.events.len()).unwrap_or(u64::MAX);
                events = events.saturating_add(count);
            }
            rounds.push(per_second(events, begun.elapsed()));
        }
        let what = format!("replay of {events} events over gRPC");
        self.figure(Figure::new("history", what, "events/s", Spread::of(rounds)));
        Ok(())
    }

    async fn rebuild(&mut self) -> Result<(), BenchError> {
        let mut client = self.operations().await?;
        let before = self.status().await?;
        let events = before.head_position;
        let begun = Instant::now();
        let started = client.rebuild_projection(wire::RebuildProjectionRequest {}).await;
        started.map_err(BenchError::call("RebuildProjection"))?;
        while !is_rebuilt(&self.status().await?, before.live_generation)? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = begun.elapsed();
        let what = format!("read models of {events} events built anew");
        let rate = Spread::once(per_second(events, took));
        self.figure(Figure::new("history", what.clone(), "events/s", rate));
        self.figure(Figure::new("history", what, "ms", Spread::once(millis(took))));
        Ok(())
    }

    async fn past_balances(&mut self) -> Result<(), BenchError> {
        let channel = self.ledger.connect().await?;
        let known = self.head().await?;
        let mut rounds = Vec::new();
        let mut times = histogram()?;
        let (among, round) = (self.sizes.accounts, self.sizes.round);
        for _ in 0..self.sizes.rounds {
            let measured = self.ask(&channel, Question::BalanceAsOf(known), among, round).await?;
            rounds.push(measured.per_second());
            add(&mut times, &measured)?;
        }
        let what = "GetBalance as of another day and a known position, 64 in flight";
        let figure = Figure::new("history", what, "queries/s", Spread::of(rounds));
        self.figure(figure.with_latency(&times));
        Ok(())
    }
}

/// Have the read models been built anew since the generation `before` was live?
fn is_rebuilt(status: &wire::GetProjectionStatusResponse, before: u64) -> Result<bool, BenchError> {
    if let Some(rebuild) = status.rebuild.as_ref()
        && rebuild.state() == wire::RebuildState::Failed
    {
        let cause = &rebuild.message;
        return Err(BenchError::Server(format!("the read models were not built anew: {cause}")));
    }
    Ok(status.live_generation != before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuild_that_failed_ends_the_measurement() {
        let under = |state: wire::RebuildState, live_generation| {
            let message = "the disk is full".to_owned();
            let rebuild =
                wire::RebuildProgress { state: state.into(), message, ..Default::default() };
            let rebuild = Some(rebuild);
            wire::GetProjectionStatusResponse { rebuild, live_generation, ..Default::default() }
        };
        let is_rebuilt = |state, live| is_rebuilt(&under(state, live), 1);
        assert!(!is_rebuilt(wire::RebuildState::Running, 1).unwrap());
        assert!(is_rebuilt(wire::RebuildState::Done, 2).unwrap());
        let told = is_rebuilt(wire::RebuildState::Failed, 1).unwrap_err().to_string();
        assert!(told.contains("the disk is full"), "{told}");
    }
}
