//! How the service may end: by the kill of the harness, and by itself only if the shim ended it.

use std::os::unix::process::ExitStatusExt as _;

use crate::process::Ended;

const SIGKILL: i32 = 9;

/// Who ends the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The harness, and nothing else. Had it ended by then?
    Harness {
        /// By itself, before it was killed.
        early: bool,
    },
    /// The shim, between two calls, or the harness if that call never came.
    Shim,
    /// The harness, which first asked it to stop: it may have come to its end in order.
    Asked {
        /// By itself, before it was asked.
        early: bool,
    },
}

/// Is that a kill, and not a fault of the service? A kill says nothing about the service only if
/// nothing else has ended it, and a task that panics may leave the others to go on.
pub(super) fn killed(by: By, ended: &Ended) -> Result<(), String> {
    let (signal, said) = (ended.status.signal(), &ended.said);
    if said.contains("panicked") {
        return Err(format!("the service panicked: {}: {said}", ended.status));
    }
    let as_told = match by {
        By::Harness { early } => !early && signal == Some(SIGKILL),
        By::Shim => signal == Some(SIGKILL),
        By::Asked { early } => !early && (signal == Some(SIGKILL) || ended.status.success()),
    };
    if as_told { Ok(()) } else { Err(format!("it ended by itself: {}: {said}", ended.status)) }
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;

    const KILL: i32 = 9;
    const ABORT: i32 = 6;
    const SEGV: i32 = 11;
    const IN_ORDER: i32 = 0;
    const EXIT_1: i32 = 1 << 8;

    fn is_a_kill(by: By, status: i32, said: &str) -> bool {
        let ended = Ended { status: ExitStatus::from_raw(status), said: said.to_owned() };
        killed(by, &ended).is_ok()
    }

    #[test]
    fn only_the_kill_of_the_harness_or_of_the_shim_is_one() {
        let [late, early] = [false, true].map(|early| By::Harness { early });
        let [asked, before] = [false, true].map(|early| By::Asked { early });
        for by in [late, By::Shim, asked] {
            assert!(is_a_kill(by, KILL, "slow"), "{by:?}");
            assert!(!is_a_kill(by, KILL, "thread 'main' panicked at"), "{by:?}");
            for status in [ABORT, SEGV, EXIT_1] {
                assert!(!is_a_kill(by, status, ""), "{by:?}, {status}");
            }
            assert_eq!(is_a_kill(by, IN_ORDER, ""), by == asked, "{by:?}");
        }
        for by in [early, before] {
            assert!(!is_a_kill(by, KILL, "") && !is_a_kill(by, IN_ORDER, ""), "{by:?}");
        }
    }
}
