//! What is posted on a day with an earlier effective date, and what it changes.

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::accrual::PastEvent;
use super::events::RestatementSeal;
use super::gathering::DayScope;
use crate::domain::account::evolve;
use crate::domain::account::state::Account;
use crate::domain::money::{Money, total};
use crate::envelope::Position;
use crate::hex;
use crate::ids::AccountId;

/// An account at one moment, as of an accounting day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    /// Principal owed.
    pub principal: Money,
    /// Interest accrued and unpaid.
    pub interest: Money,
    /// Days past due.
    pub days_past_due: i64,
}

/// One event that was posted on a day and counts from an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restatement {
    /// The account.
    pub account: AccountId,
    /// Where it is recorded: its cause is the request of that event.
    pub position: Position,
    /// Its version in the account's stream.
    pub version: u64,
    /// The day from which it counts.
    pub effective_date: NaiveDate,
    /// The account before it, as of the accounting day. Nothing is owed by one that opens.
    pub before: Owed,
    /// And after it.
    pub after: Owed,
}

impl Restatement {
    /// The line that the seal is over.
    fn line(&self) -> String {
        let owed =
            |owed: &Owed| format!("{} {} {}", owed.principal, owed.interest, owed.days_past_due);
        let (before, after) = (owed(&self.before), owed(&self.after));
        let Self { position, account, effective_date, .. } = self;
        format!("{position} {account} {effective_date} {before} {after}\n")
    }
}

/// The seal over restatements in order of position.
pub fn seal(restatements: &[Restatement]) -> RestatementSeal {
    let mut hash = Sha256::new();
    for restatement in restatements {
        hash.update(restatement.line());
    }
    let change = |of: fn(&Owed) -> Money| {
        total(restatements.iter().map(|one| of(&one.after) - of(&one.before)))
    };
    RestatementSeal {
        count: u64::try_from(restatements.len()).unwrap_or(u64::MAX),
        principal_change: change(|owed| owed.principal),
        interest_change: change(|owed| owed.interest),
        root: hex::lower(hash.finalize()),
    }
}

/// Does the event belong to the day and count from an earlier one? What settles late does, but
/// nothing is owed otherwise since then: the bank tells of most days the day after.
pub(crate) fn restates(day: &DayScope, past: &PastEvent) -> bool {
    let is_earlier = past.event.effective_date().is_some_and(|date| date < day.gl_date);
    is_earlier
        && !past.event.is_settlement()
        && past.position <= day.sealed
        && day.takes(&past.event)
}

/// The restatements of one account, each with the place of its day in `days`. `past` is the
/// account's whole stream.
pub fn restatements(
    account: &AccountId,
    past: &[PastEvent],
    days: &[DayScope],
) -> Vec<(usize, Restatement)> {
    let mut found = Vec::new();
    let Some(last) = past.iter().rposition(|past| days.iter().any(|day| restates(day, past)))
    else {
        return found;
    };
    let mut state = Account::Absent;
    for (version, past) in (1_u64..).zip(past.iter().take(last.saturating_add(1))) {
        let day = days.iter().enumerate().find(|(_, day)| restates(day, past));
        let before = day.map(|(_, day)| owed(&state, day.gl_date));
        state = evolve(state, &past.event, past.received_at);
        if let (Some((place, day)), Some(before), Some(effective_date)) =
            (day, before, past.event.effective_date())
        {
            let (account, position) = (account.clone(), past.position);
            let after = owed(&state, day.gl_date);
            let restatement =
                Restatement { account, position, version, effective_date, before, after };
            found.push((place, restatement));
        }
    }
    found
}

fn owed(account: &Account, as_of: NaiveDate) -> Owed {
    let Account::Open(open) = account else { return Owed::default() };
    let standing = open.standing(as_of);
    Owed {
        principal: standing.principal,
        interest: standing.interest_due,
        days_past_due: open.days_past_due(as_of),
    }
}
