//! What a payment satisfies of the billing: the second of the two ledgers that one payment moves.
//! The split says in what money it was taken, this for which instalment. Domain rules 4.5.

use chrono::NaiveDate;

use super::{Book, Movement};
use crate::domain::account::instalments::Instalments;
use crate::domain::money::{Money, total};
use crate::ids::PaymentId;

/// What one payment satisfies. With its credit, and what it recovers once everything is charged
/// off, the parts sum to the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    /// The instalments past due on its effective date and the one due next from then on, as far as
    /// it met them, oldest first.
    pub instalments: Vec<Satisfied>,
    /// Fees.
    pub fees: Money,
    /// What counts for instalments after these.
    pub ahead: Money,
}

/// What a payment satisfies of one instalment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Satisfied {
    /// The instalment, from 1.
    pub number: u32,
    /// Its due date, as it was when the payment counted.
    pub due_date: NaiveDate,
    /// How much of it.
    pub amount: Money,
}

impl Book {
    /// What payments have satisfied of the instalments, all that are known.
    pub fn billed(&self) -> Money {
        let (mut billed, mut bought, mut given_up) = (Money::ZERO, false, false);
        for entry in self.entries.iter() {
            match &entry.what {
                Movement::Payment { amount, split, .. } => {
                    billed += split.billed(*amount, given_up);
                    bought |= split.is_purchase();
                }
                // What was paid ahead satisfies nothing that never falls due.
                Movement::VehicleReturned { due } if !bought => {
                    billed = billed.min(self.terms.instalments.total_of(*due));
                }
                Movement::ChargeOff { .. } => given_up |= entry.what.is_whole_charge_off(),
                Movement::VehicleReturned { .. }
                | Movement::Fee { .. }
                | Movement::Refund { .. }
                | Movement::Rate(_)
                | Movement::Principal { .. }
                | Movement::Shift(_) => {}
            }
        }
        billed
    }

    /// What a payment satisfies of the billing. None if it is not on the timeline.
    pub fn billing_of(&self, payment: PaymentId) -> Option<Billing> {
        let mut instalments = Instalments::new(&self.terms);
        let (mut billed, mut given_up) = (Money::ZERO, false);
        for entry in self.entries.iter() {
            let Movement::Payment { id, amount, split, .. } = &entry.what else {
                given_up |= entry.what.is_whole_charge_off();
                instalments.follow(entry);
                continue;
            };
            let counted = split.billed(*amount, given_up);
            if *id == payment {
                return Some(billing(&instalments, billed, (counted, split.fees), entry.effective));
            }
            billed += counted;
        }
        None
    }
}

