//! The whole server on a real socket, with a service that does what handlers may do wrong.

use std::pin::Pin;

use ledger::envelope::Position;
use proto::payledger::v1::audit_service_client::AuditServiceClient;
use proto::payledger::v1::audit_service_server::{AuditService, AuditServiceServer};
use proto::payledger::v1::title_service_client::TitleServiceClient;
use proto::payledger::v1::title_service_server::{TitleService, TitleServiceServer};
use proto::payledger::v1::{
    ExplainAmountRequest, ExplainAmountResponse, GetTitleRequest, GetTitleResponse,
    ListTitlesRequest, ListTitlesResponse, RecordLienRequest, RecordLienResponse, RecordedEvent,
    ReleaseLienRequest, ReleaseLienResponse, ReplayEventsRequest, ReplayEventsResponse,
    WatchEventsRequest, WatchEventsResponse,
};
use tokio::task::JoinHandle;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

use super::*;
use crate::status::Failure;

type Answer<T> = Result<Response<T>, Status>;
type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Does what handlers may do wrong: panic, hang, stream without an end.
#[derive(Clone)]
struct Stub(Shutdown);

#[tonic::async_trait]
impl TitleService for Stub {
    async fn record_lien(&self, _: Request<RecordLienRequest>) -> Answer<RecordLienResponse> {
        panic!("a fault in a handler")
    }

    async fn get_title(&self, _: Request<GetTitleRequest>) -> Answer<GetTitleResponse> {
        Ok(Response::new(GetTitleResponse::default()))
    }

    async fn list_titles(&self, _: Request<ListTitlesRequest>) -> Answer<ListTitlesResponse> {
        std::future::pending().await
    }

    async fn release_lien(&self, _: Request<ReleaseLienRequest>) -> Answer<ReleaseLienResponse> {
        Err(Failure::stale_request().into())
    }
}

#[tonic::async_trait]
impl AuditService for Stub {
    type ReplayEventsStream = Events<ReplayEventsResponse>;
    type WatchEventsStream = Events<WatchEventsResponse>;

    async fn replay_events(
        &self,
        _: Request<ReplayEventsRequest>,
    ) -> Answer<Self::ReplayEventsStream> {
        let filled = RecordedEvent { data: vec![b'x'; 1 << 16], ..RecordedEvent::default() };
        let message = ReplayEventsResponse { events: vec![filled], ..Default::default() };
        Ok(Response::new(Box::pin(tokio_stream::iter(std::iter::repeat(Ok(message))))))
    }

    async fn watch_events(
        &self,
        _: Request<WatchEventsRequest>,
    ) -> Answer<Self::WatchEventsStream> {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let shutdown = self.0.clone();
        tokio::spawn(async move {
            let first = WatchEventsResponse { checkpoint_position: 7, ..Default::default() };
            let _ = sender.send(Ok(first)).await;
            shutdown.streams_end().await;
            let last = Failure::shutting_down(Some(Position(7)));
            let _ = sender.send(Err(last.into())).await;
        });
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))))
    }

    async fn explain_amount(
        &self,
        _: Request<ExplainAmountRequest>,
    ) -> Answer<ExplainAmountResponse> {
        Ok(Response::new(ExplainAmountResponse::default()))
    }
}

struct Running {
    channel: Channel,
    readiness: Readiness,
    shutdown: Shutdown,
    served: JoinHandle<Result<Drained, ServeError>>,
}

fn settings(listen: &str) -> Settings {
    Settings {
        listen: listen.parse().unwrap(),
        tls: None,
        calls_max: 100,
        message_wait_max: MESSAGE_WAIT_MAX,
        drain_max: Duration::from_secs(10),
    }
}

