//! What all sections share: both servers, the accounts on the books, and the report.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::payledger::v1 as wire;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;
use wire::batch_command::Command;
use wire::batch_result::Outcome;
use wire::operations_service_client::OperationsServiceClient;
use wire::payment_service_client::PaymentServiceClient;

use super::process::Process;
use super::report::{Figure, Machine, Report, Spread, millis, per_second};
use super::traffic::{self, NOW, Origin, opening, schedule};
use super::{BenchArgs, BenchError, Section, Sizes};
use crate::server::BATCH_MESSAGE_BYTES_MAX;

/// How many commands share a batch while the stage is set.
const SETUP_BATCH: usize = 1000;
/// How many batches are under way then.
const SETUP_LANES: usize = 2;

/// Both servers and what is known of them.
pub(super) struct Stage {
    pub(super) sizes: Sizes,
    pub(super) data_dir: PathBuf,
    pub(super) threads: Option<usize>,
    /// Where the ledger's clock stands. It never goes back.
    pub(super) clock: &'static str,
    pub(super) ledger: Process,
    pub(super) echo: Process,
    /// The most that a ledger before this one held in memory, in bytes: each figure is of all of
    /// them, and the first one does most of the work.
    pub(super) held_before: u64,
    pub(super) report: Report,
    /// How many workers there were: each gets a number of its own.
    workers: u64,
}

/// How the read models followed a load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Following {
    /// How many events they were behind when the load ended.
    pub(super) behind: u64,
    /// How long they took to catch up then.
    pub(super) took: Duration,
}

/// A client for batches as large as the server takes and answers.
pub(super) fn payments(channel: Channel) -> PaymentServiceClient<Channel> {
    PaymentServiceClient::new(channel).max_decoding_message_size(BATCH_MESSAGE_BYTES_MAX)
}

