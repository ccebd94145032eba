//! What a filing leaves out, read from the interest it reports: through which day interest was paid
//! when a month began, what of it was left unpaid, and the remainder below a cent.
//!
//! A payment's day is reported once a month and is wrong at times, so that one history has several
//! readings. Each reading explains every month by the payment on the reported day, on another day
//! of the month, by two payments, or not at all; the reading that explains the most is the one to
//! board from. A month that nothing explains starts anew: interest paid through its reported day.
//!
//! The remainder is one unknown below half a cent for each unbroken stretch. Every month narrows
//! the interval in which it lies; it never moves a month by more than a cent.
//!
//! Both look back: a month's own interest, and that of months after it, help to choose the reading
//! and the remainder, never more. [`Inferred::foreseen`] is what the months before it told alone.

mod reading;

use chrono::NaiveDate;
use ledger::domain::money::{Amount, Carry, Money};
use rust_decimal::Decimal;

use super::record::LoanMonth;
use reading::{Branch, Node, branches};

/// How many readings are kept while months go by.
const READINGS_MAX: usize = 16;

/// From where a month's interest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Interest is paid through this day.
    pub paid_through: NaiveDate,
    /// Interest from before it that is still unpaid.
    pub unpaid: Money,
    /// The remainder below a cent.
    pub carry: Carry,
}

/// How a reading explains what was paid in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explained {
    /// One payment on the reported day.
    OnItsDay,
    /// The same, but for a cent.
    WithinACent,
    /// One payment on another day of the month.
    OnAnotherDay(NaiveDate),
    /// Two payments: the first of this amount on this day, the rest on the reported day.
    TwoPayments(NaiveDate, Amount),
    /// Nothing explains it.
    Not,
}

/// A month with a payment, and where its interest counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inferred {
    /// Where the reading that explains the most counts from.
    pub origin: Origin,
    /// How it explains the month.
    pub explained: Explained,
    /// Where the reading counts from that explained the most of the months before, when this one
    /// was not known yet.
    pub foreseen: Origin,
    /// Where another reading of the months before counts from, if that one explains the month on
    /// its reported day and the first does not.
    pub other: Option<Origin>,
}

/// Reads a loan's history: for each month with a payment that follows one that can be boarded,
/// where its interest counts from.
pub fn infer(months: &[LoanMonth]) -> Vec<Option<Inferred>> {
    let mut inferred = vec![None; months.len()];
    let mut stretch = Stretch::default();
    let mut before: Option<&LoanMonth> = None;
    for (index, month) in months.iter().enumerate() {
        if before.is_none_or(|before| !month.follows(before)) {
            stretch.close(&mut inferred);
        }
        stretch.follow(index, month, before);
        if month.is_closed() {
            stretch.close(&mut inferred);
        }
        before = Some(month);
    }
    stretch.close(&mut inferred);
    inferred
}

/// Where interest counts from after a month, as it is reported: from the last payment's day,
/// nothing being unpaid.
pub fn reported(month: &LoanMonth) -> Option<Origin> {
    let paid_through = month.paid_through?.min(month.period_end);
    Some(Origin { paid_through, unpaid: Money::ZERO, carry: Carry::default() })
}

/// Where interest counts from after a month in which a loan is boarded for good: as reported, with
/// the remainder that the months after it show. None if the month does not tell, since it paid
/// interest alone and left some unpaid, or nothing is owed.
pub fn boarding(
    months: &[LoanMonth],
    inferred: &[Option<Inferred>],
    index: usize,
) -> Option<Origin> {
    let month = months.get(index).filter(|month| !month.is_closed())?;
    let reported = reported(month)?;
    let next = inferred.get(index..)?.iter().skip(1).flatten().next();
    let same =
        next.map(|next| next.origin).filter(|origin| origin.paid_through == reported.paid_through);
    let tells = month.paid.is_zero() || month.principal.is_positive() || same.is_some();
    tells.then(|| same.unwrap_or(reported))
}

