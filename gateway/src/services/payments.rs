//! `PaymentService`: payments from the preview to the return.

use ledger::cycles::cutoff::WindowKey;
use ledger::domain::account::commands::{Command, SchedulePayment};
use ledger::domain::account::events::Event;
use ledger::domain::calendar::LAST_DATE;
use ledger::domain::cutoff::{Slot, Window, eastern_date, place};
use ledger::domain::money::{Amount, Money};
use ledger::domain::rulebook::Limits;
use ledger::engine::EngineError;
use projections::queries::payments::{PaymentFilter, PaymentRow, PaymentState, PendingFilter};
use proto::payledger::v1 as wire;
use tonic::{Request, Response, Status};
use wire::payment_service_server::PaymentService;
use wire::preview_payment_request::Subject;
use wire::preview_payment_response::Outcome;

use super::Gateway;
use crate::convert::enums::{channel_to_wire, product_to_wire};
use crate::convert::previews::{placed, refused};
use crate::convert::time::{date_to_wire, instant_to_wire};
use crate::convert::{Field, FieldError, answers, enums, ids, money, time};
use crate::page;
use crate::status::Failure;

#[tonic::async_trait]
impl PaymentService for Gateway {
    async fn preview_payment(
        &self,
        request: Request<wire::PreviewPaymentRequest>,
    ) -> Result<Response<wire::PreviewPaymentResponse>, Status> {
        let request = request.into_inner();
        let read_position = self.log_position(request.min_position).await?;
        let outcome = self.preview(&request).await?;
        Ok(Response::new(wire::PreviewPaymentResponse {
            outcome: Some(outcome),
            read_position: read_position.0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn schedule_payment(
        &self,
        request: Request<wire::SchedulePaymentRequest>,
    ) -> Result<Response<wire::SchedulePaymentResponse>, Status> {
        self.mutate(request).await
    }

    async fn cancel_payment(
        &self,
        request: Request<wire::CancelPaymentRequest>,
    ) -> Result<Response<wire::CancelPaymentResponse>, Status> {
        self.mutate(request).await
    }

    async fn receive_payment(
        &self,
        request: Request<wire::ReceivePaymentRequest>,
    ) -> Result<Response<wire::ReceivePaymentResponse>, Status> {
        self.mutate(request).await
    }

    async fn return_payment(
        &self,
        request: Request<wire::ReturnPaymentRequest>,
    ) -> Result<Response<wire::ReturnPaymentResponse>, Status> {
        self.mutate(request).await
    }

    async fn reinstate_payment(
        &self,
        request: Request<wire::ReinstatePaymentRequest>,
    ) -> Result<Response<wire::ReinstatePaymentResponse>, Status> {
        self.mutate(request).await
    }

    async fn settle_payment(
        &self,
        request: Request<wire::SettlePaymentRequest>,
    ) -> Result<Response<wire::SettlePaymentResponse>, Status> {
        self.mutate(request).await
    }

    async fn execute_batch(
        &self,
        request: Request<wire::ExecuteBatchRequest>,
    ) -> Result<Response<wire::ExecuteBatchResponse>, Status> {
        self.carry_out_batch(request).await
    }

    async fn preview_return(
        &self,
        request: Request<wire::PreviewReturnRequest>,
    ) -> Result<Response<wire::PreviewReturnResponse>, Status> {
        self.return_preview(request.into_inner()).await.map(Response::new)
    }

    async fn preview_receive(
        &self,
        request: Request<wire::PreviewReceiveRequest>,
    ) -> Result<Response<wire::PreviewReceiveResponse>, Status> {
        self.receive_preview(request.into_inner()).await.map(Response::new)
    }

    async fn preview_reinstatement(
        &self,
        request: Request<wire::PreviewReinstatementRequest>,
    ) -> Result<Response<wire::PreviewReinstatementResponse>, Status> {
        self.reinstatement_preview(request.into_inner()).await.map(Response::new)
    }

    async fn get_payment(
        &self,
        request: Request<wire::GetPaymentRequest>,
    ) -> Result<Response<wire::GetPaymentResponse>, Status> {
        let request = request.into_inner();
        let account = ids::account_id("account_id", &request.account_id)?;
        let id = ids::payment_id("payment_id", &request.payment_id)?;
        let position = self.log_position(request.min_position).await?;
        let folded = self.account(&account, None).await?;
        let found = folded.open().and_then(|open| {
            let payment = open.payments.get(&id)?;
            Some(answers::payment(&account, open, payment))
        });
        let payment = found.ok_or_else(|| Failure::from(EngineError::PaymentNotFound(id)))?;
        Ok(Response::new(wire::GetPaymentResponse {
            payment: Some(payment),
            read_position: position.max(folded.position).0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn list_payments(
        &self,
        request: Request<wire::ListPaymentsRequest>,
    ) -> Result<Response<wire::ListPaymentsResponse>, Status> {
        let request = request.into_inner();
        let filter = payment_filter(&request)?;
        let asked = page::asked(&request)?;
        let listed = self
            .list(&request, request.min_position, asked, move |reader, page| {
                reader.payments(&filter, page)
            })
            .await?;
        Ok(Response::new(wire::ListPaymentsResponse {
            payments: listed.found.into_iter().map(payment).collect(),
            next_page_token: listed.next_page_token,
            read_position: listed.read_position.0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn list_pending_payments(
        &self,
        request: Request<wire::ListPendingPaymentsRequest>,
    ) -> Result<Response<wire::ListPendingPaymentsResponse>, Status> {
        let request = request.into_inner();
        let filter = pending_filter(&request)?;
        if filter.window.is_some_and(|window| !self.engine.rules().has_window(window)) {
            return Err(FieldError::new("window", "is the cut-off of no product's window").into());
        }
        let asked = page::asked(&request)?;
        let listed = self
            .list(&request, request.min_position, asked, move |reader, page| {
                reader.pending_payments(&filter, page)
            })
            .await?;
        Ok(Response::new(wire::ListPendingPaymentsResponse {
            payments: listed.found.into_iter().map(payment).collect(),
            next_page_token: listed.next_page_token,
            read_position: listed.read_position.0,
            read_time: Some(self.read_time()),
        }))
    }
}

impl Gateway {
    /// What scheduling would answer, without scheduling.
    async fn preview(&self, request: &wire::PreviewPaymentRequest) -> Result<Outcome, Status> {
        let payment_date = time::date("payment_date", request.payment_date.as_ref())?;
        let amount = money::amount_if_set("amount", request.amount.as_ref())?;
        let at = time::receipt_if_set("at_time", request.at_time.as_ref())?;
        let at = at.unwrap_or_else(|| self.engine.clock().now());
        let limits = self.engine.rules().limits(eastern_date(at));
        match &request.subject {
            None => Err(FieldError::new("account_id", "or product is required").into()),
            Some(Subject::Product(product)) => {
                let product = enums::product("product", *product)?;
                let rules = self.engine.rules();
                let policy = rules.cutoff_policy(product, eastern_date(at));
                let slot = place(policy, rules.calendar(), at, payment_date);
                Ok(placed(slot, warnings(amount, None, &limits)))
            }
            Some(Subject::AccountId(id)) => {
                let account = ids::account_id("account_id", id)?;
                // Without an amount, only the date is asked about.
                let allow_duplicate = amount.is_none();
                let command = Command::SchedulePayment(SchedulePayment {
                    amount: amount.map_or_else(a_cent, Ok)?,
                    payment_date,
                    funding: None,
                    allow_duplicate,
                    payoff_quote: None,
                });
                match self.engine.preview(&account, &command, at).await {
                    Ok((events, account)) => {
                        let payoff = account.open().map(|open| open.payoff(payment_date));
                        accepted(&events, warnings(amount, payoff, &limits))
                    }
                    Err(EngineError::Refused { refusal, .. }) => {
                        Ok(Outcome::Refused(refused(&refusal)))
                    }
                    Err(error) => Err(Failure::from(error).into()),
                }
            }
        }
    }
}

fn a_cent() -> Result<Amount, Status> {
    "0.01".parse().map_err(|_| Failure::internal_fault().into())
}

/// What a customer should be told of a payment of so much, if so much was asked about. Domain rules
/// 1.4, A21.
fn warnings(amount: Option<Amount>, payoff: Option<Money>, limits: &Limits) -> Vec<i32> {
    let Some(amount) = amount else { return Vec::new() };
    let above_payoff = payoff.is_some_and(|payoff| amount.money() > payoff);
    let above_soft_max = amount > limits.payment_soft_max;
    let all = [
        above_payoff.then_some(wire::PaymentWarning::AbovePayoff),
        above_soft_max.then_some(wire::PaymentWarning::AboveSoftMax),
    ];
    all.into_iter().flatten().map(i32::from).collect()
}

fn accepted(events: &[Event], warnings: Vec<i32>) -> Result<Outcome, Status> {
    let [Event::PaymentScheduled(scheduled)] = events else {
        return Err(Failure::internal_fault().into());
    };
    let slot = Slot {
        window: scheduled.window,
        effective_date: scheduled.payment_date,
        cutoff_at: scheduled.cutoff_at,
        origination_date: scheduled.origination_date,
    };
    Ok(placed(Ok(slot), warnings))
}

fn payment_filter(request: &wire::ListPaymentsRequest) -> Field<PaymentFilter> {
    let state = match enums::member("state", request.state)? {
        wire::PaymentState::Unspecified => None,
        wire::PaymentState::Scheduled => Some(PaymentState::Scheduled),
        wire::PaymentState::Cancelled => Some(PaymentState::Cancelled),
        wire::PaymentState::Applied => Some(PaymentState::Applied),
        wire::PaymentState::Returned => Some(PaymentState::Returned),
    };
    let (from, to) = (&request.from_effective_date, &request.to_effective_date);
    let effective_from = time::date_if_set("from_effective_date", from.as_ref())?;
    let effective_to = time::date_if_set("to_effective_date", to.as_ref())?;
    if effective_from > effective_to.or(effective_from) {
        return Err(FieldError::new("to_effective_date", "is before from_effective_date"));
    }
    Ok(PaymentFilter {
        account: ids::account_id_if_set("account_id", &request.account_id)?,
        state,
        channel: enums::channel_if_set("channel", request.channel)?,
        effective_from,
        effective_to,
    })
}

fn pending_filter(request: &wire::ListPendingPaymentsRequest) -> Field<PendingFilter> {
    Ok(PendingFilter {
        account: ids::account_id_if_set("account_id", &request.account_id)?,
        product: enums::product_if_set("product", request.product)?,
        effective_date: time::date_if_set("payment_date", request.payment_date.as_ref())?,
        window: window_if_set("window", &request.window)?,
    })
}

fn window_if_set(field: &str, text: &str) -> Field<Option<Window>> {
    if text.is_empty() { Ok(None) } else { window(field, text).map(Some) }
}

/// Reads a window: a cut-off's local time, `15:00`.
fn window(field: &str, text: &str) -> Field<Window> {
    text.parse().map_err(|_| FieldError::new(field, "must be a time of day such as \"15:00\""))
}

/// Reads the window of a run, whose cut-off can be told.
pub(super) fn window_key(request: &wire::RunCutoffRequest) -> Field<WindowKey> {
    let date = time::date("date", request.date.as_ref())?;
    if date >= LAST_DATE {
        return Err(FieldError::new("date", format!("must be before {LAST_DATE}")));
    }
    Ok(WindowKey {
        product: enums::product("product", request.product)?,
        date,
        window: window("window", &request.window)?,
    })
}

/// A row of the read models as the resource of the contract.
fn payment(row: PaymentRow) -> wire::Payment {
    let mut wire = wire::Payment {
        payment_id: row.payment.to_string(),
        account_id: row.account.to_string(),
        product: product_to_wire(row.product).into(),
        channel: channel_to_wire(row.channel).into(),
        amount: Some(money::to_wire(row.amount)),
        scheduled_time: row.scheduled_at.map(instant_to_wire),
        payment_date: row.scheduled_at.map(|_| date_to_wire(row.effective_date)),
        window: row.window.map(|window| window.to_string()).unwrap_or_default(),
        cancel_before_time: row.cutoff_at.map(instant_to_wire),
        effective_date: Some(date_to_wire(row.effective_date)),
        origination_date: row.origination_date.map(date_to_wire),
        applied_time: row.applied_at.map(instant_to_wire),
        cancelled_time: row.cancelled_at.map(instant_to_wire),
        reference: row.reference.unwrap_or_default(),
        third_party_fee: row.third_party_fee.map(money::to_wire),
        payoff_quote_id: row.payoff_quote.map(|id| id.to_string()).unwrap_or_default(),
        settlement_date: row.settlement_date.map(date_to_wire),
        withheld: row.withheld.map(money::to_wire),
        funding: row.funding.map(|funding| wire::Funding {
            token: funding.token,
            last_four: funding.last_four.unwrap_or_default(),
        }),
        ..wire::Payment::default()
    };
    if let Some(reason) = row.cancel_reason {
        wire.set_cancellation_reason(answers::cancellation(reason));
    }
    match row.state {
        PaymentState::Scheduled => wire.set_state(wire::PaymentState::Scheduled),
        PaymentState::Cancelled => wire.set_state(wire::PaymentState::Cancelled),
        PaymentState::Applied => {
            wire.set_state(wire::PaymentState::Applied);
            wire.allocation = row.split.as_ref().map(answers::allocation);
        }
        PaymentState::Returned => {
            wire.set_state(wire::PaymentState::Returned);
            wire.return_code = row.return_code.unwrap_or_default();
            wire.returned_time = row.returned_at.map(instant_to_wire);
        }
    }
    wire
}
