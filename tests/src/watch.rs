//! An eye on a process that may hang: it is ended by force, and whoever waited for it is told so,
//! since all that its clients see is a connection that was reset.

use std::process::{Command, ExitStatus};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Ends a process after some time, unless it is lifted before.
#[derive(Debug)]
pub struct Watch {
    lifted: Sender<()>,
    watching: JoinHandle<Option<ExitStatus>>,
}

impl Watch {
    /// Over the process of that id. Whoever waits for its end lifts the watch right after: later
    /// the id could be another's.
    pub fn over(id: u32, hangs_after: Duration) -> Self {
        let (lifted, waiting) = channel();
        let watching = std::thread::spawn(move || {
            let hangs = waiting.recv_timeout(hangs_after) == Err(RecvTimeoutError::Timeout);
            hangs.then(|| Command::new("kill").args(["-9", &id.to_string()]).status().unwrap())
        });
        Self { lifted, watching }
    }

    /// Lifts it; says whether it had ended the process.
    pub fn lift(self) -> bool {
        drop(self.lifted);
        self.watching.join().unwrap().is_some_and(|ended| ended.success())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_process_that_hangs_is_ended_and_that_is_told() {
        let mut hangs = Command::new("sleep").arg("3600").spawn().unwrap();
        let watch = Watch::over(hangs.id(), Duration::ZERO);
        assert_eq!(hangs.wait().unwrap().signal(), Some(9));
        assert!(watch.lift());
    }

    #[test]
    fn a_process_that_ends_by_itself_is_let_be() {
        let mut ends = Command::new("true").spawn().unwrap();
        let watch = Watch::over(ends.id(), Duration::from_secs(3600));
        assert!(!watch.lift());
        assert!(ends.wait().unwrap().success());
    }
}
