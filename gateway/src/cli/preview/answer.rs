//! One question about one payment, and its answer as it is printed.

use chrono::{DateTime, NaiveDate, Utc};
use ledger::domain::cutoff::{CutoffRefusal, Slot, Window, earliest_date, eastern_date, place};
use ledger::domain::product::Product;
use ledger::domain::rulebook::Rulebook;
use ledger::domain::words::UnknownWord;
use serde::{Deserialize, Serialize};

use crate::convert::time::rfc3339;

/// The date does not exist, or the timestamp is not RFC 3339 with an offset.
const INVALID_DATE: &str = "INVALID_DATE";
/// The line is no question, or names no product.
const INVALID_FIELD: &str = "INVALID_FIELD";

/// What became of a question. The two shapes share `accepted` and no other field.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The payment would be accepted.
    Accepted {
        /// Always true.
        accepted: bool,
        /// The cut-off of its window, a local time in New York.
        window: Window,
        /// The date on which it would count.
        effective_date: NaiveDate,
        /// It could be cancelled strictly before this instant, RFC 3339 in UTC.
        cancel_before: String,
        /// The ACH effective entry date without Same Day.
        origination_date: NaiveDate,
    },
    /// The payment would be refused, or the question has no meaning.
    Refused {
        /// Always false.
        accepted: bool,
        /// The stable reason.
        reason: &'static str,
        /// The first date that would be accepted; null when the instant is not known.
        earliest_date: Option<NaiveDate>,
        /// The last date that would be accepted, when the one asked for is later.
        #[serde(skip_serializing_if = "Option::is_none")]
        latest_date: Option<NaiveDate>,
        /// The reason in words.
        message: String,
    },
}

impl Answer {
    fn accepted(slot: &Slot) -> Self {
        Self::Accepted {
            accepted: true,
            window: slot.window,
            effective_date: slot.effective_date,
            cancel_before: rfc3339(slot.cutoff_at),
            origination_date: slot.origination_date,
        }
    }

    fn refused(refusal: &CutoffRefusal) -> Self {
        let latest_date = match refusal {
            CutoffRefusal::DateTooFar { latest_date, .. } => Some(*latest_date),
            CutoffRefusal::DateInPast { .. } | CutoffRefusal::CutoffPassed { .. } => None,
        };
        Self::Refused {
            accepted: false,
            reason: refusal.reason(),
            earliest_date: Some(refusal.earliest_date()),
            latest_date,
            message: refusal.to_string(),
        }
    }

    fn rubbish(reason: &'static str, message: String, earliest_date: Option<NaiveDate>) -> Self {
        Self::Refused { accepted: false, reason, earliest_date, latest_date: None, message }
    }

    /// The fields that say something, for a table.
    pub(super) fn rows(&self) -> Vec<[String; 2]> {
        let row = |field: &str, value: String| [field.to_owned(), value];
        match self {
            Self::Accepted {
                accepted,
                window,
                effective_date,
                cancel_before,
                origination_date,
            } => vec![
                row("accepted", accepted.to_string()),
                row("window", window.to_string()),
                row("effective_date", effective_date.to_string()),
                row("cancel_before", cancel_before.clone()),
                row("origination_date", origination_date.to_string()),
            ],
            Self::Refused { accepted, reason, earliest_date, latest_date, message } => {
                let mut rows =
                    vec![row("accepted", accepted.to_string()), row("reason", (*reason).into())];
                let dates = [("earliest_date", earliest_date), ("latest_date", latest_date)];
                rows.extend(
                    dates
                        .iter()
                        .filter_map(|(field, date)| date.map(|date| row(field, date.to_string()))),
                );
                rows.push(row("message", message.clone()));
                rows
            }
        }
    }
}

/// One line of questions. Fields that are not known here are left alone.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a JSON object with product, at and date")]
pub struct Question {
    product: String,
    at: String,
    date: String,
}

impl Question {
    /// Answers a line, whatever is on it.
    pub(super) fn answer_line(rulebook: &Rulebook, line: &[u8]) -> Answer {
        let question: Self = match serde_json::from_slice(line) {
            Ok(question) => question,
            Err(error) => return Answer::rubbish(INVALID_FIELD, not_a_question(&error), None),
        };
        match product_named(&question.product) {
            Ok(product) => answer(rulebook, product, &question.at, &question.date),
            Err(error) => Answer::rubbish(INVALID_FIELD, error.to_string(), None),
        }
    }
}

/// Says what is wrong with a line by its column: the number of the line is that of the answer.
fn not_a_question(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let problem = text.strip_suffix(&place).unwrap_or(&text);
    let column = error.column();
    format!("not a JSON object with product, at and date: {problem}, at column {column}")
}

/// A product by its name, or by its name in full.
pub(super) fn product_named(name: &str) -> Result<Product, UnknownWord> {
    match name {
        "auto_loan" => Ok(Product::AutoLoan),
        "personal_loan" => Ok(Product::PersonalLoan),
        "credit_card" => Ok(Product::CreditCard),
        _ => name.parse(),
    }
}

/// Answers for an instruction received at `at` that asks for `date`, both as text.
pub fn answer(rulebook: &Rulebook, product: Product, at: &str, date: &str) -> Answer {
    let Ok(received_at) = DateTime::parse_from_rfc3339(at) else {
        let message = format!("{at:?} is not an RFC 3339 timestamp with an offset");
        return Answer::rubbish(INVALID_DATE, message, None);
    };
    let received_at = received_at.with_timezone(&Utc);
    let policy = rulebook.cutoff_policy(product, eastern_date(received_at));
    let calendar = rulebook.calendar();
    let Some(requested) = date_from(date) else {
        let message = format!("{date:?} is not a date that exists, written YYYY-MM-DD");
        let earliest = earliest_date(policy, calendar, received_at);
        return Answer::rubbish(INVALID_DATE, message, Some(earliest));
    };
    match place(policy, calendar, received_at, requested) {
        Ok(slot) => Answer::accepted(&slot),
        Err(refusal) => Answer::refused(&refusal),
    }
}

/// Ten characters and nothing else: chrono alone would take "2026-3-3" and "+02026-03-03" too.
fn date_from(text: &str) -> Option<NaiveDate> {
    let shape = text.bytes().all(|b| b.is_ascii_digit() || b == b'-') && text.len() == 10;
    if shape { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok() } else { None }
}