/// Checks that every command of a batch was carried out.
pub(super) fn all_done(results: &[wire::BatchResult], commands: usize) -> Result<(), BenchError> {
    if results.len() != commands {
        return Err(BenchError::lacks("results of its batch"));
    }
    for result in results {
        match &result.outcome {
            None => return Err(BenchError::lacks("an outcome")),
            Some(Outcome::Error(status)) => {
                return Err(BenchError::Server(format!("a command failed: {}", status.message)));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

impl Stage {
    /// Starts both servers, opens the accounts and schedules a payment on each of them.
    pub(super) async fn set_up(args: &BenchArgs, data_dir: &Path) -> Result<Self, BenchError> {
        let sizes = Sizes::of(args);
        let ledger = Process::ledger(data_dir, NOW, args.threads).await?;
        let echo = Process::echo(args.threads).await?;
        let settings = vec![
            ("mix", traffic::MIX.to_owned()),
            ("accounts", format!("{}, of which {} are busy", sizes.accounts, sizes.busy)),
            ("rounds", format!("{} of {} ms", sizes.rounds, millis(sizes.round))),
            ("directory", data_dir.display().to_string()),
        ];
        let report = Report { machine: machine(), settings, figures: Vec::new() };
        let data_dir = data_dir.to_owned();
        let threads = args.threads;
        let (clock, held_before, workers) = (NOW, 0, 0);
        let mut stage =
            Self { sizes, data_dir, threads, clock, ledger, echo, held_before, report, workers };
        stage.board().await?;
        Ok(stage)
    }

    /// Measures one part.
    pub(super) async fn measure(&mut self, section: Section) -> Result<(), BenchError> {
        match section {
            Section::Single => self.singles().await,
            Section::Open => self.at_rates().await,
            Section::Batch => self.batches().await,
            Section::Query => self.queries().await,
            Section::Cutoff => self.cutoff().await,
            Section::History => self.history().await,
            Section::Disk => self.disk().await,
            Section::Restart => self.restarts().await,
        }
    }

    async fn board(&mut self) -> Result<(), BenchError> {
        let accounts = self.sizes.accounts;
        let begun = Instant::now();
        self.send_all(accounts, |number| Command::OpenAccount(Box::new(opening(number)))).await?;
        let opened = per_second(accounts, begun.elapsed());
        self.figure(Figure::new("setup", "accounts opened", "commands/s", Spread::once(opened)));
        let date = google_date(1);
        let begun = Instant::now();
        self.send_all(accounts, |number| {
            let request = Origin::Standing.request(number);
            Command::SchedulePayment(schedule(traffic::account(number), request, date))
        })
        .await?;
        let scheduled = per_second(accounts, begun.elapsed());
        let what = "a payment scheduled on each account";
        self.figure(Figure::new("setup", what, "commands/s", Spread::once(scheduled)));
        self.caught_up().await?;
        Ok(())
    }

    /// Sends `count` commands in batches, and waits for all of them.
    pub(super) async fn send_all(
        &self,
        count: u64,
        command: impl Fn(u64) -> Command,
    ) -> Result<(), BenchError> {
        let channel = self.ledger.connect().await?;
        let mut lanes: JoinSet<Result<(), BenchError>> = JoinSet::new();
        let mut next = 0_u64;
        let batch = u64::try_from(SETUP_BATCH).unwrap_or(u64::MAX);
        while next < count {
            let end = next.saturating_add(batch).min(count);
            let commands =
                (next..end).map(|number| wire::BatchCommand { command: Some(command(number)) });
            let request = wire::ExecuteBatchRequest { commands: commands.collect() };
            next = end;
            if lanes.len() >= SETUP_LANES {
                joined(lanes.join_next().await)?;
            }
            let mut client = payments(channel.clone());
            lanes.spawn(async move {
                let commands = request.commands.len();
                let answer = client.execute_batch(request).await;
                let answer = answer.map_err(BenchError::call("ExecuteBatch"))?;
                all_done(&answer.into_inner().results, commands)
            });
        }
        while let Some(lane) = lanes.join_next().await {
            joined(Some(lane))?;
        }
        Ok(())
    }

    pub(super) fn figure(&mut self, figure: Figure) {
        self.report.figures.push(figure);
    }

    /// Keeps how much memory the ledger held, which nobody can ask once it is gone.
    pub(super) fn keep_memory(&mut self) {
        let most = self.ledger.memory().map_or(0, |(_, most)| most);
        self.held_before = self.held_before.max(most);
    }

    /// A number for another worker.
    pub(super) const fn worker(&mut self) -> u64 {
        self.workers = self.workers.saturating_add(1);
        self.workers
    }

    pub(super) async fn operations(&self) -> Result<OperationsServiceClient<Channel>, BenchError> {
        self.ledger.connect().await.map(OperationsServiceClient::new)
    }

    /// Waits until the read models hold what the log holds now, as somebody does who asks for the
    /// position of what was just done; says how far behind they were.
    pub(super) async fn caught_up(&self) -> Result<Following, BenchError> {
        let channel = self.ledger.connect().await?;
        let (mut client, mut reader) =
            (OperationsServiceClient::new(channel.clone()), payments(channel));
        let begun = Instant::now();
        let mut behind = None;
        loop {
            let status = client.get_projection_status(wire::GetProjectionStatusRequest::default());
            let status = status.await.map_err(BenchError::call("GetProjectionStatus"))?;
            let status = status.into_inner();
            if let Some(failure) = status.failure {
                return Err(BenchError::Server(failure.message));
            }
            let first = *behind.get_or_insert(status.lag_events);
            if status.lag_events == 0 {
                return Ok(Following { behind: first, took: begun.elapsed() });
            }
            let question = wire::ListPaymentsRequest {
                page_size: 1,
                min_position: status.head_position,
                ..wire::ListPaymentsRequest::default()
            };
            match reader.list_payments(question).await {
                // Behind still, after as long as a question waits.
                Err(status) if status.code() == Code::Unavailable => {}
                answered => {
                    answered.map_err(BenchError::call("ListPayments"))?;
                }
            }
        }
    }

    /// Where the read models stand.
    pub(super) async fn status(&self) -> Result<wire::GetProjectionStatusResponse, BenchError> {
        let mut client = self.operations().await?;
        let status = client.get_projection_status(wire::GetProjectionStatusRequest::default());
        let status = status.await.map_err(BenchError::call("GetProjectionStatus"))?;
        Ok(status.into_inner())
    }

    /// The last position of the log.
    pub(super) async fn head(&self) -> Result<u64, BenchError> {
        Ok(self.status().await?.head_position)
    }

    /// Ends both servers and gives the report.
    pub(super) async fn end(self) -> Result<Report, BenchError> {
        self.ledger.stop().await?;
        drop(self.echo);
        Ok(self.report)
    }
}

/// A day of the month of the measurement, so many days ahead.
pub(super) const fn google_date(ahead: i32) -> proto::google::r#type::Date {
    let proto::google::r#type::Date { year, month, day } = traffic::TODAY;
    proto::google::r#type::Date { year, month, day: day.saturating_add(ahead) }
}

type Joined = Option<Result<Result<(), BenchError>, tokio::task::JoinError>>;

fn joined(lane: Joined) -> Result<(), BenchError> {
    match lane {
        None => Ok(()),
        Some(Ok(outcome)) => outcome,
        Some(Err(fault)) => Err(BenchError::Server(fault.to_string())),
    }
}

/// What this machine is, as far as the system says.
fn machine() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let named = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name))?.to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let memory = named("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kibibytes = memory.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    Machine {
        cores: u64::try_from(cores).unwrap_or(u64::MAX),
        processor: named("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
        memory_bytes: kibibytes.unwrap_or_default().saturating_mul(1024),
        version: env!("CARGO_PKG_VERSION"),
    }
}
