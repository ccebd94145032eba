//! Where the messages of a stream go: to a reader who may be slow, and may stop.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// How long a reader may take nothing before it is given up. Else readers that stopped would keep
/// all places for ever.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What a reader gets.
pub type Messages<T> = ReceiverStream<Result<T, Status>>;

/// The way to one reader. Clones are the same way.
#[derive(Debug)]
pub struct Outlet<T> {
    out: mpsc::Sender<Result<T, Status>>,
    /// How many messages may wait.
    waiting_max: usize,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self { out: self.out.clone(), waiting_max: self.waiting_max }
    }
}

/// Room for why a stream ends, which must not wait for a reader who takes nothing.
#[derive(Debug)]
pub struct LastWord<T>(Option<mpsc::OwnedPermit<Result<T, Status>>>);

/// Why nothing more is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// The reader has gone.
    Gone,
    /// The reader took nothing for as long as it may.
    Stalled,
}

/// A way on which at most so many messages wait, and one more that is the last.
pub fn outlet<T>(waiting_max: usize) -> (Outlet<T>, LastWord<T>, Messages<T>) {
    let (out, messages) = mpsc::channel(waiting_max.saturating_add(1));
    let last_word = LastWord(out.clone().try_reserve_owned().ok());
    (Outlet { out, waiting_max }, last_word, ReceiverStream::new(messages))
}

impl<T> Outlet<T> {
    /// Sends a message, once fewer than `waiting_max` wait.
    pub async fn send(&self, message: T) -> Result<(), Unsent> {
        in_time(self.out.send(Ok(message))).await
    }

    /// The same, however long the reader takes nothing.
    pub async fn send_patiently(&self, message: T) -> Result<(), Unsent> {
        self.out.send(Ok(message)).await.map_err(|_closed| Unsent::Gone)
    }

    /// Waits until no message waits.
    pub async fn emptied(&self) -> Result<(), Unsent> {
        for room in 1..=self.waiting_max {
            // Each takes one message more off the way, and so shows that the reader goes on.
            drop(in_time(self.out.reserve_many(room)).await?);
        }
        Ok(())
    }

    /// Ends when the reader has gone.
    pub async fn closed(&self) {
        self.out.closed().await;
    }
}

impl<T> LastWord<T> {
    /// Tells the reader why there is no more, behind what waits.
    pub fn say(self, why: Status) {
        if let Some(room) = self.0 {
            room.send(Err(why));
        }
    }
}

/// What is sent if there is room for it in time.
async fn in_time<R, E>(sending: impl Future<Output = Result<R, E>>) -> Result<R, Unsent> {
    let sent = tokio::time::timeout(SILENCE_MAX, sending).await;
    sent.map_err(|_late| Unsent::Stalled)?.map_err(|_closed| Unsent::Gone)
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;
    use tokio_stream::StreamExt as _;

    use super::*;

    const NEARLY: Duration = Duration::from_secs(59);

    #[tokio::test(start_paused = true)]
    async fn a_reader_who_takes_nothing_for_a_minute_has_stalled_and_is_told_behind_what_waits() {
        let (outlet, last_word, mut messages) = outlet(2);
        outlet.send(1).await.unwrap();
        outlet.send(2).await.unwrap();
        assert_eq!(outlet.send(3).await, Err(Unsent::Stalled));
        last_word.say(Status::aborted("stalled"));
        drop(outlet);
        assert_eq!(messages.next().await.unwrap().unwrap(), 1);
        assert_eq!(messages.next().await.unwrap().unwrap(), 2);
        assert_eq!(messages.next().await.unwrap().unwrap_err().message(), "stalled");
        assert!(messages.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_takes_a_message_now_and_then_goes_on() {
        let (outlet, _last_word, mut messages) = outlet(2);
        outlet.send(1).await.unwrap();
        outlet.send(2).await.unwrap();
        let reader = tokio::spawn(async move {
            for _ in 0..3 {
                sleep(NEARLY).await;
                messages.next().await.unwrap().unwrap();
            }
            sleep(NEARLY).await;
        });
        outlet.send(3).await.unwrap();
        outlet.emptied().await.unwrap();
        reader.await.unwrap();
        assert_eq!(outlet.send(4).await, Err(Unsent::Gone));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_not_waited_for_for_ever() {
        let (outlet, _last_word, _messages) = outlet(2);
        outlet.emptied().await.unwrap();
        outlet.send(1).await.unwrap();
        assert_eq!(outlet.emptied().await, Err(Unsent::Stalled));
    }
}
