//! What is asked of the server: accounts, and commands on them in a fixed mix.

use google::r#type::{Date, Money};
use ledger::ids::{AccountId, PaymentId, RequestId};
use proto::google;
use proto::payledger::v1 as wire;
use uuid::Builder;
use wire::batch_command::Command;

/// The date on which the clock stands, a Monday, and the instant: ten in the morning in New York.
pub(super) const TODAY: Date = Date { year: 2026, month: 3, day: 2 };
pub(super) const NOW: &str = "2026-03-02T10:00:00-05:00";
/// When the first window of the day is run.
pub(super) const WINDOW: &str = "15:00";
pub(super) const WINDOW_RUN: &str = "2026-03-02T15:00:10-05:00";

/// What the mix is, in words.
pub(super) const MIX: &str = "of ten commands 7 SchedulePayment, 2 ReceivePayment, 1 CancelPayment";

/// How many commands one turn of the mix has.
const TURN: u64 = 10;

/// Whose requests they are, so that no two parts of a run make the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The accounts' openings.
    Opening,
    /// A payment on every account, for another day, that can be looked up.
    Standing,
    /// The payments of the window that is run.
    Window,
    /// What is sent until the log is long enough.
    Filling,
    /// A worker of a measurement, by its number among all of the run.
    Worker(u64),
}

