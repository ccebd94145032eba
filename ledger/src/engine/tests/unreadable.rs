//! Events that no store and no reader can take.

use super::super::EngineError;
use super::engine;
use crate::codec::CodecError;
use crate::envelope::{NewEvent, StreamName, Version};
use crate::ids::{EventId, RequestId};
use crate::store::{Append, Expected};
use crate::streams;

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
    let EngineError::Damaged { cause, .. } = error else { unreachable!("{error:?}") };
    (cause.to_string(), cause.is::<CodecError>())
}

#[tokio::test]
async fn damage_is_told_with_its_cause() {
    for stream in [streams::of_books(), streams::of_recovery()] {
        let (cause, of_codec) = cause_of(stream.clone(), "DayOpened", "{}").await;
        assert_eq!((cause.as_str(), of_codec), ("an event of type DayOpened cannot be read", true));
        let (cause, of_codec) = cause_of(stream.clone(), "FromLater", "{}").await;
        assert_eq!((cause.as_str(), of_codec), ("unknown event type \"FromLater\"", true));
        let adopted = r#"{"version": "1", "digest": "", "document": ""}"#;
        let (cause, of_codec) = cause_of(stream.clone(), "RulebookAdopted", adopted).await;
        assert_eq!((cause, of_codec), (format!("a RulebookAdopted in the stream {stream}"), false));
    }
}
