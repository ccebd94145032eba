//! The commands of an import as the contract's requests.

use ledger::domain::account::commands::Command;
use ledger::domain::account::terms::{Terms, Tolerance};
use ledger::domain::money::Money;
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::absee::portfolio::{Entry, Imported};
use crate::cli::CliError;
use crate::cli::render::{contract, parse};

/// The request of a command as one of a batch, named after what it is about: the same for the same
/// files, for ever.
pub(super) fn request(loan: &Imported, entry: &Entry) -> Result<DynamicMessage, CliError> {
    let id = request_id(&loan.asset, entry);
    let account = loan.account.as_str();
    let request = |command: &str, fields: Json| {
        let mut request = json!({"account_id": account, "request_id": id});
        if let (Some(into), Json::Object(fields)) = (request.as_object_mut(), fields) {
            into.extend(fields);
        }
        in_batch(command, &request)
    };
    match &entry.step.command {
        Command::OpenAccount { terms, .. } => request("open_account", opening(terms)),
        Command::ReceivePayment(receipt) => {
            let (amount, on) = (receipt.amount.to_string(), receipt.received_date);
            let payment = json!({"channel": "bill_pay", "amount": amount, "received_date": on});
            request("receive_payment", payment)
        }
        Command::AssessFee { kind, amount, effective_date, .. } => {
            let (kind, amount) = (kind.as_str(), amount.to_string());
            let fee = json!({"kind": kind, "amount": amount, "effective_date": effective_date});
            request("assess_fee", fee)
        }
        Command::ChangeRate { annual_rate, effective_date, .. } => request(
            "change_rate",
            json!({"annual_rate": annual_rate.to_string(), "effective_date": effective_date}),
        ),
        Command::GrantExtension(asked) => request(
            "grant_extension",
            json!({
                "kind": asked.kind.as_str(),
                "months": asked.months,
                "effective_date": asked.effective_date,
                "allow_over_limit": asked.allow_over_limit,
            }),
        ),
        Command::AdjustPrincipal { change, reason, effective_date, .. } => request(
            "adjust_principal",
            json!({
                "change": change.to_string(),
                "reason": reason,
                "effective_date": effective_date,
            }),
        ),
        Command::ChargeOff { principal, reason, effective_date, .. } => request(
            "charge_off",
            json!({
                "principal": principal.map(|principal| principal.to_string()),
                "reason": reason.as_str(),
                "effective_date": effective_date,
            }),
        ),
        other @ (Command::SchedulePayment(_)
        | Command::CancelPayment { .. }
        | Command::ApplyPayment { .. }
        | Command::ReturnPayment { .. }
        | Command::ReinstatePayment { .. }
        | Command::SettlePayment { .. }
        | Command::WaiveFee { .. }
        | Command::ChangeDueDate { .. }
        | Command::ReturnVehicle { .. }
        | Command::QuotePayoff { .. }
        | Command::RefundCredit { .. }
        | Command::ReturnRefund { .. }
        | Command::SettleRefund { .. }
        | Command::AgeAccount
        | Command::RecordLien { .. }
        | Command::ReleaseLien) => Err(no_command_of_an_import(other)),
    }
}

fn no_command_of_an_import(other: &Command) -> CliError {
    CliError::Usage(format!("{} is no command of an import", other.name()))
}

fn in_batch(command: &str, request: &Json) -> Result<DynamicMessage, CliError> {
    let wrong = |cause: String| CliError::Usage(format!("{command}: {cause}"));
    let descriptor = contract().get_message_by_name("payledger.v1.BatchCommand");
    let descriptor = descriptor.ok_or_else(|| wrong("not in the contract".to_owned()))?;
    let message = parse::message(&descriptor, &json!({command: request}));
    message.map_err(|error| wrong(error.to_string()))
}

fn opening(terms: &Terms) -> Json {
    let plan = &terms.instalments;
    let text = |money: Money| (!money.is_zero()).then(|| money.to_string());
    let tolerance = terms.shortfall_tolerance.map(|tolerance| match tolerance {
        Tolerance::Amount(missing) => json!({"amount": missing.to_string()}),
        Tolerance::Share(share) => json!({"share": share.to_string()}),
    });
    let carry = terms.interest_carry.decimal();
    json!({
        "product": "auto_loan",
        "opened_date": terms.opened_date,
        "loan": {
            "annual_rate": terms.annual_rate.to_string(),
            "principal": terms.principal.to_string(),
            "interest_paid_through_date": terms.interest_paid_through,
            "unpaid_interest": text(terms.unpaid_interest),
            "interest_carry": (!carry.is_zero()).then(|| carry.to_string()),
        },
        "instalment_plan": {
            "amount": plan.amount.to_string(),
            "first_due_date": plan.first_due_date,
            "day_of_month": plan.day_of_month,
            "instalment_count": plan.count,
            "first_amount_due": plan.first_amount_due.map(|amount| amount.to_string()),
        },
        "shortfall_tolerance": tolerance,
    })
}

/// A UUID of version 8, which leaves its content to whoever makes it: a digest of asset, month and
/// step.
fn request_id(asset: &str, entry: &Entry) -> String {
    let content = format!("abs-ee\n{asset}\n{}\n{}", entry.month, entry.step.name);
    let digest: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest) {
        *byte = from;
    }
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
