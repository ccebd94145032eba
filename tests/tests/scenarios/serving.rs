//! What generic clients and probes rely on: health, reflection, deadlines, and plain text kept in.

use std::time::Duration;

use gateway::serve::{Service, ServiceError, ServiceSettings};
use gateway::server::{ServeError, Settings};
use proto::payledger::v1::GetProjectionStatusRequest;
use tests::client::Client;
use tests::refusals::{field, reason};
use tests::requests::{auto_loan, instant};
use tests::server::{Town, server_settings, settings};
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

const SERVICES: [&str; 5] = [
    "payledger.v1.AccountService",
    "payledger.v1.AuditService",
    "payledger.v1.OperationsService",
    "payledger.v1.PaymentService",
    "payledger.v1.TitleService",
];

#[tokio::test]
async fn health_is_told_for_the_server_and_for_every_service() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    for service in std::iter::once("").chain(SERVICES) {
        town.until(async |town| {
            let request = HealthCheckRequest { service: service.to_owned() };
            let answer = HealthClient::new(town.channel()).check(request).await.unwrap();
            answer.into_inner().status() == ServingStatus::Serving
        })
        .await;
    }
    let unknown = HealthCheckRequest { service: "payledger.v1.Nothing".to_owned() };
    let answer = HealthClient::new(town.channel()).check(unknown).await;
    assert_eq!(answer.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn a_service_whose_clock_is_behind_its_log_is_ready_once_the_clock_is_set() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let town = town.restart_at(instant("2026-03-02T09:00:00-05:00")).await;
    let status = async |town: &Client| {
        let request = HealthCheckRequest::default();
        HealthClient::new(town.channel()).check(request).await.unwrap().into_inner().status()
    };
    assert_eq!(reason(town.open(auto_loan("a-2")).await), "CLOCK_BEHIND");
    assert_eq!(status(&town).await, ServingStatus::NotServing);
    town.clock("2026-03-03T09:00:00-05:00").await;
    town.until(async |town| status(town).await == ServingStatus::Serving).await;
    town.open(auto_loan("a-2")).await.unwrap();
}

#[tokio::test]
async fn reflection_names_every_service_and_finds_its_files() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let mut client = ServerReflectionClient::new(town.channel());
    let mut ask = async |request: MessageRequest| {
        let request =
            ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let mut answers = client
            .server_reflection_info(tokio_stream::iter([request]))
            .await
            .unwrap()
            .into_inner();
        answers.message().await.unwrap().unwrap().message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(list) =
        ask(MessageRequest::ListServices(String::new())).await
    else {
        unreachable!("not a list of services")
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for service in SERVICES {
        assert!(names.contains(&service.to_owned()), "{service} is not among {names:?}");
        let found = ask(MessageRequest::FileContainingSymbol(service.to_owned())).await;
        assert!(matches!(found, MessageResponse::FileDescriptorResponse(_)), "{service}");
    }
}

#[tokio::test]
async fn a_write_whose_deadline_passes_is_there_once_after_its_retry() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let mut missed = 0;
    for n in 0..30_u64 {
        let account = format!("a-{n}");
        let mut request = Request::new(auto_loan(&account));
        request.set_timeout(Duration::from_micros(n * 100));
        missed += usize::from(town.accounts().open_account(request).await.is_err());
        town.open(auto_loan(&account)).await.unwrap();
    }
    assert!(missed > 0);
    let opened = town.replay().await.unwrap();
    assert_eq!(opened.iter().filter(|event| event.r#type == "AccountOpened").count(), 30);
    // What is ready when it is first looked at is answered, however late it is.
    for _ in 0..1000 {
        let mut request = Request::new(GetProjectionStatusRequest { min_position: 0 });
        request.set_timeout(Duration::from_micros(1));
        let Err(told) = town.operations().get_projection_status(request).await else { continue };
        let code = told.code();
        assert!(matches!(code, tonic::Code::DeadlineExceeded | tonic::Code::Cancelled), "{code}");
        return;
    }
    unreachable!("a thousand questions were answered within a microsecond");
}

#[tokio::test]
async fn who_asks_is_recorded_and_a_name_that_cannot_be_is_refused() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let mut request = Request::new(auto_loan("a-1"));
    request.metadata_mut().insert("payledger-actor", "agent.77".parse().unwrap());
    town.accounts().open_account(request).await.unwrap();
    let last = town.replay().await.unwrap().pop().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&last.metadata).unwrap();
    assert!(metadata.to_string().contains("agent.77"), "{metadata}");
    for refused in ["x".repeat(5000), "payledger:runner".to_owned(), "payledger:me".to_owned()] {
        let mut request = Request::new(auto_loan("a-2"));
        request.metadata_mut().insert("payledger-actor", refused.parse().unwrap());
        let told = field(town.accounts().open_account(request).await);
        assert_eq!(told, ("INVALID_FIELD".to_owned(), "payledger-actor".to_owned()));
    }
}

#[tokio::test]
async fn plain_text_is_for_this_machine_only() {
    let folder = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let listen = address.parse().unwrap();
        let server = Settings { listen, ..server_settings() };
        let at = instant("2026-03-03T09:00:00-05:00");
        let settings = ServiceSettings { server, ..settings(folder.path(), at) };
        let refused = Service::start(settings).await.unwrap_err();
        let expected = ServiceError::Server(ServeError::PlaintextBeyondLoopback(listen));
        assert_eq!(refused.to_string(), expected.to_string());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
