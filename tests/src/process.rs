//! The real binary as a process of its own: started, killed, and asked questions offline.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::watch::Watch;

/// The binary `payledger` of this build. It is brought up to date once a run, so that no test
/// judges an older one.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let program = std::env::current_exe().unwrap();
        let folder = program.parent().unwrap();
        // Tests lie one folder deeper than programs.
        let folder = if folder.ends_with("deps") { folder.parent().unwrap() } else { folder };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "gateway", "--bin", "payledger"]);
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        // What cargo tells this test about itself would make build scripts run again.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                build.env_remove(name.as_ref());
            }
        }
        assert!(build.status().unwrap().success(), "cargo build --package gateway");
        folder.join("payledger")
    })
}

/// A running `payledger serve`. It ends with the test, however the test ends.
#[derive(Debug)]
pub struct Process {
    child: Option<Child>,
    address: SocketAddr,
    /// What it says, if that is read as it comes.
    said: Option<JoinHandle<String>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

/// How a process ended, and what it said on standard error.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// What it said.
    pub said: String,
}

fn serve(mut command: Command, data_dir: &Path, clock: &str, more: &[&str]) -> Child {
    command.args(["serve", "--listen", "127.0.0.1:0", "--set-clock", clock]);
    if !more.contains(&"--log") {
        command.args(["--log", "warn"]);
    }
    command.args(more);
    command.arg("--data-dir").arg(data_dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

impl Process {
    /// Starts the service and waits until it listens, or until it has ended without.
    pub fn start(data_dir: &Path, clock: &str) -> Result<Self, Ended> {
        Self::start_as(Command::new(binary()), data_dir, clock)
    }

    /// The same, without the runner: what time drives is left to the test.
    pub fn start_without_runner(data_dir: &Path, clock: &str) -> Result<Self, Ended> {
        Self::listening(serve(Command::new(binary()), data_dir, clock, &["--no-runner"]))
    }

    /// The same, without the runner, as one of several gateways on the log of a cluster.
    pub fn start_on_cluster(store: &str, data_dir: &Path, clock: &str) -> Result<Self, Ended> {
        let more = ["--no-runner", "--store", store];
        Self::listening(serve(Command::new(binary()), data_dir, clock, &more))
    }

    /// The same, by a command that goes before.
    pub fn start_as(command: Command, data_dir: &Path, clock: &str) -> Result<Self, Ended> {
        Self::start_with(command, data_dir, clock, &[])
    }

    /// The same, with more flags.
    pub fn start_with(
        command: Command,
        data_dir: &Path,
        clock: &str,
        more: &[&str],
    ) -> Result<Self, Ended> {
        Self::listening(serve(command, data_dir, clock, more))
    }

    fn listening(mut child: Child) -> Result<Self, Ended> {
        match listens(&mut child) {
            Some(address) => Ok(Self { child: Some(child), address, said: None }),
            None => Err(ended(child, None)),
        }
    }

    /// The same, with more flags, ended by force if it does not say anything for so long, which is
    /// told in what it said.
    pub fn start_watched(
        command: Command,
        data_dir: &Path,
        clock: &str,
        more: &[&str],
        hangs_after: Duration,
    ) -> Result<Self, Ended> {
        let mut child = serve(command, data_dir, clock, more);
        let watch = Watch::over(child.id(), hangs_after);
        let address = listens(&mut child);
        let hung = watch.lift();
        match address {
            Some(address) if !hung => {
                let said = child.stderr.take().map(|log| std::thread::spawn(|| heard(log)));
                Ok(Self { child: Some(child), address, said })
            }
            Some(_) | None => {
                let mut ended = ended(child, None);
                if hung {
                    ended.said.push_str(&hung_for(hangs_after));
                }
                Err(ended)
            }
        }
    }

    /// Starts the service and ends it, as `kill -9` does, so long after, wherever it is by then.
    pub fn start_and_kill(data_dir: &Path, clock: &str, after: Duration) -> Ended {
        let mut child = serve(Command::new(binary()), data_dir, clock, &[]);
        std::thread::sleep(after);
        child.kill().unwrap();
        ended(child, None)
    }

    /// Takes the reader of its log away: what it says there from now on reaches nobody.
    pub fn leave_unheard(&mut self) {
        drop(self.child.as_mut().unwrap().stderr.take());
    }

    /// Has it ended by itself?
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Asks it to stop, and goes on at once.
    pub fn ask_to_stop(&self) {
        let id = self.id().to_string();
        // It may have ended by itself.
        let _told = Command::new("kill").arg(&id).stderr(Stdio::null()).status().unwrap();
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id, by which others name it.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(self) {
        drop(self.kill_and_hear());
    }

    /// The same; gives how it ended, which it may have done by itself before, and what it said.
    pub fn kill_and_hear(mut self) -> Ended {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        ended(child, self.said.take())
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(self) -> Ended {
        let id = self.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        self.wait()
    }

    /// Asks it to stop, waits until it has, and only then reads what it said. One that hangs is
    /// ended by force, which its status tells.
    pub fn stop_unheard(mut self, hangs_after: Duration) -> Ended {
        self.ask_to_stop();
        let mut child = self.child.take().unwrap();
        let watch = Watch::over(child.id(), hangs_after);
        child.wait().unwrap();
        watch.lift();
        ended(child, self.said.take())
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> Ended {
        ended(self.child.take().unwrap(), self.said.take())
    }
}

/// Waits until it says where it listens, or has ended without.
fn listens(child: &mut Child) -> Option<SocketAddr> {
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ")?;
    Some(address.parse().unwrap())
}

/// What is said of a process that was ended since it hung.
pub fn hung_for(time: Duration) -> String {
    format!("it hung for {time:?} and was killed by the harness")
}

fn heard(mut log: ChildStderr) -> String {
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    said
}

fn ended(mut child: Child, said: Option<JoinHandle<String>>) -> Ended {
    let read = child.stderr.take().map(heard).or_else(|| said.map(|said| said.join().unwrap()));
    Ended { status: child.wait().unwrap(), said: read.unwrap_or_default() }
}

/// Runs a verb that needs no server on a data directory.
pub fn offline(verb: &[&str], data_dir: &Path) -> Output {
    let mut command = Command::new(binary());
    command.args(verb).arg("--data-dir").arg(data_dir).stdin(Stdio::null()).output().unwrap()
}

/// Runs a verb whose answer is JSON, and gives that.
pub fn answered(words: &[&str]) -> serde_json::Value {
    let mut command = Command::new(binary());
    let output = command.args(words).args(["--output", "json"]).stdin(Stdio::null()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a verb that must fail, and gives its exit code and what it said.
pub fn failed(words: &[&str]) -> (i32, String) {
    let output = Command::new(binary()).args(words).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{words:?}: {said}");
    (output.status.code().unwrap(), said)
}

/// Runs a verb that must find nothing wrong.
pub fn offline_finds_nothing_wrong(verb: &[&str], data_dir: &Path) {
    let output = offline(verb, data_dir);
    let (out, error) = (&output.stdout, &output.stderr);
    let said = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(error));
    assert!(output.status.success(), "{verb:?}: {said}");
}
