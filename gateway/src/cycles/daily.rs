//! What a new day does to accounts: late fees, interest income that stops, and credit balances that
//! go back to customers.
//!
//! A pass over the accounts begins after midnight Eastern, and at the start of the service, in
//! pages, so that windows are run between them. It is kept in memory only: after a crash it begins
//! anew, and finds done what was done. Days on which nothing ran need no pass of their own, since a
//! late fee counts from the day on which it fell due.

use chrono::{Days, NaiveDate};
use ledger::causes::with_causes;
use ledger::domain::account::commands::Command;
use ledger::domain::account::events::Event;
use ledger::domain::cutoff::eastern_date;
use ledger::domain::money::Money;
use ledger::engine::{EngineError, Request};
use ledger::envelope::Position;
use ledger::ids::{AccountId, Actor, RequestId};
use projections::queries::daily::DueAccount;
use tokio::time::Instant;

use super::{Cycles, RETRY_AFTER};
use crate::status::Failure;

/// How many accounts are looked at in one go.
const PAGE_ACCOUNTS: usize = 500;
/// How many accounts are looked at at one time, which on a cluster is a call for each.
const LOOKS_MAX: usize = 32;
/// How far back the first pass looks for instalments that were met late. Longer than that no runner
/// is down; what is past due is found however old it is.
const LOOK_BACK: Days = Days::new(60);

/// How far the accounts have been looked at.
#[derive(Debug, Default)]
pub(super) struct Daily {
    /// The day of the last pass that came to its end.
    done: Option<NaiveDate>,
    pass: Option<Pass>,
    not_before: Option<Instant>,
}

/// A pass over the accounts.
#[derive(Debug)]
struct Pass {
    day: NaiveDate,
    /// From when on recorded changes are looked at.
    since: NaiveDate,
    step: Step,
    /// The last account that was looked at.
    after: Position,
    /// The first failure, which stopped nothing else; it has been logged.
    failed: Option<Failure>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Age,
    Refund,
}

/// How far the work on a page came.
enum Worked {
    Whole,
    /// Something failed, this at first, and is tried again with the next pass.
    InPart(Failure),
    /// The day is over.
    DayOver,
}

impl Daily {
    /// The pass that is under way on `today`, or begins. None if there is nothing to do.
    fn pass(&mut self, today: NaiveDate) -> Option<&mut Pass> {
        if self.done == Some(today) || self.not_before.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        if self.pass.as_ref().is_none_or(|pass| pass.day != today) {
            let first = today.checked_sub_days(LOOK_BACK).unwrap_or(NaiveDate::MIN);
            let since = self.done.unwrap_or(first).min(today);
            let (step, after) = (Step::Age, Position::START);
            self.pass = Some(Pass { day: today, since, step, after, failed: None });
        }
        self.pass.as_mut()
    }

    fn end(&mut self) -> Result<(), Failure> {
        let Some(pass) = self.pass.take() else { return Ok(()) };
        if let Some(failure) = pass.failed {
            self.not_before = Instant::now().checked_add(RETRY_AFTER);
            return Err(failure);
        }
        (self.done, self.not_before) = (Some(pass.day), None);
        Ok(())
    }

    /// Lets a pass begin at once, though the last one failed a moment ago.
    pub(super) const fn try_again(&mut self) {
        self.not_before = None;
    }
}

impl Worked {
    fn fail(&mut self, error: impl FnOnce() -> Failure) {
        if matches!(self, Self::Whole) {
            *self = Self::InPart(error());
        }
    }
}

