//! The adapter on a cluster that loses answers, changes its leader, is slow, or is not there yet.

use std::sync::Arc;
use std::time::Duration;

use ledger::envelope::{NewEvent, Position, StreamName, Version};
use ledger::ids::{EventId, RequestId};
use ledger::store::eventstore::{COPY_NOTE, Cluster, OpenError};
use ledger::store::memory::Memory;
use ledger::store::{Append, AppendError, EventStore, Expected, Notes as _, ReadError};
use tests::cluster::{Fault, Node, connection};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{open, saying, store_on};

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_outcome_unknown_and_the_stream_tells() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    for (fault, written) in
        [(Fault::AnswerLost, true), (Fault::RequestLost, false), (Fault::Hangs, true)]
    {
        let stream = format!("account-{fault:?}");
        node.faults().plan(fault);
        let outcome = store.cluster.append(saying(&stream, 0, "once")).await;
        assert!(matches!(outcome, Err(AppendError::Indeterminate(_))), "{fault:?}: {outcome:?}");
        let name = saying(&stream, 0, "").stream().clone();
        let there = store.cluster.read_stream(&name, Version::EMPTY, 9).await.unwrap();
        assert_eq!(there.len(), usize::from(written), "{fault:?}");
    }
}

/// Otherwise a call takes 40 milliseconds more: the client has no setting for it.
#[tokio::test]
async fn sockets_of_the_process_send_at_once_while_a_store_is_open() {
    let node = Node::start().await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpStream::connect(other.local_addr().unwrap()).await.unwrap();
    let _store = store_on(&node).await;
    while !socket.nodelay().unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One after another they would wait for the patience of each: a quarter of a minute if it hangs.
#[tokio::test]
async fn many_who_ask_a_node_that_does_not_answer_are_told_so_together() {
    const ASKERS: u64 = 100;
    let node = Node::start().await;
    let store = store_on(&node).await;
    for _ in 0..10 * ASKERS {
        node.faults().plan_read(Fault::RequestLost);
    }
    let before = node.reads_of_log().await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..ASKERS {
        let cluster = Arc::clone(&store.cluster);
        asked.spawn(async move { cluster.head().await });
    }
    for head in asked.join_all().await {
        assert!(matches!(head, Err(ReadError::Unavailable(_))), "{head:?}");
    }
    let reads = node.reads_of_log().await - before;
    assert!(reads < ASKERS, "{reads} reads");
    node.faults().heal();
    assert_eq!(store.cluster.head().await.unwrap(), Position(0));
}

#[tokio::test]
async fn an_append_follows_the_leader() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    for _ in 0..3 {
        node.faults().plan(Fault::WrongLeader);
    }
    let appended = store.cluster.append(saying("account-a", 0, "once")).await.unwrap();
    assert_eq!((appended.position, appended.version), (Position(1), Version(1)));
}

/// The first look may have to pass over millions of events that others wrote meanwhile.
#[tokio::test]
async fn a_start_waits_longer_for_a_look_after_one_that_took_too_long() {
    const A_LOOK: Duration = Duration::from_secs(15);
    let node = Node::start().await;
    // A look is two reads: of what is behind the last event, and of the end.
    for _ in 0..6 {
        node.faults().plan_read(Fault::Slow);
    }
    let directory = tempfile::tempdir().unwrap();
    let answered = async {
        node.faults().waits_at_gate(4).await;
        tokio::time::sleep(A_LOOK + Duration::from_secs(2)).await;
        assert_eq!(node.reads_of_log().await, 4, "the second look is not given up yet");
        node.faults().heal();
        node.faults().open_gate();
        node.faults().open_gate();
    };
    let (store, ()) = tokio::join!(open(&node, directory.path()), answered);
    assert_eq!(store.head().await.unwrap(), Position(0));
}

