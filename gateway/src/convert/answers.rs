//! An account's state as the resources of the contract.

mod explained;
mod previews;
mod servicing;

use chrono::NaiveDate;
use ledger::domain::account::book::Billing;
use ledger::domain::account::buyout::Buyout;
use ledger::domain::account::events::{CancelReason, Split, WaiveReason, WriteOff};
use ledger::domain::account::state::{
    Fee, FeeState, OpenAccount, Payment, Progress, Title, TitleState,
};
use ledger::domain::account::terms::{LateCharge, LateFee, Terms, Tolerance};
use ledger::domain::money::Carry;
use ledger::domain::product::Product;
use ledger::ids::{AccountId, FeeId};
use proto::payledger::v1 as wire;

use super::enums::{channel_to_wire, day_count_to_wire, fee_kind_to_wire, product_to_wire};
use super::money::to_wire;
use super::time::{date_to_wire, instant_to_wire};
pub use explained::{figure, line};
pub use previews::preview;
pub use servicing::{charge_off, instalment, quote, refund};

/// A payment of an account.
pub fn payment(account: &AccountId, open: &OpenAccount, payment: &Payment) -> wire::Payment {
    let product = open.terms().product;
    let schedule = payment.schedule.as_ref();
    let receipt = payment.receipt.as_ref();
    let mut wire = wire::Payment {
        payment_id: payment.id.to_string(),
        account_id: account.to_string(),
        product: product_to_wire(product).into(),
        channel: channel_to_wire(payment.channel).into(),
        amount: Some(to_wire(payment.amount)),
        effective_date: Some(date_to_wire(payment.effective_date)),
        applied_time: payment.applied_at.map(instant_to_wire),
        allocation: payment.split.as_ref().map(allocation),
        scheduled_time: schedule.map(|s| instant_to_wire(s.scheduled_at)),
        payment_date: schedule.map(|_| date_to_wire(payment.effective_date)),
        window: schedule.map(|s| s.window.to_string()).unwrap_or_default(),
        cancel_before_time: schedule.map(|s| instant_to_wire(s.cutoff_at)),
        origination_date: schedule.map(|s| date_to_wire(s.origination_date)),
        funding: schedule.and_then(|s| s.funding.as_ref()).map(|funding| wire::Funding {
            token: funding.token.clone(),
            last_four: funding.last_four.clone().unwrap_or_default(),
        }),
        reference: receipt.and_then(|r| r.reference.clone()).unwrap_or_default(),
        third_party_fee: receipt.and_then(|r| r.third_party_fee).map(to_wire),
        guaranteed_funds: receipt.map(|r| r.guaranteed_funds),
        paid_by_dealer: receipt.map(|r| r.paid_by_dealer),
        payoff_quote_id: payment.payoff_quote.map(|id| id.to_string()).unwrap_or_default(),
        billing: open.book.billing_of(payment.id).as_ref().map(billing),
        settlement_date: payment.settlement.map(|it| date_to_wire(it.date)),
        withheld: payment.settlement.and_then(|it| it.withheld).map(to_wire),
        ..wire::Payment::default()
    };
    match &payment.progress {
        Progress::Scheduled => wire.set_state(wire::PaymentState::Scheduled),
        Progress::Applied => wire.set_state(wire::PaymentState::Applied),
        Progress::Cancelled { at, reason } => {
            wire.set_state(wire::PaymentState::Cancelled);
            wire.cancelled_time = Some(instant_to_wire(*at));
            wire.set_cancellation_reason(cancellation(*reason));
        }
        Progress::Returned { at, return_code, return_due_date } => {
            wire.set_state(wire::PaymentState::Returned);
            wire.returned_time = Some(instant_to_wire(*at));
            wire.return_code.clone_from(return_code);
            wire.returned_late = Some(return_due_date.is_some());
            wire.return_due_date = return_due_date.map(date_to_wire);
            wire.allocation = None;
        }
    }
    wire
}

/// Why a payment was cancelled.
pub const fn cancellation(reason: CancelReason) -> wire::CancellationReason {
    match reason {
        CancelReason::Requested => wire::CancellationReason::Requested,
        CancelReason::AccountPaidOff => wire::CancellationReason::AccountPaidOff,
    }
}

/// What a payment pays.
pub fn allocation(split: &Split) -> wire::Allocation {
    wire::Allocation {
        interest: Some(to_wire(split.interest)),
        principal: Some(to_wire(split.principal)),
        fees: Some(to_wire(split.fees)),
        rentals: Some(to_wire(split.rentals)),
        tax: Some(to_wire(split.tax)),
        credit: Some(to_wire(split.credit)),
        recovery: Some(to_wire(split.recovery)),
        write_off: split.write_off.as_ref().map(write_off),
        residual: Some(to_wire(split.residual)),
        sales_tax: Some(to_wire(split.sales_tax)),
    }
}

