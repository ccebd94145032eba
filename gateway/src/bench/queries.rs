//! Questions: alone, and while others write.

use std::time::Duration;

use proto::payledger::v1 as wire;
use tonic::transport::Channel;
use wire::account_service_client::AccountServiceClient;
use wire::payment_service_client::PaymentServiceClient;

use super::BenchError;
use super::load::{self, Caller, Measured, histogram};
use super::report::{Figure, Spread};
use super::singles::add;
use super::stage::{Stage, google_date};
use super::traffic::{self, Origin, mixed};

/// How many questions are in flight, over one connection.
const IN_FLIGHT: usize = 64;
/// How many commands are in flight while others ask.
const WRITES: usize = 16;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// A balance, as of today.
    Balance,
    /// A balance as of another day, as it was known at a position.
    BalanceAsOf(u64),
    /// One payment.
    Payment,
    /// A page of a hundred payments that wait.
    Pending,
}

/// Asks the same of one account after another.
#[derive(Debug)]
pub(super) struct Asker {
    accounts: AccountServiceClient<Channel>,
    payments: PaymentServiceClient<Channel>,
    question: Question,
    /// So many accounts are asked about, in an order that looks like none.
    among: u64,
    next: u64,
}

impl Asker {
    pub(super) fn new(channel: &Channel, question: Question, among: u64, seed: u64) -> Self {
        Self {
            accounts: AccountServiceClient::new(channel.clone()),
            payments: PaymentServiceClient::new(channel.clone()),
            question,
            among,
            next: seed.rotate_left(40),
        }
    }
}

impl Caller for Asker {
    async fn call(&mut self) -> Result<u64, BenchError> {
        self.next = self.next.wrapping_add(1);
        let number = mixed(self.next).checked_rem(self.among).unwrap_or_default();
        let account_id = traffic::account(number);
        let answered = match self.question {
            Question::Balance => {
                let request = wire::GetBalanceRequest { account_id, ..Default::default() };
                self.accounts.get_balance(request).await.map(drop)
            }
            Question::BalanceAsOf(known_position) => {
                let effective_date = Some(google_date(20));
                let request = wire::GetBalanceRequest {
                    account_id,
                    effective_date,
                    known_position,
                    ..Default::default()
                };
                self.accounts.get_balance(request).await.map(drop)
            }
            Question::Payment => {
                let payment = traffic::payment(&account_id, Origin::Standing.request(number));
                let payment_id = payment.map(|id| id.to_string()).unwrap_or_default();
                let request = wire::GetPaymentRequest { account_id, payment_id, min_position: 0 };
                self.payments.get_payment(request).await.map(drop)
            }
            Question::Pending => {
                let request = wire::ListPendingPaymentsRequest::default();
                self.payments.list_pending_payments(request).await.map(drop)
            }
        };
        answered.map_err(BenchError::call("a question"))?;
        Ok(1)
    }
}

impl Stage {
    /// One round of questions.
    pub(super) async fn ask(
        &self,
        channel: &Channel,
        question: Question,
        among: u64,
        lasts: Duration,
    ) -> Result<Measured, BenchError> {
        let seeds = 0..u64::try_from(IN_FLIGHT).unwrap_or(u64::MAX);
        let askers = seeds.map(|seed| Asker::new(channel, question, among, seed));
        load::closed(askers.collect(), lasts).await
    }

    pub(super) async fn queries(&mut self) -> Result<(), BenchError> {
        let (busy, all) = (self.sizes.busy, self.sizes.accounts);
        let asked = [
            ("GetBalance", Question::Balance, busy),
            ("GetBalance, cold accounts", Question::Balance, all),
            ("GetPayment", Question::Payment, busy),
            ("ListPendingPayments, 100 a page", Question::Pending, busy),
        ];
        for (what, question, among) in asked {
            self.question(what, question, among).await?;
        }
        Ok(())
    }

    async fn question(
        &mut self,
        what: &str,
        question: Question,
        among: u64,
    ) -> Result<(), BenchError> {
        let (asking, echo) = (self.ledger.connect().await?, self.echo.connect().await?);
        let writing = [self.ledger.connect().await?];
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        let (mut written, mut ceiling) = (Vec::new(), Vec::new());
        let (mut times, mut times_beside) = (histogram()?, histogram()?);
        let round = self.sizes.round;
        for _ in 0..self.sizes.rounds {
            let echoed = self.ask(&echo, question, among, round).await?;
            ceiling.push(echoed.per_second());
            let measured = self.ask(&asking, question, among, round).await?;
            alone.push(measured.per_second());
            add(&mut times, &measured)?;
            let tellers = self.single_callers(&writing, WRITES);
            let asked = self.ask(&asking, question, among, round);
            let (measured, writes) = tokio::join!(asked, load::closed(tellers, round));
            let measured = measured?;
            beside.push(measured.per_second());
            written.push(writes?.per_second());
            add(&mut times_beside, &measured)?;
            self.caught_up().await?;
        }
        let what = format!("{what}, {IN_FLIGHT} in flight");
        let figure = Figure::new("query", what.clone(), "queries/s", Spread::of(alone));
        self.figure(figure.beside(Spread::of(ceiling)).with_latency(&times));
        let beside_writes = format!("{what}, beside {WRITES} commands in flight");
        let figure = Figure::new("query", beside_writes.clone(), "queries/s", Spread::of(beside));
        self.figure(figure.with_latency(&times_beside));
        let what = format!("{beside_writes}: the commands");
        self.figure(Figure::new("query", what, "commands/s", Spread::of(written)));
        Ok(())
    }
}
