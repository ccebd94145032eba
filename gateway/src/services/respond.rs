//! What each mutating request is answered with, from what was recorded: a repeat gets the same.

use ledger::domain::account::events::Event;
use ledger::domain::account::state::OpenAccount;
use ledger::engine::Answer;
use ledger::ids::PaymentId;
use proto::payledger::v1 as wire;

use crate::convert::answers;
use crate::convert::commands::Asked;

/// A mutating request and its answer.
pub(super) trait Respond {
    /// The response of the contract.
    type Response;

    /// The response that `answer` makes. None only if the events lack what was asked for, which
    /// would be a fault of ours.
    fn respond(asked: &Asked, answer: &Answer) -> Option<Self::Response>;
}

fn open(answer: &Answer) -> Option<&OpenAccount> {
    answer.account.open()
}

/// The payment that a request made, or named.
fn payment_id(asked: &Asked, answer: &Answer) -> Option<PaymentId> {
    asked.command.payment().or_else(|| {
        answer.events.iter().find_map(|event| match event {
            Event::PaymentScheduled(scheduled) => Some(scheduled.payment),
            Event::PaymentReceived(received) => Some(received.payment),
            Event::AccountOpened(_)
            | Event::PaymentCancelled(_)
            | Event::PaymentApplied(_)
            | Event::PaymentReturned(_)
            | Event::PaymentReinstated(_)
            | Event::FeeAssessed(_)
            | Event::FeeWaived(_)
            | Event::LienRecorded(_)
            | Event::AccountPaidOff(_)
            | Event::PayoffReversed(_)
            | Event::LienReleased(_)
            | Event::RequestRefused(_)
            | Event::NothingChanged(_) => None,
        })
    })
}

fn payment(asked: &Asked, answer: &Answer) -> Option<wire::Payment> {
    let account = open(answer)?;
    let payment = account.payments.get(&payment_id(asked, answer)?)?;
    Some(answers::payment(&asked.account, account.terms().product, payment))
}

fn fee(asked: &Asked, answer: &Answer) -> Option<wire::Fee> {
    use ledger::domain::account::commands::Command;
    let charged = answer.events.iter().find_map(|event| match event {
        Event::FeeAssessed(assessed) => Some(assessed.fee),
        Event::AccountOpened(_)
        | Event::PaymentScheduled(_)
        | Event::PaymentCancelled(_)
        | Event::PaymentApplied(_)
        | Event::PaymentReceived(_)
        | Event::PaymentReturned(_)
        | Event::PaymentReinstated(_)
        | Event::FeeWaived(_)
        | Event::LienRecorded(_)
        | Event::AccountPaidOff(_)
        | Event::PayoffReversed(_)
        | Event::LienReleased(_)
        | Event::RequestRefused(_)
        | Event::NothingChanged(_) => None,
    });
    let id = match &asked.command {
        Command::WaiveFee { fee } => *fee,
        Command::AssessFee { .. }
        | Command::OpenAccount { .. }
        | Command::SchedulePayment { .. }
        | Command::CancelPayment { .. }
        | Command::ApplyPayment { .. }
        | Command::ReceivePayment { .. }
        | Command::ReturnPayment { .. }
        | Command::ReinstatePayment { .. }
        | Command::RecordLien { .. }
        | Command::ReleaseLien => charged?,
    };
    open(answer)?.fees.get(&id).map(|charged| answers::fee(id, charged))
}

fn title(asked: &Asked, answer: &Answer) -> Option<wire::Title> {
    answers::title(&asked.account, open(answer)?)
}

/// The account as it was opened, its balance as of the opening date.
fn account(asked: &Asked, answer: &Answer) -> Option<wire::Account> {
    let account = open(answer)?;
    Some(answers::account(&asked.account, account, account.terms().opened_date))
}

macro_rules! responds {
    ($($request:ident => $response:ident { $field:ident: $resource:expr },)+) => {
        $(impl Respond for wire::$request {
            type Response = wire::$response;

            fn respond(asked: &Asked, answer: &Answer) -> Option<Self::Response> {
                Some(wire::$response {
                    $field: Some($resource(asked, answer)?),
                    position: answer.position.0,
                    replayed: answer.replayed,
                })
            }
        })+
    };
}

responds! {
    OpenAccountRequest => OpenAccountResponse { account: account },
    AssessFeeRequest => AssessFeeResponse { fee: fee },
    WaiveFeeRequest => WaiveFeeResponse { fee: fee },
    SchedulePaymentRequest => SchedulePaymentResponse { payment: payment },
    CancelPaymentRequest => CancelPaymentResponse { payment: payment },
    ReceivePaymentRequest => ReceivePaymentResponse { payment: payment },
    ReturnPaymentRequest => ReturnPaymentResponse { payment: payment },
    ReinstatePaymentRequest => ReinstatePaymentResponse { payment: payment },
    RecordLienRequest => RecordLienResponse { title: title },
    ReleaseLienRequest => ReleaseLienResponse { title: title },
}
