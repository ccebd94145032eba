//! Requests for a preview, as the requests that would carry the change out, and what becomes of a
//! payment.

use ledger::domain::account::refusal::Refusal;
use ledger::domain::cutoff::{CutoffRefusal, Slot};
use proto::payledger::v1 as wire;
use wire::preview_change_request::Change;
use wire::preview_payment_response::Outcome;

use super::commands::{Asked, Mutation};
use super::time::{date_to_wire, instant_to_wire};
use super::{Field, FieldError};

/// Stands in for the id of a request that is not made: whatever is derived from it goes to nobody.
const NO_REQUEST: &str = "00000000-0000-4000-8000-000000000000";

/// A request for a preview.
pub trait Previewed {
    /// The change that is asked about; refuses the first field that cannot be read.
    fn change(&self) -> Field<Asked>;
}

/// What becomes of a payment by the rules of its cut-offs, with what the customer should be told if
/// it is taken.
pub fn placed(slot: Result<Slot, CutoffRefusal>, warnings: Vec<i32>) -> Outcome {
    match slot {
        Ok(slot) => Outcome::Accepted(wire::PreviewAccepted {
            window: slot.window.to_string(),
            cancel_before_time: Some(instant_to_wire(slot.cutoff_at)),
            effective_date: Some(date_to_wire(slot.effective_date)),
            origination_date: Some(date_to_wire(slot.origination_date)),
            warnings,
        }),
        Err(refusal) => Outcome::Refused(refused(&refusal.into())),
    }
}

/// A refusal as an answer.
pub fn refused(refusal: &Refusal) -> wire::PreviewRefused {
    let facts = refusal.facts();
    let earliest = facts.iter().find(|(name, _)| name == "earliest_date");
    let earliest_date = earliest.and_then(|(_, date)| date.parse().ok()).map(date_to_wire);
    wire::PreviewRefused {
        reason: refusal.reason().to_owned(),
        message: refusal.to_string(),
        metadata: facts.into_iter().collect(),
        earliest_date,
    }
}

fn no_request() -> String {
    NO_REQUEST.to_owned()
}

impl Previewed for wire::PreviewReturnRequest {
    fn change(&self) -> Field<Asked> {
        let request = wire::ReturnPaymentRequest {
            request_id: no_request(),
            account_id: self.account_id.clone(),
            payment_id: self.payment_id.clone(),
            return_code: self.return_code.clone(),
            preview_hash: String::new(),
        };
        request.asked()
    }
}

impl Previewed for wire::PreviewReceiveRequest {
    fn change(&self) -> Field<Asked> {
        let request = wire::ReceivePaymentRequest {
            request_id: no_request(),
            account_id: self.account_id.clone(),
            channel: self.channel,
            amount: self.amount.clone(),
            received_date: self.received_date,
            reference: self.reference.clone(),
            third_party_fee: self.third_party_fee.clone(),
            allow_duplicate: self.allow_duplicate,
            payoff_quote_id: self.payoff_quote_id.clone(),
            guaranteed_funds: self.guaranteed_funds,
            paid_by_dealer: self.paid_by_dealer,
            preview_hash: String::new(),
        };
        request.asked()
    }
}

impl Previewed for wire::PreviewReinstatementRequest {
    fn change(&self) -> Field<Asked> {
        let request = wire::ReinstatePaymentRequest {
            request_id: no_request(),
            account_id: self.account_id.clone(),
            payment_id: self.payment_id.clone(),
            preview_hash: String::new(),
        };
        request.asked()
    }
}

macro_rules! changes {
    ($($variant:ident = $name:literal,)+) => {
        impl Previewed for wire::PreviewChangeRequest {
            fn change(&self) -> Field<Asked> {
                let change = self.change.as_ref().ok_or_else(|| FieldError::missing("change"))?;
                match change {
                    $(Change::$variant(request) => {
                        let mut request = request.clone();
                        request.request_id = no_request();
                        request.preview_hash.clear();
                        request.asked().map_err(|error| within($name, error))
                    })+
                }
            }
        }
    };
}

changes! {
    ChangeRate = "change_rate",
    AdjustPrincipal = "adjust_principal",
    GrantExtension = "grant_extension",
    ChangeDueDate = "change_due_date",
    ChargeOff = "charge_off",
    AssessFee = "assess_fee",
    WaiveFee = "waive_fee",
    ReturnVehicle = "return_vehicle",
}

/// The same fault, of a request that is a field of another.
fn within(name: &str, error: FieldError) -> FieldError {
    FieldError { field: format!("{name}.{}", error.field), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_needs_no_request_id_and_looks_at_no_hash() {
        let change = wire::ChangeRateRequest {
            account_id: "a-1".to_owned(),
            annual_rate: "0.05".to_owned(),
            effective_date: Some(proto::google::r#type::Date { year: 2026, month: 3, day: 3 }),
            request_id: "rubbish".to_owned(),
            preview_hash: "!".to_owned(),
        };
        let mut request = wire::PreviewChangeRequest {
            change: Some(Change::ChangeRate(change)),
            min_position: 0,
        };
        let asked = request.change().unwrap();
        assert_eq!((asked.account.as_str(), asked.command.preview()), ("a-1", None));
        if let Some(Change::ChangeRate(change)) = &mut request.change {
            change.annual_rate = "5 %".to_owned();
        }
        assert_eq!(request.change().unwrap_err().field, "change_rate.annual_rate");
        request.change = None;
        assert_eq!(request.change().unwrap_err().field, "change");
    }
}
