//! The seal that a window's run leaves behind.

use super::fold::fact_of;
use super::{Engine, EngineError, new_append};
use crate::codec::{self, Fact};
use crate::cycles::cutoff::{RunItem, WindowKey, WindowSealed};
use crate::digest::Digest;
use crate::envelope::{Position, RecordedEvent, Version};
use crate::ids::{Actor, RequestId};
use crate::streams;

impl Engine {
    /// Seals what became of payments of a window that no seal covers yet: `items`, as they were
    /// when the window had `seals` seals. Without any, nothing is written if there is a seal.
    /// Answers with the last seal and its place.
    ///
    /// [`EngineError::Contended`] if the window was sealed since: the items may be covered by now,
    /// and must be read anew.
    pub async fn seal_window(
        &self,
        window: WindowKey,
        seals: u32,
        items: Vec<RunItem>,
    ) -> Result<(WindowSealed, Position), EngineError> {
        let inner = &self.0;
        let stream = streams::of_window(&window);
        if items.is_empty() {
            let recorded = inner.store.read_stream(&stream, Version::EMPTY, usize::MAX).await?;
            if let Some(last) = recorded.last() {
                return Ok((seal_of(last)?, last.position));
            }
        }
        let sealed = WindowSealed::of(window, seals, items);
        let receipt = self.receive()?;
        let request_id = RequestId::derived(stream.as_str(), &format!("seal-{seals}"));
        let digest = Digest::of(sealed.root.as_bytes());
        let metadata = inner.metadata(receipt.at(), request_id, digest, Actor::runner());
        let document = codec::encode(&Fact::WindowSealed(sealed.clone()));
        let version = Version(u64::from(seals));
        let append = new_append(stream, version, std::iter::once(document), &metadata)?;
        let appended = inner.store.append(append).await?;
        Ok((sealed, appended.position))
    }

    /// The seals of a window, in order.
    pub async fn window_seals(&self, window: &WindowKey) -> Result<Vec<WindowSealed>, EngineError> {
        let stream = streams::of_window(window);
        let recorded = self.0.store.read_stream(&stream, Version::EMPTY, usize::MAX).await?;
        recorded.iter().map(seal_of).collect()
    }
}

/// The seal that an event of a window's stream is.
fn seal_of(event: &RecordedEvent) -> Result<WindowSealed, EngineError> {
    fact_of(event, |fact| if let Fact::WindowSealed(sealed) = fact { Some(sealed) } else { None })
}
