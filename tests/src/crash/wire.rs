//! The limited mix on the wire: what is asked as requests, and answers as the check reads them.

use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::batch_result::Outcome;
use proto::payledger::v1::{
    AssessFeeRequest, BatchResult, Channel, FeeKind, GetBalanceRequest, ListPaymentsRequest,
    Payment, ReturnPaymentRequest,
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::history::{Ask, Told};
use crate::client::{Client, cancel, receive, schedule};
use crate::refusals::Refused;
use crate::requests::{cents, interest_free, money};
use crate::servicing::settlement;

/// Reasons by which the service says that it has not taken a command, or does not know.
const TRY_AGAIN: &[&str] = &[
    "DEADLINE_PASSED",
    "OUTCOME_UNKNOWN",
    "OVERLOADED",
    "PROJECTION_BEHIND",
    "SHUTTING_DOWN",
    "STALE_REQUEST",
    "STORE_UNAVAILABLE",
    "VERSION_CONFLICT",
];

fn dollars(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A command as its request.
pub(super) fn command(request: &str, account: &str, ask: &Ask) -> Command {
    let request_id = request.to_owned();
    let account_id = account.to_owned();
    match ask {
        Ask::Open { principal } => {
            let mut open = interest_free(account, &dollars(*principal));
            open.request_id = request_id;
            Command::OpenAccount(Box::new(open))
        }
        Ask::Schedule { amount, date } => {
            let mut it = schedule("", account, &dollars(*amount), date);
            it.request_id = request_id;
            Command::SchedulePayment(it)
        }
        Ask::Cancel { payment } => {
            let mut it = cancel("", account, payment);
            it.request_id = request_id;
            Command::CancelPayment(it)
        }
        Ask::Receive { amount, date, reference } => {
            let mut it = receive(reference, account, Channel::Wire, &dollars(*amount), date);
            it.request_id = request_id;
            Command::ReceivePayment(it)
        }
        Ask::Return { payment } => Command::ReturnPayment(ReturnPaymentRequest {
            request_id,
            account_id,
            payment_id: payment.clone(),
            return_code: "R01".to_owned(),
            ..ReturnPaymentRequest::default()
        }),
        Ask::Settle { payment, date } => {
            let mut it = settlement("", account, payment, date);
            it.request_id = request_id;
            Command::SettlePayment(it)
        }
        Ask::Fee { amount } => Command::AssessFee(AssessFeeRequest {
            request_id,
            account_id,
            kind: FeeKind::Late.into(),
            amount: Some(money(&dollars(*amount))),
            ..AssessFeeRequest::default()
        }),
        Ask::Balance { .. } | Ask::Payments { .. } => unreachable!("a question is no command"),
    }
}

/// Sends one command by the method of its own.
pub(super) async fn single(client: &Client, command: Command) -> Told {
    let outcome = match command {
        Command::OpenAccount(it) => {
            client.open(*it).await.map(|it| Outcome::OpenAccount(Box::new(it)))
        }
        Command::AssessFee(it) => {
            let answer = client.accounts().assess_fee(it).await;
            answer.map(|it| Outcome::AssessFee(Box::new(it.into_inner())))
        }
        Command::SchedulePayment(it) => {
            let answer = client.payments().schedule_payment(it).await;
            answer.map(|it| Outcome::SchedulePayment(Box::new(it.into_inner())))
        }
        Command::CancelPayment(it) => {
            let answer = client.payments().cancel_payment(it).await;
            answer.map(|it| Outcome::CancelPayment(Box::new(it.into_inner())))
        }
        Command::ReceivePayment(it) => {
            let answer = client.payments().receive_payment(it).await;
            answer.map(|it| Outcome::ReceivePayment(Box::new(it.into_inner())))
        }
        Command::ReturnPayment(it) => {
            let answer = client.payments().return_payment(it).await;
            answer.map(|it| Outcome::ReturnPayment(Box::new(it.into_inner())))
        }
        Command::SettlePayment(it) => {
            client.settle(it).await.map(|it| Outcome::SettlePayment(Box::new(it)))
        }
        other => unreachable!("not in the mix: {other:?}"),
    };
    match outcome {
        Ok(outcome) => done(&outcome),
        Err(status) => failed(&status),
    }
}

/// Sends commands in one batch.
pub(super) async fn batch(client: &Client, commands: Vec<Command>) -> Vec<Told> {
    let count = commands.len();
    match client.batch(commands).await {
        Ok(answer) => {
            assert_eq!(answer.results.len(), count, "one result for each command");
            answer.results.iter().map(result).collect()
        }
        Err(status) => vec![failed(&status); count],
    }
}

fn result(result: &BatchResult) -> Told {
    match result.outcome.as_ref().unwrap() {
        Outcome::Error(status) => refused(&Refused::of_command(status)),
        outcome => done(outcome),
    }
}

/// Asks a question.
pub(super) async fn question(client: &Client, account: &str, ask: &Ask) -> Told {
    let account_id = account.to_owned();
    match ask {
        Ask::Balance { min_position } => {
            let request = GetBalanceRequest {
                account_id,
                min_position: *min_position,
                ..GetBalanceRequest::default()
            };
            match client.accounts().get_balance(request).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    let balance = answer.balance.unwrap();
                    let amount =
                        cents(balance.principal.as_ref()) + cents(balance.fees_due.as_ref());
                    Told::Owed { position: answer.read_position, amount }
                }
                Err(status) => failed(&status),
            }
        }
        Ask::Payments { min_position } => {
            let request = ListPaymentsRequest {
                account_id,
                min_position: *min_position,
                page_size: 1000,
                ..ListPaymentsRequest::default()
            };
            match client.payments().list_payments(request).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    let mut payments: Vec<_> = answer.payments.iter().map(row).collect();
                    payments.sort();
                    Told::Listed { position: answer.read_position, payments }
                }
                Err(status) => failed(&status),
            }
        }
        _ => unreachable!("not a question"),
    }
}

