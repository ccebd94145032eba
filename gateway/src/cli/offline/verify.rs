//! `payledger verify`: the whole log against everything that it promises.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use ledger::causes::with_causes;
use ledger::codec::Fact;
use ledger::cycles::audit::SealAudit;
use ledger::domain::books::events::Event;
use ledger::domain::journal::{LedgerAccount, Line};
use ledger::domain::money::Money;
use ledger::engine::audit_books;
use ledger::envelope::RecordedEvent;
use ledger::store::embedded::{
    self, CopyState, Derived, Embedded, IndexState, LOG_FILE, OpenError, Report, standby,
};
use ledger::streams::Stream;

use super::promote::standby_fields;
use super::{decoded, projections, report_fields};
use crate::cli::CliError;
use crate::cli::args::{DATA_DIR, DATA_DIR_ENV};
use crate::cli::output::Output;
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};

/// So many violations are told; more are only counted.
const VIOLATIONS_TOLD_MAX: usize = 100;

/// What is verified.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// A backup to read instead of a data directory.
    #[arg(long, value_name = "FILE", conflicts_with = "directory")]
    pub file: Option<PathBuf>,
    /// The data directory. Default: `PAYLEDGER_DATA_DIR`, else ./data.
    #[arg(long = "data-dir", value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
}

impl VerifyArgs {
    /// The same, with the data directory that is read if none was named. It is not for the parser
    /// to fill in: the variable of the environment does not contradict a file, the flag does.
    fn with_directory(&self) -> Self {
        let usual =
            || std::env::var_os(DATA_DIR_ENV).map_or_else(|| DATA_DIR.into(), PathBuf::from);
        let directory = self.directory.clone().unwrap_or_else(usual);
        Self { file: self.file.clone(), directory: self.file.is_none().then_some(directory) }
    }

    /// The log to read.
    fn log(&self) -> PathBuf {
        let directory = || self.directory.clone().unwrap_or_default();
        self.file.clone().unwrap_or_else(|| directory().join(LOG_FILE))
    }

    /// The directory around the log, which a backup has not.
    fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }
}

/// How verbs show what can be verified.
pub(crate) const EXAMPLES: &str = "Examples:
  payledger verify --data-dir ./data
  payledger verify --file /backups/events-1174.db

Of a standby it also tells how far its source was seen.";

/// Verifies, writes what was found, and fails if anything is wrong.
pub fn run(args: &VerifyArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let args = &args.with_directory();
    let mut checks = Checks::default();
    let mut see = |event| {
        checks.see(&event);
        Ok(())
    };
    let scanned = match args.directory() {
        Some(directory) => embedded::verify_with_derived(directory, &mut see)
            .map(|(report, derived)| (report, Some(derived))),
        None => embedded::verify_file_with(&args.log(), &mut see).map(|report| (report, None)),
    };
    let (report, derived) = match scanned {
        Ok((report, derived)) => (Some(report), derived),
        Err(OpenError::Damaged { position, cause }) => {
            checks.violated(position.0, cause);
            (None, None)
        }
        Err(error) => return Err(error.into()),
    };
    let derived = derived.map(|derived| derived_fields(&derived, &mut checks));
    checks.left_out_of_seals();
    let unbalanced = checks.debits + checks.credits;
    if !unbalanced.is_zero() {
        let cause = format!("all journals together come to {unbalanced}, not to zero");
        checks.violated(checks.position, cause);
    }
    let books = books(args, &mut checks);
    let models = read_models(args, &mut checks)?;
    let mut document = checks.document(report.as_ref(), derived, books, models);
    if let (Some(directory), Document::Object(fields)) = (args.directory(), &mut document)
        && let Some(standby) = standby(directory)?
    {
        let own = embedded::extent(&args.log())?;
        let standby = Document::Object(standby_fields(&standby, own));
        fields.push(("standby".to_owned(), standby));
    }
    let told = view::write(out, &document, View::Object, form).map_err(CliError::output());
    // Whoever does not read to the end is told all the same by the exit code.
    match checks.first {
        None => told,
        Some((position, cause)) => {
            let count = checks.count;
            let violations = if count == 1 { "violation" } else { "violations" };
            let message =
                format!("{count} {violations}; the first at position {position}: {cause}");
            Err(CliError::Integrity(message))
        }
    }
}

/// What lies beside the log.
fn derived_fields(derived: &Derived, checks: &mut Checks) -> Vec<(String, Document)> {
    vec![
        Document::field("index", index_field(&derived.index, checks)),
        Document::field("gathered_streams", streams_field(&derived.streams, checks)),
    ]
}

