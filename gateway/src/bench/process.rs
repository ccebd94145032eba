//! The servers that are measured: processes of their own, started from this binary.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::BenchError;

/// How long a server may take until it listens: it may have a large log to check first.
const START_MAX: Duration = Duration::from_secs(300);
/// How long a server may take to end once it was told to.
const STOP_MAX: Duration = Duration::from_secs(60);

/// How often it is looked at most whether a server that was killed is gone, and how far apart.
const LOOKS_MAX: u32 = 10_000;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The unit in which Linux counts the processor time of a process.
const TICK_MICROS: u64 = 10_000;

/// A server. It ends with the measurement, however that ends.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    address: SocketAddr,
}

impl Drop for Process {
    /// Waits until it is gone, since its directory may be removed next.
    fn drop(&mut self) {
        // It may have ended before.
        let _told = self.child.start_kill();
        for _ in 0..LOOKS_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Process {
    /// Starts the ledger on `data_dir`, with a clock that stands at `clock` and nothing that time
    /// drives but what is asked for.
    pub(super) async fn ledger(
        data_dir: &Path,
        clock: &str,
        threads: Option<usize>,
    ) -> Result<Self, BenchError> {
        let mut arguments =
            vec!["serve", "--no-runner", "--listen", "127.0.0.1:0", "--log", "warn"];
        arguments.push("--until-input-ends");
        let count = threads.map(|count| count.to_string());
        if let Some(count) = &count {
            arguments.extend(["--threads", count]);
        }
        let mut command = this_binary()?;
        command.args(arguments).args(["--set-clock", clock, "--data-dir"]).arg(data_dir);
        Self::start(command).await
    }

    /// Starts the echo, which is served as the ledger is.
    pub(super) async fn echo(threads: Option<usize>) -> Result<Self, BenchError> {
        let mut command = this_binary()?;
        command.args(["bench", "--echo"]);
        if let Some(count) = threads {
            command.args(["--threads", &count.to_string()]);
        }
        Self::start(command).await
    }

    async fn start(mut command: Command) -> Result<Self, BenchError> {
        // The end of our end of its input tells it that we are gone, where nothing else can.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(BenchError::io("a server"))?;
        // Given up while it starts, it is waited for as well.
        let mut process = Self { child, address: ([127, 0, 0, 1], 0).into() };
        let failed = || BenchError::Server("a server did not come to listen".to_owned());
        let mut lines = BufReader::new(process.child.stdout.take().ok_or_else(failed)?).lines();
        let line = tokio::time::timeout(START_MAX, lines.next_line()).await;
        let line = line.map_err(|_| failed())?.map_err(BenchError::io("a server"))?;
        let address = line.as_deref().and_then(|line| line.strip_prefix("listening on "));
        process.address = address.and_then(|text| text.parse().ok()).ok_or_else(failed)?;
        Ok(process)
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> Result<Channel, BenchError> {
        let failed = |error: tonic::transport::Error| {
            BenchError::Server(format!("a server cannot be reached: {error}"))
        };
        let endpoint = Channel::from_shared(format!("http://{}", self.address));
        let endpoint = endpoint.map_err(|error| BenchError::Server(error.to_string()))?;
        endpoint.tcp_nodelay(true).connect().await.map_err(failed)
    }

    /// So many connections to it.
    pub(super) async fn connect_often(&self, count: usize) -> Result<Vec<Channel>, BenchError> {
        let mut channels = Vec::with_capacity(count);
        for _ in 0..count {
            channels.push(self.connect().await?);
        }
        Ok(channels)
    }

    /// Ends it as `kill -9` does, so long from now, and whatever it is at then.
    pub(super) async fn kill_after(&self, time: Duration) -> Result<(), BenchError> {
        let gone = || BenchError::Server("a server has ended by itself".to_owned());
        tokio::time::sleep(time).await;
        let id = self.child.id().ok_or_else(gone)?.to_string();
        let killed = Command::new("kill").args(["-9", &id]).status().await;
        if killed.map_err(BenchError::io("kill"))?.success() { Ok(()) } else { Err(gone()) }
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&mut self) -> Result<(), BenchError> {
        self.child.wait().await.map(|_| ()).map_err(BenchError::io("a server"))
    }

    /// Waits until its health says that it is ready.
    pub(super) async fn ready(&self) -> Result<(), BenchError> {
        let mut health = HealthClient::new(self.connect().await?);
        let asked = HealthCheckRequest { service: String::new() };
        let mut said = health.watch(asked).await.map_err(BenchError::call("Watch"))?.into_inner();
        while let Some(now) = said.message().await.map_err(BenchError::call("Watch"))? {
            if now.status() == ServingStatus::Serving {
                return Ok(());
            }
        }
        Err(BenchError::Server("a server does not come to be ready".to_owned()))
    }

    /// How much processor time it has taken so far, in microseconds. Zero where the system does not
    /// say; exact to some ten milliseconds.
    pub(super) fn processor_micros(&self) -> u64 {
        let stat = self.child.id().map(|id| std::fs::read_to_string(format!("/proc/{id}/stat")));
        let Some(Ok(stat)) = stat else { return 0 };
        // The name in parentheses may hold anything; user and system time are the twelfth and the
        // thirteenth field after it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        ticks.flatten().fold(0, u64::saturating_add).saturating_mul(TICK_MICROS)
    }

    /// What it holds in memory now and held at most, in bytes. None where the system does not say.
    pub(super) fn memory(&self) -> Option<(u64, u64)> {
        let id = self.child.id()?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
        };
        Some((kibibytes("VmRSS:")?, kibibytes("VmHWM:")?))
    }

    /// Asks it to stop and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), BenchError> {
        let Some(id) = self.child.id() else { return Ok(()) };
        let asked = Command::new("kill").arg(id.to_string()).status().await;
        asked.map_err(BenchError::io("kill"))?;
        let ended = tokio::time::timeout(STOP_MAX, self.child.wait()).await;
        let late = |_| BenchError::Server("a server does not stop".to_owned());
        let status = ended.map_err(late)?.map_err(BenchError::io("a server"))?;
        if status.success() {
            return Ok(());
        }
        Err(BenchError::Server(format!("a server ended with {status}")))
    }
}

fn this_binary() -> Result<Command, BenchError> {
    let binary = std::env::current_exe().map_err(BenchError::io("this program's file"))?;
    Ok(Command::new(binary))
}
