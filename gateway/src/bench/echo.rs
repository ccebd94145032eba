//! The ceiling: a server of the same shape that does nothing and keeps nothing. It takes the
//! messages that are measured and answers each with one of the size that the service's has.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::Write;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use google::r#type::{Date, Money};
use prost_types::Timestamp;
use proto::google;
use proto::payledger::v1 as wire;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

use super::BenchError;
use crate::cli::serve::end_of_input;
use crate::page::PAGE_SIZE_DEFAULT;
use crate::server::BATCH_MESSAGE_BYTES_MAX;

/// How long a token is that names the next page of the payments that wait.
const TOKEN_LENGTH: usize = 86;

/// Serves on a free port of loopback until the process is ended, or its standard input ends.
pub(super) async fn serve(out: &mut impl Write) -> Result<(), BenchError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(BenchError::io("loopback"))?;
    let address = listener.local_addr().map_err(BenchError::io("loopback"))?;
    writeln!(out, "listening on {address}")
        .and_then(|()| out.flush())
        .map_err(BenchError::io("standard output"))?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let gone = async { drop(end_of_input().await) };
    let (accounts, payments) = (Echo::<Accounts>::default(), Echo::<Payments>::default());
    let router = Server::builder().add_service(accounts).add_service(payments);
    let ended = router.serve_with_incoming_shutdown(incoming, gone).await;
    ended.map_err(|error| BenchError::Server(format!("the echo server failed: {error}")))
}

/// The echo of one service; both know the methods of either.
#[derive(Debug, Default, Clone, Copy)]
struct Echo<S>(PhantomData<S>);

#[derive(Debug, Default, Clone, Copy)]
struct Accounts;

#[derive(Debug, Default, Clone, Copy)]
struct Payments;

impl NamedService for Echo<Accounts> {
    const NAME: &'static str = "payledger.v1.AccountService";
}

impl NamedService for Echo<Payments> {
    const NAME: &'static str = "payledger.v1.PaymentService";
}

/// A method that answers at once.
struct Method<F>(F);

impl<Q, A, F: FnMut(Q) -> A> UnaryService<Q> for Method<F> {
    type Response = A;
    type Future = Ready<Result<Response<A>, Status>>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        ready(Ok(Response::new((self.0)(request.into_inner()))))
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// Decodes, calls and encodes as a generated server does.
fn unary<Q, A>(request: http::Request<Body>, method: fn(Q) -> A) -> Answer
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Default + Send + 'static,
{
    Box::pin(async move {
        let codec: ProstCodec<A, Q> = ProstCodec::default();
        let mut grpc =
            Grpc::new(codec).apply_max_message_size_config(Some(BATCH_MESSAGE_BYTES_MAX), None);
        Ok(grpc.unary(Method(method), request).await)
    })
}

impl<S> Service<http::Request<Body>> for Echo<S> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        match request.uri().path() {
            "/payledger.v1.PaymentService/SchedulePayment" => unary(request, scheduled),
            "/payledger.v1.PaymentService/CancelPayment" => unary(request, cancelled),
            "/payledger.v1.PaymentService/ReceivePayment" => unary(request, received),
            "/payledger.v1.PaymentService/GetPayment" => unary(request, got),
            "/payledger.v1.PaymentService/ListPendingPayments" => unary(request, listed),
            "/payledger.v1.AccountService/GetBalance" => unary(request, owed),
            "/payledger.v1.PaymentService/ExecuteBatch" => unary(request, executed),
            _ => Box::pin(ready(Ok(Status::unimplemented("not echoed").into_http()))),
        }
    }
}

fn payment(account_id: String, payment_id: String, amount: Option<Money>) -> wire::Payment {
    let date = Some(Date { year: 2026, month: 3, day: 2 });
    let time = Some(Timestamp { seconds: 1_772_463_600, nanos: 0 });
    wire::Payment {
        payment_id,
        account_id,
        product: wire::Product::AutoLoan.into(),
        state: wire::PaymentState::Scheduled.into(),
        channel: wire::Channel::OwnAch.into(),
        amount,
        scheduled_time: time,
        payment_date: date,
        window: "15:00".to_owned(),
        cancel_before_time: time,
        effective_date: date,
        origination_date: date,
        ..wire::Payment::default()
    }
}

