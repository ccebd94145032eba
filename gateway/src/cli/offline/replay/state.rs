//! A folded account as a document: the same resources, by the same mapping, as a server answers.

use chrono::NaiveDate;
use ledger::domain::account::state::OpenAccount;
use ledger::ids::{AccountId, PaymentId};

use crate::cli::render::document::Document;
use crate::cli::render::message::document_of;
use crate::convert::answers;

/// An account and what it owes.
pub(super) fn brief(id: &AccountId, account: &OpenAccount, as_of: NaiveDate) -> Document {
    document_of("Account", &answers::account(id, account, as_of))
}

/// An account, its balances in the general ledger, its title and its payments, in the order in
/// which those were `recorded`.
pub(super) fn whole(
    id: &AccountId,
    account: &OpenAccount,
    recorded: &[PaymentId],
    as_of: NaiveDate,
) -> Vec<(String, Document)> {
    let ledger = account.book.ledger().iter();
    let ledger = ledger.map(|(name, balance)| Document::field(name.as_str(), balance.to_string()));
    let payments = recorded.iter().filter_map(|payment| account.payments.get(payment));
    let payments =
        payments.map(|payment| document_of("Payment", &answers::payment(id, account, payment)));
    let mut fields = vec![("account".to_owned(), brief(id, account, as_of))];
    fields.extend(
        answers::title(id, account).map(|title| ("title".to_owned(), document_of("Title", &title))),
    );
    fields.push(("payments".to_owned(), Document::List(payments.collect())));
    fields.push(("ledger_balances".to_owned(), Document::Object(ledger.collect())));
    fields
}
