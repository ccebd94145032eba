//! Seals over what happened to a few payments: those that are right pass, any other is named.

#![expect(clippy::arithmetic_side_effects, reason = "the payments made up here are few")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::codec::{Fact, decode};
use crate::domain::money::Money;
use crate::ids::RequestId;

const DATE: &str = "2026-03-03";
const WINDOWS: [(&str, &str); 3] = [("auto", "15:00"), ("auto", "18:00"), ("lease", "15:00")];
const FIELDS: [&str; 6] =
    ["supplement", "applied_count", "applied_total", "cancelled_count", "cancelled_total", "root"];

/// What becomes of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Applied,
    Cancelled,
    /// Applied in the next round.
    Late,
    Waits,
}

/// A payment into one of the windows.
#[derive(Debug, Clone, Copy)]
struct Plan {
    window: usize,
    cents: u32,
    fate: Fate,
}

fn event(kind: &str, document: &Value) -> Event {
    match decode(kind, &serde_json::to_vec(document).unwrap()) {
        Ok(Fact::Account(event)) => event,
        other => panic!("{other:?}"),
    }
}

fn account(product: &str) -> AccountId {
    format!("{product}-1").parse().unwrap()
}

fn key(window: usize) -> WindowKey {
    let (product, window) = WINDOWS[window];
    WindowKey {
        product: product.parse().unwrap(),
        date: DATE.parse().unwrap(),
        window: window.parse().unwrap(),
    }
}

/// An audit that has seen an account of each product.
fn begun() -> SealAudit {
    let mut audit = SealAudit::default();
    for product in ["auto", "lease"] {
        let mut terms = json!({
            "product": product, "opened_date": "2026-03-01",
            "interest_paid_through": "2026-03-01", "instalments": {
                "amount": "310.00", "first_due_date": "2026-04-01", "day_of_month": 1, "count": 36
            },
        });
        if product == "auto" {
            terms["principal"] = json!("10000.00");
            terms["annual_rate"] = json!("0.073");
        }
        let opened = json!({ "terms": terms, "posting": { "lines": [] } });
        audit.follow(&account(product), &event("AccountOpened", &opened));
    }
    audit
}

impl SealAudit {
    fn schedule(&mut self, payment: PaymentId, plan: Plan) -> Amount {
        let (product, window) = WINDOWS[plan.window];
        let amount = Money::from_cents(i64::from(plan.cents)).to_string();
        let scheduled = json!({
            "payment": payment, "amount": amount, "payment_date": DATE, "window": window,
            "cutoff_at": "2026-03-03T20:00:00Z", "origination_date": "2026-03-04", "tz": "2025b",
        });
        self.follow(&account(product), &event("PaymentScheduled", &scheduled));
        amount.parse().unwrap()
    }

    fn settled(&mut self, item: RunItem) {
        let RunItem { payment, outcome, amount } = item;
        let happened = match outcome {
            RunOutcome::Applied => {
                let applied = json!({
                    "payment": payment, "amount": amount, "effective_date": DATE, "split": {},
                    "posting": { "lines": [] },
                });
                event("PaymentApplied", &applied)
            }
            RunOutcome::Cancelled => {
                let cancelled = json!({ "payment": payment, "reason": "requested" });
                event("PaymentCancelled", &cancelled)
            }
        };
        self.follow(&account("auto"), &happened);
    }
}

fn payment(number: usize) -> PaymentId {
    PaymentId::derived(&account("auto"), RequestId::derived("a test", &number.to_string()), 0)
}

fn item(number: usize, outcome: RunOutcome, amount: &str) -> RunItem {
    RunItem { payment: payment(number), outcome, amount: amount.parse().unwrap() }
}

/// Schedules and settles the payments of each round, seals every window after it, and gives what
/// was found of each seal. One of them, if asked, has a field changed.
fn found_of(rounds: &[Vec<Plan>], spoilt: Option<(usize, &str)>) -> Vec<Option<String>> {
    let (mut audit, mut found) = (begun(), Vec::new());
    let (mut number, mut late) = (0, Vec::new());
    for (supplement, plans) in rounds.iter().enumerate() {
        let mut settled: Vec<(usize, RunItem)> = std::mem::take(&mut late);
        for plan in plans {
            number += 1;
            let (payment, amount) = (payment(number), audit.schedule(payment(number), *plan));
            let outcome = match plan.fate {
                Fate::Applied | Fate::Late => RunOutcome::Applied,
                Fate::Cancelled => RunOutcome::Cancelled,
                Fate::Waits => continue,
            };
            let list = if plan.fate == Fate::Late { &mut late } else { &mut settled };
            list.push((plan.window, RunItem { payment, outcome, amount }));
        }
        for (_, item) in &settled {
            audit.settled(*item);
        }
        for window in 0..WINDOWS.len() {
            let items = settled.iter().filter(|(of, _)| *of == window).map(|(_, item)| *item);
            let supplement = u32::try_from(supplement).unwrap();
            let mut sealed = WindowSealed::of(key(window), supplement, items.collect());
            if let Some((_, field)) = spoilt.filter(|(seal, _)| *seal == found.len()) {
                spoil(&mut sealed, field);
            }
            found.push(audit.check(&sealed));
        }
    }
    assert_eq!(audit.seals(), u64::try_from(found.len()).unwrap());
    found
}

fn spoil(sealed: &mut WindowSealed, field: &str) {
    let cent = Money::from_cents(1);
    match field {
        "supplement" => sealed.supplement += 1,
        "applied_count" => sealed.applied_count += 1,
        "applied_total" => sealed.applied_total += cent,
        "cancelled_count" => sealed.cancelled_count += 1,
        "cancelled_total" => sealed.cancelled_total += cent,
        _ => {
            let digit = if sealed.root.starts_with('0') { "1" } else { "0" };
            sealed.root.replace_range(..1, digit);
        }
    }
}

