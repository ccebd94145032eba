//! The log as auditors get it: whole, filtered, resumed, live, and byte for byte.

use ledger::envelope::Position;
use ledger::store::EventStore as _;
use ledger::store::embedded::{Embedded, Options};
use prost::Message as _;
use proto::payledger::v1::batch_command::Command;
use proto::payledger::v1::event_filter::Source;
use proto::payledger::v1::{
    Channel, EventFilter, RecordedEvent, ReplayEventsRequest, WatchEventsRequest,
};
use tests::client::Client;
use tests::refusals::{Refused, field, refused};
use tests::requests::auto_loan;
use tests::server::Town;
use tonic::codec::CompressionEncoding;

use crate::days::paid_by_ach;

/// Two accounts with a month behind them.
async fn month() -> Town {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.open(auto_loan("a-2")).await.unwrap();
    let payment = paid_by_ach(&town, "a-1", "310.00", "2026-04-01").await;
    town.receive("wire", "a-2", Channel::Wire, "310.00", "2026-04-01").await.unwrap();
    town.take_back("return", "a-1", &payment, "R01").await.unwrap();
    town
}

#[tokio::test]
async fn a_replay_is_compressed_for_whoever_takes_it_so_and_has_the_same_events() {
    let town = month().await;
    let plain = town.replay().await.unwrap();
    for (client, encoding) in [
        (town.audit(), None),
        (town.audit().accept_compressed(CompressionEncoding::Zstd), Some("zstd")),
    ] {
        let mut client = client;
        let answer = client.replay_events(ReplayEventsRequest::default()).await.unwrap();
        let told = answer.metadata().get("grpc-encoding").map(|it| it.to_str().unwrap().to_owned());
        assert_eq!(told.as_deref(), encoding);
        let mut messages = answer.into_inner();
        let mut events = Vec::new();
        while let Some(message) = messages.message().await.unwrap() {
            events.extend(message.events);
        }
        assert_eq!(events, plain);
    }
}

fn positions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.position).collect()
}

fn of_account(account: &str) -> EventFilter {
    let source = Some(Source::AccountId(account.to_owned()));
    EventFilter { source, event_types: Vec::new() }
}

fn of_kinds(kinds: &[&str]) -> EventFilter {
    let event_types = kinds.iter().map(|&kind| kind.to_owned()).collect();
    EventFilter { source: None, event_types }
}

