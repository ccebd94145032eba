//! A client of the service in few words. Every write is named: the name makes its request id.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use proto::payledger::v1::BatchCommand;
use proto::payledger::v1::account_service_client::AccountServiceClient;
use proto::payledger::v1::audit_service_client::AuditServiceClient;
use proto::payledger::v1::books_service_client::BooksServiceClient;
use proto::payledger::v1::operations_service_client::OperationsServiceClient;
use proto::payledger::v1::payment_service_client::PaymentServiceClient;
use proto::payledger::v1::title_service_client::TitleServiceClient;
use proto::payledger::v1::{
    Account, Balance, CancelPaymentRequest, CancelPaymentResponse, Channel as Way,
    ExecuteBatchRequest, ExecuteBatchResponse, GetAccountRequest, GetBalanceRequest,
    GetClockRequest, GetPaymentRequest, GetProjectionStatusRequest, GetTitleRequest,
    GetTrialBalanceRequest, GetTrialBalanceResponse, ListPaymentsRequest, OpenAccountRequest,
    OpenAccountResponse, Payment, Product, ReceivePaymentRequest, ReceivePaymentResponse,
    RecordedEvent, ReinstatePaymentRequest, ReinstatePaymentResponse, ReleaseLienRequest,
    ReleaseLienResponse, ReplayEventsRequest, ReturnPaymentRequest, ReturnPaymentResponse,
    RunCutoffRequest, RunCutoffResponse, RunsState, SchedulePaymentRequest,
    SchedulePaymentResponse, SetClockRequest, Title, batch_command,
};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::requests::{date, from_timestamp, instant, money, request_id, timestamp};

/// What a client takes in one message: answers to a large batch are larger than the default.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// A client of a service.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    address: SocketAddr,
}

/// The answer of a call.
pub type Answer<T> = Result<T, Status>;

impl Client {
    /// Connects to a service.
    pub async fn connect(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self { channel: endpoint.connect().await.unwrap(), address }
    }

