//! `payledger books`: the verbs of `BooksService`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::call::Call;
use super::words::{MinPosition, Page, RequestId};
use super::{Service, unary};
use crate::cli::CliError;
use crate::cli::output::Output;
use crate::cli::render::document::Document;
use crate::cli::render::message;
use crate::cli::render::view::items_of;

/// What a table of accounting days shows.
const DAYS: &[&str] = &["gl_date", "opened_time", "closed_time", "sealed_position"];

/// What a table of the feed shows.
const JOURNALS: &[&str] = &["journal_id", "product", "event_type", "event_count"];

/// What a table of restatements shows.
const RESTATEMENTS: &[&str] = &[
    "position",
    "account_id",
    "event_type",
    "effective_date",
    "before.principal",
    "after.principal",
    "before.accrued_interest",
    "after.accrued_interest",
    "actor",
];

/// A verb of `BooksService`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Opens an accounting day: postings go to it from now on.
    #[command(after_help = "Example:
  payledger books open-day --date 2026-03-04")]
    OpenDay(OnDay),
    /// Closes the oldest open day: books the accruals, seals the trial balance and the feed.
    #[command(after_help = "Example:
  payledger books close-day --date 2026-03-03")]
    CloseDay(OnDay),
    /// Closes a month whose days are closed.
    #[command(after_help = "Example:
  payledger books close-month --month 2026-03")]
    CloseMonth(OnMonth),
    /// Shows which days are open, or what the close of a day or month has sealed.
    #[command(after_help = "Examples:
  payledger books show
  payledger books show --date 2026-03-03
  payledger books show --month 2026-03")]
    Show(Show),
    /// Lists accounting days, the latest first.
    Days(Page),
    /// Shows a closed day's journals for the general ledger.
    #[command(after_help = "Examples:
  payledger books feed --date 2026-03-03 --output csv
  payledger books feed --date 2026-03-03 --output jsonl")]
    Feed(Feed),
    /// Lists what was posted on a closed day with an earlier effective date.
    Restatements(Restatements),
}

/// See [`Verb::OpenDay`] and [`Verb::CloseDay`].
#[derive(Debug, Args, Serialize)]
pub struct OnDay {
    /// The accounting day, YYYY-MM-DD.
    #[arg(long = "date", value_name = "DATE")]
    pub gl_date: String,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::CloseMonth`].
#[derive(Debug, Args, Serialize)]
pub struct OnMonth {
    /// The month, YYYY-MM.
    #[arg(long)]
    pub month: String,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// See [`Verb::Show`].
#[derive(Debug, Args, Serialize)]
pub struct Show {
    /// A closed day, YYYY-MM-DD.
    #[arg(long = "date", value_name = "DATE", conflicts_with = "month")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gl_date: Option<String>,
    /// A closed month, YYYY-MM.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`Verb::Feed`].
#[derive(Debug, Args, Serialize)]
pub struct Feed {
    /// The closed day, YYYY-MM-DD.
    #[arg(long = "date", value_name = "DATE")]
    pub gl_date: String,
    /// How new the answer must be.
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

/// See [`Verb::Restatements`].
#[derive(Debug, Args, Serialize)]
pub struct Restatements {
    /// The closed day, YYYY-MM-DD.
    #[arg(long = "date", value_name = "DATE")]
    pub gl_date: String,
    /// Which page.
    #[command(flatten)]
    #[serde(flatten)]
    pub page: Page,
}

impl Verb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        match self {
            Self::OpenDay(day) => Call::new("BooksService.OpenDay", day),
            Self::CloseDay(day) => Ok(Call::new("BooksService.CloseDay", day)?.in_parts()),
            Self::CloseMonth(month) => Ok(Call::new("BooksService.CloseMonth", month)?.in_parts()),
            Self::Show(show) => {
                let method = match (&show.gl_date, &show.month) {
                    (Some(_), _) => "BooksService.GetDayClose",
                    (None, Some(_)) => "BooksService.GetMonthClose",
                    (None, None) => "BooksService.GetBooks",
                };
                Ok(Call::new(method, show)?.in_parts())
            }
            Self::Days(page) => {
                Ok(Call::new("BooksService.ListAccountingDays", page)?.listing("days", DAYS))
            }
            Self::Feed(feed) => {
                Ok(Call::new("BooksService.GetLedgerFeed", feed)?.listing("journals", JOURNALS))
            }
            Self::Restatements(list) => Ok(Call::new("BooksService.ListRestatements", list)?
                .listing("restatements", RESTATEMENTS)),
        }
    }
}

/// Carries out a verb.
pub fn run(service: &Service<Verb>, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let call = service.verb.call()?;
    let (Verb::Feed(_), Output::Csv, connection) = (&service.verb, form, &service.connection)
    else {
        return super::run(&service.connection, call, form, out);
    };
    let answer = crate::cli::runtime()?.block_on(async {
        let mut client = connection.connect().await?;
        unary(&mut client, &call, connection).await
    })?;
    write_csv(out, &message::document(&answer)).map_err(CliError::output())
}

/// The feed as comma-separated values, under a heading.
fn write_csv(out: &mut impl Write, feed: &Document) -> std::io::Result<()> {
    const JOURNAL: [&str; 5] = ["gl_date", "journal_id", "product", "event_type", "event_count"];
    const LINE: [&str; 4] = ["ledger_account", "title", "debits", "credits"];
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(JOURNAL.iter().chain(&LINE))?;
    for journal in items_of(feed, "journals") {
        for line in items_of(journal, "lines") {
            let cell = |of: &Document, name: &str| of.at(name).map(Document::cell);
            let journal = JOURNAL.iter().map(|name| cell(journal, name).unwrap_or_default());
            let line = LINE.iter().map(|name| cell(line, name).unwrap_or_default());
            csv.write_record(journal.chain(line))?;
        }
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_reflect::DynamicMessage;
    use proto::google::r#type::{Date, Money};
    use proto::payledger::v1::{GetLedgerFeedResponse, LedgerJournal, LedgerTurnover, Product};

    use super::*;

    #[test]
    fn the_feed_is_written_as_comma_separated_values() {
        let dollars = |units| Money { currency_code: "USD".to_owned(), units, nanos: 0 };
        let line = LedgerTurnover {
            ledger_account: "1110".to_owned(),
            title: "Accrued interest receivable".to_owned(),
            debits: Some(dollars(62)),
            credits: Some(dollars(0)),
        };
        let journal = LedgerJournal {
            journal_id: "25c4".to_owned(),
            gl_date: Some(Date { year: 2026, month: 3, day: 3 }),
            product: Product::AutoLoan.into(),
            event_type: "Accrual".to_owned(),
            event_count: 1,
            lines: vec![line],
        };
        let feed = GetLedgerFeedResponse { journals: vec![journal], ..Default::default() };
        let min_position = MinPosition { min_position: None };
        let verb = Verb::Feed(Feed { gl_date: "2026-03-03".to_owned(), min_position });
        let output = verb.call().unwrap().method.output();
        let answer = DynamicMessage::decode(output, feed.encode_to_vec().as_slice()).unwrap();
        let mut written = Vec::new();
        write_csv(&mut written, &message::document(&answer)).unwrap();
        let expected = "gl_date,journal_id,product,event_type,event_count,ledger_account,title,\
                        debits,credits\n2026-03-03,25c4,auto_loan,Accrual,1,1110,Accrued interest \
                        receivable,62.00,0.00\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
