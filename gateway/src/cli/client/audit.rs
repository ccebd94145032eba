//! `payledger audit`: the verbs of `AuditService`, whose answers come as streams of events.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use prost::Message as _;
use prost::bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::Serialize;
use tonic::{Request, Status};

use super::call::Call;
use super::connection::{Client, Connection};
use super::failure::CallFailure;
use super::words::{self, KnownTime, MinPosition};
use crate::cli::CliError;
use crate::cli::output::{Output, tell, write_json_line, write_record};
use crate::cli::render::document::Document;
use crate::cli::render::message;
use crate::cli::render::view::items_of;

/// A verb of `AuditService`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Writes the recorded events of a range of positions, byte for byte, then ends.
    ///
    /// One JSON object a line, or one line of a table. If it is cut off, standard error says from
    /// which position to go on.
    #[command(after_help = "Example:
  payledger audit replay-events --from-position 41 --type PaymentApplied --output jsonl")]
    ReplayEvents(ReplayEvents),
    /// Writes events as replay-events does, then stays and writes new ones as they are recorded.
    WatchEvents(WatchEvents),
    /// Shows which recorded events make a figure of an account, line by line.
    ///
    /// The lines sum to the figure exactly. Each names the event it comes from, with its position
    /// and the version of the rules that decided it, and the one that changed it last.
    #[command(after_help = EXPLAIN_EXAMPLE)]
    Explain(Explain),
}

const EXPLAIN_EXAMPLE: &str = "Examples:
  payledger audit explain --account auto-1 --figure payoff
  What accrued interest of 31 March was made of, as it was known that evening:
    payledger audit explain --account auto-1 --figure accrued_interest \\
      --effective-date 2026-03-31 --known-time 2026-03-31T20:00:00-04:00 --output csv";

/// What a table of an explanation shows.
const LINES: &[&str] = &[
    "part",
    "explained_by",
    "amount",
    "effective_date",
    "accrual.days",
    "accrual.divisor",
    "accrual.principal",
    "accrual.annual_rate",
    "source.position",
    "source.type",
    "source.rules_version",
    "restated_by.position",
    "restated_by.type",
];

/// See [`Verb::ReplayEvents`].
#[derive(Debug, Args, Serialize)]
pub struct ReplayEvents {
    /// The position after which to begin. Exclusive, unlike `export events --from`. Default: the
    /// beginning of the log.
    #[arg(long, value_name = "POSITION")]
    pub from_position: Option<u64>,
    /// The last position to read, at most the head of the log. Default: the head now.
    #[arg(long, value_name = "POSITION")]
    pub to_position: Option<u64>,
    /// Which events.
    #[command(flatten)]
    pub filter: Filter,
}

/// See [`Verb::WatchEvents`].
#[derive(Debug, Args, Serialize)]
pub struct WatchEvents {
    /// The position after which to begin. Exclusive, unlike `export events --from`. Default: the
    /// beginning of the log.
    #[arg(long, value_name = "POSITION")]
    pub from_position: Option<u64>,
    /// Which events.
    #[command(flatten)]
    pub filter: Filter,
}

/// See [`Verb::Explain`].
#[derive(Debug, Args, Serialize)]
pub struct Explain {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The figure.
    #[arg(long, value_parser = words::member("Figure"))]
    pub figure: String,
    /// The value date, YYYY-MM-DD, which may be in the future. Default: today, Eastern time.
    #[arg(long, value_name = "DATE")]
    pub effective_date: Option<String>,
    /// What was known.
    #[command(flatten)]
    #[serde(flatten)]
    pub known: KnownTime,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// Which events are wanted.
#[derive(Debug, Args, Serialize)]
pub struct Filter {
    /// Only events of this account.
    #[arg(long = "account", value_name = "ID", conflicts_with = "stream")]
    pub account_id: Option<String>,
    /// Only events of this stream.
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Only events of this type, by its stored name; may be given more than once.
    #[arg(long = "type", value_name = "TYPE")]
    pub event_types: Vec<String>,
}

impl Verb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        match self {
            Self::ReplayEvents(replay) => Call::new("AuditService.ReplayEvents", replay),
            Self::WatchEvents(watch) => Call::new("AuditService.WatchEvents", watch),
            Self::Explain(explain) => Call::new("AuditService.ExplainAmount", explain)
                .map(|call| call.listing("lines", LINES)),
        }
    }
}

