//! The store over a cluster of EventStoreDB or KurrentDB nodes, which other gateways may share.
//!
//! Every append names the revision that it expects and brings its own event ids. The positions of
//! the port, which have no gaps, are counted along the order of the cluster's log (`follow`); where
//! each of them is there is kept in a file beside the read models (`places`). The database belongs
//! to one ledger; of what else is in it, only the ledger's own streams count (`ours`).

mod answers;
mod appends;
mod connection;
mod follow;
mod notes;
mod ours;
mod places;
mod sockets;
mod wire;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;

pub use connection::ConnectionStringError;
pub use notes::COPY_NOTE;

use self::answers::Found;
use self::follow::{Follower, place_of, unavailable};
use self::notes::read_note;
use self::places::{Place, Places};
use self::wire::{CALL_MAX, Wire};
use super::embedded::{DirectoryLock, OpenError as LockError, make_directory};
use super::{
    ATTEMPTS, Append, AppendError, Appended, BoxFuture, EventStore, Note, Notes, PAUSE, ReadError,
};
use crate::causes::with_causes;
use crate::envelope::{Position, RecordedEvent, StreamName, Version};

/// The file of positions in a data directory.
const PLACES_FILE: &str = "positions";

/// How often the log is looked at for what others wrote, when nobody asks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a look of the opening may take at last. The first one behind what others wrote while no
/// gateway ran passes over all of that, and nothing tells how far it has come.
const LOOK_MAX: Duration = Duration::from_secs(240);

/// How many events one read of the log brings at most.
const READ_EVENTS: usize = 4096;

/// How many streams are read, or appended to, at one time, of many that are asked for.
const STREAMS_AT_ONCE: usize = 32;

/// Why a cluster cannot be opened as a store, or cannot go on as one.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The connection string.
    #[error(transparent)]
    Connection(#[from] ConnectionStringError),
    /// The data directory is in use, or cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The data directory or the file of positions cannot be used.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A copy of another log into this one did not come to its end: it is a part of that one.
    #[error("a copy into the cluster has not come to its end: of {0}")]
    CopyUnfinished(String),
    /// The log has lost its end, or is an older copy: more of it was read before.
    #[error(
        "the cluster's log ends at position {head}, but position {known} was read from it: what \
         was acknowledged after {head} is missing"
    )]
    EndMissing {
        /// The last position that was read.
        known: Position,
        /// The last position of the log.
        head: Position,
    },
    /// The cluster did not answer, or with what cannot be.
    #[error("the cluster cannot be read")]
    Read(#[from] ReadError),
}

/// The store over a cluster.
#[derive(Debug)]
pub struct Cluster {
    wire: Arc<Wire>,
    follower: Arc<Follower>,
    /// What goes on until the store is dropped.
    _tasks: JoinSet<()>,
    _lock: DirectoryLock,
}

impl Cluster {
    /// Is `target` a connection string, and not a data directory?
    pub fn is_connection_string(target: &str) -> bool {
        ["esdb", "kurrentdb", "kdb"].iter().any(|scheme| {
            let rest = target.strip_prefix(scheme);
            rest.is_some_and(|rest| rest.starts_with("://") || rest.starts_with("+discover://"))
        })
    }

    /// The connection string as it may be shown: without name and password.
    pub fn shown(connection: &str) -> String {
        connection::without_credentials(connection)
    }

    /// Is `directory` one that a gateway of a cluster keeps its positions and read models in?
    pub fn is_in(directory: &Path) -> bool {
        directory.join(PLACES_FILE).exists()
    }

    /// Connects, and numbers what the log holds. `directory` is where the numbering is kept; it is
    /// made if it is not there. Waits some time for a cluster that does not answer yet. A log that
    /// another is being copied into is refused; one that another begins to be copied into later is
    /// read and written no further.
    pub async fn open(connection: &str, directory: &Path) -> Result<Self, OpenError> {
        let read = Read::of(connection, directory).await?;
        if !read.copying.text.is_empty() {
            let what = String::from_utf8_lossy(&read.copying.text).into_owned();
            return Err(OpenError::CopyUnfinished(what));
        }
        // Nothing was read since the mark was looked for: none is missed.
        read.follower.heed_marks();
        Ok(read.followed())
    }

