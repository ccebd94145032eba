//! What goes wrong with a node, in the order in which it is planned.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tonic::Status;

use super::members::not_leader;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is not done, and nobody can say so.
    RequestLost,
    /// It is done, and there is never an answer.
    Hangs,
    /// Another node leads: nothing is done. That node is this one, which by then leads again.
    WrongLeader,
    /// It waits until the gate is opened.
    Slow,
    /// Of a read: it ends in order after so many messages, as if there were no more.
    Ends {
        /// How many.
        after: usize,
    },
}

impl Fault {
    /// What the caller is told.
    pub(super) fn status(self, leader: SocketAddr) -> Status {
        match self {
            Self::WrongLeader => not_leader(leader),
            Self::AnswerLost | Self::RequestLost | Self::Hangs | Self::Slow | Self::Ends { .. } => {
                Status::unavailable("the connection is gone")
            }
        }
    }
}

/// The faults that are planned for a node.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    /// For appends that hold an event of a type, or of any.
    appends: Mutex<VecDeque<(Option<String>, Fault)>>,
    reads: Mutex<VecDeque<Fault>>,
    /// Every append so often meets the next of these.
    often: Mutex<Option<(u64, Vec<Fault>)>>,
    seen: Mutex<u64>,
    gate: Semaphore,
    waiting: watch::Sender<usize>,
    /// Who lets reads of accounts go on, if they wait for somebody.
    lets_read: Mutex<Option<mpsc::UnboundedSender<HeldRead>>>,
}

/// A read of an account that waits to be answered.
pub type HeldRead = oneshot::Sender<()>;

impl Default for Plan {
    fn default() -> Self {
        Self {
            appends: Mutex::default(),
            reads: Mutex::default(),
            often: Mutex::default(),
            seen: Mutex::default(),
            gate: Semaphore::new(0),
            waiting: watch::Sender::new(0),
            lets_read: Mutex::default(),
        }
    }
}

impl Faults {
    /// The next append meets the fault.
    pub fn plan(&self, fault: Fault) {
        self.0.appends.lock().unwrap().push_back((None, fault));
    }

    /// The next append with an event of this type meets the fault.
    pub fn plan_for(&self, kind: &str, fault: Fault) {
        self.0.appends.lock().unwrap().push_back((Some(kind.to_owned()), fault));
    }

    /// The next read meets the fault.
    pub fn plan_read(&self, fault: Fault) {
        self.0.reads.lock().unwrap().push_back(fault);
    }

    /// Of every `of` appends one meets a fault, these in turn.
    pub fn often(&self, of: u64, faults: &[Fault]) {
        *self.0.often.lock().unwrap() = Some((of, faults.to_vec()));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        *self.0.often.lock().unwrap() = None;
        self.0.appends.lock().unwrap().clear();
        self.0.reads.lock().unwrap().clear();
    }

    /// From now on every read of an account waits for whoever has what this gives.
    pub fn hold_reads(&self) -> mpsc::UnboundedReceiver<HeldRead> {
        let (held, reads) = mpsc::unbounded_channel();
        *self.0.lets_read.lock().unwrap() = Some(held);
        reads
    }

    pub(super) async fn wait_to_read(&self, stream: &[u8]) {
        let lets_read = self.0.lets_read.lock().unwrap().clone();
        if let Some(lets_read) = lets_read.filter(|_| stream.starts_with(b"account-")) {
            let (held, goes_on) = oneshot::channel();
            // If nobody is there any more, it goes on at once.
            if lets_read.send(held).is_ok() {
                let _gone_on = goes_on.await;
            }
        }
    }

    /// Lets one slow call go on.
    pub fn open_gate(&self) {
        self.0.gate.add_permits(1);
    }

    /// Comes back once `count` calls have come to the gate, all in all.
    pub async fn waits_at_gate(&self, count: usize) {
        self.0.waiting.subscribe().wait_for(|waiting| *waiting >= count).await.unwrap();
    }

    pub(super) async fn pass_the_gate(&self) {
        self.0.waiting.send_modify(|waiting| *waiting = waiting.saturating_add(1));
        self.0.gate.acquire().await.unwrap().forget();
    }

    pub(super) fn next_append(&self, kinds: &[&str]) -> Option<Fault> {
        let mut appends = self.0.appends.lock().unwrap();
        let meets =
            |kind: &Option<String>| kind.as_deref().is_none_or(|kind| kinds.contains(&kind));
        if let Some(place) = appends.iter().position(|(kind, _)| meets(kind)) {
            return appends.remove(place).map(|(_, fault)| fault);
        }
        let mut seen = self.0.seen.lock().unwrap();
        *seen = seen.saturating_add(1);
        let often = self.0.often.lock().unwrap();
        let (of, faults) = often.as_ref()?;
        let turn = seen.checked_div(*of).filter(|_| seen.is_multiple_of(*of))?;
        let count = u64::try_from(faults.len()).unwrap();
        faults.get(usize::try_from(turn.checked_rem(count)?).unwrap()).copied()
    }

    pub(super) fn next_read(&self) -> Option<Fault> {
        self.0.reads.lock().unwrap().pop_front()
    }
}
