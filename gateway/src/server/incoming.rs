//! The connections that come in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;

use super::ending::UnderWay;
use super::lively::Lively;
use super::sparingly::Sparingly;

/// How long after a failure to take a connection the next is taken.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What the system answers where it, or the process, has no file handle left: ENFILE and EMFILE.
const OUT_OF_HANDLES: [i32; 2] = [23, 24];

/// How long nothing may come over a connection before it is closed: longer than the server's ping
/// and its answer take.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The connections that `listener` takes; what comes over them is part of what is under way.
pub(super) fn incoming(
    listener: TcpListener,
    under_way: UnderWay,
) -> impl Stream<Item = io::Result<Lively<TcpStream>>> {
    let taken = unhurried(TcpIncoming::from(listener).with_nodelay(Some(true)));
    taken.map(move |taken| {
        taken.map(|connection| Lively::new(connection, SILENCE_MAX, under_way.clone()))
    })
}

/// Waits a moment after a failure that is not the connection's own. Who has no file handle left,
/// or no memory, fails again at once: without the wait, as often as a core can ask.
fn unhurried<T>(taken: impl Stream<Item = io::Result<T>>) -> impl Stream<Item = io::Result<T>> {
    let failures = Arc::new(Sparingly::default());
    taken.then(move |taken| {
        let failures = Arc::clone(&failures);
        async move {
            if let Some(error) = taken.as_ref().err().filter(|error| !is_of_the_connection(error)) {
                failures.say(|left_out| tell(error, left_out));
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            taken
        }
    })
}

/// Says why no connection can be taken, and what helps.
fn tell(error: &io::Error, left_out: u64) {
    if error.raw_os_error().is_some_and(|code| OUT_OF_HANDLES.contains(&code)) {
        tracing::warn!(%error, left_out, "no connection can be taken: raise LimitNOFILE");
    } else {
        tracing::warn!(%error, left_out, "no connection can be taken");
    }
}

/// Did the connection break before it was taken?
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | BrokenPipe | Interrupted | WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::Instant;

    use super::*;

    /// How long five attempts that all end in `kind` take.
    async fn five_end_in(kind: io::ErrorKind) -> Duration {
        let failing = tokio_stream::iter((0..5).map(|_| Err::<(), _>(io::Error::from(kind))));
        let mut taken = pin!(unhurried(failing));
        let begun = Instant::now();
        while let Some(taken) = taken.next().await {
            assert_eq!(taken.unwrap_err().kind(), kind);
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_cannot_take_connections_tries_again_after_a_moment() {
        let out_of_handles = five_end_in(io::ErrorKind::Other).await;
        assert_eq!(out_of_handles, AGAIN_AFTER.saturating_mul(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_broke_keeps_nobody_else_waiting() {
        assert_eq!(five_end_in(io::ErrorKind::ConnectionAborted).await, Duration::ZERO);
    }
}
