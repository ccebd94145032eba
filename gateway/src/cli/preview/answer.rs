//! One question about one payment, and its answer as it is printed.

use chrono::{DateTime, NaiveDate, Utc};
use ledger::domain::cutoff::{earliest_date, eastern_date, place};
use ledger::domain::product::Product;
use ledger::domain::rulebook::Rulebook;
use ledger::domain::words::UnknownWord;
use proto::payledger::v1::PreviewRefused;
use proto::payledger::v1::preview_payment_response::Outcome;
use serde::Deserialize;

use crate::cli::instant;
use crate::cli::render::document::Document;
use crate::cli::render::message::document_of;
use crate::convert::previews::placed;
use crate::convert::time::date_to_wire;

/// The date does not exist, or the instant is not RFC 3339 with an offset, or not of a year in
/// which all that follows has a date.
const INVALID_DATE: &str = "INVALID_DATE";
/// The line is no question, or names no product.
const INVALID_FIELD: &str = "INVALID_FIELD";

/// An answer as the contract has it, and as a server's is written: `accepted` or `refused`.
pub(super) fn document(outcome: &Outcome) -> Document {
    Document::Object(vec![match outcome {
        Outcome::Accepted(accepted) => {
            Document::field("accepted", document_of("PreviewAccepted", accepted))
        }
        Outcome::Refused(refused) => {
            Document::field("refused", document_of("PreviewRefused", refused))
        }
    }])
}

fn rubbish(reason: &str, message: String, earliest_date: Option<NaiveDate>) -> Outcome {
    Outcome::Refused(PreviewRefused {
        reason: reason.to_owned(),
        message,
        earliest_date: earliest_date.map(date_to_wire),
        ..PreviewRefused::default()
    })
}

/// One line of questions. Fields that are not known here are left alone.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a JSON object with product, at_time and payment_date")]
pub struct Question {
    product: String,
    #[serde(alias = "at")]
    at_time: String,
    #[serde(alias = "date")]
    payment_date: String,
}

impl Question {
    /// Answers a line, whatever is on it.
    pub(super) fn answer_line(rulebook: &Rulebook, line: &[u8]) -> Outcome {
        let question: Self = match serde_json::from_slice(line) {
            Ok(question) => question,
            Err(error) => return rubbish(INVALID_FIELD, not_a_question(&error), None),
        };
        let product = match product_named(&question.product) {
            Ok(product) => product,
            Err(error) => return rubbish(INVALID_FIELD, error.to_string(), None),
        };
        match instant_from(&question.at_time) {
            Ok(at) => answer(rulebook, product, at, &question.payment_date),
            Err(message) => rubbish(INVALID_DATE, message, None),
        }
    }
}

/// Says what is wrong with a line by its column: the number of the line is that of the answer.
fn not_a_question(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let problem = text.strip_suffix(&place).unwrap_or(&text);
    let column = error.column();
    format!(
        "not a JSON object with product, at_time and payment_date: {problem}, at column {column}"
    )
}

/// A product by its name in the contract, or by the one that is stored.
pub(super) fn product_named(name: &str) -> Result<Product, UnknownWord> {
    match name {
        "auto_loan" => Ok(Product::AutoLoan),
        "personal_loan" => Ok(Product::PersonalLoan),
        "credit_card" => Ok(Product::CreditCard),
        _ => name.parse().map_err(|UnknownWord { word, .. }| UnknownWord {
            word,
            known: "auto_loan, auto, lease, personal_loan, personal, credit_card, card".to_owned(),
        }),
    }
}

/// When an instruction is received, from its text.
pub(super) fn instant_from(text: &str) -> Result<DateTime<Utc>, String> {
    instant::receipt(text).map_err(|problem| format!("{text:?} {problem}"))
}

/// Answers for an instruction received at `received_at` that asks for `date`.
pub fn answer(
    rulebook: &Rulebook,
    product: Product,
    received_at: DateTime<Utc>,
    date: &str,
) -> Outcome {
    let policy = rulebook.cutoff_policy(product, eastern_date(received_at));
    let calendar = rulebook.calendar();
    let Some(requested) = date_from(date) else {
        let message = format!("{date:?} is not a date that exists, written YYYY-MM-DD");
        let earliest = earliest_date(policy, calendar, received_at);
        return rubbish(INVALID_DATE, message, Some(earliest));
    };
    placed(place(policy, calendar, received_at, requested), Vec::new())
}

/// Ten characters and nothing else: chrono alone would take "2026-3-3" and "+02026-03-03" too.
fn date_from(text: &str) -> Option<NaiveDate> {
    let shape = text.bytes().all(|b| b.is_ascii_digit() || b == b'-') && text.len() == 10;
    if shape { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok() } else { None }
}
