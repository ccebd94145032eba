//! The real service as a child process, to be killed and started again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::stage::DemoError;

/// How long the service may take to say where it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// How long the service may take to end after it was interrupted.
const STOP_MAX: Duration = Duration::from_secs(5);
/// How many lines of what it says are kept.
const LINES_KEPT: usize = 1000;
/// What the service says before the address that it took.
const LISTENING: &str = "listening on ";

/// How the service is started, each time.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) data_dir: PathBuf,
    pub(super) port: u16,
}

/// A running service.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Its input, which ends with us, however we end, and tells it to stop.
    _input: Option<ChildStdin>,
    address: SocketAddr,
    /// What it has said since it listens.
    said: mpsc::Receiver<String>,
}

impl Launch {
    /// Starts the service with a clock that stands at `now`, and waits until it listens.
    pub(super) async fn start(&self, now: DateTime<Utc>) -> Result<Server, DemoError> {
        let binary = std::env::current_exe().map_err(DemoError::io("this program's file"))?;
        let mut child = Command::new(binary)
            .arg("serve")
            .arg("--data-dir")
            .arg(&self.data_dir)
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("--set-clock")
            .arg(now.to_rfc3339_opts(SecondsFormat::Millis, true))
            .arg("--log")
            .arg("warn")
            .arg("--until-input-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(DemoError::io("the service"))?;
        let (say, mut said) = mpsc::channel(LINES_KEPT);
        child.stdout.take().map(|stdout| listen_to(stdout, say.clone()));
        child.stderr.take().map(|stderr| listen_to(stderr, say));
        let address = tokio::time::timeout(START_MAX, address(&mut said)).await;
        let address = address.map_err(|_| {
            let waited = START_MAX.as_secs();
            DemoError::Server(format!("the service did not listen within {waited} seconds"))
        })??;
        // Apart from the child, which would let go of it where its end is waited for.
        let input = child.stdin.take();
        Ok(Server { child, _input: input, address, said })
    }
}

/// Passes on what the service says. What nobody takes is dropped, so that it never waits for us.
fn listen_to(
    output: impl AsyncRead + Unpin + Send + 'static,
    say: mpsc::Sender<String>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let _dropped_if_full = say.try_send(line);
        }
    })
}

/// Waits for the line that names the address.
async fn address(said: &mut mpsc::Receiver<String>) -> Result<SocketAddr, DemoError> {
    let mut heard = Vec::new();
    while let Some(line) = said.recv().await {
        let after = line.split_once(LISTENING).and_then(|(_, rest)| rest.split_whitespace().next());
        if let Some(Ok(address)) = after.map(str::parse) {
            return Ok(address);
        }
        heard.push(line);
    }
    Err(DemoError::Server(format!("the service did not start:\n{}", heard.join("\n"))))
}

impl Server {
    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as a power cut would: with SIGKILL, in the middle of whatever it does.
    pub(super) async fn kill(&mut self) -> Result<(), DemoError> {
        self.child.kill().await.map_err(DemoError::io("the service"))
    }

    /// Waits until it ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> DemoError {
        let mut last = Vec::new();
        let status = self.child.wait().await;
        while let Ok(line) = self.said.try_recv() {
            last.push(line);
        }
        let said = last.split_off(last.len().saturating_sub(10)).join("\n");
        match status {
            Ok(status) => DemoError::Server(format!("the service ended: {status}\n{said}")),
            Err(error) => DemoError::io("the service")(error),
        }
    }

    /// Lets it end after Ctrl-C, which a terminal sends to it too; kills it if it does not.
    pub(super) async fn let_end(&mut self) -> Result<(), DemoError> {
        match tokio::time::timeout(STOP_MAX, self.child.wait()).await {
            Ok(ended) => ended.map(drop).map_err(DemoError::io("the service")),
            Err(_) => self.kill().await,
        }
    }
}
