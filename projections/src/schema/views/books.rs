//! The views of the general ledger and of the accounting calendar.

use ledger::domain::journal::LedgerAccount;

use super::{date, instant, money, plain, view};

/// What a general-ledger account is called, by its number in `column`.
fn title(column: &str) -> String {
    let titles: Vec<String> = LedgerAccount::ALL
        .iter()
        .map(|account| format!("WHEN {account} THEN '{}'", account.title().replace('\'', "''")))
        .collect();
    format!("CASE {column} {} END AS title", titles.join(" "))
}

pub(super) fn trial_balance() -> String {
    let columns = [
        plain("product"),
        plain("CAST(gl_account AS TEXT) AS gl_account"),
        title("gl_account"),
        date("gl_day", "gl_date"),
        money("debit_cents", "debits"),
        money("credit_cents", "credits"),
        money("(debit_cents - credit_cents)", "net"),
    ];
    view("trial_balance", &columns, "ledger_day")
}

/// The lines of the accounts' events, and those that closes have booked.
pub(super) fn journal() -> String {
    let columns = [
        plain("position"),
        plain("first_line + line.key + 1 AS line"),
        plain("kind AS event_type"),
        plain("account_id"),
        plain("product"),
        plain("CAST(line.value ->> 0 AS TEXT) AS gl_account"),
        money("(line.value ->> 1)", "amount"),
        date("coalesce(line.value ->> 2, effective_day)", "effective_date"),
        date("gl_day", "gl_date"),
    ];
    let from = "(SELECT position, 0 AS first_line, kind, account_id, product, effective_day, \
         gl_day, lines FROM posting JOIN account USING (account_key) \
         UNION ALL SELECT position, first_line, 'DayClosed', NULL, product, gl_day, gl_day, lines \
         FROM accrual) AS entry, json_each(entry.lines) AS line";
    view("journal", &columns, from)
}

pub(super) fn accounting_days() -> String {
    let columns = [
        date("gl_day", "gl_date"),
        plain("CASE WHEN closed_position IS NULL THEN 'open' ELSE 'closed' END AS state"),
        instant("opened_nanos", "opened_at"),
        plain("opened_position"),
        instant("closed_nanos", "closed_at"),
        plain("closed_position"),
        plain("sealed_position"),
        plain("restatement_count"),
        money("restated_principal_cents", "restated_principal"),
        money("restated_interest_cents", "restated_interest"),
        plain("restatement_root"),
    ];
    view("accounting_days", &columns, "accounting_day")
}

pub(super) fn ledger_journals() -> String {
    let columns = [
        date("gl_day", "gl_date"),
        plain("journal_id"),
        plain("product"),
        plain("kind AS event_type"),
        plain("events"),
        plain("line.key + 1 AS line"),
        plain("CAST(line.value ->> 0 AS TEXT) AS gl_account"),
        title("(line.value ->> 0)"),
        money("(line.value ->> 1)", "debits"),
        money("(line.value ->> 2)", "credits"),
    ];
    let from = "ledger_journal, json_each(ledger_journal.lines) AS line";
    view("ledger_journals", &columns, from)
}

pub(super) fn accounting_months() -> String {
    let columns = [
        plain("month"),
        date("last_gl_day", "last_gl_date"),
        plain("days"),
        plain("journals"),
        plain("restatements"),
        plain("closed_position"),
        instant("closed_nanos", "closed_at"),
    ];
    view("accounting_months", &columns, "accounting_month")
}
