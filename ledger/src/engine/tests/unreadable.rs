//! Events that no store and no reader can take.

use super::super::{EngineError, RecoveryRequest};
use super::{engine, lost};
use crate::codec::CodecError;
use crate::domain::recovery::Command;
use crate::envelope::{NewEvent, StreamName, Version};
use crate::ids::{Actor, EventId, RequestId};
use crate::store::{Append, AppendShapeError, EVENT_BYTES_MAX, Expected};
use crate::streams;

const FROM_LATER: &str =
    "event type \"FromLater\" is of a later version of payledger: use that version for this log";

/// Why what is folded from `stream` cannot be trusted once this is in it.
async fn cause_of(stream: StreamName, kind: &str, data: &str) -> (String, bool) {
    let engine = engine().await;
    let store = engine.store();
    let version = store.read_stream(&stream, Version::EMPTY, usize::MAX).await.unwrap().len();
    let metadata = store.read_stream(&streams::of_books(), Version::EMPTY, 1).await.unwrap();
    let event = NewEvent {
        id: EventId::derived("a test", RequestId::derived("a test", kind), 0),
        kind: kind.to_owned(),
        data: data.into(),
        metadata: metadata.into_iter().next().unwrap().metadata,
    };
    let expected = Expected::after(Version(version.try_into().unwrap()));
    store.append(Append::new(stream, expected, vec![event]).unwrap()).await.unwrap();
    let error = match (engine.books().await, engine.recovery().await) {
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error,
        other => unreachable!("{other:?}"),
    };
    let is_later = kind == "FromLater";
    for error in [&error, &error.of_the_store().unwrap()] {
        assert_eq!(error.is_of_a_later_version(), is_later);
        let told = if is_later { "the log cannot be read" } else { "the log is damaged" };
        assert!(error.to_string().starts_with(told), "{error}");
    }
    let EngineError::Damaged { cause, .. } = error else { unreachable!("{error:?}") };
    (cause.to_string(), cause.is::<CodecError>())
}

#[tokio::test]
async fn damage_is_told_with_its_cause() {
    for stream in [streams::of_books(), streams::of_recovery()] {
        let (cause, of_codec) = cause_of(stream.clone(), "DayOpened", "{}").await;
        assert_eq!((cause.as_str(), of_codec), ("an event of type DayOpened cannot be read", true));
        let (cause, of_codec) = cause_of(stream.clone(), "FromLater", "{}").await;
        assert_eq!((cause.as_str(), of_codec), (FROM_LATER, true));
        let adopted = r#"{"version": "1", "digest": "", "document": ""}"#;
        let (cause, of_codec) = cause_of(stream.clone(), "RulebookAdopted", adopted).await;
        assert_eq!((cause, of_codec), (format!("a RulebookAdopted in the stream {stream}"), false));
    }
}

#[tokio::test]
async fn what_no_store_takes_is_a_mistake_and_not_a_store_that_is_unavailable() {
    let engine = engine().await;
    let loss = engine.record_loss(lost()).await.unwrap();
    let head = engine.store().head().await.unwrap();
    let note = "x".repeat(EVENT_BYTES_MAX);
    let approval = RecoveryRequest {
        request_id: RequestId::derived("a test", "approve"),
        actor: Actor::unnamed(),
        receipt: engine.receive().unwrap(),
        command: Command::ApproveOrigination { loss, note },
    };
    let error = engine.recover(approval).await.unwrap_err();
    let EngineError::Unwritable(cause) = &error else { unreachable!("{error:?}") };
    assert!(cause.is::<AppendShapeError>(), "{cause}");
    assert_eq!(engine.store().head().await.unwrap(), head, "nothing was written");
}