/// What was decided a while ago may be refused by now, or belong to a day that is closed.
#[tokio::test]
async fn an_append_that_cannot_be_sent_for_a_while_is_to_be_decided_anew() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    let address = node.address();
    let log = node.kill().await;
    // The next call connects anew, and waits until the node answers.
    while store.cluster.head().await.is_ok() {}
    let listener = TcpListener::bind(address).await.unwrap();
    let cluster = Arc::clone(&store.cluster);
    let sent = tokio::spawn(async move { cluster.append(saying("account-a", 0, "late")).await });
    tokio::time::sleep(Duration::from_millis(1800)).await;
    assert!(!sent.is_finished());
    let _node = Node::start_on(listener, log);
    let outcome = sent.await.unwrap();
    let is_not_done =
        matches!(outcome, Err(AppendError::Conflict { .. } | AppendError::Unavailable(_)));
    assert!(is_not_done, "{outcome:?}");
    let again = loop {
        match store.cluster.append(saying("account-a", 0, "again")).await {
            Err(AppendError::Conflict { .. } | AppendError::Unavailable(_)) => {}
            done => break done.unwrap(),
        }
    };
    assert_eq!(again.version, Version(1));
}

#[tokio::test]
async fn a_slow_commit_is_waited_for() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    node.faults().plan(Fault::Slow);
    let cluster = Arc::clone(&store.cluster);
    let slow = tokio::spawn(async move { cluster.append(saying("account-a", 0, "slow")).await });
    node.faults().waits_at_gate(1).await;
    let other = store.cluster.append(saying("account-b", 0, "quick")).await.unwrap();
    assert!(!slow.is_finished());
    node.faults().open_gate();
    let slow = slow.await.unwrap().unwrap();
    assert_eq!((other.position, slow.position), (Position(1), Position(2)));
}

#[tokio::test]
async fn a_cluster_that_refuses_the_first_connections_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_owned();
    let opening = tokio::spawn(async move { Cluster::open(&connection(address), &folder).await });
    // The first attempt has made its file, and found nobody.
    while !directory.path().join("positions").exists() {
        tokio::task::yield_now().await;
    }
    let node = Node::start_on(TcpListener::bind(address).await.unwrap(), Arc::default());
    let cluster = opening.await.unwrap().unwrap();
    cluster.append(saying("account-a", 0, "once")).await.unwrap();
    drop(node);
}

#[tokio::test]
async fn reads_that_end_early_or_fail_lose_nothing() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    for version in 0..50 {
        one.cluster.append(saying("account-a", version, "once")).await.unwrap();
        if version % 5 == 0 {
            node.faults().plan_read(Fault::Ends { after: 1 });
            node.faults().plan_read(Fault::RequestLost);
        }
    }
    other.cluster.wait_past(Position(49)).await.unwrap();
    let events = read_through(&*other.cluster).await;
    assert!(events.iter().map(|event| event.position.0).eq(1..=50));
    assert_eq!(events, read_through(&*one.cluster).await);
}

#[tokio::test]
async fn a_page_that_is_cut_off_in_order_is_read_on_or_is_no_answer() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    for version in 0..20 {
        one.cluster.append(saying("account-a", version, "once")).await.unwrap();
    }
    let names = ["account-a", "account-none"].map(|name| StreamName::new(name).unwrap());
    let mut answered = 0;
    for round in 0..40 {
        for _ in 0..round % 4 {
            node.faults().plan_read(Fault::Ends { after: round % 3 });
        }
        let pages = other.cluster.read_streams(&names, 100).await;
        if let Ok(pages) = pages {
            let versions = pages[0].iter().map(|event| event.version.0);
            assert!(versions.eq(1..=20) && pages[1].is_empty(), "{round}: {pages:?}");
            answered += 1;
        }
        node.faults().plan_read(Fault::Ends { after: round % 3 });
        assert_eq!(other.cluster.head().await.unwrap_or(Position(20)), Position(20));
        node.faults().heal();
    }
    assert!(answered > 20, "{answered}");
}

#[tokio::test]
async fn where_the_log_ends_is_asked_again_if_there_was_nothing_yet() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    for version in 0..40 {
        one.cluster.append(saying("account-a", version, "once")).await.unwrap();
        // Of the page, or of the question where it ends: as if the log had been empty then.
        node.faults().plan_read(Fault::Ends { after: 0 });
        assert_eq!(other.cluster.head().await.unwrap(), Position(version + 1));
        node.faults().heal();
    }
}