async fn running(settings: Settings) -> Running {
    let bound = Bound::new(settings).await.unwrap();
    let address = format!("http://{}", bound.address());
    let (readiness, shutdown) = (Readiness::new().await, Shutdown::default());
    let stub = Stub(shutdown.clone());
    let mut services = RoutesBuilder::default();
    services.add_service(TitleServiceServer::new(stub.clone()));
    services.add_service(AuditServiceServer::new(stub));
    let served = tokio::spawn(bound.serve(services, readiness.clone(), shutdown.clone()));
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    Running { channel, readiness, shutdown, served }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn without_tls_only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = Bound::new(settings(address)).await.unwrap_err();
        assert!(error.to_string().contains("loopback"), "{error}");
    }
    assert!(Bound::new(settings("127.0.0.1:0")).await.unwrap().address().port() > 0);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let first = Bound::new(settings("127.0.0.1:0")).await.unwrap();
    let taken = first.address().to_string();
    let error = Bound::new(settings(&taken)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {taken}"));
}

#[tokio::test]
async fn a_certificate_that_is_missing_or_none_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.pem");
    let files = TlsFiles { certificate: path.clone(), key: path.clone(), client_ca: None };
    let with_tls = Settings { tls: Some(files), ..settings("127.0.0.1:0") };
    let error = Bound::new(with_tls.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
    std::fs::write(&path, "no certificate").unwrap();
    assert!(matches!(Bound::new(with_tls).await.unwrap_err(), ServeError::Tls(_)));
}

#[tokio::test]
async fn health_is_what_was_last_said_and_never_ready_while_draining() {
    let running = running(settings("127.0.0.1:0")).await;
    let mut client = HealthClient::new(running.channel.clone());
    let mut health = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        client.check(request).await.unwrap().into_inner().status()
    };
    for service in ["", "payledger.v1.PaymentService"] {
        assert_eq!(health(service).await, ServingStatus::NotServing, "{service}");
    }
    running.readiness.set(true).await;
    for service in ["", "payledger.v1.PaymentService"] {
        assert_eq!(health(service).await, ServingStatus::Serving, "{service}");
    }
    running.readiness.drain().await;
    running.readiness.set(true).await;
    assert_eq!(health("").await, ServingStatus::NotServing);
}

#[tokio::test]
async fn a_generic_client_finds_the_services_by_reflection() {
    let running = running(settings("127.0.0.1:0")).await;
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(running.channel);
    let answers = client.server_reflection_info(tokio_stream::once(asked)).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"payledger.v1.PaymentService"), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
}

