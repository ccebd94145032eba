//! Connections that say something now and then. One that is silent for long is nobody's: a client
//! answers the server's pings, and whoever connects sends a preface at once. Without an end to it,
//! silent ones take all the file handles that the process may have.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use super::ending::UnderWay;

/// A connection that fails once nothing has come over it for a while, or once it is cut off.
#[derive(Debug)]
pub(super) struct Lively<C> {
    connection: C,
    silence_max: Duration,
    heard: Instant,
    /// Runs out when the silence may have become too long.
    look: Pin<Box<Sleep>>,
    under_way: UnderWay,
    cut_off: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<C> Lively<C> {
    pub(super) fn new(connection: C, silence_max: Duration, under_way: UnderWay) -> Self {
        let look = Box::pin(sleep(silence_max));
        let cut_off = Box::pin(under_way.cut_off());
        Self { connection, silence_max, heard: Instant::now(), look, under_way, cut_off }
    }

    /// What a write came to, or that it waits in vain.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.poll_cut_off(context);
        }
        self.under_way.note_written();
        written
    }

    fn poll_cut_off<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.cut_off.as_mut().poll(context).map(|()| Err(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Waits for the end of the silence that is too long.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.look.as_mut().poll(context).is_ready() {
            let left = self.silence_max.saturating_sub(self.heard.elapsed());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.look.set(sleep(left));
        }
        Poll::Pending
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Lively<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.connection).poll_read(context, buffer) {
            self.heard = Instant::now();
            return Poll::Ready(read);
        }
        if let Poll::Ready(cut_off) = self.poll_cut_off(context) {
            return Poll::Ready(cut_off);
        }
        self.poll_silence(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Lively<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(context, pieces);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.connection).poll_flush(context);
        if flushed.is_pending() { self.poll_cut_off(context) } else { flushed }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

impl<C: Connected> Connected for Lively<C> {
    type ConnectInfo = C::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.connection.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::server::{Drained, Shutdown};

    const SILENCE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_connection_over_which_nothing_comes_fails_after_a_while() {
        let (_client, server) = duplex(64);
        let begun = Instant::now();
        let failure = Lively::new(server, SILENCE, UnderWay::new(Shutdown::default()))
            .read_u8()
            .await
            .unwrap_err();
        assert_eq!((failure.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, SILENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_something_now_and_then_goes_on() {
        let (mut client, server) = duplex(64);
        let mut server = Lively::new(server, SILENCE, UnderWay::new(Shutdown::default()));
        let talking = tokio::spawn(async move {
            for byte in 0..10 {
                sleep(Duration::from_secs(40)).await;
                client.write_u8(byte).await.unwrap();
            }
            sleep(Duration::from_secs(59)).await;
        });
        for byte in 0..10 {
            assert_eq!(server.read_u8().await.unwrap(), byte);
        }
        let end = server.read_u8().await.unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        talking.await.unwrap();
    }

    #[tokio::test]
    async fn one_that_is_cut_off_fails_whatever_it_waits_for() {
        let under_way = UnderWay::new(Shutdown::default());
        let (_client, server) = duplex(1);
        let mut server = Lively::new(server, SILENCE, under_way.clone());
        let never = std::future::pending::<Result<(), io::Error>>();
        assert_eq!(under_way.drain(never, Duration::ZERO).await.unwrap(), Drained::CutOff);
        let aborted = io::ErrorKind::ConnectionAborted;
        assert_eq!(server.read_u8().await.unwrap_err().kind(), aborted);
        assert_eq!(server.write_all(b"more than fits").await.unwrap_err().kind(), aborted);
    }
}