fn billing(
    instalments: &Instalments,
    billed: Money,
    (counted, fees): (Money, Money),
    on: NaiveDate,
) -> Billing {
    let plan = instalments.plan();
    let past = on.pred_opt().map_or(0, |day| instalments.due_count(day));
    let current = past.saturating_add(1).min(instalments.count());
    let met: Vec<Satisfied> = (plan.covered_count(billed)..current)
        .map(|index| {
            let number = index.saturating_add(1);
            let (start, end) = (plan.total_of(index), plan.total_of(number));
            let amount = (end.min(billed + counted) - start.max(billed)).at_least_zero();
            Satisfied { number, due_date: instalments.due_date(index), amount }
        })
        .filter(|met| met.amount.is_positive())
        .collect();
    let ahead = counted - total(met.iter().map(|met| met.amount));
    Billing { instalments: met, fees, ahead }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::book::Entry;
    use crate::domain::account::events::Split;
    use crate::domain::account::instalments::Shift;
    use crate::domain::account::scenarios::loan;
    use crate::domain::account::terms::Terms;
    use crate::domain::product::Channel;
    use crate::domain::rulebook::Rulebook;
    use crate::ids::RequestId;

    fn id(name: &str) -> PaymentId {
        PaymentId::derived(&"a-1".parse().unwrap(), RequestId::derived("pay", name), 0)
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn payment(amount: &str, on: &str) -> Movement {
        Movement::Payment {
            id: id(on),
            amount: amount.parse().unwrap(),
            channel: Channel::Mail,
            payoff: false,
            split: Split::default(),
        }
    }

    /// The book of `terms` after movements on their days, allocated by the rules.
    fn book(terms: Terms, moved: Vec<(&str, Movement)>) -> Book {
        let entries = moved.into_iter().zip(0..).map(|((on, what), order)| {
            let effective = day(on);
            Entry { effective, order, what }
        });
        let mut book = Book::new(terms).with_entries(entries.collect());
        book.reallocate(NaiveDate::MIN, &Rulebook::built_in());
        book
    }

    /// `number due_date amount` of each instalment, then fees and what is ahead.
    fn billing_text(book: &Book, on: &str) -> String {
        let billing = book.billing_of(id(on)).unwrap();
        let met = billing.instalments.iter();
        let met: Vec<_> =
            met.map(|it| format!("{} {} {}", it.number, it.due_date, it.amount)).collect();
        format!("{}; fees {}; ahead {}", met.join(", "), billing.fees, billing.ahead)
    }

    fn split_text(book: &Book, on: &str) -> String {
        let paid = book.entries().iter().find_map(|entry| {
            let Movement::Payment { id: paid, split, .. } = &entry.what else { return None };
            (*paid == id(on)).then_some(*split)
        });
        let Split { interest, principal, fees, .. } = paid.unwrap();
        format!("{interest}/{principal}/{fees}")
    }

    /// On 1 April: 62.00 of interest, 110.00 left of March, 310.00 of April, a late fee of 15.50.
    fn past_due_loan() -> Terms {
        let mut terms = loan();
        terms.instalments.first_due_date = day("2026-03-01");
        terms.instalments.first_amount_due = Some("110.00".parse().unwrap());
        terms.unpaid_fees = "15.50".parse().unwrap();
        terms
    }

    #[test]
    fn one_payment_moves_two_ledgers() {
        let paid = book(past_due_loan(), vec![("2026-04-01", payment("450.00", "2026-04-01"))]);
        assert_eq!(split_text(&paid, "2026-04-01"), "62.00/372.50/15.50");
        assert_eq!(
            billing_text(&paid, "2026-04-01"),
            "1 2026-03-01 110.00, 2 2026-04-01 310.00; fees 15.50; ahead 14.50"
        );
    }

    #[test]
    fn what_is_short_is_short_of_the_current_instalment_and_not_of_the_fee() {
        let paid = book(past_due_loan(), vec![("2026-04-01", payment("400.00", "2026-04-01"))]);
        assert_eq!(split_text(&paid, "2026-04-01"), "62.00/338.00/0.00");
        assert_eq!(
            billing_text(&paid, "2026-04-01"),
            "1 2026-03-01 110.00, 2 2026-04-01 290.00; fees 0.00; ahead 0.00"
        );
        assert_eq!(paid.billing_of(id("another day")), None);
    }

    #[test]
    fn a_payment_satisfies_what_the_ones_before_it_left_on_the_dates_of_its_day() {
        let shift = Shift { from: 1, months: 2, day_of_month: None };
        let paid = book(
            loan(),
            vec![
                ("2026-03-20", payment("200.00", "2026-03-20")),
                ("2026-04-01", payment("310.00", "2026-04-01")),
                ("2026-04-20", Movement::Shift(shift)),
                ("2026-04-30", payment("150.00", "2026-04-30")),
            ],
        );
        assert_eq!(billing_text(&paid, "2026-03-20"), "1 2026-04-01 200.00; fees 0.00; ahead 0.00");
        assert_eq!(
            billing_text(&paid, "2026-04-01"),
            "1 2026-04-01 110.00; fees 0.00; ahead 200.00"
        );
        assert_eq!(
            billing_text(&paid, "2026-04-30"),
            "2 2026-07-01 110.00; fees 0.00; ahead 40.00"
        );
    }

    #[test]
    fn what_a_payoff_pays_beyond_the_current_instalment_is_ahead_and_its_excess_is_not() {
        let paid = book(loan(), vec![("2026-04-01", payment("10100.00", "2026-04-01"))]);
        assert_eq!(split_text(&paid, "2026-04-01"), "62.00/10000.00/0.00");
        assert_eq!(
            billing_text(&paid, "2026-04-01"),
            "1 2026-04-01 310.00; fees 0.00; ahead 9752.00"
        );
    }
}
