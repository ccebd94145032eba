//! The run of a window, after a restart: no account is in memory.

use proto::payledger::v1 as wire;
use tokio::time::Instant;
use wire::batch_command::Command;

use super::BenchError;
use super::process::Process;
use super::report::{Figure, Spread, millis, per_second};
use super::stage::Stage;
use super::traffic::{self, Origin, TODAY, WINDOW, WINDOW_RUN, mixed, schedule};

impl Stage {
    pub(super) async fn cutoff(&mut self) -> Result<(), BenchError> {
        let (payments, accounts) = (self.sizes.payments, self.sizes.accounts);
        let begun = Instant::now();
        // Scattered over the accounts, as customers come: not in the order of their opening.
        self.send_all(payments, |number| {
            let account = mixed(number).checked_rem(accounts).unwrap_or_default();
            let request = Origin::Window.request(number);
            Command::SchedulePayment(schedule(traffic::account(account), request, TODAY))
        })
        .await?;
        let rate = Spread::once(per_second(payments, begun.elapsed()));
        let what = format!("{payments} payments scheduled on accounts at random, batches of 1000");
        self.figure(Figure::new("cutoff", what, "commands/s", rate));
        self.caught_up().await?;
        self.restart().await?;
        self.run_window(payments).await
    }

    /// Stops the ledger and starts it again when the window's time has come.
    async fn restart(&mut self) -> Result<(), BenchError> {
        let events = self.head().await?;
        let begun = Instant::now();
        // The ledger's directory is served by one process at a time.
        let replaced = Process::echo(self.threads).await?;
        self.keep_memory();
        let stopped = std::mem::replace(&mut self.ledger, replaced);
        stopped.stop().await?;
        let ended = millis(begun.elapsed());
        self.figure(Figure::new("cutoff", "stopped in order", "ms", Spread::once(ended)));
        let begun = Instant::now();
        self.clock = WINDOW_RUN;
        self.ledger = Process::ledger(&self.data_dir, self.clock, self.threads).await?;
        let took = Spread::once(millis(begun.elapsed()));
        let what = format!("started on {events} events");
        self.figure(Figure::new("cutoff", what, "ms", took));
        Ok(())
    }

    async fn run_window(&mut self, payments: u64) -> Result<(), BenchError> {
        let mut client = self.operations().await?;
        let request = wire::RunCutoffRequest {
            product: wire::Product::AutoLoan.into(),
            date: Some(TODAY),
            window: WINDOW.to_owned(),
        };
        let begun = Instant::now();
        let answer = client.run_cutoff(request).await.map_err(BenchError::call("RunCutoff"))?;
        let took = begun.elapsed();
        let summary = answer.into_inner().summary;
        let summary = summary.ok_or_else(|| BenchError::lacks("the window's summary"))?;
        if u64::try_from(summary.applied_count).ok() != Some(payments) {
            let applied = summary.applied_count;
            return Err(BenchError::Server(format!("{applied} payments applied, not {payments}")));
        }
        let what = format!("a run of {payments} payments, cold accounts");
        let rate = Spread::once(per_second(payments, took));
        self.figure(Figure::new("cutoff", what.clone(), "payments/s", rate));
        self.figure(Figure::new("cutoff", what, "ms", Spread::once(millis(took))));
        Ok(())
    }
}
