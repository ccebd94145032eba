//! `payledger replay`: accounts folded from the log alone, as of any date, as known at any time.

mod state;

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, NaiveDate, Utc};
use ledger::codec::Fact;
use ledger::domain::account::events::{Event, PaymentReceived, PaymentScheduled};
use ledger::domain::account::evolve;
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::cutoff::eastern_date;
use ledger::domain::money::Money;
use ledger::engine::KnownAt;
use ledger::envelope::{Metadata, Position};
use ledger::ids::{AccountId, PaymentId};
use ledger::streams::Stream;

use super::{decoded, each_event, is_of, reached};
use crate::cli::CliError;
use crate::cli::args::DataDir;
use crate::cli::instant::instant;
use crate::cli::output::Output;
use crate::cli::render::document::Document;
use crate::cli::render::view::{self, View};
use crate::convert::time::rfc3339;

/// How verbs show what can be asked.
pub(crate) const EXAMPLE: &str = "Examples:
  payledger replay --account auto-1 --effective-date 2026-03-31
  payledger replay --account auto-1 --known-position 41
  payledger replay --known-time 2026-03-04T00:00:00-05:00 --output table";

/// What a table of all accounts shows.
const COLUMNS: &[&str] = &[
    "account_id",
    "product",
    "state",
    "balance.principal",
    "balance.accrued_interest",
    "balance.fees_due",
    "balance.payoff_amount",
    "balance.days_past_due",
];

/// Up to where the log is taken into account, as it is asked for.
fn known_at(text: &str) -> Result<KnownAt, String> {
    if let Ok(position) = text.parse() {
        return Ok(KnownAt::Position(Position(position)));
    }
    let known = instant(text).map(KnownAt::Time);
    known.map_err(|problem| format!("is not a position, and {problem}"))
}

/// What is replayed.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Only this account, with its payments and title. Default: the balances of all accounts.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// Counts only events up to this position, which the log must reach. Default: all.
    #[arg(long, value_name = "POSITION", conflicts_with = "known_time")]
    pub known_position: Option<u64>,
    /// Counts only events of requests received up to this instant. Default: all.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub known_time: Option<DateTime<Utc>>,
    /// One of the two, as it was asked for once.
    #[arg(long, hide = true, value_parser = known_at)]
    #[arg(conflicts_with_all = ["known_position", "known_time"])]
    pub known_at: Option<KnownAt>,
    /// The value date, YYYY-MM-DD; of all accounts, those opened later are left out. Default: the
    /// Eastern date of the last receipt that is counted.
    #[arg(long = "effective-date", alias = "as-of", value_name = "DATE")]
    pub as_of: Option<NaiveDate>,
    /// The ledger to read.
    #[command(flatten)]
    pub data: DataDir,
}

/// The accounts as the counted events make them.
#[derive(Debug, Default)]
struct Known {
    accounts: BTreeMap<AccountId, Account>,
    /// In the order in which they were recorded, which their ids do not tell.
    payments: Vec<PaymentId>,
    position: u64,
    last_receipt: Option<DateTime<Utc>>,
}

/// Replays, and shows the accounts.
pub fn run(args: &ReplayArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let known = fold(args)?;
    let as_of = args.as_of.or_else(|| known.last_receipt.map(eastern_date));
    let (Some(as_of), Some(received_at)) = (as_of, known.last_receipt) else {
        return Err(CliError::NotFound("the log holds no event that is counted".to_owned()));
    };
    let mut fields = vec![
        Document::field("known_position", known.position),
        Document::field("known_time", rfc3339(received_at)),
        Document::field("effective_date", as_of.to_string()),
    ];
    let Some(account) = &args.account else {
        fields.extend(all(&known, as_of));
        let view = View::List { items: "accounts", columns: COLUMNS };
        return view::write(out, &Document::Object(fields), view, form).map_err(CliError::output());
    };
    let Some(Account::Open(open)) = known.accounts.get(account) else {
        let position = known.position;
        let message = format!("account {account} is not on the books at position {position}");
        return Err(CliError::NotFound(message));
    };
    let opened_date = open.terms().opened_date;
    if as_of < opened_date {
        let message = format!("--effective-date {as_of} is before the opening, {opened_date}");
        return Err(CliError::Usage(message));
    }
    fields.extend(state::whole(account, open, &known.payments, as_of));
    let view = View::Object;
    view::write(out, &Document::Object(fields), view, form).map_err(CliError::output())
}

fn fold(args: &ReplayArgs) -> Result<Known, CliError> {
    let mut known = Known::default();
    let known_position = args.known_position.map(|position| KnownAt::Position(Position(position)));
    let known_at = known_position.or(args.known_time.map(KnownAt::Time)).or(args.known_at);
    let report = each_event(&args.data.path, |event| {
        if matches!(known_at, Some(KnownAt::Position(last)) if event.position > last) {
            return Ok(());
        }
        let (metadata, fact): (Metadata, Fact) = decoded(event)?;
        let at = metadata.received_at;
        if matches!(known_at, Some(KnownAt::Time(last)) if at > last) {
            return Ok(());
        }
        known.position = event.position.0;
        known.last_receipt = known.last_receipt.max(Some(at));
        if !is_of(event, args.account.as_ref()) {
            return Ok(());
        }
        if let (Fact::Account(change), Stream::Account(id)) = (&fact, Stream::of(&event.stream)) {
            let account = known.accounts.entry(id).or_default();
            if let Event::PaymentScheduled(PaymentScheduled { payment, .. })
            | Event::PaymentReceived(PaymentReceived { payment, .. }) = change
            {
                known.payments.push(*payment);
            }
            *account = evolve(std::mem::take(account), change, at);
        }
        Ok(())
    })?;
    if let Some(KnownAt::Position(last)) = known_at {
        reached("--known-position", last.0, report.head.position)?;
    }
    Ok(known)
}

/// All accounts that were open with their balances, and the totals.
fn all(known: &Known, as_of: NaiveDate) -> Vec<(String, Document)> {
    let open: Vec<(&AccountId, &OpenAccount)> = known
        .accounts
        .iter()
        .filter_map(|(id, account)| match account {
            Account::Open(open) => Some((id, open.as_ref())),
            Account::Absent => None,
        })
        .filter(|(_, open)| open.terms().opened_date <= as_of)
        .collect();
    let mut principal = Money::ZERO;
    let mut payoff = Money::ZERO;
    for (_, account) in &open {
        principal += account.standing(as_of).principal;
        payoff += account.payoff(as_of);
    }
    let count = u64::try_from(open.len()).unwrap_or(u64::MAX);
    let accounts = open.into_iter().map(|(id, account)| state::brief(id, account, as_of));
    let accounts = Document::List(accounts.collect());
    vec![
        ("accounts".to_owned(), accounts),
        Document::field("accounts_count", count),
        Document::field("total_principal", principal.to_string()),
        Document::field("total_payoff_amount", payoff.to_string()),
    ]
}
