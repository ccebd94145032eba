//! Single commands: as fast as they are answered, and at a rate.

use proto::payledger::v1 as wire;
use tonic::transport::Channel;
use wire::payment_service_client::PaymentServiceClient;

use super::BenchError;
use super::load::{self, Caller, Measured, OPEN_CALLS_MAX, histogram};
use super::report::{Figure, Rounds, Spread, millis, per_second};
use super::stage::Stage;
use super::traffic::{Mixed, Worker};

/// How many calls are in flight, over how many connections.
const SHAPES: [(usize, usize); 7] =
    [(1, 1), (16, 1), (64, 1), (256, 1), (16, 4), (64, 4), (256, 4)];
/// How many connections an open loop has.
const OPEN_CONNECTIONS: usize = 4;

/// Sends the commands of one worker, one call each.
#[derive(Debug)]
pub(super) struct Single {
    client: PaymentServiceClient<Channel>,
    worker: Worker,
}

impl Caller for Single {
    async fn call(&mut self) -> Result<u64, BenchError> {
        let sent = match self.worker.command() {
            Mixed::Schedule(it) => self.client.schedule_payment(it).await.map(drop),
            Mixed::Cancel(it) => self.client.cancel_payment(it).await.map(drop),
            Mixed::Receive(it) => self.client.receive_payment(it).await.map(drop),
        };
        sent.map_err(BenchError::call("a command"))?;
        Ok(1)
    }
}

impl Stage {
    /// Callers over the connections in turn; each has accounts of its own among the busy ones.
    pub(super) fn single_callers(&mut self, channels: &[Channel], count: usize) -> Vec<Single> {
        let lanes = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        let each = self.sizes.busy.checked_div(lanes).unwrap_or_default().max(1);
        let channels = channels.iter().cycle().take(count);
        let mut first = 0_u64;
        let mut callers = Vec::with_capacity(count);
        for channel in channels {
            let worker = Worker::new(self.worker(), first, each);
            // With fewer accounts than lanes, lanes share accounts.
            first = first.saturating_add(each).checked_rem(self.sizes.busy).unwrap_or_default();
            callers.push(Single { client: PaymentServiceClient::new(channel.clone()), worker });
        }
        callers
    }

    pub(super) async fn singles(&mut self) -> Result<(), BenchError> {
        for (in_flight, connections) in SHAPES {
            let ledger = self.ledger.connect_often(connections).await?;
            let echo = self.echo.connect_often(connections).await?;
            let (mut ours, mut ceiling) = (Rounds::default(), Vec::new());
            let mut times = histogram()?;
            // In turns, so that both have the same of whatever else the machine does.
            for _ in 0..self.sizes.rounds {
                let callers = self.single_callers(&echo, in_flight);
                ceiling.push(load::closed(callers, self.sizes.round).await?.per_second());
                let callers = self.single_callers(&ledger, in_flight);
                let measured = self.commands(callers, &mut ours).await?;
                add(&mut times, &measured)?;
            }
            let what = shape(in_flight, connections);
            let (ours, followed) = ours.spread();
            let figure = Figure::new("single", what, "commands/s", ours);
            let figure = figure.beside(Spread::of(ceiling)).with_latency(&times);
            self.figure(figure.followed_by(followed));
        }
        Ok(())
    }

    /// One round of commands on the ledger, and how the read models follow it.
    pub(super) async fn commands<C: Caller>(
        &self,
        callers: Vec<C>,
        rounds: &mut Rounds,
    ) -> Result<Measured, BenchError> {
        let before = self.ledger.processor_micros();
        let measured = load::closed(callers, self.sizes.round).await?;
        let following = self.caught_up().await?;
        let micros = self.ledger.processor_micros().saturating_sub(before);
        let until_read = measured.took.saturating_add(following.took);
        let nanos = micros.saturating_mul(1000).checked_div(measured.done);
        rounds.rates.push(measured.per_second());
        rounds.sustained.push(per_second(measured.done, until_read));
        rounds.behind_events.push(following.behind);
        rounds.catch_up_ms.push(millis(following.took));
        rounds.processor_ns.push(nanos.unwrap_or_default());
        Ok(measured)
    }

    pub(super) async fn at_rates(&mut self) -> Result<(), BenchError> {
        for rate in self.sizes.rates.clone() {
            let channels = self.ledger.connect_often(OPEN_CONNECTIONS).await?;
            let mut done = Vec::new();
            let mut times = histogram()?;
            for _ in 0..self.sizes.rounds {
                let callers = self.single_callers(&channels, OPEN_CALLS_MAX);
                let measured = load::open(callers, rate, self.sizes.round).await?;
                done.push(measured.per_second());
                add(&mut times, &measured)?;
                self.caught_up().await?;
            }
            let what = format!("{rate} commands due a second, {OPEN_CONNECTIONS} connections");
            let figure = Figure::new("open", what, "commands/s", Spread::of(done));
            self.figure(figure.with_latency(&times));
        }
        Ok(())
    }
}

/// Adds the times of a round to those of the others.
pub(super) fn add(
    times: &mut hdrhistogram::Histogram<u64>,
    measured: &Measured,
) -> Result<(), BenchError> {
    times.add(&measured.times).map_err(|error| BenchError::Settings(error.to_string()))
}

fn shape(in_flight: usize, connections: usize) -> String {
    let plural = if connections == 1 { "" } else { "s" };
    format!("{in_flight} in flight, {connections} connection{plural}")
}
