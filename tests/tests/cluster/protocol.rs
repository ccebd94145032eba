//! The gateway's own log over the read protocol of EventStoreDB, message by message.

use proto::event_store::client::streams::read_req::Options;
use proto::event_store::client::streams::read_req::options::{
    AllOptions, CountOption, FilterOption, FilterOptions, Position, ReadDirection, StreamOption,
    StreamOptions, SubscriptionOptions, all_options::AllOption, filter_options,
    stream_options::RevisionOption,
};
use proto::event_store::client::streams::read_resp::Content;
use proto::event_store::client::streams::streams_client::StreamsClient;
use proto::event_store::client::streams::{AppendReq, DeleteReq, ReadReq, ReadResp};
use proto::event_store::client::{Empty, StreamIdentifier};
use tests::requests::auto_loan;
use tests::server::Town;
use tonic::transport::Channel;
use tonic::{Code, Status};

type Streams = StreamsClient<Channel>;

async fn town() -> (Town, Streams) {
    let (town, address) = Town::with_eventstore("2026-03-03T09:00:00-05:00").await;
    for account in ["a-1", "a-2"] {
        town.open(auto_loan(account)).await.unwrap();
        town.schedule(account, account, "310.00", "2026-03-03").await.unwrap();
    }
    let client = StreamsClient::connect(format!("http://{address}")).await.unwrap();
    (town, client)
}

fn all(from: AllOption, way: ReadDirection, count: u64) -> Options {
    Options {
        stream_option: Some(StreamOption::All(AllOptions { all_option: Some(from) })),
        read_direction: way.into(),
        count_option: Some(CountOption::Count(count)),
        filter_option: Some(FilterOption::NoFilter(Empty {})),
        ..Options::default()
    }
}

fn stream(name: &str, from: RevisionOption, way: ReadDirection) -> Options {
    let stream_identifier = Some(StreamIdentifier { stream_name: name.as_bytes().to_vec() });
    let options = StreamOptions { stream_identifier, revision_option: Some(from) };
    Options {
        stream_option: Some(StreamOption::Stream(options)),
        ..all(AllOption::Start(Empty {}), way, u64::MAX)
    }
}

fn at(commit: u64) -> AllOption {
    AllOption::Position(Position { commit_position: commit, prepare_position: commit })
}

async fn read(client: &Streams, options: Options) -> Result<Vec<ReadResp>, Status> {
    let mut answers = client.clone().read(ReadReq { options: Some(options) }).await?.into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await? {
        all.push(answer);
    }
    Ok(all)
}

/// The places and revisions of the events that are answered.
async fn places(client: &Streams, options: Options) -> Vec<(u64, u64)> {
    let answers = read(client, options).await.unwrap();
    let events = answers.into_iter().filter_map(|answer| match answer.content {
        Some(Content::Event(event)) => event.event,
        _ => None,
    });
    events.map(|event| (event.commit_position, event.stream_revision)).collect()
}

async fn commits(client: &Streams, options: Options) -> Vec<u64> {
    places(client, options).await.into_iter().map(|(commit, _)| commit).collect()
}

#[tokio::test]
async fn the_whole_log_is_read_from_any_place_in_both_directions() {
    let (town, client) = town().await;
    let head = town.head().await.unwrap();
    let (forwards, backwards) = (ReadDirection::Forwards, ReadDirection::Backwards);
    let (start, end) = (AllOption::Start(Empty {}), AllOption::End(Empty {}));
    for (options, expected) in [
        (all(start, forwards, u64::MAX), (1..=head).collect::<Vec<_>>()),
        (all(start, forwards, 2), vec![1, 2]),
        (all(at(3), forwards, u64::MAX), (3..=head).collect()),
        (all(at(head + 1), forwards, 9), vec![]),
        (all(end, forwards, 9), vec![]),
        (all(end, backwards, u64::MAX), (1..=head).rev().collect()),
        (all(at(3), backwards, 9), vec![2, 1]),
        (all(start, backwards, 9), vec![]),
    ] {
        assert_eq!(commits(&client, options.clone()).await, expected, "{options:?}");
    }
}