/// Writes the events of a stream as they come, until it ends.
pub(super) async fn follow(
    client: &mut Client,
    call: &Call,
    form: Output,
    connection: &Connection,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let failed = |status: &Status| CliError::Call(Box::new(CallFailure::from(status)));
    let mut request = Request::new(Bytes::from(call.request.encode_to_vec()));
    connection.sign(&mut request)?;
    let streaming = client.streaming(request, &call.path()).await;
    let mut batches = streaming.map_err(|status| failed(&status))?;
    write_heading(out, form).map_err(CliError::output())?;
    let mut checkpoint = None;
    loop {
        match batches.message().await {
            Ok(None) => return Ok(()),
            Ok(Some(batch)) => {
                let batch = decoded(call.method.output(), batch).map_err(|bad| failed(&bad))?;
                write_events(out, &batch, form).map_err(CliError::output())?;
                checkpoint = batch.at("checkpoint_position").map(Document::cell).or(checkpoint);
            }
            Err(status) => {
                if let Some(position) = checkpoint {
                    tell(&format!("cut off: go on with --from-position {position}"));
                }
                return Err(failed(&status));
            }
        }
    }
}

fn decoded(descriptor: MessageDescriptor, batch: Bytes) -> Result<Document, Status> {
    let decoded = DynamicMessage::decode(descriptor, batch);
    decoded
        .map(|batch| message::document(&batch))
        .map_err(|error| Status::internal(error.to_string()))
}

/// Writes a batch of events, one a line.
fn write_events(out: &mut impl Write, batch: &Document, form: Output) -> io::Result<()> {
    for event in items_of(batch, "events") {
        write_event(out, event, form)?;
    }
    out.flush()
}

/// What a person looks for first in an event.
const EVENT_COLUMNS: [&str; 5] = ["position", "stream", "version", "type", "data"];

/// Writes what stands above events, if they are comma-separated values.
pub(crate) fn write_heading(out: &mut impl Write, form: Output) -> io::Result<()> {
    match form {
        Output::Csv => write_record(out, EVENT_COLUMNS),
        Output::Json | Output::Jsonl | Output::Table => Ok(()),
    }
}

/// Writes one event on one line: whole, or what a person looks for first.
pub(crate) fn write_event(out: &mut impl Write, event: &Document, form: Output) -> io::Result<()> {
    match form {
        Output::Json | Output::Jsonl => write_json_line(out, event),
        Output::Table => {
            let cell = |name: &str| event.at(name).map(Document::cell).unwrap_or_default();
            let [position, stream, version, kind, data] = EVENT_COLUMNS.map(cell);
            writeln!(out, "{position:>9}  {stream:<32}  {version:>5}  {kind:<18}  {data}")
        }
        Output::Csv => {
            let cell = |name: &str| event.at(name).map(Document::cell).unwrap_or_default();
            write_record(out, EVENT_COLUMNS.map(cell))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::payledger::v1::{RecordedEvent, ReplayEventsResponse};

    #[test]
    fn events_are_lines_with_the_recorded_bytes_in_them() {
        let event = RecordedEvent {
            position: 7,
            stream: "account-a-1".to_owned(),
            version: 2,
            event_id: "id".to_owned(),
            r#type: "PaymentApplied".to_owned(),
            data: br#"{"b":"1.50","a":1}"#.to_vec(),
            metadata: br#"{"by":"x"}"#.to_vec(),
        };
        let batch = ReplayEventsResponse { events: vec![event], ..Default::default() };
        let verb = ReplayEvents {
            from_position: Some(6),
            to_position: None,
            filter: Filter { account_id: None, stream: None, event_types: Vec::new() },
        };
        let call = Verb::ReplayEvents(verb).call().unwrap();
        let batch = decoded(call.method.output(), batch.encode_to_vec().into()).unwrap();
        let written = |form| {
            let mut out = Vec::new();
            write_events(&mut out, &batch, form).unwrap();
            String::from_utf8(out).unwrap()
        };
        let expected = [
            r#"{"position":7,"stream":"account-a-1","version":2,"event_id":"id","#,
            r#""type":"PaymentApplied","data":{"b":"1.50","a":1},"metadata":{"by":"x"}}"#,
        ]
        .concat();
        assert_eq!(written(Output::Jsonl).trim_end(), expected);
        assert!(written(Output::Table).contains("PaymentApplied"));
        let mut heading = Vec::new();
        write_heading(&mut heading, Output::Csv).unwrap();
        assert_eq!(heading, b"position,stream,version,type,data\n");
    }
}