/// Months without a gap, and the readings of them that are kept.
#[derive(Debug, Default)]
struct Stretch {
    nodes: Vec<Node>,
    /// The last nodes of the readings, best first.
    heads: Vec<usize>,
    /// What was paid in the last three months with a payment.
    recent: Vec<Money>,
    /// For months that the best reading may not explain: another that does.
    others: Vec<(usize, i64, Node)>,
    /// Before each month: where the reading counts from that was the best then.
    foreseen: Vec<(usize, Origin)>,
}

impl Stretch {
    fn follow(&mut self, index: usize, month: &LoanMonth, before: Option<&LoanMonth>) {
        let paid = month.paid_on_loan();
        if self.heads.is_empty() {
            let boards = paid.is_zero() || month.principal.is_positive();
            if let Some(day) = month.paid_through.filter(|_| boards && !month.is_closed()) {
                self.nodes.push(Node::boarded(day.min(month.period_end)));
                self.heads.push(self.nodes.len().saturating_sub(1));
            }
        } else if !month.paid.is_zero() {
            self.read(index, month, before);
        }
        if !month.paid.is_zero() {
            self.recent.push(paid);
            let old = self.recent.len().saturating_sub(3);
            self.recent.drain(..old);
        }
    }

    fn read(&mut self, index: usize, month: &LoanMonth, before: Option<&LoanMonth>) {
        let mut found: Vec<Node> = Vec::new();
        let best = self.heads.first().and_then(|head| self.nodes.get(*head));
        self.foreseen.extend(best.map(|node| (index, node.after.origin(&node.after))));
        for head in std::mem::take(&mut self.heads) {
            let Some(node) = self.nodes.get(head).copied() else { continue };
            for Branch { after, explained, weight } in branches(&node, month, before, &self.recent)
            {
                let score = node.score.saturating_add(weight);
                let next = Node { after, explained, score, parent: Some(head), month: index };
                if explained == Explained::OnItsDay {
                    self.others.push((index, node.score, next));
                }
                match found.iter_mut().find(|other| other.after == after) {
                    Some(other) if other.score < score => *other = next,
                    Some(_) => {}
                    None => found.push(next),
                }
            }
        }
        // The sort is stable: of equals the one found first stays first.
        found.sort_by_key(|node| std::cmp::Reverse(node.score));
        found.truncate(READINGS_MAX);
        let start = self.nodes.len();
        self.nodes.extend(found);
        self.heads = (start..self.nodes.len()).collect();
    }

    /// Writes down the best reading, from its last month back to the boarding.
    fn close(&mut self, inferred: &mut [Option<Inferred>]) {
        let Self { nodes, heads, others, foreseen, .. } = std::mem::take(self);
        let mut at = heads.first().and_then(|head| nodes.get(*head)).copied();
        // The narrowest interval of the stretch that the month is in.
        let mut narrow = None;
        while let Some(node) = at {
            let Some(parent) = node.parent.and_then(|parent| nodes.get(parent)).copied() else {
                break;
            };
            let known = if node.after.starts_anew { parent.after } else { node.after };
            let interval = narrow.filter(|_| !node.after.starts_anew).unwrap_or(known);
            narrow = (!parent.after.starts_anew).then_some(interval);
            let explained = node.explained;
            let mut other = None;
            if !matches!(explained, Explained::OnItsDay | Explained::WithinACent) {
                let best = others
                    .iter()
                    .filter(|(month, ..)| *month == node.month)
                    .max_by_key(|(_, score, _)| *score);
                other = best.and_then(|(_, _, found)| {
                    let from = nodes.get(found.parent?)?;
                    Some(from.after.origin(&found.after))
                });
            }
            let origin = parent.after.origin(&interval);
            let before = foreseen.iter().rfind(|(month, _)| *month == node.month);
            let foreseen = before.map_or(origin, |(_, foreseen)| *foreseen);
            if let Some(slot) = inferred.get_mut(node.month) {
                *slot = Some(Inferred { origin, explained, foreseen, other });
            }
            at = Some(parent);
        }
    }
}