/// Reads everything, again where a read failed or ended early.
async fn read_through(store: &dyn EventStore) -> Vec<ledger::envelope::RecordedEvent> {
    let mut events = Vec::new();
    while events.len() < 50 {
        let after = Position(events.len().try_into().unwrap());
        events.extend(store.read_all(after, 100).await.unwrap_or_default());
    }
    events
}

#[tokio::test]
async fn a_node_that_dies_is_found_again_where_it_comes_back() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    store.cluster.append(saying("account-a", 0, "before")).await.unwrap();
    let address = node.address();
    let log = node.kill().await;
    let down = store.cluster.append(saying("account-a", 1, "meanwhile")).await;
    assert!(matches!(down, Err(AppendError::Indeterminate(_) | AppendError::Unavailable(_))));
    assert!(matches!(store.cluster.head().await, Err(ReadError::Unavailable(_))));
    let _node = Node::start_on(TcpListener::bind(address).await.unwrap(), log);
    let appended = loop {
        match store.cluster.append(saying("account-a", 1, "after")).await {
            Ok(appended) => break appended,
            Err(AppendError::Conflict { .. }) => panic!("nobody else writes"),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(appended.position, Position(2));
}

#[tokio::test]
async fn an_append_that_the_server_takes_for_a_repeat_conflicts_unless_it_says_the_same() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    one.cluster.append(saying("account-a", 0, "mine")).await.unwrap();
    // The server answers each of these that it is written, since the id is there.
    for store in [&one, &other] {
        for says in ["yours", "mine"] {
            match store.cluster.append(saying("account-a", 0, says)).await {
                Err(AppendError::Conflict { actual, .. }) => assert_eq!(actual, Version(1)),
                // Whoever did not know of it yet may take the same words for its own.
                Ok(appended) => assert_eq!((says, appended.position), ("mine", Position(1))),
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    let name = saying("account-a", 0, "").stream().clone();
    let there = other.cluster.read_stream(&name, Version::EMPTY, 9).await.unwrap();
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].data, br#"{"says":"mine"}"#);
}

#[tokio::test]
async fn what_builds_on_an_append_that_others_took_over_is_not_written() {
    let node = Node::start().await;
    let (one, other) = (store_on(&node).await, store_on(&node).await);
    one.cluster.append(saying("account-a", 0, "mine")).await.unwrap();
    let many = vec![saying("account-a", 0, "yours"), saying("account-a", 1, "built on it")];
    for outcome in other.cluster.append_many(many).await {
        assert!(matches!(outcome, Err(AppendError::Conflict { .. })), "{outcome:?}");
    }
    assert_eq!(other.cluster.head().await.unwrap(), Position(1));
}

#[tokio::test]
async fn positions_are_kept_and_a_log_that_lacks_what_was_read_is_refused() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    for version in 0..7 {
        store.cluster.append(saying("account-a", version, "once")).await.unwrap();
    }
    let witness = store.cluster.witness(Position(5)).unwrap();
    let (directory, cluster) = (store.directory, store.cluster);
    drop(cluster);
    let again = reopened(&node, &directory).await;
    again.confirm(Position(5), &witness).unwrap();
    assert_eq!(again.head().await.unwrap(), Position(7));
    drop(again);
    // Another cluster, or what is left of this one: what was read is a witness.
    let elsewhere = Node::start().await;
    let other = Cluster::open(&elsewhere.connection(), directory.path()).await.map(drop);
    let missing = OpenError::EndMissing { known: Position(7), head: Position::START };
    assert_eq!(other.unwrap_err().to_string(), missing.to_string());
    for version in 0..9 {
        elsewhere.log().append(saying("account-b", version, "else")).await.unwrap();
    }
    let other = Cluster::open(&elsewhere.connection(), directory.path()).await.map(drop);
    let Err(OpenError::Read(ReadError::Damaged { position, .. })) = other else {
        panic!("{other:?}")
    };
    assert_eq!(position, Position(7));
    // Whoever knows better takes the witness away.
    std::fs::remove_file(directory.path().join("positions")).unwrap();
    let other = reopened(&elsewhere, &directory).await;
    assert_eq!(other.head().await.unwrap(), Position(9));
    assert!(other.confirm(Position(5), &witness).is_err());
}

#[tokio::test]
async fn the_mark_of_a_copy_may_be_removed_under_a_store() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    store.cluster.append(saying("account-a", 0, "once")).await.unwrap();
    store.cluster.write_note(COPY_NOTE, Version::EMPTY, b"").await.unwrap();
    assert_eq!(store.cluster.head().await.unwrap(), Position(1));
    let address = node.address();
    node.kill().await;
    let without: Arc<Memory> = Arc::default();
    for version in 0..2 {
        without.append(saying("account-a", version, "once")).await.unwrap();
    }
    let _node = Node::start_on(TcpListener::bind(address).await.unwrap(), without);
    loop {
        match store.cluster.head().await {
            Ok(Position(2)) => break,
            Ok(Position(1)) | Err(ReadError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Opens once the store before it has let go of the directory.
async fn reopened(node: &Node, directory: &tempfile::TempDir) -> Arc<Cluster> {
    open(node, directory.path()).await
}

#[tokio::test]
async fn a_log_that_changes_under_a_store_is_refused_from_then_on() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    store.cluster.append(saying("account-a", 0, "once")).await.unwrap();
    let address = node.address();
    node.kill().await;
    let other: Arc<Memory> = Arc::default();
    other.append(saying("account-b", 0, "another log")).await.unwrap();
    let _node = Node::start_on(TcpListener::bind(address).await.unwrap(), other);
    store.cluster.stopped().await;
    let refused = store.cluster.head().await;
    assert!(matches!(refused, Err(ReadError::Damaged { position: Position(1), .. })));
    assert!(store.cluster.failure().is_some());
}

#[tokio::test]
async fn one_look_at_the_log_tells_all_appends_of_a_call_what_became_of_them() {
    const APPENDS: u64 = 60;
    let node = Node::start().await;
    let store = store_on(&node).await;
    let stream = |number| format!("account-{number}");
    let mut appends: Vec<_> = (1..APPENDS).map(|it| saying(&stream(it), 0, "once")).collect();
    let last = EventId::derived("last", RequestId::derived("last", ""), 0);
    let event = NewEvent { id: last, kind: "Last".to_owned(), data: vec![], metadata: vec![] };
    let name = StreamName::new(stream(0)).unwrap();
    appends.push(Append::new(name, Expected::NoStream, vec![event]).unwrap());
    // While the last one waits, all others are there, and none has asked where.
    node.faults().plan_for("Last", Fault::Slow);
    let cluster = store.cluster.clone();
    let appending = tokio::spawn(async move { cluster.append_many(appends).await });
    node.faults().waits_at_gate(1).await;
    let before = node.reads_of_log().await;
    node.faults().open_gate();
    let appended = appending.await.unwrap();
    let positions = appended.into_iter().map(|appended| appended.unwrap().position.0);
    assert!(positions.eq(1..=APPENDS));
    // A look is a page and the end beside it; some are of nobody in particular.
    let looks = (node.reads_of_log().await - before) / 2;
    assert!(looks < APPENDS / 2, "{looks}");
}

#[tokio::test]
async fn appends_to_several_streams_do_not_wait_for_each_other() {
    let node = Node::start().await;
    let store = store_on(&node).await;
    let slow = EventId::derived("slow", RequestId::derived("slow", ""), 0);
    let event = NewEvent { id: slow, kind: "Slow".to_owned(), data: vec![], metadata: vec![] };
    let name = StreamName::new("account-slow").unwrap();
    let mut appends = vec![Append::new(name, Expected::NoStream, vec![event]).unwrap()];
    appends.extend((0..40).map(|it| saying(&format!("account-{it}"), 0, "once")));
    appends.push(saying("account-7", 1, "again"));
    node.faults().plan_for("Slow", Fault::Slow);
    let cluster = store.cluster.clone();
    let appending = tokio::spawn(async move { cluster.append_apart(appends).await });
    node.faults().waits_at_gate(1).await;
    // The first one still waits, and all others come to be there.
    while store.cluster.head().await.unwrap() < Position(41) {
        tokio::task::yield_now().await;
    }
    node.faults().open_gate();
    let appended = appending.await.unwrap();
    let appended: Vec<_> = appended.into_iter().map(Result::unwrap).collect();
    assert_eq!((appended[0].position, appended[41].version), (Position(42), Version(2)));
}
