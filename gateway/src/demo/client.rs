//! The clients of the contract, over one connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proto::payledger::v1 as wire;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use wire::account_service_client::AccountServiceClient;
use wire::books_service_client::BooksServiceClient;
use wire::operations_service_client::OperationsServiceClient;
use wire::payment_service_client::PaymentServiceClient;
use wire::title_service_client::TitleServiceClient;

use super::stage::DemoError;
use crate::services::ACTOR_HEADER;

/// Who the service is told is asking.
const ACTOR: &str = "demo";

/// All clients that the story needs. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) accounts: AccountServiceClient<Channel>,
    pub(super) payments: PaymentServiceClient<Channel>,
    pub(super) titles: TitleServiceClient<Channel>,
    pub(super) books: BooksServiceClient<Channel>,
    pub(super) operations: OperationsServiceClient<Channel>,
}

impl Client {
    /// Connects to a service that listens.
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, DemoError> {
        let failed =
            |error: &dyn std::error::Error| DemoError::Server(format!("cannot connect: {error}"));
        let endpoint = Channel::from_shared(format!("http://{address}"));
        let endpoint = endpoint.map_err(|error| failed(&error))?;
        let channel = endpoint.connect().await.map_err(|error| failed(&error))?;
        Ok(Self {
            accounts: AccountServiceClient::new(channel.clone()),
            payments: PaymentServiceClient::new(channel.clone()),
            titles: TitleServiceClient::new(channel.clone()),
            books: BooksServiceClient::new(channel.clone()),
            operations: OperationsServiceClient::new(channel),
        })
    }
}

/// A request that says who asks: the name is recorded in every event that it causes.
pub(super) fn from_demo<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(ACTOR_HEADER, tonic::metadata::MetadataValue::from_static(ACTOR));
    request
}

/// A refusal as a client reads it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) reason: String,
    pub(super) facts: BTreeMap<String, String>,
}

impl Refusal {
    /// Reads the refusal that `what` must have met.
    pub(super) fn of<T: std::fmt::Debug>(
        what: &str,
        answer: Result<T, Status>,
        reason: wire::ErrorReason,
    ) -> Result<Self, DemoError> {
        let status = match answer {
            Ok(answer) => return Err(DemoError::unexpected(what, reason.reason(), &answer)),
            Err(status) => status,
        };
        let details = status.get_error_details();
        let Some(info) = details.error_info() else {
            return Err(DemoError::call(what)(status));
        };
        if info.reason != reason.reason() {
            return Err(DemoError::unexpected(what, reason.reason(), &status));
        }
        Ok(Self {
            code: status.code(),
            reason: info.reason.clone(),
            facts: info.metadata.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        })
    }

    /// A fact of the refusal; empty if it has none of this name.
    pub(super) fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }
}
