//! The embedded store: one SQLite file in a data directory, written by one thread.
//!
//! Events are kept in blocks with a checksum each and a hash chain over all of them; the layout on
//! disk is described in `ledger/DESIGN.md`. What is acknowledged is synced to the disk.

mod backup;
mod block;
mod cause;
mod chain;
mod checkpoint;
mod chunks;
mod fault;
mod file;
mod gathered;
mod gatherer;
mod group;
mod head_file;
mod index;
mod index_file;
mod keeper;
mod lock;
mod notes;
mod place;
mod post;
mod reader;
mod recovery;
mod replicate;
mod restore;
mod scrub;
mod standby;
mod verify;
mod witness;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

pub use backup::{BackupError, BackupProgress};
pub use block::BLOCK_EVENTS_MAX;
pub use chain::{ChainHash, ChainHashError};
pub use fault::OpenError;
pub use file::{FORMAT, LOG_FILE, beside, immutable_uri, no_wal};
pub use gathered::CopyState;
pub use head_file::read as remembered_head;
pub use lock::{StandStill, refuse_in_use, stand_still};
pub use notes::{
    begin_copy, clear_pending_loss, end_copy, pending_loss, refuse_pending_loss,
    refuse_second_place, refuse_superseded, refuse_to_copy, refuse_unfinished_copy, supersede,
    unfinished_copy,
};
pub use reader::READERS_MAX;
pub use replicate::{Replica, ReplicaError, Round};
pub use restore::{RestoreError, Restored, restore};
pub use scrub::{Scrub, ScrubStep};
pub use standby::{Extent, Promoted, SourceHead, Standby, extent, promote, sources, standby};
pub use verify::{
    Derived, IndexState, Report, verify, verify_file, verify_file_with, verify_with,
    verify_with_derived,
};
pub use witness::{Witness, WitnessError};
pub use writer::{COMMIT_EVENTS_FULL, QUEUE_BYTES_MAX, WriterFailure};

use super::{Append, AppendError, Appended, BoxError, BoxFuture, EventStore, QueueFull, ReadError};
use crate::envelope::{Position, RecordedEvent, StreamName, Version};
use chain::{Head, scan};
use checkpoint::Checkpoints;
use file::Access;
pub(super) use file::make_directory;
use gatherer::Gatherer;
use index::Index;
use keeper::{Keeper, Kept};
pub(super) use lock::DirectoryLock;
use place::Place;
use post::Post;
use reader::Reader;
use recovery::Recovered;
use writer::{Answers, Job, Writer, room_for};

/// How to open a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The id that a new log gets. Without one SQLite draws a random one. A log that is there keeps
    /// its own.
    pub log_id: Option<Uuid>,
    /// The most pages, of 4096 bytes, that the file may have. A commit that needs more fails as on
    /// a full disk.
    pub pages_max: Option<u32>,
    /// How many events at the log's end are checked at every opening, at least. What lies before
    /// them is taken from the index on the disk if there is one, which is worth writing down only
    /// for a log that is longer.
    pub tail_events: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { log_id: None, pages_max: None, tail_events: TAIL_EVENTS }
    }
}

/// More events than the write-ahead log holds: what a fault while it was copied into the file can
/// have touched.
const TAIL_EVENTS: u64 = 65_536;

/// The store over one data directory.
///
/// Dropping it waits until the queue is drained and the file holds everything.
#[derive(Debug)]
pub struct Embedded {
    reader: Arc<Reader>,
    head: watch::Receiver<Head>,
    writing: Option<Writing>,
    failure: Arc<OnceLock<WriterFailure>>,
    /// The damage that a read has met last.
    met: watch::Sender<Option<Position>>,
}

/// What only a store that was opened for writing has.
#[derive(Debug)]
struct Writing {
    /// Gone while the store is being dropped.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
    /// Takes the answers back.
    post: Arc<Post>,
    keeper: Keeper,
    /// None where long streams are not gathered.
    gatherer: Option<Gatherer>,
    _lock: DirectoryLock,
}

impl Embedded {
    /// Is there a log in `directory`, whole or not?
    pub fn is_in(directory: &Path) -> bool {
        directory.join(LOG_FILE).exists()
    }

