//! The read database: tables for the fold, views for everybody else.

mod views;

use ledger::domain::journal::LedgerAccount;

pub(crate) use views::return_rates::select as select_return_rates;
pub(crate) use views::{AS_OF_DAY, views};

/// The version of the fold and its tables. A file of another version is built anew.
pub(crate) const FOLD_VERSION: u32 = 14;

/// A table of the fold, and the columns that make its order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) order: &'static [&'static str],
}

/// The tables that are folded from the log, in the order in which they are compared.
pub(crate) const TABLES: &[Table] = &[
    Table { name: "account", order: &["account_key"] },
    Table { name: "account_position", order: &["account_key"] },
    Table { name: "payment", order: &["payment_key"] },
    Table { name: "fee", order: &["fee_key"] },
    Table { name: "charge_off", order: &["charge_off_key"] },
    Table { name: "adjustment", order: &["adjustment_key"] },
    Table { name: "payoff_quote", order: &["quote_key"] },
    Table { name: "refund", order: &["refund_key"] },
    Table { name: "title", order: &["account_key"] },
    Table { name: "posting", order: &["position"] },
    Table { name: "accrual", order: &["position", "product"] },
    Table { name: "ledger_day", order: &["product", "gl_account", "gl_day"] },
    Table { name: "accounting_day", order: &["gl_day"] },
    Table { name: "ledger_journal", order: &["gl_day", "product", "kind"] },
    Table { name: "accounting_month", order: &["month"] },
    Table { name: "run_window", order: &["product", "day", "window_minutes"] },
    Table { name: "seal", order: &["position"] },
    Table { name: "refusal", order: &["position"] },
];

/// The column of an account's balance on a general-ledger account.
pub(crate) fn ledger_column(account: LedgerAccount) -> String {
    format!("gl_{account}_cents")
}

/// The names of all general-ledger columns, each put through `each` and joined.
pub(crate) fn ledger_columns(separator: &str, each: impl Fn(&str) -> String) -> String {
    let columns = LedgerAccount::ALL.iter().map(|account| each(&ledger_column(*account)));
    columns.collect::<Vec<_>>().join(separator)
}

/// The statements that make the indexes.
pub(crate) const INDEXES: &str = include_str!("schema/indexes.sql");

/// The statements that make the tables.
pub(crate) fn tables() -> String {
    let ledger = ledger_columns(",\n    ", |column| format!("{column} INTEGER NOT NULL"));
    include_str!("schema/tables.sql").replace("    gl_balances_cents", &format!("    {ledger}"))
}