    /// Opens it to copy another log into it, or to go on with that, and gives the note
    /// [`COPY_NOTE`], which says whether and of what a copy was begun that has not come to its end.
    pub async fn open_copy(connection: &str, directory: &Path) -> Result<(Self, Note), OpenError> {
        let read = Read::of(connection, directory).await?;
        let copying = read.copying.clone();
        Ok((read.followed(), copying))
    }

    /// Why nothing can be read or written any more, if that is so: the cluster's log is not the one
    /// that was read before, or another one is being copied into it.
    pub fn failure(&self) -> Option<OpenError> {
        self.follower.failure()
    }

    /// Ends when that has come to be.
    pub async fn stopped(&self) {
        // The highest position is never reached: what ends the wait is that the log broke.
        let _broken = self.follower.wait_past(Position(u64::MAX)).await;
    }

    /// What to remember of the log up to `at`, to know it again: the event that is there.
    pub fn witness(&self, at: Position) -> Option<String> {
        self.follower.place_now(at).ok().flatten().map(said)
    }

    /// Does the log hold at `at` what was remembered? The error says what does not fit.
    pub fn confirm(&self, at: Position, witness: &str) -> Result<(), String> {
        let here = self.follower.place_now(at).map_err(|error| error.to_string())?.map(said);
        match here {
            Some(here) if here == witness => Ok(()),
            here => Err(format!(
                "it was {witness}, and the cluster has {} there",
                here.as_deref().unwrap_or("nothing")
            )),
        }
    }

    /// Gives events their positions. Those that the numbering has not reached are read on to.
    async fn placed(&self, found: Vec<Found>) -> Result<Vec<RecordedEvent>, ReadError> {
        if found.last().is_some_and(|last| last.commit > self.follower.commit()) {
            self.follower.read_on().await?;
        }
        let mut events = Vec::with_capacity(found.len());
        for found in found {
            let Some(position) = self.follower.position(found.commit).await? else {
                let cause = "a stream has an event that the log has not: the node that answers \
                             lags behind";
                return Err(ReadError::Unavailable(cause.into()));
            };
            if self.follower.place(position).await? != Some(place_of(&found)) {
                return Err(self.follower.differs(position));
            }
            events.push(recorded(found, position)?);
        }
        Ok(events)
    }

    async fn stream_page(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        // What is not counted is not in the log, whatever the server has under that name.
        if ours::check(stream).is_err() {
            return Ok(Vec::new());
        }
        let found = self.wire.read_stream(stream.as_str(), after, limit).await;
        let events = self.placed(found.map_err(unavailable)?).await?;
        let mut version = after;
        for event in &events {
            version = version.next();
            if event.version != version {
                let position = event.position;
                let cause = format!("stream {stream} has lost events below it");
                return Err(ReadError::Damaged { position, cause });
            }
        }
        Ok(events)
    }

    async fn log_page(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut events = Vec::new();
        let mut position = after;
        while events.len() < limit {
            let Some(first) = self.follower.place(position.next()).await? else { break };
            let ahead = self.follower.head().0.saturating_sub(position.0);
            let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
            let count = limit.saturating_sub(events.len()).min(ahead).min(READ_EVENTS);
            let page = self.wire.read_again(first.commit, count).await.map_err(unavailable)?;
            let before = position;
            for found in page.into_iter().filter(|found| !found.is_mark()) {
                position = position.next();
                if self.follower.place(position).await? != Some(place_of(&found)) {
                    let cause = "the cluster has another event there than before";
                    return Err(ReadError::Damaged { position, cause: cause.to_owned() });
                }
                events.push(recorded(found, position)?);
            }
            if position == before {
                let cause = "the node that answers has not got what was read before";
                return Err(ReadError::Unavailable(cause.into()));
            }
        }
        Ok(events)
    }
}

