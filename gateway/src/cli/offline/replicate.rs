//! `payledger replicate`: a standby receives what is new.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use ledger::causes::with_causes;
use ledger::clock::Clock;
use ledger::store::embedded::{Extent, OpenError, Replica, ReplicaError, Round};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::promote::lag_fields;
use crate::cli::CliError;
use crate::cli::output::{Output, write_json_line};
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};

/// How long a standby that has everything waits before it looks again.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a standby waits that cannot read its source.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often it says at most how far it is.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// What is copied, and where to.
#[derive(Debug, clap::Args)]
pub struct ReplicateArgs {
    /// The data directory to follow.
    #[arg(long, value_name = "DIRECTORY")]
    pub from: PathBuf,
    /// The standby: a directory that is empty or missing the first time.
    #[arg(long, value_name = "DIRECTORY")]
    pub to: PathBuf,
    /// Goes on until SIGTERM or SIGINT, and reports how far it is: a line of JSON at most once a
    /// second.
    #[arg(long)]
    pub follow: bool,
}

/// Copies, and tells what was copied and what may be lost.
pub fn run(args: &ReplicateArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let clock = Clock::System;
    let mut replica = Replica::open(&args.from, &args.to, clock.now())?;
    if args.follow {
        return crate::cli::runtime()?.block_on(follow(&mut replica, &clock, out));
    }
    let mut round = replica.round(clock.now())?;
    let (mut copied, wanted) = (round.copied, round.source_head.position);
    // What comes meanwhile may wait for the next time.
    while round.head.position < wanted {
        round = replica.round(clock.now())?;
        copied = copied.and(round.copied);
    }
    let document = told(args, &round, copied);
    view::write(out, &document, View::Object, form).map_err(CliError::output())
}

fn told(args: &ReplicateArgs, round: &Round, copied: Extent) -> Document {
    let mut fields = vec![Document::field("standby", args.to.display().to_string())];
    fields.extend(round_fields(round, copied));
    Document::Object(fields)
}

fn round_fields(round: &Round, copied: Extent) -> Vec<(String, Document)> {
    let mut fields = vec![
        Document::field("log_id", round.head.log_id.to_string()),
        Document::field("head_position", round.head.position.0),
        Document::field("chain", round.head.chain.to_string()),
        Document::field("copied_blocks", copied.blocks),
        Document::field("copied_events", copied.events),
        Document::field("copied_bytes", copied.bytes),
        Document::field("source_head_position", round.source_head.position.0),
    ];
    fields.extend(lag_fields(round.lag));
    fields
}

/// Says how far the standby is, not more often than somebody can read.
struct Teller<'a, W> {
    out: &'a mut W,
    unsaid: Option<(Round, Extent)>,
    said_at: Option<Instant>,
}

impl<W: Write> Teller<'_, W> {
    fn see(&mut self, round: Round) -> Result<(), CliError> {
        let before = self.unsaid.map_or(Extent::default(), |(_, copied)| copied);
        let copied = before.and(round.copied);
        if copied.blocks > 0 || self.said_at.is_none() {
            self.unsaid = Some((round, copied));
        }
        if self.said_at.is_some_and(|at| at.elapsed() < SAY_EVERY) { Ok(()) } else { self.say() }
    }

    fn say(&mut self) -> Result<(), CliError> {
        let Some((round, copied)) = self.unsaid.take() else { return Ok(()) };
        self.said_at = Some(Instant::now());
        let line = Document::Object(round_fields(&round, copied));
        let said = write_json_line(self.out, &line).and_then(|()| self.out.flush());
        said.map_err(CliError::output_at_work("the standby follows no further"))
    }
}

async fn follow(
    replica: &mut Replica,
    clock: &Clock,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let listen = |kind| signal(kind).map_err(CliError::io("signals"));
    let mut stops = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut teller = Teller { out, unsaid: None, said_at: None };
    let mut told_of_failure = false;
    loop {
        let wait = match replica.round(clock.now()) {
            Ok(round) => {
                told_of_failure = false;
                teller.see(round)?;
                if round.lag.blocks > 0 { Duration::ZERO } else { LOOK_EVERY }
            }
            Err(error) if may_pass(&error) => {
                if !told_of_failure {
                    say_failure(&error);
                }
                told_of_failure = true;
                RETRY_AFTER
            }
            Err(error) => return Err(error.into()),
        };
        if stopped(&mut stops, wait).await {
            return teller.say();
        }
    }
}

async fn stopped((terminate, interrupt): &mut (Signal, Signal), wait: Duration) -> bool {
    tokio::select! {
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
        () = tokio::time::sleep(wait) => false,
    }
}

/// May it be well again without anybody's doing? The source may be out of reach for a while.
const fn may_pass(error: &ReplicaError) -> bool {
    matches!(
        error,
        ReplicaError::Source(
            OpenError::Io { .. } | OpenError::Sqlite { .. } | OpenError::Missing { .. }
        )
    )
}

fn say_failure(error: &ReplicaError) {
    let _closed = writeln!(io::stderr(), "{}, which is tried again", with_causes(error));
}
