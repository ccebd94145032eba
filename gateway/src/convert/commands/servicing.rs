//! What a servicer does to a contract, as commands.

use ledger::domain::account::commands::{Command, GrantExtension, LeaseCharge};
use ledger::domain::account::events::{ChargeOffReason, ExtensionKind};
use ledger::domain::money::AMOUNT_MAX;
use ledger::ids::RefundId;
use proto::payledger::v1 as wire;

use super::{Asked, Mutation, asked, preview_if_set};
use crate::convert::{Field, FieldError, enums, ids, money, required, text, time};

/// The longest reason of a correction.
const REASON_CHARS_MAX: usize = 200;

/// The most months by which one grant moves due dates.
const MONTHS_MAX: u32 = 12;

impl Mutation for wire::ChangeRateRequest {
    fn asked(&self) -> Field<Asked> {
        let command = Command::ChangeRate {
            annual_rate: money::rate("annual_rate", &self.annual_rate)?,
            effective_date: time::date("effective_date", self.effective_date.as_ref())?,
            preview: preview_if_set(&self.preview_hash)?,
        };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::AdjustPrincipalRequest {
    fn asked(&self) -> Field<Asked> {
        let change = money::money("change", required("change", self.change.as_ref())?)?;
        if change.is_zero() {
            return Err(FieldError::new("change", "must not be zero"));
        }
        if change > AMOUNT_MAX.money() || -change > AMOUNT_MAX.money() {
            return Err(FieldError::new("change", "is too large").fact("amount", change));
        }
        let reason = text("reason", &self.reason, REASON_CHARS_MAX)?;
        if reason.trim().is_empty() {
            return Err(FieldError::missing("reason"));
        }
        let command = Command::AdjustPrincipal {
            change,
            reason,
            effective_date: time::date("effective_date", self.effective_date.as_ref())?,
            preview: preview_if_set(&self.preview_hash)?,
        };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::GrantExtensionRequest {
    fn asked(&self) -> Field<Asked> {
        let kind = match enums::member("kind", self.kind)? {
            wire::ExtensionKind::Unspecified => return Err(FieldError::missing("kind")),
            wire::ExtensionKind::Extension => ExtensionKind::Extension,
            wire::ExtensionKind::Deferral => ExtensionKind::Deferral,
        };
        let months = u32::try_from(self.months).ok().filter(|it| (1..=MONTHS_MAX).contains(it));
        let command = Command::GrantExtension(GrantExtension {
            kind,
            months: months.ok_or_else(|| FieldError::new("months", "must be 1 to 12"))?,
            effective_date: time::date("effective_date", self.effective_date.as_ref())?,
            allow_over_limit: self.allow_over_limit,
            preview: preview_if_set(&self.preview_hash)?,
        });
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::ChangeDueDateRequest {
    fn asked(&self) -> Field<Asked> {
        let day = u32::try_from(self.day_of_month).ok().filter(|it| (1..=31).contains(it));
        let command = Command::ChangeDueDate {
            day_of_month: day.ok_or_else(|| FieldError::new("day_of_month", "must be 1 to 31"))?,
            effective_date: time::date("effective_date", self.effective_date.as_ref())?,
            preview: preview_if_set(&self.preview_hash)?,
        };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::ChargeOffRequest {
    fn asked(&self) -> Field<Asked> {
        let reason = match enums::member("reason", self.reason)? {
            wire::ChargeOffReason::Unspecified => return Err(FieldError::missing("reason")),
            wire::ChargeOffReason::Delinquency => ChargeOffReason::Delinquency,
            wire::ChargeOffReason::Bankruptcy => ChargeOffReason::Bankruptcy,
            wire::ChargeOffReason::Fraud => ChargeOffReason::Fraud,
            wire::ChargeOffReason::Deficiency => ChargeOffReason::Deficiency,
            wire::ChargeOffReason::Other => ChargeOffReason::Other,
        };
        let command = Command::ChargeOff {
            principal: money::amount_if_set("principal", self.principal.as_ref())?,
            reason,
            effective_date: time::date("effective_date", self.effective_date.as_ref())?,
            preview: preview_if_set(&self.preview_hash)?,
        };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::ReturnVehicleRequest {
    fn asked(&self) -> Field<Asked> {
        let mut charges: Vec<LeaseCharge> = Vec::new();
        for (place, charge) in self.charges.iter().enumerate() {
            let field = format!("charges[{place}]");
            let kind = enums::fee_kind(&format!("{field}.kind"), charge.kind)?;
            let twice = charges.iter().any(|other| other.kind == kind);
            if twice || !kind.is_lease_charge() {
                let problem = if twice { "is there twice" } else { "is no charge of a lease" };
                return Err(FieldError::new(&format!("{field}.kind"), problem));
            }
            let amount = money::amount(&format!("{field}.amount"), charge.amount.as_ref())?;
            charges.push(LeaseCharge { kind, amount });
        }
        let command = Command::ReturnVehicle {
            effective_date: time::date("effective_date", self.effective_date.as_ref())?,
            charges,
            preview: preview_if_set(&self.preview_hash)?,
        };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::QuotePayoffRequest {
    fn asked(&self) -> Field<Asked> {
        let good_through_date = time::date("good_through_date", self.good_through_date.as_ref())?;
        let command = Command::QuotePayoff { good_through_date };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::RefundCreditRequest {
    fn asked(&self) -> Field<Asked> {
        let amount = money::amount_if_set("amount", self.amount.as_ref())?;
        asked(&self.account_id, &self.request_id, Command::RefundCredit { amount })
    }
}

impl Mutation for wire::ReturnRefundRequest {
    fn asked(&self) -> Field<Asked> {
        let refund = RefundId::from_uuid(ids::uuid("refund_id", &self.refund_id)?);
        asked(&self.account_id, &self.request_id, Command::ReturnRefund { refund })
    }
}

impl Mutation for wire::SettleRefundRequest {
    fn asked(&self) -> Field<Asked> {
        let refund = RefundId::from_uuid(ids::uuid("refund_id", &self.refund_id)?);
        let settlement_date = time::date("settlement_date", self.settlement_date.as_ref())?;
        let command = Command::SettleRefund { refund, settlement_date };
        asked(&self.account_id, &self.request_id, command)
    }
}

impl Mutation for wire::AgeAccountRequest {
    fn asked(&self) -> Field<Asked> {
        asked(&self.account_id, &self.request_id, Command::AgeAccount)
    }
}
