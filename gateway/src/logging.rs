//! What a service says on standard error. Whoever reads that may stop, as a terminal does at Ctrl-S
//! or a collector that hangs: no call, no probe and no signal waits for it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::server::handshakes;

/// How many bytes may wait to be read: some twenty thousand lines. What comes then is lost.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// How long the end of the process may wait until its last words are read.
const LAST_WORDS_MAX: Duration = Duration::from_secs(2);

/// Lines on their way to whoever reads them. Clones are the same way.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Whether others, that waited before, are being written.
    writing: bool,
    /// How many lines found no room since that was last told.
    lost: u64,
}

/// Waits, when it is dropped, until all was read that was said, but not for ever.
#[derive(Debug)]
pub struct LastWords(Lines);

/// Logs what `filter` lets through, and panics. The caller keeps what waits for the end of it.
pub fn start(filter: EnvFilter) -> io::Result<LastWords> {
    let lines = Lines::default();
    let (written, logged, broken) = (lines.clone(), lines.clone(), lines.clone());
    // A thread that nobody waits for: a write that nobody reads cannot be given up.
    let writing = move || written.write_to(io::stderr());
    thread::Builder::new().name("log".to_owned()).spawn(writing)?;
    let logging = fmt::layer().with_writer(move || logged.clone());
    let logging = logging.with_ansi(false).log_internal_errors(false).with_filter(filter);
    let registry = tracing_subscriber::registry().with(logging).with(handshakes::Refused::layer());
    // Somebody may have set one up already, as a test does.
    if registry.try_init().is_ok() {
        std::panic::set_hook(Box::new(move |panic| broken.push(told(panic).as_bytes())));
    }
    Ok(LastWords(lines))
}

/// Says `words` on standard error before the process ends, and does not wait for ever either.
pub fn say_at_the_end(words: Vec<u8>) {
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        // Where even standard error is gone, the exit code still tells.
        let _told = io::stderr().write_all(&words);
        let _waiting = said.send(());
    });
    let _in_time = heard.recv_timeout(LAST_WORDS_MAX);
}

/// A panic as it is told where nothing is logged.
fn told(panic: &PanicHookInfo<'_>) -> String {
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = if captured { format!("{backtrace}\n") } else { String::new() };
    let thread = thread::current();
    format!("thread '{}' {panic}\n{backtrace}", thread.name().unwrap_or("unnamed"))
}

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a line to be written, if there is room for it.
    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.bytes.len().saturating_add(line.len()) > WAITING_BYTES_MAX {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        self.0.changed.notify_all();
    }

    /// Writes for ever what is left to be written.
    fn write_to(&self, mut reader: impl Write) {
        let mut taken = Vec::new();
        loop {
            let lost = self.take(&mut taken);
            // What cannot be logged is lost, and no call fails for it.
            let _written = reader.write_all(&taken);
            taken.clear();
            if lost > 0 {
                tracing::warn!(lost, "nobody read standard error in time: lines are missing here");
            }
        }
    }

    /// Waits for something to write, and how many lines are missing behind it.
    fn take(&self, taken: &mut Vec<u8>) -> u64 {
        let mut waiting = self.waiting();
        waiting.writing = false;
        self.0.changed.notify_all();
        let idle = |waiting: &mut Waiting| waiting.bytes.is_empty();
        let mut waiting =
            self.0.changed.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        waiting.writing = true;
        std::mem::swap(&mut waiting.bytes, taken);
        std::mem::take(&mut waiting.lost)
    }

    /// Waits until all was written, at most for so long.
    fn written(&self, wait_max: Duration) {
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.bytes.is_empty();
        let waiting = self.waiting();
        let _in_time = self.0.changed.wait_timeout_while(waiting, wait_max, unwritten);
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.0.written(LAST_WORDS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Reads nothing until it is let, and then keeps what it reads.
    struct Slow {
        let_go: mpsc::Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _let_go = self.let_go.recv();
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_who_reads_nothing_and_what_had_room_is_read_later() {
        let (lines, read) = (Lines::default(), Arc::new(Mutex::new(Vec::new())));
        let (go, let_go) = mpsc::channel();
        let (writer, slow) = (lines.clone(), Slow { let_go, read: Arc::clone(&read) });
        thread::spawn(move || writer.write_to(slow));
        lines.push(b"first\n");
        while !lines.waiting().writing {
            thread::yield_now();
        }
        let line = [b'x'; 1024];
        for _ in 0..WAITING_BYTES_MAX / line.len() {
            lines.push(&line);
        }
        lines.push(b"no room\n");
        assert_eq!(lines.waiting().lost, 1);
        lines.written(Duration::ZERO);
        assert!(read.lock().unwrap().is_empty());

        drop(go);
        lines.written(LONG);
        assert_eq!(lines.waiting().lost, 0, "it was told");
        let read = read.lock().unwrap();
        assert!(read.starts_with(b"first\nxxx"));
        assert_eq!(read.len(), b"first\n".len() + WAITING_BYTES_MAX);
    }
}
