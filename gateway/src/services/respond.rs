//! What each mutating request is answered with, from what was recorded: a repeat gets the same.

use ledger::domain::account::commands::{Command, GrantExtension};
use ledger::domain::account::events::Event;
use ledger::domain::account::state::OpenAccount;
use ledger::engine::{Answer, Request};
use ledger::ids::{FeeId, PaymentId};
use proto::payledger::v1 as wire;

use crate::convert::answers;

/// A mutating request and its answer.
pub(super) trait Respond {
    /// The response of the contract.
    type Response;

    /// The response that `answer` makes. None only if the events lack what was asked for, which
    /// would be a fault of ours.
    fn respond(asked: &Request, answer: &Answer) -> Option<Self::Response>;
}

fn open(answer: &Answer) -> Option<&OpenAccount> {
    answer.account.open()
}

/// The payment that a request made, or named.
fn payment_id(asked: &Request, answer: &Answer) -> Option<PaymentId> {
    let made = |event: &Event| {
        if let Event::PaymentScheduled(scheduled) = event {
            return Some(scheduled.payment);
        }
        let Event::PaymentReceived(received) = event else { return None };
        Some(received.payment)
    };
    asked.command.payment().or_else(|| answer.events.iter().find_map(made))
}

fn payment(asked: &Request, answer: &Answer) -> Option<wire::Payment> {
    let account = open(answer)?;
    let payment = account.payments.get(&payment_id(asked, answer)?)?;
    Some(answers::payment(&asked.account, account, payment))
}

/// The fees that a request charged.
fn charged(answer: &Answer) -> impl Iterator<Item = FeeId> {
    answer.events.iter().filter_map(|event| {
        let Event::FeeAssessed(assessed) = event else { return None };
        Some(assessed.fee)
    })
}

fn fee(asked: &Request, answer: &Answer) -> Option<wire::Fee> {
    let id = if let Command::WaiveFee { fee, .. } = &asked.command {
        *fee
    } else {
        charged(answer).next()?
    };
    open(answer)?.fees.get(&id).map(|charged| answers::fee(id, charged))
}

fn quote(asked: &Request, answer: &Answer) -> Option<wire::PayoffQuote> {
    let id = answer.events.iter().find_map(|event| {
        let Event::PayoffQuoted(quoted) = event else { return None };
        Some(quoted.quote)
    });
    answers::quote(&asked.account, open(answer)?, id?)
}

fn refund(asked: &Request, answer: &Answer) -> Option<wire::Refund> {
    let made = answer.events.iter().find_map(|event| {
        let Event::CreditRefunded(refunded) = event else { return None };
        Some(refunded.refund)
    });
    let id = if let Command::ReturnRefund { refund } | Command::SettleRefund { refund, .. } =
        &asked.command
    {
        *refund
    } else {
        made?
    };
    let refund = open(answer)?.refunds.get(&id)?;
    Some(answers::refund(&asked.account, id, refund))
}

fn charge_off(asked: &Request, answer: &Answer) -> Option<wire::ChargeOff> {
    answer.events.iter().find_map(|event| {
        let Event::AccountChargedOff(recorded) = event else { return None };
        Some(answers::charge_off(&asked.account, recorded))
    })
}

fn title(asked: &Request, answer: &Answer) -> Option<wire::Title> {
    answers::title(&asked.account, open(answer)?)
}

/// The account as it was opened or changed, its balance as of the date from which that counts: a
/// repeat is answered with the same.
fn account(asked: &Request, answer: &Answer) -> Option<wire::Account> {
    let account = open(answer)?;
    let as_of = if let Command::ChangeRate { effective_date, .. }
    | Command::AdjustPrincipal { effective_date, .. }
    | Command::GrantExtension(GrantExtension { effective_date, .. })
    | Command::ChangeDueDate { effective_date, .. }
    | Command::ReturnVehicle { effective_date, .. } = &asked.command
    {
        *effective_date
    } else {
        account.terms().opened_date
    };
    Some(answers::account(&asked.account, account, as_of))
}

macro_rules! responds {
    ($($request:ident => $response:ident { $field:ident: $resource:expr },)+) => {
        $(impl Respond for wire::$request {
            type Response = wire::$response;

            fn respond(asked: &Request, answer: &Answer) -> Option<Self::Response> {
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
    SettlePaymentRequest => SettlePaymentResponse { payment: payment },
    RecordLienRequest => RecordLienResponse { title: title },
    ReleaseLienRequest => ReleaseLienResponse { title: title },
    ChangeRateRequest => ChangeRateResponse { account: account },
    AdjustPrincipalRequest => AdjustPrincipalResponse { account: account },
    GrantExtensionRequest => GrantExtensionResponse { account: account },
    ChangeDueDateRequest => ChangeDueDateResponse { account: account },
    ChargeOffRequest => ChargeOffResponse { charge_off: charge_off },
    ReturnVehicleRequest => ReturnVehicleResponse { account: account },
    QuotePayoffRequest => QuotePayoffResponse { quote: quote },
    RefundCreditRequest => RefundCreditResponse { refund: refund },
    ReturnRefundRequest => ReturnRefundResponse { refund: refund },
    SettleRefundRequest => SettleRefundResponse { refund: refund },
}

impl Respond for wire::AgeAccountRequest {
    type Response = wire::AgeAccountResponse;

    fn respond(_: &Request, answer: &Answer) -> Option<Self::Response> {
        let account = open(answer)?;
        let fees = charged(answer)
            .filter_map(|id| account.fees.get(&id).map(|charged| answers::fee(id, charged)));
        Some(wire::AgeAccountResponse {
            fees: fees.collect(),
            position: answer.position.0,
            replayed: answer.replayed,
            non_accrual: account.book.is_non_accrual(),
        })
    }
}