fn write_off(rest: &WriteOff) -> wire::WriteOff {
    wire::WriteOff {
        interest: Some(to_wire(rest.interest)),
        principal: Some(to_wire(rest.principal)),
        fees: Some(to_wire(rest.fees)),
        residual: Some(to_wire(rest.residual)),
        credit: Some(to_wire(rest.credit)),
    }
}

/// What a payment satisfies of the billing.
fn billing(billing: &Billing) -> wire::Billing {
    let met = billing.instalments.iter().map(|met| wire::SatisfiedInstalment {
        number: number(met.number),
        due_date: Some(date_to_wire(met.due_date)),
        amount: Some(to_wire(met.amount)),
    });
    wire::Billing {
        instalments: met.collect(),
        fees: Some(to_wire(billing.fees)),
        ahead: Some(to_wire(billing.ahead)),
    }
}

/// A count of the wire. Instalments and months are some hundreds at most.
fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// What an account owes at the close of `as_of`.
pub fn balance(open: &OpenAccount, as_of: NaiveDate) -> wire::Balance {
    let standing = open.standing(as_of);
    wire::Balance {
        effective_date: Some(date_to_wire(as_of)),
        principal: Some(to_wire(standing.principal)),
        accrued_interest: Some(to_wire(standing.interest_due)),
        fees_due: Some(to_wire(standing.fees_due)),
        rentals_due: Some(to_wire(standing.rentals_due)),
        credit_balance: Some(to_wire(standing.credit)),
        payoff_amount: Some(to_wire(standing.payoff().at_least_zero())),
        past_due_amount: Some(to_wire(standing.past_due)),
        next_due_date: open.next_due_date(as_of).map(date_to_wire),
        oldest_unpaid_due_date: standing.oldest_unpaid_due_date.map(date_to_wire),
        days_past_due: i32::try_from(standing.days_past_due()).unwrap_or(i32::MAX),
        charged_off_amount: Some(to_wire(standing.charged_off)),
        billed_amount: Some(to_wire(standing.billed)),
        buyout: standing.buyout.as_ref().map(buyout),
    }
}

fn buyout(buyout: &Buyout) -> wire::Buyout {
    wire::Buyout {
        rentals_ahead: Some(to_wire(buyout.rentals_ahead)),
        residual: Some(to_wire(buyout.residual)),
        sales_tax: Some(to_wire(buyout.sales_tax)),
    }
}

/// Where an account stands in its life.
pub const fn account_state(open: &OpenAccount) -> wire::AccountState {
    match (&open.paid_off, &open.charged_off) {
        (Some(_), _) => wire::AccountState::PaidOff,
        (None, Some(_)) => wire::AccountState::ChargedOff,
        (None, None) => wire::AccountState::Open,
    }
}

/// An account, with what it owes at the close of `today`.
pub fn account(id: &AccountId, open: &OpenAccount, today: NaiveDate) -> wire::Account {
    let terms = open.terms();
    let plan = &terms.instalments;
    let contract = match terms.product {
        Product::Lease => {
            let option = terms.purchase_option.as_ref();
            wire::account::Terms::Lease(wire::LeaseTerms {
                tax: Some(to_wire(plan.tax)),
                residual_value: option.map(|option| to_wire(option.residual)),
                sales_tax_rate: option
                    .map(|option| option.sales_tax_rate.to_string())
                    .unwrap_or_default(),
            })
        }
        Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => {
            wire::account::Terms::Loan(wire::LoanTerms {
                annual_rate: terms.annual_rate.to_string(),
                day_count_basis: day_count_to_wire(terms.day_count).into(),
                principal: Some(to_wire(terms.principal)),
                interest_paid_through_date: Some(date_to_wire(terms.interest_paid_through)),
                unpaid_interest: Some(to_wire(terms.unpaid_interest)),
                interest_carry: match terms.interest_carry {
                    none if none == Carry::default() => String::new(),
                    carry => carry.to_string(),
                },
            })
        }
    };
    let instalments = open.book.instalments();
    let next = instalments.covered_count(open.standing(today).billed);
    let extensions = open.extensions.iter().map(|(on, months)| wire::Extension {
        effective_date: Some(date_to_wire(*on)),
        months: number(*months),
    });
    let mut fees: Vec<_> = open.fees.iter().collect();
    fees.sort_by_key(|(id, fee)| (fee.effective_date, **id));
    wire::Account {
        account_id: id.to_string(),
        product: product_to_wire(terms.product).into(),
        state: account_state(open).into(),
        opened_date: Some(date_to_wire(terms.opened_date)),
        instalment_plan: Some(wire::InstalmentPlan {
            amount: Some(to_wire(plan.amount)),
            first_due_date: Some(date_to_wire(plan.first_due_date)),
            day_of_month: i32::try_from(plan.day_of_month).unwrap_or_default(),
            instalment_count: i32::try_from(plan.count).unwrap_or_default(),
            first_amount_due: plan.first_amount_due.map(to_wire),
        }),
        returned_item_fee: terms.returned_item_fee.map(to_wire),
        balance: Some(balance(open, today)),
        paid_off_date: open.paid_off.as_ref().map(|paid| date_to_wire(paid.paid_off_date)),
        fees: fees.into_iter().map(|(id, charged)| fee(*id, charged)).collect(),
        terms: Some(contract),
        late_fee: terms.late_fee.as_ref().map(late_fee),
        shortfall_tolerance: terms.shortfall_tolerance.map(tolerance),
        governing_state: terms.governing_state.map(|state| state.to_string()).unwrap_or_default(),
        annual_rate: rate_on(open, today),
        due_day: number(instalments.day_of_month(next.min(plan.count.saturating_sub(1)))),
        maturity_date: Some(date_to_wire(instalments.maturity_date())),
        extensions: extensions.collect(),
        non_accrual: open.book.is_non_accrual(),
        charged_off_date: open.charged_off.map(date_to_wire),
        vehicle_returned_date: open.book.vehicle_returned().map(date_to_wire),
    }
}

