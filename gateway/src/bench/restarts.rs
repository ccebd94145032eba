//! Starts after `kill -9` in the midst of a load: nothing was written down for them in order.

use tokio::time::Instant;
use wire::batch_command::Command;

use proto::payledger::v1 as wire;

use super::BenchError;
use super::process::Process;
use super::report::{Figure, Spread, millis};
use super::stage::{Stage, google_date};
use super::traffic::{self, Origin, mixed, schedule};

/// A start on a large log is not repeated as often as a call.
const RESTARTS_MAX: u64 = 5;

impl Stage {
    pub(super) async fn restarts(&mut self) -> Result<(), BenchError> {
        self.fill().await?;
        let (mut listening, mut ready) = (Vec::new(), Vec::new());
        for _ in 0..self.sizes.rounds.min(RESTARTS_MAX) {
            self.kill_in_a_load().await?;
            let begun = Instant::now();
            self.ledger = Process::ledger(&self.data_dir, self.clock, self.threads).await?;
            listening.push(millis(begun.elapsed()));
            self.ledger.ready().await?;
            ready.push(millis(begun.elapsed()));
        }
        let events = self.head().await?;
        for (rounds, what) in [(listening, "listening"), (ready, "ready")] {
            let what = format!("{what} after kill -9 in a load, {events} events");
            self.figure(Figure::new("restart", what, "ms", Spread::of(rounds)));
        }
        Ok(())
    }

    /// Schedules payments on accounts at random, in batches, until the server is killed.
    async fn kill_in_a_load(&mut self) -> Result<(), BenchError> {
        let (origin, accounts) = (Origin::Worker(self.worker()), self.sizes.accounts);
        let date = google_date(4);
        let load = self.send_all(u64::MAX, |number| {
            let account = mixed(number).checked_rem(accounts).unwrap_or_default();
            let order = schedule(traffic::account(account), origin.request(number), date);
            Command::SchedulePayment(order)
        });
        let (load, killed) = tokio::join!(load, self.ledger.kill_after(self.sizes.round));
        killed?;
        self.ledger.ended().await?;
        match load {
            // Its calls are cut off.
            Ok(()) | Err(BenchError::Call { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
