//! Batches: what is taken in a burst, and what the read models follow.

use proto::payledger::v1 as wire;
use tonic::transport::Channel;
use wire::payment_service_client::PaymentServiceClient;

use super::BenchError;
use super::load::{self, Caller, histogram};
use super::report::{Figure, Rounds, Spread};
use super::singles::add;
use super::stage::{Stage, all_done, payments};
use super::traffic::Worker;

/// How many commands a batch holds, and how many batches are in flight.
const SHAPES: [(usize, usize); 4] = [(10, 8), (100, 4), (1000, 4), (8000, 2)];

/// Sends the commands of one worker in batches.
#[derive(Debug)]
pub(super) struct Batch {
    client: PaymentServiceClient<Channel>,
    worker: Worker,
    commands: usize,
}

impl Caller for Batch {
    async fn call(&mut self) -> Result<u64, BenchError> {
        let request = self.worker.batch(self.commands);
        let answer = self.client.execute_batch(request).await;
        let answer = answer.map_err(BenchError::call("ExecuteBatch"))?.into_inner();
        all_done(&answer.results, self.commands)?;
        Ok(u64::try_from(self.commands).unwrap_or(u64::MAX))
    }
}

/// Which accounts are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accounts {
    /// The busy ones, which the server has in memory.
    Warm,
    /// All of them: most have to be read from the log.
    Cold,
}

impl Stage {
    /// Callers of batches, each with accounts of its own, so that no batch waits for another.
    fn batch_callers(
        &mut self,
        channel: &Channel,
        (commands, lanes): (usize, usize),
        accounts: Accounts,
    ) -> Vec<Batch> {
        let all = match accounts {
            Accounts::Warm => self.sizes.busy,
            Accounts::Cold => self.sizes.accounts,
        };
        let each = all.checked_div(u64::try_from(lanes).unwrap_or(1)).unwrap_or(all).max(1);
        let mut first = 0_u64;
        let mut callers = Vec::with_capacity(lanes);
        for _ in 0..lanes {
            let worker = Worker::new(self.worker(), first, each);
            first = first.saturating_add(each);
            callers.push(Batch { client: payments(channel.clone()), worker, commands });
        }
        callers
    }

    pub(super) async fn batches(&mut self) -> Result<(), BenchError> {
        for shape in SHAPES {
            self.batch(shape, Accounts::Warm).await?;
        }
        self.batch((1000, 4), Accounts::Cold).await
    }

    async fn batch(&mut self, shape: (usize, usize), accounts: Accounts) -> Result<(), BenchError> {
        let (ledger, echo) = (self.ledger.connect().await?, self.echo.connect().await?);
        let (mut ours, mut ceiling) = (Rounds::default(), Vec::new());
        let mut times = histogram()?;
        for _ in 0..self.sizes.rounds {
            let callers = self.batch_callers(&echo, shape, accounts);
            ceiling.push(load::closed(callers, self.sizes.round).await?.per_second());
            let callers = self.batch_callers(&ledger, shape, accounts);
            let measured = self.commands(callers, &mut ours).await?;
            add(&mut times, &measured)?;
        }
        let (commands, lanes) = shape;
        let which = if accounts == Accounts::Cold { ", cold accounts" } else { "" };
        let what = format!("batches of {commands}, {lanes} in flight{which}");
        let (ours, followed) = ours.spread();
        let figure = Figure::new("batch", what, "commands/s", ours);
        let figure = figure.beside(Spread::of(ceiling)).with_latency(&times);
        self.figure(figure.followed_by(followed));
        Ok(())
    }
}