fn rounds() -> impl Strategy<Value = Vec<Vec<Plan>>> {
    let fate = prop_oneof![
        3 => Just(Fate::Applied),
        2 => Just(Fate::Cancelled),
        1 => Just(Fate::Late),
        1 => Just(Fate::Waits),
    ];
    let plan = (0..WINDOWS.len(), 1..1_000_000_u32, fate);
    let plan = plan.prop_map(|(window, cents, fate)| Plan { window, cents, fate });
    prop::collection::vec(prop::collection::vec(plan, 0..8), 1..4)
}

proptest! {
    #[test]
    fn seals_over_what_was_settled_since_the_one_before_are_right(rounds in rounds()) {
        prop_assert!(found_of(&rounds, None).iter().all(Option::is_none));
    }

    #[test]
    fn a_seal_with_any_field_changed_is_found_and_no_other(
        rounds in rounds(),
        seal in any::<prop::sample::Index>(),
        field in prop::sample::select(&FIELDS[..]),
    ) {
        let seal = seal.index(rounds.len() * WINDOWS.len());
        for (number, found) in found_of(&rounds, Some((seal, field))).into_iter().enumerate() {
            prop_assert_eq!(number == seal, found.is_some());
            if let Some(cause) = found {
                let (product, window) = WINDOWS[number % WINDOWS.len()];
                let begins = format!("the seal of {product}-{DATE}-{window}: {field} is ");
                prop_assert!(cause.starts_with(&begins), "{}", cause);
                prop_assert_eq!(cause.matches(" the log gives ").count(), 1, "{}", cause);
            }
        }
    }
}

/// The audit and the seal of two payments that were applied, and one that was cancelled.
fn three_payments() -> (SealAudit, Vec<RunItem>) {
    let mut audit = begun();
    let (applied, cancelled) = (RunOutcome::Applied, RunOutcome::Cancelled);
    let items =
        vec![item(1, applied, "1.00"), item(2, cancelled, "2.00"), item(3, applied, "3.00")];
    for (item, cents) in items.iter().zip([100, 200, 300]) {
        audit.schedule(item.payment, Plan { window: 0, cents, fate: Fate::Applied });
        audit.settled(*item);
    }
    (audit, items)
}

#[test]
fn a_payment_in_the_place_of_another_is_found_by_the_root_alone() {
    let (mut audit, mut items) = three_payments();
    items[0].payment = payment(9);
    let sealed = WindowSealed::of(key(0), 0, items);
    let cause = audit.check(&sealed).unwrap();
    assert!(cause.starts_with("the seal of auto-2026-03-03-15:00: root is \""), "{cause}");
    assert!(!cause.contains(';'), "{cause}");
}

#[test]
fn an_outcome_and_an_amount_that_differ_are_told_field_by_field() {
    let (mut audit, mut items) = three_payments();
    items[1].outcome = RunOutcome::Applied;
    let cause = audit.check(&WindowSealed::of(key(0), 0, items)).unwrap();
    for told in [
        "applied_count is 3, the log gives 2; ",
        "applied_total is 6.00, the log gives 4.00; ",
        "cancelled_count is 0, the log gives 1; ",
        "cancelled_total is 0.00, the log gives 2.00; ",
    ] {
        assert!(cause.contains(told), "{cause}");
    }
    assert!(!cause.contains("supplement"), "{cause}");
    assert_eq!(audit.left_out().next(), None);
}

#[test]
fn what_was_settled_before_a_seal_and_is_not_in_it_is_in_the_next_or_is_named() {
    let (mut audit, mut items) = three_payments();
    let left = items.pop().unwrap();
    assert_eq!(audit.check(&WindowSealed::of(key(0), 0, items.clone())), None);
    let told = format!(
        "the seal of auto-2026-03-03-15:00: what was settled last before it, from payment {} on, \
         is in no seal",
        left.payment
    );
    assert_eq!(audit.left_out().collect::<Vec<_>>(), [told]);
    assert_eq!(audit.check(&WindowSealed::of(key(0), 1, vec![left])), None);
    assert_eq!(audit.left_out().next(), None);
    assert!(audit.check(&WindowSealed::of(key(0), 2, vec![left])).is_some(), "it is in one");
    // One out of their midst is left out by no seal.
    let (mut audit, mut items) = three_payments();
    items.remove(1);
    let cause = audit.check(&WindowSealed::of(key(0), 0, items)).unwrap();
    assert!(cause.contains("cancelled_count is 0, the log gives 1; "), "{cause}");
}

#[test]
fn a_seal_over_nothing_is_right_where_nothing_was_settled() {
    let mut audit = begun();
    assert_eq!(audit.check(&WindowSealed::of(key(0), 0, Vec::new())), None);
    audit.schedule(payment(1), Plan { window: 0, cents: 100, fate: Fate::Waits });
    assert_eq!(audit.check(&WindowSealed::of(key(0), 1, Vec::new())), None, "it waits");
    let made = item(1, RunOutcome::Applied, "1.00");
    audit.settled(made);
    // Once more it is no payment of a window, and one that never waited is none.
    audit.settled(made);
    audit.settled(item(2, RunOutcome::Cancelled, "2.00"));
    assert_eq!(audit.check(&WindowSealed::of(key(1), 0, Vec::new())), None, "another window");
    assert_eq!(audit.check(&WindowSealed::of(key(0), 2, vec![made])), None);
}