#[tokio::test]
async fn a_message_too_large_is_called_that() {
    let running = running(settings("127.0.0.1:0")).await;
    let account_id = "x".repeat((4 << 20) + 1);
    let request = GetTitleRequest { account_id, min_position: 0 };
    let status = TitleServiceClient::new(running.channel).get_title(request).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn bytes_that_are_no_message_are_an_invalid_argument() {
    let running = running(settings("127.0.0.1:0")).await;
    let mut client = tonic::client::Grpc::new(running.channel);
    client.ready().await.unwrap();
    // Field 1 is a number in this message, and a text in the one that the method takes.
    let request = ListTitlesRequest { state: 1, ..ListTitlesRequest::default() };
    let path = "/payledger.v1.TitleService/GetTitle".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<ListTitlesRequest, GetTitleResponse>::default();
    let status = client.unary(Request::new(request), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(reason(&status), "INVALID_FIELD");
}

#[tokio::test]
async fn a_call_whose_message_does_not_come_ends_and_gives_its_place_back() {
    let message_wait_max = Duration::from_millis(500);
    let limited = Settings { calls_max: 1, message_wait_max, ..settings("127.0.0.1:0") };
    let running = running(limited).await;
    let mut client = tonic::client::Grpc::new(running.channel.clone());
    client.ready().await.unwrap();
    let path = "/payledger.v1.TitleService/GetTitle".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<GetTitleRequest, GetTitleResponse>::default();
    let never = Request::new(tokio_stream::pending());
    let status = client.client_streaming(never, path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(reason(&status), "DEADLINE_PASSED");
    TitleServiceClient::new(running.channel).get_title(GetTitleRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_internal_fault_and_the_server_lives() {
    let running = running(settings("127.0.0.1:0")).await;
    let mut client = TitleServiceClient::new(running.channel);
    let status = client.record_lien(RecordLienRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(reason(&status), "INTERNAL_FAULT");
    client.get_title(GetTitleRequest::default()).await.unwrap();
}

#[tokio::test]
async fn an_error_of_ours_passes_all_layers_unchanged() {
    let running = running(settings("127.0.0.1:0")).await;
    let mut client = TitleServiceClient::new(running.channel);
    let status = client.release_lien(ReleaseLienRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status), "STALE_REQUEST");
}

#[tokio::test]
async fn a_stop_ends_streams_with_their_last_position_and_then_the_server() {
    let running = running(settings("127.0.0.1:0")).await;
    let mut client = AuditServiceClient::new(running.channel);
    let mut events = client.watch_events(WatchEventsRequest::default()).await.unwrap().into_inner();
    assert_eq!(events.next().await.unwrap().unwrap().checkpoint_position, 7);
    running.shutdown.ask();
    let status = events.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_error_details().error_info().unwrap().metadata["position"], "7");
    drop((events, client));
    assert_eq!(running.served.await.unwrap().unwrap(), Drained::Fully);
}

/// A server that would wait for calls for ever, and must not.
async fn stops_fully(running: Running) {
    running.shutdown.ask();
    let stopped = tokio::time::timeout(Duration::from_secs(60), running.served).await;
    assert_eq!(stopped.unwrap().unwrap().unwrap(), Drained::Fully);
}

fn patient() -> Settings {
    Settings { drain_max: Duration::from_secs(3600), ..settings("127.0.0.1:0") }
}

#[tokio::test]
async fn a_stop_ends_a_watch_of_health_which_first_says_that_the_server_is_not_ready() {
    let running = running(patient()).await;
    running.readiness.set(true).await;
    let mut client = HealthClient::new(running.channel.clone());
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    stops_fully(running).await;
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let status = watch.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "SHUTTING_DOWN".to_owned()));
}

#[tokio::test]
async fn a_stop_ends_an_idle_stream_of_reflection() {
    let running = running(patient()).await;
    let mut client = ServerReflectionClient::new(running.channel.clone());
    let mut answers =
        client.server_reflection_info(tokio_stream::pending()).await.unwrap().into_inner();
    stops_fully(running).await;
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "SHUTTING_DOWN".to_owned()));
}

#[tokio::test]
async fn a_stream_that_nobody_reads_does_not_hold_up_a_stop() {
    let running = running(patient()).await;
    let mut client = AuditServiceClient::new(running.channel.clone());
    let mut events = client.replay_events(ReplayEventsRequest::default()).await.unwrap();
    events.get_mut().message().await.unwrap().unwrap();
    stops_fully(running).await;
}

#[tokio::test]
async fn a_call_that_never_ends_does_not_hold_up_a_stop() {
    let at_once = Settings { drain_max: Duration::ZERO, ..settings("127.0.0.1:0") };
    let running = running(at_once).await;
    let mut client = TitleServiceClient::new(running.channel.clone());
    let hanging =
        tokio::spawn(async move { client.list_titles(ListTitlesRequest::default()).await });
    // An answered call on the same connection tells that the one sent before has arrived.
    TitleServiceClient::new(running.channel).get_title(GetTitleRequest::default()).await.unwrap();
    running.shutdown.ask();
    assert_eq!(running.served.await.unwrap().unwrap(), Drained::CutOff);
    hanging.abort();
}

#[tokio::test]
async fn a_server_that_fails_ends_what_waits_for_its_streams() {
    let mut bound = Bound::new(settings("127.0.0.1:0")).await.unwrap();
    let rubbish = Identity::from_pem("no certificate", "no key");
    bound.tls = Some(ServerTlsConfig::new().identity(rubbish));
    let (readiness, shutdown) = (Readiness::new().await, Shutdown::default());
    let plain = Bound::new(settings("127.0.0.1:0")).await.unwrap();
    let beside = tokio::spawn(plain.serve_plain(Routes::default(), shutdown.clone()));
    let served = bound.serve(RoutesBuilder::default(), readiness, shutdown).await;
    assert!(matches!(served.unwrap_err(), ServeError::Tls(_)));
    let ended = tokio::time::timeout(Duration::from_secs(5), beside).await;
    ended.unwrap().unwrap().unwrap();
}