impl Origin {
    /// The id of its request of this number. Any UUID that is not of version 5 will do; this one
    /// is as random as a client's.
    pub(super) fn request(self, number: u64) -> RequestId {
        let origin = match self {
            Self::Opening => 1,
            Self::Standing => 2,
            Self::Window => 3,
            Self::Filling => 4,
            Self::Worker(worker) => worker.saturating_add(1000),
        };
        let (high, low) = (mixed(origin.rotate_left(32) ^ number), mixed(number.rotate_left(17)));
        let bytes = (u128::from(high) << 64 | u128::from(low ^ origin)).to_be_bytes();
        RequestId::from_uuid(Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// Spreads numbers over all numbers, one to one (the finalizer of `SplitMix64`).
pub(super) const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The account of this number.
pub(super) fn account(number: u64) -> String {
    format!("auto-{number:08}")
}

/// The payment that `request` schedules on an account.
pub(super) fn payment(account: &str, request: RequestId) -> Option<PaymentId> {
    account.parse::<AccountId>().ok().map(|account| PaymentId::derived(&account, request, 0))
}

fn dollars(units: i64) -> Money {
    Money { currency_code: "USD".to_owned(), units, nanos: 0 }
}

/// The opening of an account: an auto loan with a lien.
pub(super) fn opening(number: u64) -> wire::OpenAccountRequest {
    wire::OpenAccountRequest {
        request_id: Origin::Opening.request(number).to_string(),
        account_id: account(number),
        product: wire::Product::AutoLoan.into(),
        opened_date: Some(TODAY),
        terms: Some(wire::open_account_request::Terms::Loan(wire::LoanTerms {
            annual_rate: "0.069".to_owned(),
            principal: Some(dollars(25_000)),
            ..wire::LoanTerms::default()
        })),
        instalment_plan: Some(wire::InstalmentPlan {
            amount: Some(Money { nanos: 850_000_000, ..dollars(493) }),
            first_due_date: Some(Date { year: 2026, month: 4, day: 1 }),
            instalment_count: 60,
            ..wire::InstalmentPlan::default()
        }),
        ..wire::OpenAccountRequest::default()
    }
}

/// A payment to be scheduled for a date.
pub(super) fn schedule(
    account: String,
    request: RequestId,
    date: Date,
) -> wire::SchedulePaymentRequest {
    wire::SchedulePaymentRequest {
        request_id: request.to_string(),
        account_id: account,
        amount: Some(dollars(25)),
        payment_date: Some(date),
        allow_duplicate: true,
        ..wire::SchedulePaymentRequest::default()
    }
}

/// A command of the mix.
#[derive(Debug, Clone)]
pub(super) enum Mixed {
    Schedule(wire::SchedulePaymentRequest),
    Cancel(wire::CancelPaymentRequest),
    Receive(wire::ReceivePaymentRequest),
}

impl From<Mixed> for Command {
    fn from(mixed: Mixed) -> Self {
        match mixed {
            Mixed::Schedule(request) => Self::SchedulePayment(request),
            Mixed::Cancel(request) => Self::CancelPayment(request),
            Mixed::Receive(request) => Self::ReceivePayment(request),
        }
    }
}

/// One after the other, the commands of one worker: on its accounts in turn, in the mix.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    origin: Origin,
    /// Its accounts: so many from the first on.
    first: u64,
    accounts: u64,
    next: u64,
}

impl Worker {
    /// A worker of its own number on `accounts` accounts from `first` on.
    pub(super) fn new(number: u64, first: u64, accounts: u64) -> Self {
        Self { origin: Origin::Worker(number), first, accounts: accounts.max(1), next: 0 }
    }

    /// The account of its command `number`: each in turn, in an order that looks like none.
    fn account(&self, number: u64) -> String {
        let turn = number.checked_div(self.accounts).unwrap_or_default();
        let place = number.checked_rem(self.accounts).unwrap_or_default();
        // A stride that shares no factor with the number of accounts visits all of them.
        let mut stride = 7919_u64.saturating_add(turn);
        while common_factor(stride, self.accounts) > 1 {
            stride = stride.saturating_add(1);
        }
        let scattered = place.wrapping_mul(stride).checked_rem(self.accounts).unwrap_or_default();
        account(self.first.saturating_add(scattered))
    }

    /// The next command.
    pub(super) fn command(&mut self) -> Mixed {
        let number = self.next;
        self.next = number.saturating_add(1);
        let account = self.account(number);
        let request = self.origin.request(number);
        let step = number.checked_rem(TURN).unwrap_or_default();
        match step {
            0..=6 => {
                let day = i32::try_from(step).unwrap_or_default();
                let date = Date { day: TODAY.day.saturating_add(1).saturating_add(day), ..TODAY };
                Mixed::Schedule(schedule(account, request, date))
            }
            7 => {
                // What the worker scheduled seven commands ago.
                let earlier = number.saturating_sub(step);
                let account = self.account(earlier);
                let payment = payment(&account, self.origin.request(earlier));
                Mixed::Cancel(wire::CancelPaymentRequest {
                    request_id: request.to_string(),
                    account_id: account,
                    payment_id: payment.map(|id| id.to_string()).unwrap_or_default(),
                })
            }
            _ => Mixed::Receive(wire::ReceivePaymentRequest {
                request_id: request.to_string(),
                account_id: account,
                channel: wire::Channel::Mail.into(),
                amount: Some(dollars(25)),
                received_date: Some(TODAY),
                ..wire::ReceivePaymentRequest::default()
            }),
        }
    }

    /// The next so many commands as a batch.
    pub(super) fn batch(&mut self, commands: usize) -> wire::ExecuteBatchRequest {
        let next = |_| wire::BatchCommand { command: Some(self.command().into()) };
        wire::ExecuteBatchRequest { commands: (0..commands).map(next).collect() }
    }
}

fn common_factor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a.checked_rem(b).unwrap_or_default());
    }
    a
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_worker_visits_all_its_accounts_and_no_other() {
        let worker = Worker::new(1, 100, 30);
        for turn in 0..3 {
            let seen: BTreeSet<_> =
                (turn * 30..turn * 30 + 30).map(|n| worker.account(n)).collect();
            assert_eq!(seen, (100..130).map(account).collect());
        }
    }

    #[test]
    fn no_two_requests_have_one_id() {
        let origins = [Origin::Opening, Origin::Window, Origin::Worker(0), Origin::Worker(1)];
        let ids = origins.map(|origin| (0..1000).map(move |number| origin.request(number)));
        assert_eq!(ids.into_iter().flatten().collect::<BTreeSet<_>>().len(), 4000);
    }
}
