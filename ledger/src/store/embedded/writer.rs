//! The writer: one thread that gathers what is waiting into one durable commit.

use std::sync::{Arc, OnceLock, PoisonError};
use std::thread;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::chain::Head;
use super::checkpoint::{self, Checkpoints};
use super::group::Group;
use super::place::Place;
use super::post::{Answered, Post};
use super::reader::Reader;
use crate::store::{Append, AppendError, Appended};

/// The most bytes of events that wait for the writer; with more an append is answered
/// `Unavailable`, and nothing of it was taken in.
pub const QUEUE_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// A commit takes no further request once it has so many events.
pub const COMMIT_EVENTS_FULL: usize = 4096;

/// What the appends of one request came to, in their order.
pub(super) type Answers = Vec<Result<Appended, AppendError>>;

/// The appends of one request, and where the answers go.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) appends: Vec<Append>,
    pub(super) reply: oneshot::Sender<Answers>,
    /// The room in the queue, given back when the job is dropped.
    pub(super) room: OwnedSemaphorePermit,
}

/// How much of [`QUEUE_BYTES_MAX`] a request takes. A request over all of it takes all of it, and
/// so waits for an empty queue.
pub(super) fn room_for(appends: &[Append]) -> u32 {
    // What an event takes beside its own bytes, about.
    let overhead = 128;
    let events = appends.iter().flat_map(Append::events);
    let bytes = events.fold(overhead, |bytes: usize, event| {
        bytes
            .saturating_add(event.data.len())
            .saturating_add(event.metadata.len())
            .saturating_add(overhead)
    });
    u32::try_from(bytes).unwrap_or(u32::MAX).min(QUEUE_BYTES_MAX)
}

/// Why the writer takes nothing any more. Opening the log again recovers.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the log's writer stopped: {0}")]
pub struct WriterFailure(pub(super) String);

/// A commit that did not come about.
enum Refused {
    /// It certainly is not in the log.
    NotWritten(rusqlite::Error),
    /// It may be in the log once that is opened again.
    Unknown(rusqlite::Error),
}

