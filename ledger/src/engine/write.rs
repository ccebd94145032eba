//! Events on their way into the store, and the first of them: the rules in force.

use chrono::{DateTime, Utc};

use super::{ATTEMPTS_MAX, EngineError, Inner};
use crate::codec::{self, Document, Fact, RulebookAdopted};
use crate::digest::Digest;
use crate::envelope::{Metadata, NewEvent, StreamName, Version};
use crate::ids::{Actor, EventId, RequestId};
use crate::store::{Append, AppendError, Expected};
use crate::streams;

impl Inner {
    /// What is recorded beside the events of a request, which these rules decide.
    pub(super) fn metadata(
        &self,
        received_at: DateTime<Utc>,
        request_id: RequestId,
        digest: Digest,
        actor: Actor,
    ) -> Metadata {
        Metadata { received_at, request_id, digest, actor, rules: self.rules.version().to_owned() }
    }

    /// Records the adoption of the rules, unless they are in force already.
    pub(super) async fn adopt_rules(&self) -> Result<(), EngineError> {
        let stream = streams::of_rulebook();
        let adopted = Fact::RulebookAdopted(RulebookAdopted::of(&self.rules));
        let (kind, document) = codec::encode(&adopted)?;
        for _ in 0..ATTEMPTS_MAX {
            let recorded = self.store.read_stream(&stream, Version::EMPTY, usize::MAX).await?;
            let in_force =
                recorded.last().is_some_and(|last| last.kind == kind && last.data == document);
            if in_force {
                return Ok(());
            }
            let version = Version(u64::try_from(recorded.len()).unwrap_or(u64::MAX));
            let receipt = self.receipts.take(&self.clock)?;
            let request_id = RequestId::derived("rulebook", &version.to_string());
            let digest = Digest::of(&document);
            let metadata = self.metadata(receipt.at(), request_id, digest, Actor::runner());
            let documents = std::iter::once(Ok((kind, document.clone())));
            let append = new_append(stream.clone(), version, documents, &metadata)?;
            match self.store.append(append).await {
                Ok(_) => return Ok(()),
                // Another gateway adopted at the same moment, or it was not sent in time.
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Contended)
    }
}

/// The append of `documents` to a stream of so many events: ids derived, metadata shared.
pub(super) fn new_append(
    stream: StreamName,
    version: Version,
    documents: impl Iterator<Item = Result<Document, serde_json::Error>>,
    metadata: &Metadata,
) -> Result<Append, EngineError> {
    let bytes = codec::json(metadata)?;
    let event_of = |(index, document): (usize, Result<Document, serde_json::Error>)| {
        let (kind, data) = document?;
        let id = EventId::derived(stream.as_str(), metadata.request_id, index);
        Ok(NewEvent { id, kind: kind.to_owned(), data, metadata: bytes.clone() })
    };
    let events = documents.enumerate().map(event_of).collect::<Result<_, EngineError>>()?;
    Ok(Append::new(stream, Expected::after(version), events)?)
}