    /// Connects with room for so many bytes of a stream that are sent and not read yet.
    pub async fn connect_narrow(address: SocketAddr, room: u32) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let endpoint = endpoint.initial_stream_window_size(room);
        Self { channel: endpoint.connect().await.unwrap(), address }
    }

    /// The service's address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection, for clients of other services.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The accounts' service.
    pub fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel())
    }

    /// The payments' service, taking large answers.
    pub fn payments(&self) -> PaymentServiceClient<Channel> {
        PaymentServiceClient::new(self.channel())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The titles' service.
    pub fn titles(&self) -> TitleServiceClient<Channel> {
        TitleServiceClient::new(self.channel())
    }

    /// The auditors' service.
    pub fn audit(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.channel())
    }

    /// The operators' service.
    pub fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.channel())
    }

    /// The bookkeepers' service.
    pub fn books(&self) -> BooksServiceClient<Channel> {
        BooksServiceClient::new(self.channel())
    }

    /// Opens an account.
    pub async fn open(&self, request: OpenAccountRequest) -> Answer<OpenAccountResponse> {
        Ok(self.accounts().open_account(request).await?.into_inner())
    }

    /// Schedules a payment.
    pub async fn schedule(
        &self,
        name: &str,
        account: &str,
        amount: &str,
        day: &str,
    ) -> Answer<SchedulePaymentResponse> {
        let request = schedule(name, account, amount, day);
        Ok(self.payments().schedule_payment(request).await?.into_inner())
    }

    /// Cancels a payment.
    pub async fn cancel(
        &self,
        name: &str,
        account: &str,
        payment: &str,
    ) -> Answer<CancelPaymentResponse> {
        let request = cancel(name, account, payment);
        Ok(self.payments().cancel_payment(request).await?.into_inner())
    }

    /// Records money that came in; its name is its reference, too.
    pub async fn receive(
        &self,
        name: &str,
        account: &str,
        way: Way,
        amount: &str,
        day: &str,
    ) -> Answer<ReceivePaymentResponse> {
        let request = receive(name, account, way, amount, day);
        Ok(self.payments().receive_payment(request).await?.into_inner())
    }

    /// Takes back a payment with a return code.
    pub async fn take_back(
        &self,
        name: &str,
        account: &str,
        payment: &str,
        code: &str,
    ) -> Answer<ReturnPaymentResponse> {
        let request = ReturnPaymentRequest {
            request_id: request_id(name),
            account_id: account.to_owned(),
            payment_id: payment.to_owned(),
            return_code: code.to_owned(),
            ..ReturnPaymentRequest::default()
        };
        Ok(self.payments().return_payment(request).await?.into_inner())
    }

    /// Applies a returned payment again.
    pub async fn reinstate(
        &self,
        name: &str,
        account: &str,
        payment: &str,
    ) -> Answer<ReinstatePaymentResponse> {
        let request = ReinstatePaymentRequest {
            request_id: request_id(name),
            account_id: account.to_owned(),
            payment_id: payment.to_owned(),
            ..ReinstatePaymentRequest::default()
        };
        Ok(self.payments().reinstate_payment(request).await?.into_inner())
    }

    /// Releases a lien.
    pub async fn release(&self, name: &str, account: &str) -> Answer<ReleaseLienResponse> {
        let request =
            ReleaseLienRequest { request_id: request_id(name), account_id: account.to_owned() };
        Ok(self.titles().release_lien(request).await?.into_inner())
    }

    /// Carries out many commands in one call.
    pub async fn batch(
        &self,
        commands: Vec<batch_command::Command>,
    ) -> Answer<ExecuteBatchResponse> {
        let commands =
            commands.into_iter().map(|command| BatchCommand { command: Some(command) }).collect();
        Ok(self.payments().execute_batch(ExecuteBatchRequest { commands }).await?.into_inner())
    }

    /// Runs a window of the auto loans.
    pub async fn run(&self, day: &str, window: &str) -> Answer<RunCutoffResponse> {
        self.run_of(Product::AutoLoan, day, window).await
    }

    /// Runs a window.
    pub async fn run_of(
        &self,
        product: Product,
        day: &str,
        window: &str,
    ) -> Answer<RunCutoffResponse> {
        let request = RunCutoffRequest {
            product: product.into(),
            date: Some(date(day)),
            window: window.to_owned(),
        };
        Ok(self.operations().run_cutoff(request).await?.into_inner())
    }

    /// One account.
    pub async fn account(&self, account: &str) -> Answer<Account> {
        let request = GetAccountRequest { account_id: account.to_owned(), min_position: 0 };
        Ok(self.accounts().get_account(request).await?.into_inner().account.unwrap())
    }

    /// What an account owes as of a day.
    pub async fn balance(&self, account: &str, day: &str) -> Answer<Balance> {
        self.balance_known(account, day, 0).await
    }

    /// What an account owed as of a day, by what was known at a position.
    pub async fn balance_known(
        &self,
        account: &str,
        day: &str,
        known_position: u64,
    ) -> Answer<Balance> {
        let request = GetBalanceRequest {
            account_id: account.to_owned(),
            effective_date: Some(date(day)),
            known_position,
            ..GetBalanceRequest::default()
        };
        Ok(self.accounts().get_balance(request).await?.into_inner().balance.unwrap())
    }

    /// One payment.
    pub async fn payment(&self, account: &str, payment: &str) -> Answer<Payment> {
        let request = GetPaymentRequest {
            account_id: account.to_owned(),
            payment_id: payment.to_owned(),
            min_position: 0,
        };
        Ok(self.payments().get_payment(request).await?.into_inner().payment.unwrap())
    }

    /// All payments of an account, as the read models have them once they hold the whole log.
    pub async fn payments_of(&self, account: &str) -> Answer<Vec<Payment>> {
        let request = ListPaymentsRequest {
            account_id: account.to_owned(),
            page_size: 1000,
            min_position: self.head().await?,
            ..ListPaymentsRequest::default()
        };
        Ok(self.payments().list_payments(request).await?.into_inner().payments)
    }

    /// The title of an account.
    pub async fn title(&self, account: &str) -> Answer<Title> {
        let request = GetTitleRequest { account_id: account.to_owned(), min_position: 0 };
        Ok(self.titles().get_title(request).await?.into_inner().title.unwrap())
    }

    /// The trial balance once the read models hold the whole log.
    pub async fn trial_balance(&self) -> Answer<GetTrialBalanceResponse> {
        let min_position = self.head().await?;
        let request = GetTrialBalanceRequest { min_position, ..GetTrialBalanceRequest::default() };
        Ok(self.operations().get_trial_balance(request).await?.into_inner())
    }

    /// The last position of the log.
    pub async fn head(&self) -> Answer<u64> {
        let request = GetProjectionStatusRequest { min_position: 0 };
        Ok(self.operations().get_projection_status(request).await?.into_inner().head_position)
    }

    /// Every recorded event.
    pub async fn replay(&self) -> Answer<Vec<RecordedEvent>> {
        self.replay_of(ReplayEventsRequest::default()).await
    }

    /// The recorded events that are asked for.
    pub async fn replay_of(&self, request: ReplayEventsRequest) -> Answer<Vec<RecordedEvent>> {
        let mut messages = self.audit().replay_events(request).await?.into_inner();
        let mut events = Vec::new();
        while let Some(message) = messages.message().await? {
            events.extend(message.events);
        }
        Ok(events)
    }

    /// Asks again until it is so. The test's own time limit is the only one.
    pub async fn until(&self, mut so: impl AsyncFnMut(&Self) -> bool) {
        while !so(self).await {
            tokio::task::yield_now().await;
        }
    }

    /// The service's clock.
    pub async fn now(&self) -> DateTime<Utc> {
        let answer = self.operations().get_clock(GetClockRequest {}).await.unwrap().into_inner();
        from_timestamp(answer.now_time.as_ref()).unwrap()
    }

    /// Sets the service's clock to an instant in RFC 3339.
    pub async fn clock(&self, at: &str) {
        self.set_clock(instant(at)).await.unwrap();
    }

    /// Sets the service's clock; tells what became of the runs that were due.
    pub async fn set_clock(&self, at: DateTime<Utc>) -> Answer<RunsState> {
        let request = SetClockRequest { now_time: Some(timestamp(at)) };
        Ok(self.operations().set_clock(request).await?.into_inner().runs())
    }
}

/// A request to schedule a payment.
pub fn schedule(name: &str, account: &str, amount: &str, day: &str) -> SchedulePaymentRequest {
    SchedulePaymentRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        amount: Some(money(amount)),
        payment_date: Some(date(day)),
        ..SchedulePaymentRequest::default()
    }
}

/// A request to cancel a payment.
pub fn cancel(name: &str, account: &str, payment: &str) -> CancelPaymentRequest {
    CancelPaymentRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        payment_id: payment.to_owned(),
    }
}

/// A request to record money that came in; its name is its reference, too.
pub fn receive(
    name: &str,
    account: &str,
    way: Way,
    amount: &str,
    day: &str,
) -> ReceivePaymentRequest {
    ReceivePaymentRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        channel: way.into(),
        amount: Some(money(amount)),
        received_date: Some(date(day)),
        reference: name.to_owned(),
        ..ReceivePaymentRequest::default()
    }
}