/// Splits exact unpaid interest into cents and what is below one.
fn split(exact: Decimal) -> (Money, Carry) {
    // The most below nothing that a carry can be.
    let least = Decimal::from_parts(999_999, 0, 0, true, 8);
    let exact = exact.round_dp(8);
    if exact.is_sign_negative() {
        return (Money::ZERO, Carry::new(exact.max(least)).unwrap_or_default());
    }
    let cents = Money::round_down(exact);
    (cents, Carry::new(exact.saturating_sub(cents.decimal())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::absee::reader::Reading;

    /// Months of one loan at 7.3 %, 2.00 a day on 10,000: end, paid, interest, principal, balance.
    fn months(rows: &[[&str; 6]]) -> Vec<LoanMonth> {
        let heading = "assetNumber,originalInterestRatePercentage,reportingPeriodEndingDate,\
            interestPaidThroughDate,totalActualAmountPaid,actualInterestCollectedAmount,\
            actualPrincipalCollectedAmount,reportingPeriodActualEndBalanceAmount";
        let rows = rows.iter().map(|row| format!("1,0.073,{}", row.join(",")));
        let text: Vec<String> = std::iter::once(heading.to_owned()).chain(rows).collect();
        let text = text.join("\n");
        let mut reading = Reading::default();
        reading.add_stream("rows", text.as_bytes()).unwrap();
        assert_eq!(reading.rejected, []);
        reading.months
    }

    const BOARDED: [&str; 6] = ["03-31-2026", "03-01-2026", "300", "60", "240", "10000"];

    fn second(row: [&str; 6]) -> Inferred {
        infer(&months(&[BOARDED, row]))[1].unwrap()
    }

    #[test]
    fn a_payment_on_its_day_is_found_there() {
        let found = second(["04-30-2026", "04-01-2026", "310", "62", "248", "9752"]);
        assert_eq!(found.explained, Explained::OnItsDay);
        assert_eq!(found.origin.paid_through.to_string(), "2026-03-01");
        assert_eq!(found.origin.unpaid, Money::ZERO);
    }

    #[test]
    fn a_payment_on_another_day_is_found_there() {
        let found = second(["04-30-2026", "04-03-2026", "310", "62", "248", "9752"]);
        let day = "2026-04-01".parse().unwrap();
        assert_eq!(found.explained, Explained::OnAnotherDay(day));
    }

    #[test]
    fn two_payments_are_told_from_one() {
        // 300.00 on 11 April: 82.00 and 218.00; 300.00 on 21 April: 10 days on 9,782.00, 19.56.
        let found = second(["04-30-2026", "04-21-2026", "600", "101.56", "498.44", "9501.56"]);
        let day = "2026-04-11".parse().unwrap();
        assert_eq!(found.explained, Explained::TwoPayments(day, "300".parse().unwrap()));
    }

    #[test]
    fn interest_that_a_short_payment_leaves_is_carried_on() {
        let rows = [
            BOARDED,
            ["04-30-2026", "04-01-2026", "40", "40", "0", "10000"],
            ["05-31-2026", "05-01-2026", "310", "82", "228", "9772"],
        ];
        let found = infer(&months(&rows))[2].unwrap();
        assert_eq!(found.explained, Explained::OnItsDay);
        assert_eq!(found.origin.unpaid.to_string(), "22.00");
        assert_eq!(found.origin.paid_through.to_string(), "2026-04-01");
    }

    #[test]
    fn the_remainder_is_below_half_a_cent_and_nothing_explains_more() {
        // 62.00 are exact; 62.01 take a remainder of half a cent, 62.02 more than there can be.
        let found = second(["04-30-2026", "04-01-2026", "310", "62.01", "247.99", "9752.01"]);
        assert_eq!(found.explained, Explained::WithinACent);
        let found = second(["04-30-2026", "04-01-2026", "310", "62.13", "247.87", "9752.13"]);
        assert_eq!(found.explained, Explained::Not);
        assert_eq!(split("-0.0049".parse().unwrap()).1.to_string(), "-0.0049");
        assert_eq!(split("22.0049".parse().unwrap()).0.to_string(), "22.00");
    }

    #[test]
    fn a_month_that_is_missing_ends_what_is_known() {
        let rows = [BOARDED, ["05-31-2026", "05-01-2026", "310", "122", "188", "9812"]];
        assert_eq!(infer(&months(&rows)), [None, None]);
    }
}
