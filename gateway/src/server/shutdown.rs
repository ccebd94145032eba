//! The order to stop: asked for once, seen by whoever has to end something.

use tokio_util::sync::{CancellationToken, DropGuard};

/// A shared order to stop. Clones are the same order.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    asked: CancellationToken,
    streams: CancellationToken,
}

impl Shutdown {
    /// Asks the server to stop; asking again changes nothing.
    pub fn ask(&self) {
        self.asked.cancel();
    }

    /// Asks the server to stop when it is dropped.
    pub fn guard(&self) -> DropGuard {
        self.asked.clone().drop_guard()
    }

    /// Ends when the server has been asked to stop.
    pub async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Ends when streams that would not end by themselves have to: with `SHUTTING_DOWN` and the
    /// last checkpoint.
    pub async fn streams_end(&self) {
        self.streams.cancelled().await;
    }

    pub(super) fn end_streams(&self) {
        self.streams.cancel();
    }

    /// Ends streams when it is dropped.
    pub(super) fn streams_guard(&self) -> DropGuard {
        self.streams.clone().drop_guard()
    }
}
