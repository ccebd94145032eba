//! A naive ledger for the limited mix, without a line of the product: what every answer must be.

use std::collections::BTreeMap;

use super::history::{Ask, Told};

/// What the contract of every account charges for a payment that came back, in cents.
const RETURNED_ITEM_FEE: i64 = 2500;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Scheduled,
    Cancelled,
    Applied,
    Returned,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "PAYMENT_STATE_SCHEDULED",
            Self::Cancelled => "PAYMENT_STATE_CANCELLED",
            Self::Applied => "PAYMENT_STATE_APPLIED",
            Self::Returned => "PAYMENT_STATE_RETURNED",
        }
    }
}

#[derive(Debug, Clone)]
struct Payment {
    amount: i64,
    date: String,
    reference: String,
    state: State,
    /// The bank has its money, or had it before it came back.
    settled: bool,
}

impl Payment {
    /// How the check reads it off an answer.
    const fn shown(&self) -> &'static str {
        match (self.state, self.settled) {
            (State::Applied, true) => "PAYMENT_STATE_APPLIED, settled",
            (State::Returned, true) => "PAYMENT_STATE_RETURNED, settled",
            (state, _) => state.name(),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Account {
    owed: i64,
    payments: BTreeMap<String, Payment>,
}

/// All accounts, after some position of the log.
#[derive(Debug, Clone, Default)]
pub struct Model {
    accounts: BTreeMap<String, Account>,
}

/// What a command comes to: refused with a reason, or done.
pub type Outcome = Result<(i64, &'static str), &'static str>;

/// What a command is carried out with.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The day on the service's clock when the command was received, in the morning.
    pub today: &'a str,
    /// The id of the payment that the command makes, as the service told it.
    pub made: &'a str,
}

impl Model {
    /// Is the account open?
    pub fn is_open(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// Carries out one command on the account.
    pub fn carry_out(&mut self, account: &str, ask: &Ask, setting: Setting<'_>) -> Outcome {
        if let Ask::Open { principal } = ask {
            if self.is_open(account) {
                return Err("ACCOUNT_EXISTS");
            }
            let opened = Account { owed: *principal, payments: BTreeMap::new() };
            self.accounts.insert(account.to_owned(), opened);
            return Ok((*principal, ""));
        }
        let Some(account) = self.accounts.get_mut(account) else {
            return Err("ACCOUNT_NOT_FOUND");
        };
        match ask {
            Ask::Schedule { amount, date } => account.schedule(*amount, date, setting),
            Ask::Cancel { payment } => account.cancel(payment, setting.today),
            Ask::Receive { amount, date, reference } => {
                account.receive((*amount, date, reference), setting)
            }
            Ask::Return { payment } => account.take_back(payment),
            Ask::Settle { payment, date } => account.settle(payment, date),
            Ask::Fee { amount } => {
                account.owed += amount;
                Ok((*amount, ""))
            }
            Ask::Open { .. } | Ask::Balance { .. } | Ask::Payments { .. } => {
                unreachable!("a question changes nothing")
            }
        }
    }

    /// The run of a window applies a payment: only one that is still scheduled.
    pub fn apply(&mut self, account: &str, payment: &str) -> Result<(), String> {
        let account = self.accounts.get_mut(account).ok_or("the account is not open")?;
        let found = account.payments.get_mut(payment).ok_or("the payment was never made")?;
        if found.state != State::Scheduled {
            return Err(format!("the payment was {}", found.state.name()));
        }
        found.state = State::Applied;
        account.owed -= found.amount;
        Ok(())
    }

    /// What a question must be answered with at `position`.
    pub fn answer(&self, account: &str, ask: &Ask, position: u64) -> Option<Told> {
        let account = self.accounts.get(account)?;
        match ask {
            Ask::Balance { .. } => Some(Told::Owed { position, amount: account.owed }),
            Ask::Payments { .. } => {
                let row =
                    |(id, it): (&String, &Payment)| (id.clone(), it.shown().to_owned(), it.amount);
                let payments = account.payments.iter().map(row).collect();
                Some(Told::Listed { position, payments })
            }
            _ => None,
        }
    }
}

impl Account {
    fn schedule(&mut self, amount: i64, date: &str, setting: Setting<'_>) -> Outcome {
        if date < setting.today {
            return Err("DATE_IN_PAST");
        }
        let twin =
            |it: &&Payment| it.state == State::Scheduled && it.amount == amount && it.date == date;
        if self.payments.values().any(|it| twin(&it)) {
            return Err("POSSIBLE_DUPLICATE");
        }
        let made = Payment {
            amount,
            date: date.to_owned(),
            reference: String::new(),
            state: State::Scheduled,
            settled: false,
        };
        self.payments.insert(setting.made.to_owned(), made);
        Ok((amount, State::Scheduled.name()))
    }

    /// Commands come in the morning: what was for an earlier day is past its cut-off, and what is
    /// for this one is not.
    fn cancel(&mut self, payment: &str, today: &str) -> Outcome {
        let Some(found) = self.payments.get_mut(payment) else { return Err("PAYMENT_NOT_FOUND") };
        if !found.reference.is_empty() {
            return Err("NOT_PENDING");
        }
        if found.date.as_str() < today {
            return Err("CANCEL_WINDOW_CLOSED");
        }
        match found.state {
            State::Scheduled | State::Cancelled => {
                found.state = State::Cancelled;
                Ok((found.amount, State::Cancelled.name()))
            }
            State::Applied | State::Returned => Err("NOT_PENDING"),
        }
    }

    fn receive(
        &mut self,
        (amount, date, reference): (i64, &str, &str),
        setting: Setting<'_>,
    ) -> Outcome {
        if date > setting.today {
            return Err("RECEIVED_IN_FUTURE");
        }
        if self.payments.values().any(|it| it.reference == reference) {
            return Err("POSSIBLE_DUPLICATE");
        }
        self.owed -= amount;
        let (date, reference) = (date.to_owned(), reference.to_owned());
        let made = Payment { amount, date, reference, state: State::Applied, settled: false };
        self.payments.insert(setting.made.to_owned(), made);
        Ok((amount, State::Applied.name()))
    }

    fn take_back(&mut self, payment: &str) -> Outcome {
        let Some(found) = self.payments.get_mut(payment) else { return Err("PAYMENT_NOT_FOUND") };
        match found.state {
            State::Returned => Err("ALREADY_RETURNED"),
            State::Scheduled | State::Cancelled => Err("NOT_APPLIED"),
            State::Applied => {
                found.state = State::Returned;
                self.owed += found.amount + RETURNED_ITEM_FEE;
                Ok((found.amount, found.shown()))
            }
        }
    }

    /// A wire is cash at once; it is the only money that has a reference.
    fn settle(&mut self, payment: &str, date: &str) -> Outcome {
        let Some(found) = self.payments.get_mut(payment) else { return Err("PAYMENT_NOT_FOUND") };
        match found.state {
            State::Scheduled | State::Cancelled => Err("NOT_APPLIED"),
            State::Returned => Err("ALREADY_RETURNED"),
            State::Applied if found.settled => Err("ALREADY_SETTLED"),
            State::Applied if !found.reference.is_empty() => Err("NOTHING_TO_SETTLE"),
            State::Applied if date < found.date.as_str() => Err("SETTLEMENT_TOO_EARLY"),
            State::Applied => {
                found.settled = true;
                Ok((found.amount, found.shown()))
            }
        }
    }
}
