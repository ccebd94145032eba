//! A folded account as a document, by the names of the contract.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use ledger::domain::account::state::{OpenAccount, Payment, Progress, Title};
use ledger::domain::product::Product;
use ledger::ids::AccountId;

use crate::cli::render::document::Document;
use crate::cli::render::message;
use crate::convert::enums::product_to_wire;

type Fields = Vec<(String, Document)>;

/// An instant as answers write it.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// An account and what it owes.
pub(super) fn brief(id: &AccountId, account: &OpenAccount, as_of: NaiveDate) -> Document {
    Document::Object(brief_fields(id, account, as_of))
}

/// An account with its balances in the general ledger, its title and its payments.
pub(super) fn whole(id: &AccountId, account: &OpenAccount, as_of: NaiveDate) -> Document {
    let mut fields = brief_fields(id, account, as_of);
    let ledger = account.book.ledger().iter();
    let ledger = ledger.map(|(name, balance)| Document::field(name.as_str(), balance.to_string()));
    fields.push(("ledger_balances".to_owned(), Document::Object(ledger.collect())));
    fields.push(("title".to_owned(), title(account)));
    let payments = account.payments.values().map(payment).collect();
    fields.push(("payments".to_owned(), Document::List(payments)));
    Document::Object(fields)
}

fn brief_fields(id: &AccountId, account: &OpenAccount, as_of: NaiveDate) -> Fields {
    let terms = account.terms();
    let state = if account.paid_off.is_some() { "paid_off" } else { "open" };
    let product = product_to_wire(terms.product).as_str_name();
    let product = product.strip_prefix("PRODUCT_").unwrap_or(product).to_ascii_lowercase();
    vec![
        Document::field("account_id", id.as_str()),
        Document::field("product", product),
        Document::field("state", state),
        Document::field("opened_date", terms.opened_date.to_string()),
        ("balance".to_owned(), balance(account, as_of)),
    ]
}

fn balance(account: &OpenAccount, as_of: NaiveDate) -> Document {
    let terms = account.terms();
    let plan = &terms.instalments;
    let standing = account.standing(as_of);
    let mut fields = vec![
        Document::field("effective_date", as_of.to_string()),
        Document::field("principal", standing.principal.to_string()),
        Document::field("accrued_interest", standing.interest_due.to_string()),
        Document::field("fees_due", standing.fees_due.to_string()),
    ];
    if terms.product == Product::Lease {
        let due = plan.total_of(plan.due_count(as_of)) - standing.billed;
        fields.push(Document::field("rentals_due", due.at_least_zero().to_string()));
    }
    fields.push(Document::field("credit_balance", standing.credit.to_string()));
    fields.push(Document::field("payoff_amount", standing.payoff(terms).to_string()));
    fields.push(Document::field("past_due_amount", standing.past_due(terms).to_string()));
    let covered = plan.covered_count(standing.billed);
    if covered < plan.count && !standing.is_settled(terms) {
        fields.push(Document::field("next_due_date", plan.due_date(covered).to_string()));
    }
    let oldest = account.book.oldest_unpaid_due_date(as_of).filter(|due| *due < as_of);
    fields.extend(oldest.map(|due| Document::field("oldest_unpaid_due_date", due.to_string())));
    fields.push(Document::field("days_past_due", account.days_past_due(as_of)));
    Document::Object(fields)
}

fn title(account: &OpenAccount) -> Document {
    let mut fields = vec![Document::field("state", account.title_state().as_str())];
    let (lien, released_at) = match &account.title {
        Title::NoLien => (None, None),
        Title::Held(lien) => (Some(lien), None),
        Title::Released { lien, released_at, .. } => (Some(lien), Some(*released_at)),
    };
    if let Some(lien) = lien {
        fields.push(Document::field("title_state", lien.title_state.as_str()));
        fields.push(Document::field("vin", lien.vin.as_str()));
        fields.push(Document::field("lienholder", lien.lienholder.as_str()));
    }
    if let (Some(paid_off), Some(_)) = (&account.paid_off, lien) {
        fields.push(Document::field("paid_off_date", paid_off.paid_off_date.to_string()));
        fields.push(Document::field("release_date", paid_off.release_date.to_string()));
        fields.push(Document::field("statutory_date", paid_off.statutory_date.to_string()));
    }
    fields.extend(released_at.map(|at| Document::field("released_time", instant(at))));
    Document::Object(fields)
}

fn payment(payment: &Payment) -> Document {
    let mut fields = vec![
        Document::field("payment_id", payment.id.to_string()),
        Document::field("state", payment.progress.name()),
        Document::field("channel", payment.channel.as_str()),
        Document::field("amount", payment.amount.to_string()),
        Document::field("effective_date", payment.effective_date.to_string()),
    ];
    if let Some(schedule) = &payment.schedule {
        fields.push(Document::field("scheduled_time", instant(schedule.scheduled_at)));
        fields.push(Document::field("window", schedule.window.to_string()));
        fields.push(Document::field("cancel_before_time", instant(schedule.cutoff_at)));
        fields.push(Document::field("origination_date", schedule.origination_date.to_string()));
    }
    fields.extend(payment.applied_at.map(|at| Document::field("applied_time", instant(at))));
    match &payment.progress {
        Progress::Scheduled | Progress::Applied => {}
        Progress::Cancelled { at, reason } => {
            fields.push(Document::field("cancelled_time", instant(*at)));
            fields.push(Document::field("cancellation_reason", reason.as_str()));
        }
        Progress::Returned { at, return_code } => {
            fields.push(Document::field("return_code", return_code.as_str()));
            fields.push(Document::field("returned_time", instant(*at)));
        }
    }
    if let Some(split) = payment.split {
        let stored = serde_json::to_vec(&split).unwrap_or_default();
        fields.push(("allocation".to_owned(), message::recorded(&stored)));
    }
    Document::Object(fields)
}