#[tokio::test]
async fn a_stream_is_read_from_any_revision_in_both_directions() {
    let (town, client) = town().await;
    let events = town.replay().await.unwrap();
    let own = events.iter().filter(|event| event.stream == "account-a-1");
    let own: Vec<_> = own.map(|event| (event.position, event.version - 1)).collect();
    assert!(own.len() >= 2);
    let (forwards, backwards) = (ReadDirection::Forwards, ReadDirection::Backwards);
    let (start, end) = (RevisionOption::Start(Empty {}), RevisionOption::End(Empty {}));
    let mut reversed = own.clone();
    reversed.reverse();
    for (from, way, expected) in [
        (start, forwards, own.clone()),
        (RevisionOption::Revision(1), forwards, own[1..].to_vec()),
        (end, forwards, vec![]),
        (end, backwards, reversed),
        (RevisionOption::Revision(0), backwards, own[..1].to_vec()),
        (start, backwards, own[..1].to_vec()),
    ] {
        assert_eq!(places(&client, stream("account-a-1", from, way)).await, expected);
    }
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_not_found_whatever_it_is_called() {
    let (_town, client) = town().await;
    let long = "a".repeat(129);
    for name in ["account-none", "an account", "Straße", "$ce-account", &long] {
        for (from, way) in [
            (RevisionOption::Start(Empty {}), ReadDirection::Forwards),
            (RevisionOption::End(Empty {}), ReadDirection::Backwards),
        ] {
            let answer = read(&client, stream(name, from, way)).await.unwrap();
            let [ReadResp { content: Some(Content::StreamNotFound(missing)) }] = answer.as_slice()
            else {
                panic!("{name}: {answer:?}")
            };
            let told = &missing.stream_identifier.as_ref().unwrap().stream_name;
            assert_eq!(told, name.as_bytes());
        }
    }
}

#[tokio::test]
async fn an_event_is_sent_byte_for_byte_with_its_ids_and_its_time() {
    let (town, client) = town().await;
    let ours = town.replay().await.unwrap();
    let options = all(AllOption::Start(Empty {}), ReadDirection::Forwards, u64::MAX);
    let theirs = read(&client, options).await.unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let Some(Content::Event(event)) = theirs.content else { panic!("{theirs:?}") };
        let event = event.event.unwrap();
        assert_eq!((&event.data, &event.custom_metadata), (&ours.data, &ours.metadata));
        assert_eq!(event.metadata["type"], ours.r#type);
        assert_eq!(event.metadata["content-type"], "application/json");
        assert_eq!(event.metadata["created"], "17725464000000000");
        assert_eq!(event.stream_identifier.unwrap().stream_name, ours.stream.as_bytes());
        assert_eq!((event.commit_position, event.prepare_position), (ours.position, ours.position));
    }
}

fn filtered(filter: filter_options::Filter) -> Options {
    let window = Some(filter_options::Window::Max(32));
    let filter = FilterOptions { filter: Some(filter), window, checkpoint_interval_multiplier: 1 };
    Options {
        filter_option: Some(FilterOption::Filter(filter)),
        ..all(AllOption::Start(Empty {}), ReadDirection::Forwards, u64::MAX)
    }
}

fn matching(regex: &str) -> filter_options::Expression {
    filter_options::Expression { regex: regex.to_owned(), prefix: Vec::new() }
}

#[tokio::test]
async fn filters_match_streams_and_types_by_prefix_or_expression() {
    use filter_options::{Expression, Filter};
    let (town, client) = town().await;
    let events = town.replay().await.unwrap();
    let prefix = Expression { regex: String::new(), prefix: vec!["account-".to_owned()] };
    let accounts = |event: &&proto::payledger::v1::RecordedEvent| event.stream.starts_with("acc");
    let accounts: Vec<_> = events.iter().filter(accounts).map(|event| event.position).collect();
    for filter in [
        Filter::StreamIdentifier(prefix),
        Filter::StreamIdentifier(matching("^account-")),
        Filter::StreamIdentifier(matching(r"^(?!books|rulebook|cutoff-|\$)")),
    ] {
        assert_eq!(commits(&client, filtered(filter)).await, accounts);
    }
    let scheduled = Filter::EventType(matching("Scheduled$"));
    assert_eq!(commits(&client, filtered(scheduled)).await.len(), 2);
    let wrong = read(&client, filtered(Filter::EventType(matching("(")))).await;
    assert_eq!(wrong.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_subscription_confirms_catches_up_and_then_lives() {
    let (town, client) = town().await;
    let head = town.head().await.unwrap();
    let mut options = filtered(filter_options::Filter::EventType(matching("^PaymentScheduled$")));
    options.count_option = Some(CountOption::Subscription(SubscriptionOptions {}));
    let request = ReadReq { options: Some(options) };
    let mut answers = client.clone().read(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    let mut told = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        match answer.content.unwrap() {
            Content::Confirmation(_) => told.push("confirmed"),
            Content::Event(event) => seen.push(event.event.unwrap().commit_position),
            Content::Checkpoint(checkpoint) => assert!(checkpoint.commit_position >= head),
            Content::CaughtUp(_) => {
                told.push("caught up");
                town.schedule("one more", "a-1", "1.00", "2026-03-03").await.unwrap();
            }
            other @ (Content::StreamNotFound(_)
            | Content::FirstStreamPosition(_)
            | Content::LastStreamPosition(_)
            | Content::LastAllStreamPosition(_)
            | Content::FellBehind(_)) => panic!("{other:?}"),
        }
        if seen.len() == 3 {
            break;
        }
    }
    assert_eq!(told, ["confirmed", "caught up"]);
    assert!(seen[2] > head);
    // It ends with the server, and says so.
    town.ask_to_stop();
    let ended = loop {
        match answers.message().await {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn whatever_writes_is_refused_as_access_denied() {
    let (_town, client) = town().await;
    let nothing = tokio_stream::iter(Vec::<AppendReq>::new());
    let append = client.clone().append(nothing).await.unwrap_err();
    let delete = client.clone().delete(DeleteReq::default()).await.unwrap_err();
    let batches = tokio_stream::iter(Vec::new());
    let batch = client.clone().batch_append(batches).await.unwrap_err();
    for refused in [append, delete, batch] {
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert_eq!(refused.metadata().get("exception").unwrap(), "access-denied");
    }
}

#[tokio::test]
async fn a_filter_of_too_many_prefixes_or_too_much_in_few_words_is_refused() {
    use filter_options::{Expression, Filter};
    let (_town, client) = town().await;
    let prefix = (0..65).map(|number| format!("account-{number}")).collect();
    let prefixes = Expression { regex: String::new(), prefix };
    let large = matching(r"(\pL{99}){99}");
    for (names, said) in [(prefixes, "64 prefixes"), (large, "regular expression")] {
        let refused = read(&client, filtered(Filter::StreamIdentifier(names))).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(said), "{refused:?}");
    }
}

/// More than the calls that may be under way at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_that_wait_for_more_keep_nobody_from_reading() {
    let (town, address) = Town::with_eventstore("2026-03-03T09:00:00-05:00").await;
    let live = Options {
        count_option: Some(CountOption::Subscription(SubscriptionOptions {})),
        ..all(AllOption::End(Empty {}), ReadDirection::Forwards, 0)
    };
    let mut open = Vec::new();
    for _ in 0..4 {
        let client = StreamsClient::connect(format!("http://{address}")).await.unwrap();
        for _ in 0..256 {
            let request = ReadReq { options: Some(live.clone()) };
            let mut answers = client.clone().read(request).await.unwrap().into_inner();
            let first = answers.message().await.unwrap().unwrap().content;
            assert!(matches!(first, Some(Content::Confirmation(_))), "{first:?}");
            open.push(answers);
        }
    }
    let client = StreamsClient::connect(format!("http://{address}")).await.unwrap();
    let start = all(AllOption::Start(Empty {}), ReadDirection::Forwards, u64::MAX);
    assert_eq!(commits(&client, start).await.len(), 2);
    let refused = read(&client, live.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("1024 subscriptions are open"), "{refused:?}");
    // A place is free again once one of them has gone.
    drop(open.pop());
    let request = ReadReq { options: Some(live) };
    town.until(async |_| client.clone().read(request.clone()).await.is_ok()).await;
}
