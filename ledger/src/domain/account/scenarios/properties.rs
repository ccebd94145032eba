//! What is true of an account whatever is asked of it, in whatever order.

mod audit;

use chrono::Duration;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::buyout::PurchaseOption;
use super::super::commands::LeaseCharge;
use super::super::state::Progress;
use super::super::terms::{LateCharge, LateFee};
use super::settlement::{refund_back, settle_less, settle_refund};
use super::*;
use audit::{CLEARING, audit};

/// One step of a life: so many minutes later, this is asked.
#[derive(Debug, Clone)]
struct Step {
    minutes_later: i64,
    ask: Ask,
}

/// What is asked; payments and fees are picked among those there are.
#[derive(Debug, Clone)]
enum Ask {
    Schedule(Amount, i64),
    Cancel(Index),
    Run(Index),
    Receive(Channel, Amount, i64),
    PayOff(Channel, i64, i64),
    Return(Index, &'static str),
    Reinstate(Index),
    Settle(Index, i64, Option<Amount>),
    Assess(FeeKind, Amount, i64),
    Waive(Index),
    Release,
    Rate(Rate, i64),
    Adjust(Money, i64),
    Extend(u32, i64),
    DueDate(u32),
    ChargeOff(Option<Amount>, i64),
    GiveBack(Amount, i64),
    Quote(i64),
    Refund,
    SettleRefund(Index, i64),
    RefundBack(Index),
    Age,
}

fn amounts() -> impl Strategy<Value = Amount> {
    let cents = prop_oneof![
        1 => 1_i64..200,
        4 => 20_000_i64..60_000,
        2 => 900_000_i64..1_100_000,
        1 => Just(9_999_999_999_i64),
    ];
    cents.prop_map(|cents| Money::from_cents(cents).amount().unwrap())
}

fn servicing() -> impl Strategy<Value = Ask> {
    let rate = prop::sample::select(vec!["0", "0.06", "0.12345"]);
    let change = (-50_000_i64..50_000).prop_filter("no change", |cents| *cents != 0);
    let part = prop::option::weighted(0.5, amounts());
    prop_oneof![
        2 => (rate, 0_i64..60).prop_map(|(rate, ago)| Ask::Rate(rate.parse().unwrap(), ago)),
        2 => (change, 0_i64..60)
            .prop_map(|(cents, ago)| Ask::Adjust(Money::from_cents(cents), ago)),
        2 => (1_u32..5, 0_i64..60).prop_map(|(months, ago)| Ask::Extend(months, ago)),
        2 => (1_u32..32).prop_map(Ask::DueDate),
        1 => (part, 0_i64..60).prop_map(|(part, ago)| Ask::ChargeOff(part, ago)),
        1 => (amounts(), 0_i64..60).prop_map(|(charged, ago)| Ask::GiveBack(charged, ago)),
        1 => (0_i64..30).prop_map(Ask::Quote),
        2 => Just(Ask::Refund),
        2 => (any::<Index>(), 0_i64..4).prop_map(|(which, ago)| Ask::SettleRefund(which, ago)),
        1 => any::<Index>().prop_map(Ask::RefundBack),
        6 => Just(Ask::Age),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let channel = prop::sample::select(Channel::ALL.to_vec());
    let pay_off_by = channel.clone();
    let code = prop::sample::select(vec!["R01", "R02", "R10", "R99", "NSF"]);
    let ask = prop_oneof![
        4 => (amounts(), 0_i64..40).prop_map(|(paid, days)| Ask::Schedule(paid, days)),
        1 => any::<Index>().prop_map(Ask::Cancel),
        6 => any::<Index>().prop_map(Ask::Run),
        3 => (channel, amounts(), 0_i64..60)
            .prop_map(|(by, paid, ago)| Ask::Receive(by, paid, ago)),
        2 => (pay_off_by, -1_100_i64..1_100, 0_i64..30)
            .prop_map(|(by, cents, ago)| Ask::PayOff(by, cents, ago)),
        3 => (any::<Index>(), code).prop_map(|(which, code)| Ask::Return(which, code)),
        2 => any::<Index>().prop_map(Ask::Reinstate),
        3 => (any::<Index>(), 0_i64..4, prop::option::weighted(0.3, amounts()))
            .prop_map(|(which, ago, kept)| Ask::Settle(which, ago, kept)),
        1 => (prop::sample::select(FeeKind::ALL), amounts(), 0_i64..60)
            .prop_map(|(kind, charged, ago)| Ask::Assess(kind, charged, ago)),
        1 => any::<Index>().prop_map(Ask::Waive),
        1 => Just(Ask::Release),
        3 => servicing(),
    ];
    let minutes_later = prop_oneof![0_i64..600, 0_i64..(40 * 24 * 60)];
    let step = (minutes_later, ask).prop_map(|(minutes_later, ask)| Step { minutes_later, ask });
    prop::collection::vec(step, 1..24)
}

/// Loans, one of them with arrears and one that is soon paid off, and leases: one whose residual is
/// not known, one whose vehicle can be bought, one that ends soon with a residual of a dollar.
fn accounts() -> impl Strategy<Value = Terms> {
    let boarded = Terms {
        interest_paid_through: date("2026-01-20"),
        unpaid_interest: money("17.31"),
        unpaid_fees: money("15.50"),
        annual_rate: "0.144900".parse().unwrap(),
        instalments: InstalmentPlan {
            first_due_date: date("2026-01-31"),
            day_of_month: 31,
            count: 4,
            first_amount_due: Some(amount("110.00")),
            ..loan().instalments
        },
        ..loan()
    };
    let first_due_date = loan().instalments.first_due_date;
    let instalments = InstalmentPlan { count: 24, first_due_date, ..lease().instalments };
    let lease = Terms { instalments, ..lease() };
    let charge = LateCharge::Rate("0.05".parse().unwrap());
    let late_fee = Some(LateFee { grace_days: 5, charge, maximum: None });
    let small = Terms { principal: money("500.00"), late_fee, ..loan() };
    let option = |residual, rate: &str| {
        let sales_tax_rate = rate.parse().unwrap();
        Some(PurchaseOption { residual: amount(residual), sales_tax_rate })
    };
    let bought = Terms { purchase_option: option("14250.00", "0.0825"), ..lease.clone() };
    let instalments = InstalmentPlan { count: 3, ..lease.instalments.clone() };
    let dollar = Terms { purchase_option: option("1.00", "0.06"), instalments, ..lease.clone() };
    let leases = [lease, bought.clone(), bought, dollar];
    prop::sample::select([&[loan(), quoted_loan(), small, boarded][..], &leases].concat())
}

fn nth<T>(of: impl Iterator<Item = T>, which: Index) -> Option<T> {
    let all: Vec<_> = of.collect();
    let at = (!all.is_empty()).then(|| which.index(all.len()))?;
    all.into_iter().nth(at)
}

impl Ask {
    fn command(&self, open: &OpenAccount, today: NaiveDate) -> Option<Command> {
        let payment = |which: &Index| nth(open.payments.keys(), *which);
        Some(match self {
            Self::Schedule(paid, days) => Command::SchedulePayment(SchedulePayment {
                amount: *paid,
                payment_date: today + Duration::days(*days),
                funding: None,
                allow_duplicate: false,
                payoff_quote: None,
            }),
            Self::Cancel(which) => cancel(payment(which)?),
            Self::Run(which) => apply(payment(which)?),
            Self::Receive(by, paid, ago) => {
                receive(*by, &paid.to_string(), &(today - Duration::days(*ago)).to_string())
            }
            Self::PayOff(by, beyond, ago) => {
                let on = today - Duration::days(*ago);
                let paid = (open.payoff(on) + Money::from_cents(*beyond)).amount()?;
                receive(*by, &paid.to_string(), &on.to_string())
            }
            Self::Return(which, code) => take_back(payment(which)?, code),
            Self::Reinstate(which) => reinstate(payment(which)?),
            Self::Settle(which, ago, kept) => {
                settle_less(payment(which)?, today - Duration::days(*ago), *kept)
            }
            Self::Assess(kind, amount, ago) => Command::AssessFee {
                kind: *kind,
                amount: *amount,
                effective_date: Some(today - Duration::days(*ago)),
                preview: None,
            },
            Self::Waive(which) => waive(nth(open.fees.keys().copied(), *which)?),
            Self::Release => Command::ReleaseLien,
            Self::Rate(annual_rate, ago) => change_rate(*annual_rate, today - Duration::days(*ago)),
            Self::Adjust(change, ago) => Command::AdjustPrincipal {
                change: *change,
                reason: "a correction".to_owned(),
                effective_date: today - Duration::days(*ago),
                preview: None,
            },
            Self::Extend(months, ago) => extend(*months, today - Duration::days(*ago)),
            Self::DueDate(day_of_month) => Command::ChangeDueDate {
                day_of_month: *day_of_month,
                effective_date: today,
                preview: None,
            },
            Self::ChargeOff(part, ago) => charge_off(*part, today - Duration::days(*ago)),
            Self::GiveBack(amount, ago) => Command::ReturnVehicle {
                effective_date: today - Duration::days(*ago),
                charges: vec![LeaseCharge { kind: FeeKind::EarlyTermination, amount: *amount }],
                preview: None,
            },
            Self::Quote(days) => {
                Command::QuotePayoff { good_through_date: today + Duration::days(*days) }
            }
            Self::Refund => Command::RefundCredit { amount: None },
            Self::SettleRefund(which, ago) => settle_refund(
                nth(open.refunds.keys().copied(), *which)?,
                today - Duration::days(*ago),
            ),
            Self::RefundBack(which) => refund_back(nth(open.refunds.keys().copied(), *which)?),
            Self::Age => Command::AgeAccount,
        })
    }
}

/// An account, and how many days after its opening it comes on the books.
fn boarded() -> impl Strategy<Value = (Terms, i64)> {
    (accounts(), prop_oneof![3 => Just(0), 2 => 1_i64..100])
}

/// The events of an account to which anything may have happened.
pub(crate) fn lives() -> impl Strategy<Value = Vec<Event>> {
    (boarded(), steps()).prop_map(|(boarded, steps)| {
        let (history, _) = life(boarded, &steps);
        history.recorded.into_iter().map(|(_, event)| event).collect()
    })
}

/// The account after all steps, each of them audited.
fn life((terms, late): (Terms, i64), steps: &[Step]) -> (History, DateTime<Utc>) {
    let mut at = eastern(&format!("{} 10:00", terms.opened_date)) + Duration::days(late);
    let lien = terms.has_title().then(|| lien("TX"));
    let mut history = nothing().at_instant(at).when(Command::OpenAccount { terms, lien }).done();
    audit(history.open());
    for step in steps {
        at += Duration::minutes(step.minutes_later);
        let today = eastern_date(at);
        let Some(command) = step.ask.command(history.open(), today) else { continue };
        history = history.at_instant(at).when(command).after;
        audit(history.open());
    }
    (history, at)
}

proptest! {
    #[test]
    fn the_books_agree_with_the_timeline_after_every_command(
        boarded in boarded(), steps in steps(),
    ) {
        let (history, _) = life(boarded, &steps);
        let recorded = history.recorded.iter();
        let replayed =
            recorded.fold(Account::Absent, |account, (at, event)| evolve(account, event, *at));
        prop_assert_eq!(replayed, history.account);
    }

    #[test]
    fn a_return_and_its_reinstatement_leave_everything_where_it_was(
        boarded in boarded(), first in amounts(), mut steps in steps(), which in any::<Index>(),
        code in prop::sample::select(vec!["R01", "R10"]),
    ) {
        let ask = Ask::Receive(Channel::Mail, first, 0);
        steps.insert(0, Step { minutes_later: 50_000, ask });
        let (before, at) = life(boarded, &steps);
        let applied: Vec<_> = before.open().payments.values()
            .filter(|payment| payment.progress == Progress::Applied)
            .map(|payment| payment.id)
            .collect();
        prop_assume!(!applied.is_empty());
        let payment = applied[which.index(applied.len())];
        let at = at + Duration::days(1);
        let returned = before.at_instant(at).when(take_back(payment, code)).done();
        audit(returned.open());
        let after = returned.at_instant(at + Duration::days(3)).when(reinstate(payment)).done();
        audit(after.open());
        let today = eastern_date(at);
        for days in [-90, -30, -1, 0, 3, 60] {
            let on = today + Duration::days(days);
            prop_assert_eq!(after.open().standing(on), before.open().standing(on));
            prop_assert_eq!(after.open().days_past_due(on), before.open().days_past_due(on));
        }
        for was in before.open().payments.values() {
            prop_assert_eq!(after.open().payments.get(&was.id).unwrap().split, was.split);
        }
        prop_assert_eq!(after.open().paid_off.is_some(), before.open().paid_off.is_some());
        prop_assert_eq!(after.open().title_state(), before.open().title_state());
        let charged = after.open().fees.values()
            .filter(|fee| fee.payment == Some(payment) && fee.waived.is_none());
        prop_assert_eq!(charged.count(), 0);
        let bank = [LedgerAccount::Cash, LedgerAccount::OperationalLoss];
        for account in CLEARING.into_iter().chain(bank) {
            prop_assert_eq!(after.ledger(account), before.ledger(account));
        }
    }

    #[test]
    fn clearing_comes_to_nothing_once_everything_is_settled(
        boarded in boarded(), steps in steps(),
    ) {
        let (mut history, at) = life(boarded, &steps);
        // A Tuesday after all that there is, on which banks are open.
        let at = at.max(eastern("2030-07-02 10:00"));
        let today = eastern_date(at);
        let payments: Vec<_> = history.open().payments.keys().collect();
        let settle = payments.into_iter().map(|payment| settle_less(payment, today, None));
        let refunds: Vec<_> = history.open().refunds.keys().copied().collect();
        let settle_refunds = refunds.into_iter().map(|refund| settle_refund(refund, today));
        for command in settle.chain(settle_refunds).collect::<Vec<_>>() {
            history = history.at_instant(at).when(command).after;
            audit(history.open());
        }
        for account in CLEARING {
            prop_assert_eq!(history.ledger(account), "0.00");
        }
    }

    #[test]
    fn the_order_in_which_payments_are_keyed_changes_nothing(
        terms in accounts(),
        paid in prop::collection::btree_map(0_i64..120, amounts(), 1..6),
        seed in any::<u64>(),
    ) {
        let day = |days: i64| terms.opened_date + Duration::days(days);
        let keyed_at = eastern(&format!("{} 10:00", day(130)));
        let key_all = |payments: &[(i64, Amount)]| {
            payments.iter().fold(opened(terms.clone()), |history, (days, paid)| {
                let command = receive(Channel::Mail, &paid.to_string(), &day(*days).to_string());
                history.at_instant(keyed_at).when(command).done()
            })
        };
        let in_order: Vec<_> = paid.into_iter().collect();
        let mut shuffled = in_order.clone();
        shuffled.sort_by_key(|(days, _)| (seed ^ days.unsigned_abs()).wrapping_mul(0x9E37_79B9));
        let (first, second) = (key_all(&in_order), key_all(&shuffled));
        audit(second.open());
        for days in (0..160).step_by(7) {
            prop_assert_eq!(first.open().standing(day(days)), second.open().standing(day(days)));
        }
        for account in LedgerAccount::ALL {
            prop_assert_eq!(first.ledger(*account), second.ledger(*account));
        }
        prop_assert_eq!(&first.open().paid_off, &second.open().paid_off);
    }
}
