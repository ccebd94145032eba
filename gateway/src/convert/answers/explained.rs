//! What makes a figure, as the contract tells it.

use ledger::domain::account::book::explain::{Figure, What};
use ledger::engine::{ExplainedLine, Source};
use proto::payledger::v1 as wire;
use wire::ExplainedBy;

use super::number;
use crate::convert::enums::fee_kind_to_wire;
use crate::convert::money::to_wire;
use crate::convert::time::{date_to_wire, instant_to_wire};

/// A figure.
pub const fn figure(figure: Figure) -> wire::Figure {
    match figure {
        Figure::Principal => wire::Figure::Principal,
        Figure::AccruedInterest => wire::Figure::AccruedInterest,
        Figure::FeesDue => wire::Figure::FeesDue,
        Figure::RentalsDue => wire::Figure::RentalsDue,
        Figure::RentalsRemaining => wire::Figure::RentalsRemaining,
        Figure::PastDue => wire::Figure::PastDue,
        Figure::ChargedOff => wire::Figure::ChargedOff,
        Figure::CreditBalance => wire::Figure::CreditBalance,
        Figure::Payoff => wire::Figure::Payoff,
    }
}

/// A line of an explanation.
pub fn line(explained: &ExplainedLine) -> wire::ExplainedLine {
    let line = &explained.line;
    let mut wire = wire::ExplainedLine {
        part: figure(line.part).into(),
        amount: line.amount.to_string(),
        effective_date: line.effective_date.map(date_to_wire),
        source: explained.source.as_ref().map(source),
        restated_by: explained.restated_by.as_ref().map(source),
        ..wire::ExplainedLine::default()
    };
    let by = match &line.what {
        What::Boarded => ExplainedBy::Boarded,
        What::Carry => ExplainedBy::Carry,
        What::Accrued { days, principal, rate } => {
            wire.accrual = Some(wire::ExplainedAccrual {
                from_date: Some(date_to_wire(days.from)),
                to_date: Some(date_to_wire(days.to)),
                days: days.count,
                divisor: number(days.divisor),
                principal: Some(to_wire(*principal)),
                annual_rate: rate.to_string(),
            });
            ExplainedBy::Accrual
        }
        What::Payment(id) => {
            wire.payment_id = id.to_string();
            ExplainedBy::Payment
        }
        What::WriteOff(id) => {
            wire.payment_id = id.to_string();
            ExplainedBy::WriteOff
        }
        What::Fee(id, kind) => {
            wire.fee_id = id.to_string();
            wire.set_fee_kind(fee_kind_to_wire(*kind));
            ExplainedBy::Fee
        }
        What::Refund(id) => {
            wire.refund_id = id.to_string();
            ExplainedBy::Refund
        }
        What::Adjustment(_) => ExplainedBy::Adjustment,
        What::ChargeOff(id) => {
            wire.charge_off_id = id.to_string();
            ExplainedBy::ChargeOff
        }
        What::Instalment { number: instalment, due_date } => {
            wire.instalment_number = number(*instalment);
            wire.due_date = Some(date_to_wire(*due_date));
            ExplainedBy::Instalment
        }
        What::VehicleReturned => ExplainedBy::VehicleReturned,
        What::Rounding => ExplainedBy::Rounding,
        What::Tolerance => ExplainedBy::Tolerance,
        What::PaidAhead => ExplainedBy::PaidAhead,
        What::NotOwed => ExplainedBy::NotOwed,
        What::Matured => ExplainedBy::Matured,
        What::LeftOver => ExplainedBy::LeftOver,
        What::Residual => ExplainedBy::Residual,
        What::SalesTax => ExplainedBy::SalesTax,
        What::TaxNotDue => ExplainedBy::TaxNotDue,
    };
    wire.set_explained_by(by);
    wire
}

fn source(source: &Source) -> wire::ExplainedSource {
    wire::ExplainedSource {
        position: source.position.0,
        version: source.version.0,
        event_id: source.event_id.to_string(),
        r#type: source.kind.clone(),
        received_time: Some(instant_to_wire(source.received_at)),
        request_id: source.request_id.to_string(),
        rules_version: source.rules.clone(),
    }
}