#[tokio::test]
async fn a_replay_is_the_whole_log_without_gaps_and_byte_for_byte() {
    let town = month().await;
    let told = town.replay().await.unwrap();
    let head = town.head().await.unwrap();
    assert_eq!(positions(&told), (1..=head).collect::<Vec<_>>());
    for event in &told {
        let _: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
        let _: serde_json::Value = serde_json::from_slice(&event.metadata).unwrap();
    }
    let folder = town.stop().await;
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    let recorded = store.read_all(Position::START, usize::MAX).await.unwrap();
    assert_eq!(recorded.len(), told.len());
    for (recorded, told) in recorded.iter().zip(&told) {
        assert_eq!(recorded.position.0, told.position);
        assert_eq!(recorded.stream.to_string(), told.stream);
        assert_eq!(recorded.version.0, told.version);
        assert_eq!(recorded.id.to_string(), told.event_id);
        assert_eq!(recorded.kind, told.r#type);
        assert_eq!((&recorded.data, &recorded.metadata), (&told.data, &told.metadata));
    }
}

#[tokio::test]
async fn a_filter_leaves_out_what_was_not_asked_for_and_nothing_else() {
    let town = month().await;
    let all = town.replay().await.unwrap();
    let replay = async |filter| {
        let request = ReplayEventsRequest { filter, ..ReplayEventsRequest::default() };
        positions(&town.replay_of(request).await.unwrap())
    };
    let expected = |wanted: &dyn Fn(&RecordedEvent) -> bool| -> Vec<u64> {
        all.iter().filter(|event| wanted(event)).map(|event| event.position).collect()
    };
    let one = expected(&|event| event.stream == "account-a-1");
    assert_eq!(one.len(), 5);
    assert_eq!(replay(Some(of_account("a-1"))).await, one);
    let returned = expected(&|event| event.r#type == "PaymentReturned");
    assert_eq!(returned.len(), 1);
    assert_eq!(replay(Some(of_kinds(&["PaymentReturned"]))).await, returned);
    let both = Some(EventFilter {
        source: Some(Source::AccountId("a-2".to_owned())),
        event_types: vec!["AccountOpened".to_owned(), "PaymentReceived".to_owned()],
    });
    assert_eq!(replay(both).await, expected(&|event| event.stream == "account-a-2"));
    let seals = all.iter().find(|event| event.stream.starts_with("cutoff-")).unwrap();
    let source = Some(Source::Stream(seals.stream.clone()));
    let of_stream = Some(EventFilter { source, event_types: Vec::new() });
    assert_eq!(replay(of_stream).await, [seals.position]);
    assert_eq!(replay(Some(of_account("nobody"))).await, Vec::<u64>::new());
    let unknown = ReplayEventsRequest {
        filter: Some(of_kinds(&["PaymentLost"])),
        ..ReplayEventsRequest::default()
    };
    assert_eq!(field(town.replay_of(unknown).await).1, "filter.event_types");
}

#[tokio::test]
async fn a_range_is_read_and_a_reader_that_was_cut_off_goes_on_from_its_checkpoint() {
    let town = month().await;
    let head = town.head().await.unwrap();
    for (from, to, expected) in [
        (0, 3, (1..=3).collect::<Vec<_>>()),
        (3, 5, vec![4, 5]),
        (3, 0, (4..=head).collect()),
        (head, 0, vec![]),
        (5, 5, vec![]),
        (0, head, (1..=head).collect()),
    ] {
        let request = ReplayEventsRequest { from_position: from, to_position: to, filter: None };
        assert_eq!(positions(&town.replay_of(request).await.unwrap()), expected, "{from} {to}");
    }
    let backwards = ReplayEventsRequest { from_position: 5, to_position: 3, filter: None };
    let told = field(town.audit().replay_events(backwards).await);
    assert_eq!(told, ("INVALID_FIELD".to_owned(), "to_position".to_owned()));
    // It would not be all up to there.
    let beyond = ReplayEventsRequest { to_position: head + 1, ..ReplayEventsRequest::default() };
    let told = field(town.audit().replay_events(beyond).await);
    assert_eq!(told, ("INVALID_FIELD".to_owned(), "to_position".to_owned()));
    // A checkpoint is where to go on, whatever the filter left out.
    let filter = Some(of_account("a-1"));
    let first =
        ReplayEventsRequest { to_position: head - 1, filter: filter.clone(), from_position: 0 };
    let mut messages = town.audit().replay_events(first).await.unwrap().into_inner();
    let (mut seen, mut checkpoint, mut caught_up) = (Vec::new(), 0, false);
    while let Some(message) = messages.message().await.unwrap() {
        seen.extend(positions(&message.events));
        (checkpoint, caught_up) = (message.checkpoint_position, message.caught_up);
    }
    assert_eq!((checkpoint, caught_up), (head - 1, true));
    let rest =
        ReplayEventsRequest { from_position: checkpoint, to_position: 0, filter: filter.clone() };
    seen.extend(positions(&town.replay_of(rest).await.unwrap()));
    let whole = ReplayEventsRequest { filter, ..ReplayEventsRequest::default() };
    assert_eq!(seen, positions(&town.replay_of(whole).await.unwrap()));
}

#[tokio::test]
async fn a_watcher_that_is_ahead_of_the_log_is_told_so() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let head = town.head().await.unwrap();
    let request = WatchEventsRequest { from_position: head + 1, filter: None };
    let told = field(town.audit().watch_events(request).await);
    assert_eq!(told, ("INVALID_FIELD".to_owned(), "from_position".to_owned()));
    let mut messages = watch(&town, head, None).await;
    assert_eq!(watched(&mut messages, head).await, []);
}

#[tokio::test]
async fn watchers_leave_room_for_others_and_beyond_their_limit_are_refused_until_one_leaves() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    let head = town.head().await.unwrap();
    let other = town.another_client().await;
    let mut watchers = Vec::new();
    for client in [&town, &other] {
        for _ in 0..512 {
            let mut messages = watch(client, 0, None).await;
            watched(&mut messages, head).await;
            watchers.push(messages);
        }
        town.until(async |town| town.replay().await.is_ok()).await;
    }
    let ask = async |town: &Client| town.audit().watch_events(WatchEventsRequest::default()).await;
    let refused = refused(ask(&town).await);
    assert_eq!((refused.reason.as_str(), refused.retry_info), ("OVERLOADED", true));
    // Nothing happens that would make the service look whether it is still there.
    watchers.pop();
    town.until(async |town| ask(town).await.is_ok()).await;
}

/// Reads a watch until it has caught up at `head`.
async fn watched(
    messages: &mut tonic::Streaming<proto::payledger::v1::WatchEventsResponse>,
    head: u64,
) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    loop {
        let message = messages.message().await.unwrap().unwrap();
        events.extend(message.events);
        if message.caught_up && message.checkpoint_position >= head {
            return events;
        }
    }
}