/// What `streams.db` is: of it, too, only what would be believed and is wrong is a violation.
fn streams_field(streams: &CopyState, checks: &mut Checks) -> String {
    match streams {
        CopyState::Absent => "none".to_owned(),
        CopyState::Fits(events) => format!("fits, {events} events"),
        CopyState::LeftAside(problem) => format!("not used: {problem}"),
        CopyState::Differs(position) => {
            let cause = "streams.db holds something else than this event, and the log is whole: \
                         stop the server, remove streams.db, and start again";
            checks.violated(position.0, cause.to_owned());
            format!("differs from the log at position {position}")
        }
    }
}

/// What `events.index` is. One that would be believed and leads elsewhere is a violation; any other
/// that does not fit is made anew at the next start.
fn index_field(index: &IndexState, checks: &mut Checks) -> String {
    match index {
        IndexState::Absent => "none".to_owned(),
        IndexState::Fits(position) => format!("fits, up to position {position}"),
        IndexState::LeftAside(problem) => format!("not used: {problem}"),
        IndexState::Differs(position) => {
            let cause = "events.index does not lead to this event, and the log is whole: stop the \
                         server, remove events.index, and start again";
            checks.violated(position.0, cause.to_owned());
            format!("differs from the log at position {position}")
        }
    }
}

/// Works out every close of the books again, from a log that is whole.
fn books(args: &VerifyArgs, checks: &mut Checks) -> Option<Document> {
    if checks.count > 0 {
        return None;
    }
    let audit = Embedded::open_file_read_only(args.log()).map_err(CliError::from).and_then(|log| {
        let audited = crate::cli::runtime()?.block_on(audit_books(&log));
        audited.map_err(|error| CliError::Integrity(with_causes(&error)))
    });
    match audit {
        Ok(audit) => {
            let document = Document::Object(vec![
                Document::field("days_opened", audit.days_opened),
                Document::field("days_closed", audit.days_closed),
                Document::field("months_closed", audit.months_closed),
                Document::field("equal", audit.differences.is_empty()),
            ]);
            for difference in audit.differences {
                checks.violated(difference.position.0, difference.cause);
            }
            Some(document)
        }
        Err(error) => {
            checks.violated(checks.position, error.to_string());
            None
        }
    }
}

/// Compares the read models, if there are any, with a log that is whole.
fn read_models(args: &VerifyArgs, checks: &mut Checks) -> Result<Option<Document>, CliError> {
    let Some(directory) = args.directory().filter(|_| checks.count == 0) else { return Ok(None) };
    match projections::compare(directory) {
        Ok(report) => {
            if let Some(difference) = projections::difference(&report) {
                checks.violated(report.position.0, difference);
            }
            Ok(Some(projections::document(&report)))
        }
        // A log that was restored, or served by another version, has none until it is served.
        Err(CliError::NotFound(_)) => Ok(None),
        Err(CliError::Integrity(cause)) => {
            checks.violated(checks.position, cause);
            Ok(None)
        }
        // They were not compared, which says nothing about them.
        Err(error) => Err(error),
    }
}

/// What the checks of single events have found so far.
#[derive(Debug, Default)]
struct Checks {
    position: u64,
    debits: Money,
    credits: Money,
    balances: BTreeMap<LedgerAccount, Money>,
    seals: SealAudit,
    /// Was an event passed over? It may be one that a later seal is over.
    has_gap: bool,
    count: u64,
    first: Option<(u64, String)>,
    told: Vec<Document>,
}

impl Checks {
    fn violated(&mut self, position: u64, cause: String) {
        self.count = self.count.saturating_add(1);
        if self.told.len() < VIOLATIONS_TOLD_MAX {
            self.told.push(Document::Object(vec![
                Document::field("position", position),
                Document::field("cause", cause.as_str()),
            ]));
        }
        self.first.get_or_insert((position, cause));
    }

    fn see(&mut self, event: &RecordedEvent) {
        let position = event.position.0;
        self.position = position;
        let fact = match decoded(event) {
            Ok((_, fact)) => fact,
            Err(error) => {
                self.has_gap = true;
                return self.violated(position, error.to_string());
            }
        };
        let stream = Stream::of(&event.stream);
        self.fits_its_stream(event, &stream, &fact);
        self.seals(position, &stream, &fact);
        self.balances(position, &fact);
    }