/// A log that was read to its end, and is not followed yet.
struct Read {
    wire: Arc<Wire>,
    follower: Arc<Follower>,
    tasks: JoinSet<()>,
    lock: DirectoryLock,
    /// Whether, and of what, a copy into it has not come to its end.
    copying: Note,
}

impl Read {
    async fn of(connection: &str, directory: &Path) -> Result<Self, OpenError> {
        let wire = Arc::new(Wire::new(connection)?);
        let path = directory.join(PLACES_FILE);
        let io = |source| OpenError::Io { path: path.clone(), source };
        make_directory(directory)?;
        let lock = DirectoryLock::take(directory)?;
        let places = Places::open(&path).map_err(io)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(sockets::send_at_once());
        let follower = Arc::new(Follower::new(Arc::clone(&wire), places));
        let read = first_read(&follower, &wire).await;
        let copying = read.map_err(|error| follower.failure().unwrap_or(error.into()))?;
        Ok(Self { wire, follower, tasks, lock, copying })
    }

    fn followed(self) -> Cluster {
        let Self { wire, follower, mut tasks, lock, copying: _ } = self;
        tasks.spawn(look(Arc::clone(&follower)));
        Cluster { wire, follower, _tasks: tasks, _lock: lock }
    }
}

/// Reads the log to its end, and then whether another is being copied into it; again while the
/// cluster does not answer, and with more patience each time that it takes too long.
async fn first_read(follower: &Follower, wire: &Wire) -> Result<Note, ReadError> {
    let (mut attempt, mut patience) = (1, CALL_MAX);
    loop {
        let read = async {
            follower.read_on().await?;
            read_note(wire, COPY_NOTE).await
        };
        match read.await {
            Err(ReadError::Unavailable(cause)) if attempt < ATTEMPTS => {
                if cause.is::<Elapsed>() {
                    patience = patience.saturating_mul(2).min(LOOK_MAX);
                    wire.be_patient(patience);
                }
                let (cause, seconds) = (with_causes(&*cause), patience.as_secs());
                tracing::warn!(attempt, cause, seconds, "the cluster does not answer yet");
            }
            done => {
                wire.be_patient(CALL_MAX);
                return done;
            }
        }
        attempt = attempt.saturating_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks for what others wrote, again and again.
async fn look(follower: Arc<Follower>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut answered = true;
    loop {
        looks.tick().await;
        let read = follower.read_on().await;
        if follower.failure().is_some() {
            return;
        }
        if let Err(error) = &read
            && answered
        {
            let error = with_causes(error);
            tracing::warn!(error, "the cluster does not answer");
        }
        answered = read.is_ok();
    }
}

fn said(place: Place) -> String {
    format!("event {} at commit position {}", place.id, place.commit)
}

fn recorded(found: Found, position: Position) -> Result<RecordedEvent, ReadError> {
    let stream = StreamName::new(found.stream)
        .map_err(|error| ReadError::Damaged { position, cause: error.to_string() })?;
    Ok(RecordedEvent {
        position,
        stream,
        version: found.version,
        id: found.id,
        kind: found.kind,
        data: found.data,
        metadata: found.metadata,
    })
}

impl EventStore for Cluster {
    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        Box::pin(self.append_all(appends, false))
    }

    fn append_apart(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        Box::pin(self.append_all(appends, true))
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>> {
        Box::pin(self.stream_page(stream, after, limit))
    }

    fn read_streams<'a>(
        &'a self,
        streams: &'a [StreamName],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Vec<RecordedEvent>>, ReadError>> {
        let pages = streams.iter().map(move |name| self.stream_page(name, Version::EMPTY, limit));
        Box::pin(stream::iter(pages).buffered(STREAMS_AT_ONCE).try_collect())
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        Box::pin(self.log_page(after, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(async {
            self.follower.read_on().await?;
            Ok(self.follower.head())
        })
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(self.follower.wait_past(after))
    }

    fn shared(&self) -> Option<&dyn Notes> {
        Some(self)
    }
}
