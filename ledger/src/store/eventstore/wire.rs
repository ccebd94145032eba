//! The client of the cluster, and the only file that names the `eventstore` dependency: what is
//! known to go wrong inside it ends here.
//!
//! A client whose first connection failed stays dead, and one whose node died stays on it: it is
//! thrown away and made anew. A call may hang, or panic on an answer that it did not foresee: each
//! runs in a task of its own, which can be given up. A subscription that ends spins for ever: the
//! log is read in pages. An answer that is cut off in order, as by a proxy between, passes for a
//! whole one: a page that is not full is held against the end, which is read beside it.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::eventstore::{
    AppendToStreamOptions, Client, ClientSettings, CurrentRevision, Error, EventData,
    NodePreference, Position, ReadAllOptions, ReadStream, ReadStreamOptions, RecordedEvent,
    StreamPosition, StreamState, SubscriptionFilter,
};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::answers::{Failure, Found};
use super::connection::{ConnectionStringError, without_credentials};
use super::ours::Taken;
use crate::envelope::{NewEvent, Version};
use crate::ids::EventId;
use crate::store::Expected;

/// How long a call may take before it is given up: longer than the client's own deadline, 10 s.
pub(super) const CALL_MAX: Duration = Duration::from_secs(15);

/// How often a call is made again because another node leads.
const LEADERS_MAX: u32 = 8;
/// How long between two such calls: an election takes its time.
const LEADER_PAUSE: Duration = Duration::from_millis(250);

/// How often a page that is not full is read on to the end that was read beside it. What is cut off
/// each time is not believed.
const PAGES_MAX: u32 = 8;

/// The largest revision that the server knows.
const REVISION_MAX: u64 = i64::MAX.unsigned_abs();

/// Calls the cluster.
pub(super) struct Wire {
    settings: ClientSettings,
    live: Mutex<Live>,
}

struct Live {
    client: Option<Client>,
    /// How long a call may take.
    patience: Duration,
    /// How many clients were made: who fails throws away the one it used, and no later one.
    built: u64,
}

/// Its settings may hold a password.
impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// Where a call failed: before it was sent, or after.
enum Stage {
    NotSent(Error),
    TooLate,
    Sent(Error),
}

impl Wire {
    /// Reads the connection string. Connects at the first call.
    pub(super) fn new(connection: &str) -> Result<Self, ConnectionStringError> {
        let settings = connection
            .parse::<ClientSettings>()
            // What the library says may repeat the password.
            .map_err(|_| ConnectionStringError::Malformed(without_credentials(connection)))?;
        if settings.node_preference() != NodePreference::Leader {
            return Err(ConnectionStringError::NotTheLeader);
        }
        let live = Live { client: None, patience: CALL_MAX, built: 0 };
        Ok(Self { settings, live: Mutex::new(live) })
    }