/// The yearly rate in force on a day; a lease shows none.
fn rate_on(open: &OpenAccount, date: NaiveDate) -> String {
    let Terms { product, .. } = open.terms();
    match product {
        Product::Lease => String::new(),
        Product::AutoLoan | Product::PersonalLoan | Product::CreditCard => {
            open.book.rate_on(date).to_string()
        }
    }
}

fn late_fee(fee: &LateFee) -> wire::LateFee {
    use wire::late_fee::Charge;
    let charge = match fee.charge {
        LateCharge::Amount(amount) => Charge::Amount(to_wire(amount)),
        LateCharge::Rate(rate) => Charge::Rate(rate.to_string()),
    };
    wire::LateFee {
        grace_days: fee.grace_days.into(),
        charge: Some(charge),
        maximum: fee.maximum.map(to_wire),
    }
}

fn tolerance(tolerance: Tolerance) -> wire::ShortfallTolerance {
    use wire::shortfall_tolerance::Measure;
    let measure = match tolerance {
        Tolerance::Amount(missing) => Measure::Amount(to_wire(missing)),
        Tolerance::Share(paid) => Measure::Share(paid.to_string()),
    };
    wire::ShortfallTolerance { measure: Some(measure) }
}

/// A fee of an account.
pub fn fee(id: FeeId, fee: &Fee) -> wire::Fee {
    let state = match fee.state() {
        FeeState::Assessed => wire::FeeState::Assessed,
        FeeState::Waived => wire::FeeState::Waived,
    };
    let waived = match fee.waived {
        None => wire::WaiveReason::Unspecified,
        Some(WaiveReason::Requested) => wire::WaiveReason::Requested,
        Some(WaiveReason::Corrected) => wire::WaiveReason::Corrected,
    };
    wire::Fee {
        fee_id: id.to_string(),
        kind: fee_kind_to_wire(fee.kind).into(),
        amount: Some(to_wire(fee.amount)),
        effective_date: Some(date_to_wire(fee.effective_date)),
        state: state.into(),
        payment_id: fee.payment.map(|payment| payment.to_string()).unwrap_or_default(),
        instalment_number: fee.instalment.map_or(0, number),
        waive_reason: waived.into(),
    }
}

/// An account's title, if a lien was ever recorded.
pub fn title(id: &AccountId, open: &OpenAccount) -> Option<wire::Title> {
    let (lien, released_at) = match &open.title {
        Title::NoLien => return None,
        Title::Held(lien) => (lien, None),
        Title::Released { lien, released_at, .. } => (lien, Some(*released_at)),
    };
    let paid_off = open.paid_off.as_ref();
    let released = paid_off.filter(|paid| !paid.vehicle_kept);
    Some(wire::Title {
        account_id: id.to_string(),
        state: title_state(open.title_state()).into(),
        title_state: lien.title_state.clone(),
        vin: lien.vin.clone(),
        lienholder: lien.lienholder.clone(),
        paid_off_date: paid_off.map(|paid| date_to_wire(paid.paid_off_date)),
        release_date: released.map(|paid| date_to_wire(paid.release_date)),
        statutory_date: released.map(|paid| date_to_wire(paid.statutory_date)),
        released_time: released_at.map(instant_to_wire),
    })
}

/// What a title's tracker shows.
pub const fn title_state(state: TitleState) -> wire::TitleState {
    match state {
        TitleState::NoLien => wire::TitleState::Unspecified,
        TitleState::LienHeld => wire::TitleState::LienHeld,
        TitleState::PaidOffOnHold => wire::TitleState::PaidOffOnHold,
        TitleState::Released => wire::TitleState::Released,
        TitleState::PayoffReturnedAfterRelease => wire::TitleState::PayoffReturnedAfterRelease,
    }
}