impl Cycles {
    /// Looks at one page of accounts, all windows before `today` being run. Is anything left to do?
    /// What failed on the way is told at the end of the pass.
    pub(super) async fn look_at_accounts(
        &self,
        daily: &mut Daily,
        today: NaiveDate,
    ) -> Result<bool, Failure> {
        let Some(pass) = daily.pass(today) else { return Ok(false) };
        self.catch_up().await?;
        let (step, since, after) = (pass.step, pass.since, pass.after);
        let least = self.engine.rules().payoff(today).refund_min;
        let page = self
            .ask(move |reader| match step {
                Step::Age => reader.accounts_to_age((since, today), after, PAGE_ACCOUNTS),
                Step::Refund => reader.credit_balances(least, after, PAGE_ACCOUNTS),
            })
            .await?;
        match self.work_on(step, today, &page).await? {
            Worked::Whole => {}
            Worked::InPart(failure) => {
                pass.failed.get_or_insert(failure);
            }
            // The windows that ended with it have not been looked at.
            Worked::DayOver => return Ok(true),
        }
        match (page.last(), step) {
            (Some(end), _) => pass.after = end.opened_position,
            (None, Step::Age) => (pass.step, pass.after) = (Step::Refund, Position::START),
            (None, Step::Refund) => {
                daily.end()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Does what is to be done to the accounts of a page, and no more: what would change nothing,
    /// or be refused, is not asked for, and leaves nothing in the log.
    async fn work_on(
        &self,
        step: Step,
        day: NaiveDate,
        page: &[DueAccount],
    ) -> Result<Worked, Failure> {
        let (due, mut worked) = self.due_of(step, page).await;
        for part in due.chunks(self.engine.commands_at_once()) {
            // Taken once the accounts were looked at, which takes its time where each look is a
            // call to a cluster: a receipt is stale in some seconds.
            let receipt = self.engine.receive()?;
            if eastern_date(receipt.at()) != day {
                return Ok(Worked::DayOver);
            }
            let request = |account: &AccountId| Request {
                account: account.clone(),
                request_id: step.request(account, day),
                actor: Actor::runner(),
                receipt: receipt.clone(),
                command: step.command(),
            };
            let requests = part.iter().map(request).collect();
            drop(receipt);
            let answers = self.engine.execute_batch(requests).await;
            for (account, answer) in part.iter().zip(answers) {
                match answer {
                    Ok(_) => tracing::info!(%account, step = step.name(), "done"),
                    Err(error @ EngineError::Refused { .. }) => {
                        tracing::info!(%account, %error, step = step.name(), "not done any more");
                    }
                    Err(error) => {
                        worked.fail(|| Failure::from(&error));
                        let error = with_causes(&error);
                        tracing::warn!(%account, error, step = step.name(), "not done");
                    }
                }
            }
        }
        Ok(worked)
    }

    /// The accounts of a page to which the step would do something now, and whether all of them
    /// could be looked at.
    async fn due_of(&self, step: Step, page: &[DueAccount]) -> (Vec<AccountId>, Worked) {
        let (mut due, mut worked) = (Vec::new(), Worked::Whole);
        for some in page.chunks(LOOKS_MAX) {
            let look = |DueAccount { account, .. }: &DueAccount| {
                let (cycles, account) = (self.clone(), account.clone());
                tokio::spawn(async move { (cycles.is_due(step, &account).await, account) })
            };
            let looks: Vec<_> = some.iter().map(look).collect();
            for look in looks {
                match look.await {
                    Ok((Ok(true), account)) => due.push(account),
                    Ok((Ok(false), _)) => {}
                    Ok((Err(error), account)) => {
                        worked.fail(|| Failure::from(&error));
                        let error = with_causes(&error);
                        tracing::warn!(%account, error, step = step.name(), "not looked at");
                    }
                    Err(fault) => {
                        worked.fail(Failure::internal_fault);
                        tracing::error!(%fault, step = step.name(), "a look ended by a fault");
                    }
                }
            }
        }
        (due, worked)
    }

    /// Would the step do something to the account now?
    async fn is_due(&self, step: Step, account: &AccountId) -> Result<bool, EngineError> {
        let at = self.engine.clock().now();
        match self.engine.preview(account, &step.command(), at).await {
            Ok((events, _)) => {
                let least = self.engine.rules().payoff(eastern_date(at)).refund_min;
                Ok(step.is_worth(&events, least))
            }
            Err(EngineError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Refund => "refund",
        }
    }

    const fn command(self) -> Command {
        match self {
            Self::Age => Command::AgeAccount,
            Self::Refund => Command::RefundCredit { amount: None },
        }
    }

    /// The request by which the step is taken on a day: a second one on that day is a repeat.
    fn request(self, account: &AccountId, day: NaiveDate) -> RequestId {
        RequestId::derived(&format!("{}-{account}", self.name()), &day.to_string())
    }

    /// Is what would come of it something to do unasked?
    fn is_worth(self, events: &[Event], refund_min: Money) -> bool {
        match self {
            Self::Age => !events.is_empty(),
            Self::Refund => events.iter().any(|event| {
                let Event::CreditRefunded(refunded) = event else { return false };
                refunded.amount.money() >= refund_min
            }),
        }
    }
}