    fn fits_its_stream(&mut self, event: &RecordedEvent, stream: &Stream, fact: &Fact) {
        let fits = match (fact, stream) {
            (Fact::Account(_), Stream::Account(_))
            | (Fact::RulebookAdopted(_), Stream::Rulebook)
            | (Fact::Books(_), Stream::Books)
            | (Fact::Recovery(_), Stream::Recovery) => true,
            (Fact::WindowSealed(sealed), Stream::Cutoff(key)) => {
                (sealed.product, sealed.date, sealed.window) == (key.product, key.date, key.window)
            }
            (
                Fact::Account(_)
                | Fact::RulebookAdopted(_)
                | Fact::WindowSealed(_)
                | Fact::Books(_)
                | Fact::Recovery(_),
                Stream::Account(_)
                | Stream::Rulebook
                | Stream::Cutoff(_)
                | Stream::Books
                | Stream::Recovery
                | Stream::Unknown,
            ) => false,
        };
        if !fits {
            self.has_gap = true;
            let cause = format!("a {} does not belong into stream {}", event.kind, event.stream);
            self.violated(event.position.0, cause);
        }
    }

    /// Works out the seal of a window again from what happened to the accounts before it.
    fn seals(&mut self, position: u64, stream: &Stream, fact: &Fact) {
        if self.has_gap {
            return;
        }
        if let (Fact::Account(event), Stream::Account(account)) = (fact, stream) {
            self.seals.follow(account, event);
        } else if let Fact::WindowSealed(sealed) = fact
            && let Some(cause) = self.seals.check(sealed)
        {
            self.violated(position, cause);
        }
    }

    /// Names the windows whose last seal has less than was settled before it.
    fn left_out_of_seals(&mut self) {
        if !self.has_gap {
            let left_out: Vec<_> = self.seals.left_out().collect();
            for cause in left_out {
                self.violated(self.position, cause);
            }
        }
    }

    fn balances(&mut self, position: u64, fact: &Fact) {
        let accrued: Vec<Line>;
        let lines = match fact {
            Fact::Account(event) => event.posting().map_or(&[][..], |posting| &posting.lines),
            Fact::Books(Event::DayClosed(closed)) => {
                accrued = closed.products.iter().flat_map(|of| of.accrual.clone()).collect();
                &accrued
            }
            Fact::Books(
                Event::DayOpened(_) | Event::MonthClosed(_) | Event::BooksRequestRefused(_),
            )
            | Fact::RulebookAdopted(_)
            | Fact::WindowSealed(_)
            | Fact::Recovery(_) => return,
        };
        let mut sum = Money::ZERO;
        for line in lines {
            sum += line.amount;
            *self.balances.entry(line.account).or_default() += line.amount;
            if line.amount.is_negative() {
                self.credits += line.amount;
            } else {
                self.debits += line.amount;
            }
        }
        if !sum.is_zero() {
            self.violated(position, format!("the journal comes to {sum}, not to zero"));
        }
    }

    fn document(
        &self,
        report: Option<&Report>,
        derived: Option<Vec<(String, Document)>>,
        books: Option<Document>,
        read_models: Option<Document>,
    ) -> Document {
        let mut fields = vec![Document::field("is_whole", self.count == 0)];
        fields.extend(report.map(report_fields).unwrap_or_default());
        fields.extend(derived.unwrap_or_default());
        fields.push(Document::field("events_checked", self.position));
        fields.push(Document::field("seals_checked", self.seals.seals()));
        if self.count > 0 && (books.is_none() || read_models.is_none()) {
            let behind = report.is_none().then_some("the log behind the damage");
            let seals = self.has_gap.then_some("later seals");
            let books = books.is_none().then_some("books");
            let models = read_models.is_none().then_some("read models");
            let rest: Vec<_> = [behind, seals, books, models].into_iter().flatten().collect();
            fields.push(Document::field("not_checked", rest.join(", ")));
        }
        fields.push(Document::field("total_debits", self.debits.to_string()));
        fields.push(Document::field("total_credits", (Money::ZERO - self.credits).to_string()));
        let balances = self.balances.iter();
        let balances = balances
            .map(|(account, balance)| Document::field(account.as_str(), balance.to_string()));
        fields.push(("ledger_balances".to_owned(), Document::Object(balances.collect())));
        fields.extend(books.map(|books| ("books".to_owned(), books)));
        fields.extend(read_models.map(|models| ("read_models".to_owned(), models)));
        fields.push(Document::field("violations", self.count));
        fields.push(("first_violations".to_owned(), Document::List(self.told.clone())));
        Document::Object(fields)
    }
}