fn scheduled(asked: wire::SchedulePaymentRequest) -> wire::SchedulePaymentResponse {
    let payment = Some(payment(asked.account_id, asked.request_id, asked.amount));
    wire::SchedulePaymentResponse { payment, position: 1, replayed: false }
}

fn cancelled(asked: wire::CancelPaymentRequest) -> wire::CancelPaymentResponse {
    let mut payment = payment(asked.account_id, asked.payment_id, Some(dollars()));
    payment.cancelled_time = payment.scheduled_time;
    wire::CancelPaymentResponse { payment: Some(payment), position: 1, replayed: false }
}

fn received(asked: wire::ReceivePaymentRequest) -> wire::ReceivePaymentResponse {
    let mut payment = payment(asked.account_id, asked.request_id, asked.amount);
    payment.applied_time = payment.scheduled_time;
    payment.allocation = Some(wire::Allocation {
        interest: Some(dollars()),
        principal: Some(dollars()),
        ..wire::Allocation::default()
    });
    payment.billing = Some(wire::Billing {
        instalments: vec![wire::SatisfiedInstalment {
            number: 1,
            due_date: payment.effective_date,
            amount: Some(dollars()),
        }],
        fees: Some(dollars()),
        ahead: Some(dollars()),
    });
    wire::ReceivePaymentResponse { payment: Some(payment), position: 1, replayed: false }
}

fn got(asked: wire::GetPaymentRequest) -> wire::GetPaymentResponse {
    let payment = payment(asked.account_id, asked.payment_id, Some(dollars()));
    let read_time = payment.scheduled_time;
    wire::GetPaymentResponse { payment: Some(payment), read_position: 1, read_time }
}

fn listed(_: wire::ListPendingPaymentsRequest) -> wire::ListPendingPaymentsResponse {
    // The lengths of an account's name, of a payment's id and of a token.
    let row = |_| payment("a".repeat(13), "b".repeat(36), Some(dollars()));
    let payments: Vec<_> = (0..PAGE_SIZE_DEFAULT).map(row).collect();
    let read_time = payments.first().and_then(|payment| payment.scheduled_time);
    let next_page_token = "c".repeat(TOKEN_LENGTH);
    wire::ListPendingPaymentsResponse { payments, next_page_token, read_position: 1, read_time }
}

fn owed(asked: wire::GetBalanceRequest) -> wire::GetBalanceResponse {
    let date = Some(Date { year: 2026, month: 3, day: 2 });
    let (nothing, all) = (|| Some(of_dollars(0)), || Some(of_dollars(25_000)));
    let balance = wire::Balance {
        effective_date: date,
        principal: all(),
        accrued_interest: nothing(),
        fees_due: nothing(),
        rentals_due: nothing(),
        credit_balance: nothing(),
        payoff_amount: all(),
        past_due_amount: nothing(),
        next_due_date: date,
        oldest_unpaid_due_date: date,
        charged_off_amount: nothing(),
        billed_amount: nothing(),
        ..wire::Balance::default()
    };
    wire::GetBalanceResponse {
        account_id: asked.account_id,
        product: wire::Product::AutoLoan.into(),
        state: wire::AccountState::Open.into(),
        balance: Some(balance),
        read_position: 1,
        read_time: Some(Timestamp { seconds: 1_772_463_600, nanos: 0 }),
    }
}

fn executed(asked: wire::ExecuteBatchRequest) -> wire::ExecuteBatchResponse {
    use wire::batch_command::Command;
    use wire::batch_result::Outcome;
    let results = asked.commands.into_iter().map(|command| {
        let outcome = match command.command {
            Some(Command::SchedulePayment(it)) => {
                Some(Outcome::SchedulePayment(Box::new(scheduled(it))))
            }
            Some(Command::CancelPayment(it)) => {
                Some(Outcome::CancelPayment(Box::new(cancelled(it))))
            }
            Some(Command::ReceivePayment(it)) => {
                Some(Outcome::ReceivePayment(Box::new(received(it))))
            }
            Some(_) | None => None,
        };
        wire::BatchResult { outcome }
    });
    wire::ExecuteBatchResponse { results: results.collect(), position: 1 }
}

fn dollars() -> Money {
    of_dollars(25)
}

fn of_dollars(units: i64) -> Money {
    Money { currency_code: "USD".to_owned(), units, nanos: 0 }
}