    /// Adds events to a stream; answers where the last of them was committed, as the server says.
    /// What could not be sent by `sent_by` is not sent any more.
    pub(super) async fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: &[NewEvent],
        sent_by: Option<Instant>,
    ) -> Result<u64, Failure> {
        let state = match expected.version().0.checked_sub(1) {
            None => StreamState::NoStream,
            // What the server cannot say, no stream can hold.
            Some(revision) if revision > REVISION_MAX => {
                return Err(Failure::Conflict(self.tail(stream).await?));
            }
            Some(revision) => StreamState::StreamRevision(revision),
        };
        let options = AppendToStreamOptions::default().stream_state(state);
        let events = events.iter().map(event_data).collect::<Vec<_>>();
        let stream = stream.to_owned();
        let append = move |client: Client| {
            let (stream, options, events) = (stream.clone(), options.clone(), events.clone());
            async move { client.append_to_stream(stream, &options, events).await }
        };
        let written = self.call_by(sent_by, append).await?;
        Ok(written.position.commit)
    }

    /// The events of a stream above `after`, at most `limit`.
    pub(super) async fn read_stream(
        &self,
        stream: &str,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Found>, Failure> {
        let page = |after: Version, limit| {
            let options = ReadStreamOptions::default().forwards().max_count(limit);
            self.stream_page(stream, options.position(StreamPosition::Position(after.0)))
        };
        if after.0 > REVISION_MAX || limit == 0 {
            return Ok(Vec::new());
        }
        let (mut events, tail) = tokio::try_join!(page(after, limit), self.tail(stream))?;
        for _ in 0..PAGES_MAX {
            let reached = events.last().map_or(after, |last| last.version);
            let missing = limit.saturating_sub(events.len());
            if reached >= tail || missing == 0 {
                return Ok(events);
            }
            events.extend(page(reached, missing).await?);
        }
        Err(cut_off())
    }

    /// How many events a stream holds.
    pub(super) async fn tail(&self, stream: &str) -> Result<Version, Failure> {
        Ok(self.last(stream).await?.map_or(Version::EMPTY, |last| last.version))
    }

    /// The last event of a stream.
    pub(super) async fn last(&self, stream: &str) -> Result<Option<Found>, Failure> {
        let options =
            ReadStreamOptions::default().position(StreamPosition::End).backwards().max_count(1);
        match self.stream(stream, options).await? {
            None => Ok(None),
            // A stream that is there has an event.
            Some(mut page) => page.pop().map(Some).ok_or_else(cut_off),
        }
    }

    async fn stream_page(
        &self,
        stream: &str,
        options: ReadStreamOptions,
    ) -> Result<Vec<Found>, Failure> {
        Ok(self.stream(stream, options).await?.unwrap_or_default())
    }

    /// Some events of a stream; nothing if it is not there.
    async fn stream(
        &self,
        stream: &str,
        options: ReadStreamOptions,
    ) -> Result<Option<Vec<Found>>, Failure> {
        let stream = stream.to_owned();
        let read = move |client: Client| {
            let (stream, options) = (stream.clone(), options.clone());
            async move {
                let page = match client.read_stream(stream, &options).await {
                    Ok(events) => collect(events).await,
                    Err(error) => Err(error),
                };
                match page {
                    Err(Error::ResourceNotFound) => Ok(None),
                    page => page.map(Some),
                }
            }
        };
        self.call(read).await?.map(found).transpose()
    }

    /// What is taken of the log, in order, from the event at `from` on; else from the first one.
    pub(super) async fn read_log(
        &self,
        taken: Taken,
        from: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Found>, Failure> {
        let page = |from, limit| self.log_page(taken, forwards(from, limit));
        let (mut events, mut end) = tokio::try_join!(page(from, limit), self.end(taken))?;
        let before = from.map_or(0, |from| from.saturating_sub(1));
        for _ in 0..PAGES_MAX {
            let reached = events.last().map_or(before, |last| last.commit);
            if end.is_none() && !events.is_empty() {
                // They were written after that was asked, or its answer was cut off.
                end = self.end(taken).await?;
            }
            let is_whole = match &end {
                Some(end) => end.commit <= reached,
                None => events.is_empty(),
            };
            let missing = limit.saturating_sub(events.len());
            if is_whole || missing == 0 {
                return Ok(events);
            }
            // What is read on from is read again.
            let known = events.last().map(|last| last.commit);
            let more = page(known.or(from), missing.saturating_add(usize::from(known.is_some())));
            events.extend(more.await?.into_iter().skip_while(|found| Some(found.commit) == known));
        }
        Err(cut_off())
    }

    /// So many of the ledger's events from the one at `from` on. The caller knows that they are
    /// there, and asks again for what an answer lacks.
    pub(super) async fn read_again(&self, from: u64, count: usize) -> Result<Vec<Found>, Failure> {
        self.log_page(Taken::Log, forwards(Some(from), count)).await
    }

    /// The last of what is taken; none if there is none.
    pub(super) async fn end(&self, taken: Taken) -> Result<Option<Found>, Failure> {
        let end = ReadAllOptions::default().backwards().position(StreamPosition::End);
        Ok(self.log_page(taken, end.max_count(1)).await?.pop())
    }

    async fn log_page(&self, taken: Taken, options: ReadAllOptions) -> Result<Vec<Found>, Failure> {
        let options = options.filter(SubscriptionFilter::on_stream_name().regex(taken.filter()));
        let read = move |client: Client| {
            let options = options.clone();
            async move { collect(client.read_all(&options).await?).await }
        };
        found(self.call(read).await?)
    }

    async fn call<T, F, W>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(Client) -> W,
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.call_by(None, work).await
    }

    /// Makes a call, in a task that can be given up. While another node leads, which the client
    /// then turns to, nothing was done, and it is made again. A client that failed is thrown away.
    async fn call_by<T, F, W>(&self, sent_by: Option<Instant>, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(Client) -> W,
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut moves = 0_u32;
        loop {
            let (client, built, patience) = self.client()?;
            let doing = work(client.clone());
            let mut task = tokio::spawn(async move {
                // Costs nothing once connected, and tells before anything is sent that it is not.
                client.server_info().await.map_err(Stage::NotSent)?;
                // To connect may have taken long: nobody leads for a while after a leader is gone.
                if sent_by.is_some_and(|sent_by| Instant::now() > sent_by) {
                    return Err(Stage::TooLate);
                }
                doing.await.map_err(Stage::Sent)
            });
            let failure = match tokio::time::timeout(patience, &mut task).await {
                Ok(Ok(Ok(answer))) => return Ok(answer),
                Ok(Ok(Err(Stage::Sent(Error::NotLeaderException(_))))) if moves < LEADERS_MAX => {
                    moves = moves.saturating_add(1);
                    tokio::time::sleep(LEADER_PAUSE).await;
                    continue;
                }
                Ok(Ok(Err(Stage::TooLate))) => return Err(Failure::NotInTime),
                Ok(Ok(Err(Stage::NotSent(error)))) => Failure::NotDone(error.into()),
                Ok(Ok(Err(Stage::Sent(error)))) => failure_of(error),
                Ok(Err(fault)) => Failure::Unknown(fault.into()),
                Err(elapsed) => {
                    task.abort();
                    Failure::Unknown(elapsed.into())
                }
            };
            if !matches!(failure, Failure::Conflict(_) | Failure::Deleted) {
                self.retire(built);
            }
            return Err(failure);
        }
    }

    fn client(&self) -> Result<(Client, u64, Duration), Failure> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &live.client {
            return Ok((client.clone(), live.built, live.patience));
        }
        let client =
            Client::new(self.settings.clone()).map_err(|error| Failure::NotDone(error.into()))?;
        live.built = live.built.wrapping_add(1);
        live.client = Some(client.clone());
        Ok((client, live.built, live.patience))
    }

    /// From now on a call may take so long.
    pub(super) fn be_patient(&self, patience: Duration) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).patience = patience;
    }

    /// Connects anew at the next call, and so looks again who leads.
    pub(super) fn renew(&self) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).client = None;
    }

    fn retire(&self, built: u64) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.built == built {
            live.client = None;
        }
    }
}