    /// Opens the log in `directory` for this process alone, and makes both if they are not there.
    ///
    /// Reads and checks the end of the log; all of it if no index was written down that fits. A log
    /// that `HEAD` knows more of, or otherwise, is refused, and so is one that another is being
    /// copied into. Blocks meanwhile.
    pub fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let lock = Self::lock(directory)?;
        refuse_unfinished_copy(directory)?;
        Self::open_locked(directory, options, lock)
    }

    /// Opens the log in `directory` to copy `what` into it, or to go on with that. A new log is
    /// marked before it is made; one that is there is for the caller to mark with [`begin_copy`].
    pub fn open_copy(directory: &Path, options: Options, what: &str) -> Result<Self, OpenError> {
        let lock = Self::lock(directory)?;
        if !Self::is_in(directory) && head_file::read(directory)?.is_none() {
            begin_copy(directory, what)?;
        }
        Self::open_locked(directory, options, lock)
    }

    fn lock(directory: &Path) -> Result<DirectoryLock, OpenError> {
        make_directory(directory)?;
        DirectoryLock::take(directory)
    }

    fn open_locked(
        directory: &Path,
        options: Options,
        lock: DirectoryLock,
    ) -> Result<Self, OpenError> {
        notes::refuse_unready(directory)?;
        let path = directory.join(LOG_FILE);
        let (connection, recovered) = recovery::open(directory, &path, options)?;
        let Recovered { log_id, index, head, indexed } = recovered;
        checkpoint::at_opening(&connection, &path)?;
        let checkpoints = Checkpoints::start(&path)?;
        let mut reader = Reader::new(path.clone(), Access::Shared, log_id, index);
        let (publish, head) = watch::channel(head);
        let gatherer = Gatherer::start(directory, &reader, head.clone());
        reader.gathered = gatherer.as_ref().map(Gatherer::gathered);
        let reader = Arc::new(reader);
        let (directory, tail_events) = (directory.to_owned(), options.tail_events);
        let (place, reader_too) = (Place::of_file(&path), Arc::clone(&reader));
        let kept =
            Kept { directory, place, reader: reader_too, head: head.clone(), indexed, tail_events };
        let keeper = Keeper::start(kept)?;
        let failure = Arc::new(OnceLock::new());
        let (jobs, queue) = mpsc::unbounded_channel();
        let (reader_too, failure_too) = (Arc::clone(&reader), Arc::clone(&failure));
        let post = Arc::new(Post::default());
        let post_too = Arc::clone(&post);
        let writer =
            Writer::new(connection, checkpoints, reader_too, publish, failure_too, post_too);
        let thread = writer.start(queue).map_err(OpenError::io(&path))?;
        let writing = Writing {
            jobs: Some(jobs),
            room: Arc::new(Semaphore::new(usize::try_from(QUEUE_BYTES_MAX).unwrap_or(usize::MAX))),
            thread: Some(thread),
            post,
            keeper,
            gatherer,
            _lock: lock,
        };
        Ok(Self { reader, head, writing: Some(writing), failure, met: watch::Sender::default() })
    }

    /// Opens the log in `directory` to look at it as it is now: takes no lock, refuses appends, and
    /// does not see what comes later. Reads and checks the whole log once; blocks meanwhile. One
    /// that `HEAD` knows more of is refused.
    pub fn open_read_only(directory: &Path) -> Result<Self, OpenError> {
        head_file::confirmed(directory, |path| {
            let log = Self::open_file_read_only(path.to_owned())?;
            let head = log.head_witness();
            Ok((log, head))
        })
    }

    /// Opens a log that lies elsewhere, such as a backup, in the same way. No `HEAD` is asked.
    pub fn open_file_read_only(path: PathBuf) -> Result<Self, OpenError> {
        let (connection, access, log_id) = file::open_to_inspect(&path)?;
        let mut index = Index::default();
        let scanned = scan(&connection, log_id, |event| {
            index.add(event.stream, event.version, event.position)
        });
        let (head, _) = scanned.map_err(|fault| fault.into_open(&path))?;
        let reader = Arc::new(Reader::new(path, access, log_id, index));
        let (_, head) = watch::channel(head);
        Ok(Self {
            reader,
            head,
            writing: None,
            failure: Arc::default(),
            met: watch::Sender::default(),
        })
    }

    /// The id of the log: a read model of another log is not one of this.
    pub fn log_id(&self) -> Uuid {
        self.reader.log_id
    }

    /// The position of the last durable event, and the chain's value there.
    pub fn head_witness(&self) -> Witness {
        self.head.borrow().witness(self.reader.log_id)
    }

    /// The end of the last whole block at or before `at`: what a reader that has come so far keeps
    /// to recognise the log by. Blocks for one indexed read.
    pub fn witness(&self, at: Position) -> Result<Witness, ReadError> {
        self.reader.witness(at)
    }

    /// Checks that the log still holds what `witness` was taken from. Blocks for one indexed read.
    pub fn confirm(&self, witness: &Witness) -> Result<(), WitnessError> {
        let head = *self.head.borrow();
        self.reader.confirm(witness, head)
    }

    /// Why the writer stopped, if it did. Nothing is taken after that; open the log again.
    pub fn failure(&self) -> Option<&WriterFailure> {
        self.failure.get()
    }

    /// Waits until the writer has stopped, which it does after a failure only. A store that was
    /// opened to look at has none.
    pub async fn stopped(&self) {
        let mut head = self.head.clone();
        while head.changed().await.is_ok() {}
    }

    /// Hands the appends to the writer at once, whatever becomes of the future.
    fn submit(&self, appends: Vec<Append>) -> impl Future<Output = Answers> + Send + use<> {
        let count = appends.len();
        let answer = self.enqueue(appends);
        async move {
            let same = |error: &dyn Fn() -> AppendError| (0..count).map(|_| Err(error())).collect();
            match answer {
                Ok(answer) => answer.await.unwrap_or_else(|_| {
                    let cause = "the log's writer ended in the middle";
                    same(&|| AppendError::Indeterminate(cause.into()))
                }),
                Err(rejected) => same(&|| AppendError::Unavailable(rejected.cause())),
            }
        }
    }

    /// Reads away from the runtime's own threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let unavailable = |error: BoxError| ReadError::Unavailable(error);
        let reader = Arc::clone(&self.reader);
        let permit = Arc::clone(&reader.permits).acquire_owned().await;
        let permit = permit.map_err(|closed| unavailable(closed.into()))?;
        let answer = tokio::task::spawn_blocking(move || {
            // Held by the read itself, which goes on if the caller's future is dropped.
            let _permit = permit;
            read(&reader)
        })
        .await;
        let answer = answer.map_err(|panicked| unavailable(panicked.into()))?;
        if let Err(ReadError::Damaged { position, .. }) = &answer {
            self.met.send_replace(Some(*position));
        }
        answer
    }

    fn enqueue(&self, appends: Vec<Append>) -> Result<oneshot::Receiver<Answers>, Rejected> {
        let gone = Rejected::Gone;
        let writing = self.writing.as_ref().ok_or(gone("the log was opened to look at only"))?;
        let jobs = writing.jobs.as_ref().ok_or(gone("the store is closing"))?;
        let room = Arc::clone(&writing.room).try_acquire_many_owned(room_for(&appends));
        let room = room.map_err(|_| Rejected::Full)?;
        writing.post.open();
        let (reply, answer) = oneshot::channel();
        let sent = jobs.send(Job { appends, reply, room });
        sent.map_err(|_| gone("the log's writer is gone"))?;
        Ok(answer)
    }
}