pub(super) struct Writer {
    connection: Connection,
    checkpoints: Checkpoints,
    place: Place,
    reader: Arc<Reader>,
    /// Gone once the writer has failed, so that waiting readers learn of it.
    head: Option<watch::Sender<Head>>,
    failure: Arc<OnceLock<WriterFailure>>,
    post: Arc<Post>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        checkpoints: Checkpoints,
        reader: Arc<Reader>,
        head: watch::Sender<Head>,
        failure: Arc<OnceLock<WriterFailure>>,
        post: Arc<Post>,
    ) -> Self {
        let place = Place::of(&reader.path);
        Self { connection, checkpoints, place, reader, head: Some(head), failure, post }
    }

    /// Starts the thread. It ends once every sender of jobs is gone and the queue is drained.
    pub(super) fn start(
        self,
        jobs: mpsc::UnboundedReceiver<Job>,
    ) -> std::io::Result<thread::JoinHandle<()>> {
        thread::Builder::new().name("log-writer".to_owned()).spawn(move || self.run(jobs))
    }

    fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let mut events = events_of(&job);
            let mut waiting = vec![job];
            while events < COMMIT_EVENTS_FULL
                && let Ok(job) = jobs.try_recv()
            {
                events = events.saturating_add(events_of(&job));
                waiting.push(job);
            }
            let answers = self.serve(&waiting);
            let answered = waiting.into_iter().zip(answers).map(|(job, answers)| {
                drop(job.room);
                Answered { reply: job.reply, answers }
            });
            self.post.deliver(answered.collect());
        }
        self.finish();
    }

    /// Commits what the jobs ask for and answers each of them.
    fn serve(&mut self, jobs: &[Job]) -> Vec<Answers> {
        let Some(head) = self.head.as_ref().map(|head| *head.borrow()) else {
            return refuse_all(jobs, || AppendError::Unavailable(self.cause()));
        };
        let index = self.reader.index.read().unwrap_or_else(PoisonError::into_inner);
        let (group, answers) = Group::plan(jobs, &index, head);
        drop(index);
        if group.is_empty() {
            return answers;
        }
        if let Err(gone) = self.place.confirm() {
            self.fail(gone);
            return refuse_all(jobs, || AppendError::Unavailable(self.cause()));
        }
        match self.commit(&group) {
            Ok(()) => {
                self.publish(&group);
                self.make_room(&group);
                answers
            }
            // Somebody else holds the file's lock: nothing is wrong with what the writer knows.
            Err(Refused::NotWritten(error))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
            {
                let busy = WriterFailure(error.to_string());
                refuse_all(jobs, || AppendError::Unavailable(busy.clone().into()))
            }
            Err(Refused::NotWritten(error)) => {
                self.fail(error.to_string());
                refuse_all(jobs, || AppendError::Unavailable(self.cause()))
            }
            Err(Refused::Unknown(error)) => {
                self.fail(error.to_string());
                refuse_all(jobs, || AppendError::Indeterminate(self.cause()))
            }
        }
    }

    /// Returns once the group is synced to the disk.
    fn commit(&self, group: &Group<'_>) -> Result<(), Refused> {
        self.run_statement("BEGIN IMMEDIATE").map_err(Refused::NotWritten)?;
        if let Err(error) = group.insert(&self.connection) {
            // Closing the connection rolls back too, should this fail.
            let _undone = self.connection.execute_batch("ROLLBACK");
            return Err(Refused::NotWritten(error));
        }
        self.run_statement("COMMIT").map_err(|error| {
            let _undone = self.connection.execute_batch("ROLLBACK");
            Refused::Unknown(error)
        })
    }

    /// Runs a statement that is kept prepared.
    fn run_statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Shows the events to readers: first where they are, then that they are there.
    fn publish(&mut self, group: &Group<'_>) {
        let mut index = self.reader.index.write().unwrap_or_else(PoisonError::into_inner);
        let indexed = group.add_to(&mut index);
        drop(index);
        match (indexed, &self.head) {
            (Ok(()), Some(head)) => {
                head.send_replace(group.head());
            }
            (Err(cause), _) => self.fail(cause),
            (Ok(()), None) => {}
        }
    }

    /// A sync that failed once may succeed later without having written anything, so a checkpoint
    /// that fails stops the writer as a commit does.
    fn make_room(&mut self, group: &Group<'_>) {
        if let Err(error) = self.checkpoints.after_commit(&self.connection, group.bytes()) {
            self.fail(error.to_string());
        }
    }

    fn fail(&mut self, cause: String) {
        tracing::error!(cause, "the log's writer takes nothing any more");
        // The first failure is the one to know.
        let _first = self.failure.set(WriterFailure(cause));
        self.head = None;
    }

    fn cause(&self) -> crate::store::BoxError {
        let unknown = || WriterFailure("the cause is not known".to_owned());
        self.failure.get().cloned().unwrap_or_else(unknown).into()
    }

    fn finish(mut self) {
        self.checkpoints.stop();
        if self.failure.get().is_some() {
            return;
        }
        if let Err(error) = checkpoint::whole(&self.connection) {
            // The write-ahead log keeps everything; the next opening tries again.
            tracing::warn!(%error, "the log's last checkpoint failed");
        }
    }
}

fn events_of(job: &Job) -> usize {
    job.appends.iter().fold(0, |events, append| events.saturating_add(append.events().len()))
}

/// One failure for everything in the group: even a conflict was found against events that are not
/// there now.
fn refuse_all(jobs: &[Job], error: impl Fn() -> AppendError) -> Vec<Answers> {
    jobs.iter().map(|job| job.appends.iter().map(|_| Err(error())).collect()).collect()
}