async fn watch(
    town: &Client,
    from_position: u64,
    filter: Option<EventFilter>,
) -> tonic::Streaming<proto::payledger::v1::WatchEventsResponse> {
    let request = WatchEventsRequest { from_position, filter };
    town.audit().watch_events(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_reader_that_is_ahead_of_the_log_is_told_and_not_left_waiting() {
    let town = month().await;
    let head = town.head().await.unwrap();
    for from_position in [head + 1, u64::MAX] {
        let request = ReplayEventsRequest { from_position, to_position: 0, filter: None };
        let refused = field(town.replay_of(request).await);
        assert_eq!(refused, ("INVALID_FIELD".to_owned(), "from_position".to_owned()));
        let request = WatchEventsRequest { from_position, filter: None };
        let refused = Refused::read(&town.audit().watch_events(request).await.unwrap_err());
        assert_eq!(refused.reason, "INVALID_FIELD");
        assert_eq!(refused.fact("head"), head.to_string());
    }
}

#[tokio::test]
async fn a_watcher_gets_what_was_and_then_what_comes() {
    let town = month().await;
    let head = town.head().await.unwrap();
    let mut all = watch(&town, 0, None).await;
    let mut one = watch(&town, head, Some(of_account("a-1"))).await;
    assert_eq!(positions(&watched(&mut all, head).await), (1..=head).collect::<Vec<_>>());
    assert_eq!(watched(&mut one, head).await, []);
    let other = town.receive("two", "a-2", Channel::Wire, "1.00", "2026-04-01").await.unwrap();
    let own = town.receive("one", "a-1", Channel::Wire, "1.00", "2026-04-01").await.unwrap();
    let live = watched(&mut all, own.position).await;
    assert_eq!(positions(&live), (other.position..=own.position).collect::<Vec<_>>());
    let live = watched(&mut one, own.position).await;
    assert_eq!(positions(&live), [own.position]);
    assert_eq!(live[0].r#type, "PaymentReceived");
}

#[tokio::test]
async fn a_service_that_stops_tells_its_watchers_where_they_are() {
    let town = month().await;
    let head = town.head().await.unwrap();
    let mut messages = watch(&town, 0, None).await;
    watched(&mut messages, head).await;
    town.ask_to_stop();
    let last = Refused::read(&messages.message().await.unwrap_err());
    assert_eq!((last.reason.as_str(), last.code), ("SHUTTING_DOWN", tonic::Code::Unavailable));
    assert_eq!(last.fact("position"), head.to_string());
    assert!(last.retry_info);
    drop(messages);
    town.stop().await;
}

#[tokio::test]
async fn a_replay_under_way_is_cut_off_by_a_stop_and_says_where() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    let open = |n| Command::OpenAccount(Box::new(auto_loan(&format!("a-{n}"))));
    town.batch((0..8000_u32).map(open).collect()).await.unwrap();
    town.batch((8000..16_000_u32).map(open).collect()).await.unwrap();
    let head = town.head().await.unwrap();
    let other = town.another_client().await;
    let mut told = watch(&other, head, None).await;
    watched(&mut told, head).await;
    // Much more than can be on its way to a reader who does not read: four messages that wait, one
    // that is made and one that is sent, of a MiB each, and what the connection has room for.
    let events = town.replay().await.unwrap();
    assert!(events.iter().fold(0, |bytes, event| bytes + event.encoded_len()) > 8 << 20);
    let narrow = Client::connect_narrow(town.address(), 1 << 16).await;
    let request = ReplayEventsRequest::default();
    let mut messages = narrow.audit().replay_events(request).await.unwrap().into_inner();
    let mut seen = messages.message().await.unwrap().unwrap().checkpoint_position;
    town.ask_to_stop();
    assert_eq!(Refused::read(&told.message().await.unwrap_err()).reason, "SHUTTING_DOWN");
    let last = loop {
        match messages.message().await {
            Ok(message) => seen = message.unwrap().checkpoint_position,
            Err(status) => break Refused::read(&status),
        }
    };
    assert_eq!(last.reason, "SHUTTING_DOWN");
    assert_eq!(last.fact("position"), seen.to_string());
    assert!(seen < head, "{seen}");
    drop((messages, told, other, narrow));
    town.stop().await;
}

#[tokio::test]
async fn a_slow_watcher_that_is_cut_off_misses_nothing_when_it_goes_on() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let mut messages = watch(&town, 0, None).await;
    watched(&mut messages, town.head().await.unwrap()).await;
    // It reads nothing while more comes than may wait for it.
    for round in 0..8_u32 {
        let open = |n| Command::OpenAccount(Box::new(auto_loan(&format!("b-{round}-{n}"))));
        town.batch((0..300_u32).map(open).collect()).await.unwrap();
    }
    let head = town.head().await.unwrap();
    town.ask_to_stop();
    let mut seen = Vec::new();
    let stopped_at = loop {
        match messages.message().await {
            Ok(message) => seen.extend(positions(&message.unwrap().events)),
            Err(status) => break Refused::read(&status).fact("position").parse::<u64>().unwrap(),
        }
    };
    drop(messages);
    let folder = town.stop().await;
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    let rest = store.read_all(Position(stopped_at), usize::MAX).await.unwrap();
    let whole = 1..=head;
    let told: Vec<u64> = whole
        .clone()
        .take(3)
        .chain(seen)
        .chain(rest.iter().map(|event| event.position.0))
        .collect();
    assert_eq!(told, whole.collect::<Vec<_>>());
}