/// Why appends did not come into the queue.
#[derive(Clone, Copy)]
enum Rejected {
    Full,
    Gone(&'static str),
}

impl Rejected {
    fn cause(self) -> BoxError {
        match self {
            Self::Full => QueueFull.into(),
            Self::Gone(cause) => cause.into(),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let Some(writing) = &mut self.writing else { return };
        writing.jobs = None;
        self.reader.close_idle();
        if let Some(thread) = writing.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
        writing.keeper.stop();
        if let Some(gatherer) = writing.gatherer.take() {
            gatherer.stop();
        }
    }
}

impl EventStore for Embedded {
    fn append_many(
        &self,
        appends: Vec<Append>,
    ) -> BoxFuture<'_, Vec<Result<Appended, AppendError>>> {
        Box::pin(self.submit(appends))
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordedEvent>, ReadError>> {
        let stream = stream.clone();
        Box::pin(self.read(move |reader| reader.stream(&stream, after, limit)))
    }

    fn read_streams<'a>(
        &'a self,
        streams: &'a [StreamName],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Vec<RecordedEvent>>, ReadError>> {
        let streams = streams.to_vec();
        Box::pin(self.read(move |reader| reader.streams(&streams, limit)))
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        let head = self.head.borrow().position;
        Box::pin(self.read(move |reader| reader.all(after, head, limit)))
    }

    fn head(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(async { Ok(self.head.borrow().position) })
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, Result<Position, ReadError>> {
        let mut head = self.head.clone();
        Box::pin(async move {
            let reached = head.wait_for(|head| head.position > after).await;
            let reached = reached.map(|head| head.position);
            reached.map_err(|stopped| {
                let failure = self.failure.get().cloned();
                let cause = failure.map_or_else(|| stopped.into(), BoxError::from);
                ReadError::Unavailable(cause)
            })
        })
    }
}