fn failure_of(error: Error) -> Failure {
    match error {
        Error::WrongExpectedVersion { current: CurrentRevision::Current(revision), .. } => {
            Failure::Conflict(Version(revision).next())
        }
        Error::WrongExpectedVersion { current: CurrentRevision::NoStream, .. } => {
            Failure::Conflict(Version::EMPTY)
        }
        Error::ResourceDeleted => Failure::Deleted,
        error @ (Error::NotLeaderException(_)
        | Error::AccessDenied
        | Error::UnsupportedFeature
        | Error::ResourceNotFound
        | Error::GrpcConnectionError(_)
        | Error::InitializationError(_)) => Failure::NotDone(error.into()),
        // A request that breaks the protocol or a bound is not looked at further.
        Error::Grpc { code, message } if i32::from(code) == INVALID_ARGUMENT => {
            Failure::NotDone(message.into())
        }
        // Aborted, past its deadline, or cut off: it may have been written all the same.
        error @ (Error::ServerError(_)
        | Error::ConnectionClosed
        | Error::DeadlineExceeded
        | Error::Grpc { .. }
        | Error::InternalParsingError(_)
        | Error::InternalClientError
        | Error::IllegalStateError(_)
        | Error::ResourceAlreadyExists) => Failure::Unknown(error.into()),
    }
}

/// The code of `google.rpc.Code`, since the library's own type is of another tonic.
const INVALID_ARGUMENT: i32 = 3;

fn forwards(from: Option<u64>, limit: usize) -> ReadAllOptions {
    let from = from.map_or(StreamPosition::Start, |commit| {
        StreamPosition::Position(Position { commit, prepare: commit })
    });
    ReadAllOptions::default().forwards().position(from).max_count(limit)
}

async fn collect(mut events: ReadStream) -> Result<Vec<RecordedEvent>, Error> {
    let mut page = Vec::new();
    while let Some(event) = events.next().await? {
        page.extend(event.event);
    }
    Ok(page)
}

fn cut_off() -> Failure {
    Failure::Unknown("the cluster's answers end before the end of what they are about".into())
}

fn found(page: Vec<RecordedEvent>) -> Result<Vec<Found>, Failure> {
    page.into_iter().map(one_found).collect()
}

fn one_found(event: RecordedEvent) -> Result<Found, Failure> {
    let commit = event.position.commit;
    if commit > REVISION_MAX {
        let cause = "the server does not say where in the log the events of a stream are: \
                     EventStoreDB 22.10 or later, or KurrentDB, is needed";
        return Err(Failure::NotDone(cause.into()));
    }
    Ok(Found {
        commit,
        stream: event.stream_id().to_owned(),
        version: Version(event.revision).next(),
        id: EventId::from_uuid(event.id),
        kind: event.event_type,
        data: event.data.into(),
        metadata: event.custom_metadata.into(),
    })
}

/// The bytes as they are; marked as JSON if they are, so that the server's own tools show them.
fn event_data(event: &NewEvent) -> EventData {
    let json = serde_json::from_slice::<&RawValue>(&event.data)
        .ok()
        .filter(|raw| raw.get().len() == event.data.len())
        .and_then(|raw| EventData::json(&event.kind, &raw).ok());
    let data = json.unwrap_or_else(|| EventData::binary(&event.kind, event.data.clone().into()));
    data.id(event.id.uuid()).metadata(event.metadata.clone().into())
}
