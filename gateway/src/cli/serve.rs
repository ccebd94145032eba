//! `payledger serve`: the service in the foreground, until a signal stops it.

use std::io::{self, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use ledger::engine::{self, BooksMode};
use ledger::store::embedded::Options;
use ledger::store::eventstore::OpenError as ClusterError;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use super::CliError;
use super::serve_args::{Books, ServeArgs};
use crate::logging;
use crate::serve::{Service, ServiceError, ServiceSettings};
use crate::server::{Drained, MESSAGE_WAIT_MAX, Settings, TlsFiles};

/// The unit of rates.
const MIB: u64 = 1024 * 1024;

/// On at most so many cores one thread answers all calls, unless told otherwise.
const FEW_CORES: usize = 2;

/// Serves. Says on standard output where it listens, once it does; logs to standard error.
pub fn run(args: &ServeArgs, out: &mut impl Write) -> Result<(), CliError> {
    let filter = EnvFilter::try_new(&args.log)
        .map_err(|error| CliError::Usage(format!("--log {}: {error}", args.log)))?;
    refuse_nowhere(args)?;
    let _last_words = logging::start(filter).map_err(CliError::io("the thread of the log"))?;
    let runtime = runtime(args.threads).map_err(CliError::io("the runtime"))?;
    let mut signals = {
        let _in_runtime = runtime.enter();
        Signals::install(args.until_input_ends).map_err(CliError::io("signals"))?
    };
    let Some(service) = runtime.block_on(start(settings(args), &mut signals))? else {
        // Whatever a start has under way may be broken off, as by a crash.
        runtime.shutdown_background();
        return Ok(());
    };
    runtime.block_on(serve(service, args, signals, out))
}

/// Refuses to tell clients that they are to connect to all addresses of a machine.
fn refuse_nowhere(args: &ServeArgs) -> Result<(), CliError> {
    match (args.eventstore_listen, &args.eventstore_advertise) {
        (Some(listen), None) if listen.ip().is_unspecified() => Err(CliError::Usage(format!(
            "--eventstore-listen {listen}: clients elsewhere cannot be told to connect to that; \
             name what they can reach with --eventstore-advertise HOST:PORT"
        ))),
        (Some(_) | None, _) => Ok(()),
    }
}

/// The runtime of a server. The log's writer, the read models, large batches and what reads a disk
/// have threads of their own beside it; on few cores one thread for the calls leaves these the
/// others, and passes no call from thread to thread.
pub(crate) fn runtime(threads: Option<usize>) -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.unwrap_or(if cores <= FEW_CORES { 1 } else { cores });
    if threads == 1 {
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}

/// The service once it is ready to answer. None if a signal came first: a start may take long, as
/// where read models are built anew.
async fn start(
    settings: ServiceSettings,
    signals: &mut Signals,
) -> Result<Option<Service>, CliError> {
    tokio::select! {
        started = Service::start(settings) => started.map(Some).map_err(failed),
        () = signals.first() => {
            tracing::info!("stopped before it listened");
            Ok(None)
        }
    }
}

async fn serve(
    service: Service,
    args: &ServeArgs,
    mut signals: Signals,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let (address, head) = (service.address(), service.head().await.map_err(failed)?);
    let shutdown = service.shutdown();
    tokio::spawn(async move {
        signals.first().await;
        shutdown.ask();
    });
    let data_dir = args.data.path.display();
    tracing::info!(%data_dir, position = head.0, "listening on {address}");
    if let Some(instant) = args.set_clock {
        tracing::warn!(%instant, "the clock stands until it is set: this is a rehearsal");
    }
    let eventstore = match service.eventstore_address() {
        Some(address) => format!("read protocol of EventStoreDB on {address}\n"),
        None => String::new(),
    };
    match write!(out, "listening on {address}\n{eventstore}").and_then(|()| out.flush()) {
        // Nobody needs to read it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        told => told.map_err(CliError::output())?,
    }
    match service.run().await.map_err(failed)? {
        Drained::Fully => tracing::info!("stopped"),
        Drained::CutOff => tracing::warn!("stopped with calls under way"),
    }
    Ok(())
}

fn settings(args: &ServeArgs) -> ServiceSettings {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: args.tls_client_ca.clone(),
        }),
        (Some(_) | None, None) | (None, Some(_)) => None,
    };
    ServiceSettings {
        data_dir: args.data.path.clone(),
        store: args.store.clone(),
        eventstore_listen: args.eventstore_listen,
        eventstore_advertise: args.eventstore_advertise.clone(),
        server: Settings {
            listen: args.listen,
            tls,
            calls_max: args.calls_max,
            message_wait_max: MESSAGE_WAIT_MAX,
            drain_max: Duration::from_secs(args.drain_seconds),
        },
        set_clock: args.set_clock,
        runner: !args.no_runner,
        engine: engine::Settings {
            books: match args.books {
                Books::Automatic => BooksMode::Automatic,
                Books::Manual => BooksMode::Manual,
            },
            accounts_cached: args.accounts_cached,
        },
        log: Options::default(),
        scrub_rate: NonZeroU64::new(args.scrub_rate.saturating_mul(MIB)),
    }
}

/// SIGTERM and SIGINT, which ask the service to stop. The first process of a container gets neither
/// unless they are listened to, so they are from the first moment on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The end of standard input, where that stands for one.
    input: Option<oneshot::Receiver<()>>,
}

impl Signals {
    fn install(until_input_ends: bool) -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt, input: until_input_ends.then(end_of_input) })
    }

    /// Waits for one of them.
    async fn first(&mut self) {
        let Self { terminate, interrupt, input } = self;
        let input = async {
            match input {
                // However the thread ended, nobody holds the other end for certain any more.
                Some(end) => drop(end.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = input => {}
        }
    }
}

/// Comes when standard input ends.
pub(crate) fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    // A thread that nobody waits for: a read of standard input cannot be given up.
    std::thread::spawn(move || {
        let _read = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _unheard = ended.send(());
    });
    end
}

fn failed(error: ServiceError) -> CliError {
    match error {
        ServiceError::Log { cause, .. } => CliError::Log(cause),
        ServiceError::Cluster { store, cause: cause @ ClusterError::CopyUnfinished(_) } => {
            CliError::CopyUnfinished(format!("{store}: {cause}"))
        }
        error @ (ServiceError::Server(_)
        | ServiceError::Cluster { .. }
        | ServiceError::LogBeside(_)
        | ServiceError::StoreUnnamed(_)
        | ServiceError::Engine(_)
        | ServiceError::Loss { .. }
        | ServiceError::Projections(_)
        | ServiceError::Writer(_)
        | ServiceError::Task(_)) => CliError::Service(Box::new(error)),
    }
}