fn row(payment: &Payment) -> (String, String, i64) {
    let settled = if payment.settlement_date.is_some() { ", settled" } else { "" };
    let state = format!("{}{settled}", payment.state().as_str_name());
    (payment.payment_id.clone(), state, cents(payment.amount.as_ref()))
}

fn done(outcome: &Outcome) -> Told {
    let of_payment = |payment: Option<&Payment>, position, replayed| {
        let (payment, state, amount) = row(payment.unwrap());
        Told::Done { position, replayed, amount, payment, state }
    };
    let (position, replayed, amount) = match outcome {
        Outcome::SchedulePayment(it) => {
            return of_payment(it.payment.as_ref(), it.position, it.replayed);
        }
        Outcome::CancelPayment(it) => {
            return of_payment(it.payment.as_ref(), it.position, it.replayed);
        }
        Outcome::ReceivePayment(it) => {
            return of_payment(it.payment.as_ref(), it.position, it.replayed);
        }
        Outcome::ReturnPayment(it) => {
            return of_payment(it.payment.as_ref(), it.position, it.replayed);
        }
        Outcome::SettlePayment(it) => {
            return of_payment(it.payment.as_ref(), it.position, it.replayed);
        }
        Outcome::OpenAccount(it) => {
            let balance = it.account.as_ref().unwrap().balance.as_ref().unwrap();
            (it.position, it.replayed, cents(balance.principal.as_ref()))
        }
        Outcome::AssessFee(it) => {
            let amount = cents(it.fee.as_ref().unwrap().amount.as_ref());
            (it.position, it.replayed, amount)
        }
        other => unreachable!("not in the mix: {other:?}"),
    };
    Told::Done { position, replayed, amount, payment: String::new(), state: String::new() }
}

/// A failed call. Without the service's own words it is the connection that failed.
fn failed(status: &Status) -> Told {
    match status.get_error_details().error_info() {
        Some(_) => refused(&Refused::read(status)),
        None => Told::Lost,
    }
}

fn refused(refused: &Refused) -> Told {
    let reason = refused.reason.clone();
    if TRY_AGAIN.contains(&reason.as_str()) {
        return Told::Lost;
    }
    match refused.facts.get("position") {
        Some(position) => {
            let replayed = refused.fact("replayed") == "true";
            Told::Refused { position: position.parse().unwrap(), replayed, reason }
        }
        None => Told::Rejected { reason },
    }
}
