//! The arguments of `payledger serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use ledger::engine::Settings;
use ledger::store::eventstore::Cluster;

use super::args::DataDir;
use super::instant;
use crate::esdb::advertised::Advertised;

/// What is shown behind the help.
pub(crate) const EXAMPLES: &str = "Examples:
  payledger serve --data-dir ./data
  payledger serve --data-dir ./rehearsal --set-clock 2026-03-03T14:59:00-05:00
  payledger serve --data-dir ./data --listen 0.0.0.0:7400 --tls-cert server.pem --tls-key server.key
  payledger serve --data-dir ./models --store 'esdb://admin:secret@n1:2113,n2:2113,n3:2113'
  payledger serve --data-dir ./data --eventstore-listen 127.0.0.1:2113
  payledger serve --data-dir ./data --tls-cert server.pem --tls-key server.key \\
    --tls-client-ca auditors.pem --eventstore-listen 0.0.0.0:2113 \\
    --eventstore-advertise ledger.example:2113

Clients refuse a certificate that is its own authority: make an authority, and sign with it.";

/// The most threads that answer calls.
const THREADS_MAX: usize = 1024;

/// Who opens and closes accounting days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Books {
    /// The server.
    #[default]
    Automatic,
    /// The operator.
    Manual,
}

/// Serves the ledger in a data directory, until it is told to stop.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Where the ledger is kept; it is made if it is not there.
    #[command(flatten)]
    pub data: DataDir,
    /// The EventStoreDB or KurrentDB cluster that keeps the log, as `esdb://…` or `kurrentdb://…`;
    /// the data directory then holds read models only. Default: the log is in the data directory.
    #[arg(long, env = "PAYLEDGER_STORE", hide_env_values = true, value_name = "CONNECTION")]
    #[arg(value_parser = connection)]
    pub store: Option<String>,
    /// Serves the log over the read protocol of EventStoreDB too, for its clients, at this address.
    /// Unless it is loopback, --tls-client-ca is needed: no other credentials are looked at.
    #[arg(long, env = "PAYLEDGER_EVENTSTORE_LISTEN", value_name = "ADDRESS")]
    pub eventstore_listen: Option<SocketAddr>,
    /// Where clients of the read protocol are told to connect when they ask who is in the cluster.
    /// Default: the address of --eventstore-listen, which must then be one address and not all of
    /// the machine's (`0.0.0.0`, `[::]`).
    #[arg(long, env = "PAYLEDGER_EVENTSTORE_ADVERTISE", value_name = "HOST:PORT")]
    #[arg(requires = "eventstore_listen")]
    pub eventstore_advertise: Option<Advertised>,
    /// The address to listen on; port 0 takes any free port. Without TLS it must be loopback.
    #[arg(
        long,
        env = "PAYLEDGER_LISTEN",
        default_value = "127.0.0.1:7400",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,
    /// The server's certificate chain, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The authority that clients' certificates must come from, in PEM. Default: clients need none.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// For rehearsals: a clock that stands at this instant, RFC 3339 with an offset, until
    /// `payledger operations set-clock` moves it.
    #[arg(long, value_name = "INSTANT", value_parser = instant::receipt)]
    pub set_clock: Option<DateTime<Utc>>,
    /// How many calls may be under way at once; those beyond are refused.
    #[arg(long, default_value_t = 1024, value_name = "COUNT", value_parser = calls)]
    pub calls_max: usize,
    /// How many threads answer calls. Default: one on up to two cores, else one a core.
    #[arg(long, value_name = "COUNT", value_parser = threads)]
    pub threads: Option<usize>,
    /// How many accounts are kept in memory, about; any other is read from the log first.
    #[arg(long, default_value_t = Settings::ACCOUNTS_CACHED, value_name = "COUNT")]
    pub accounts_cached: usize,
    /// How many seconds calls under way may take to end when the server stops.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub drain_seconds: u64,
    /// Who opens and closes accounting days: the server, at midnight in New York, or the operator,
    /// by `payledger books open-day`, `close-day` and `close-month`.
    #[arg(long, value_enum, default_value_t = Books::Automatic, value_name = "WHO")]
    pub books: Books,
    /// How many MiB a second of the log, and of the read models, are read in the background, again
    /// and again, to find damage; 0 leaves that to the next start and to `payledger verify`. See
    /// `payledger operations log-status`.
    #[arg(long, default_value_t = 4, value_name = "MIB")]
    pub scrub_rate: u64,
    /// Leaves to you what time drives: cut-off runs, releases of liens, late fees, non-accrual and
    /// refunds, and closes of days and months.
    #[arg(long)]
    pub no_runner: bool,
    /// What is logged on standard error: a level, or levels by module (`info,gateway=debug`). The
    /// cluster's client is silent by default, since its callers report what it meets.
    #[arg(
        long,
        env = "PAYLEDGER_LOG",
        default_value = "info,kurrentdb=off",
        value_name = "FILTER"
    )]
    pub log: String,
    /// Stops when standard input ends: whoever started it for itself holds the other end, and lets
    /// go of it however it ends.
    #[arg(long, hide = true)]
    pub until_input_ends: bool,
}

fn connection(text: &str) -> Result<String, &'static str> {
    if Cluster::is_connection_string(text) {
        return Ok(text.to_owned());
    }
    Err("not a connection string such as esdb://user:password@host:2113")
}

/// Reads a number of threads.
pub(crate) fn threads(text: &str) -> Result<usize, &'static str> {
    let count = text.parse().ok().filter(|count| (1..=THREADS_MAX).contains(count));
    count.ok_or("not a number of threads, 1 to 1024")
}

fn calls(text: &str) -> Result<usize, &'static str> {
    let count = text.parse().ok().filter(|count| (1..=1_048_576).contains(count));
    count.ok_or("not a number of calls, 1 to 1048576")
}
