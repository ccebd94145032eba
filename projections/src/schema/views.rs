//! The views: names, units and meanings are the contract with reporting jobs, and are for ever.

mod books;
mod due;
pub(super) mod return_rates;
mod servicing;

use ledger::domain::journal::LedgerAccount;
use ledger::domain::product::Channel;

use super::ledger_columns;

/// Cents as exact decimal text, beside the cents themselves.
fn money(cents: &str, name: &str) -> String {
    let text = format!(
        "CASE WHEN {cents} IS NULL THEN NULL ELSE printf('%s%d.%02d', \
         CASE WHEN {cents} < 0 THEN '-' ELSE '' END, abs({cents}) / 100, abs({cents}) % 100) END"
    );
    format!("{text} AS {name}, {cents} AS {name}_cents")
}

/// The same of cents that are there and not below zero, and take long to work out.
fn never_negative(cents: &str, name: &str) -> String {
    let text = format!("printf('%d.%02d', ({cents}) / 100, ({cents}) % 100)");
    format!("{text} AS {name}, {cents} AS {name}_cents")
}

/// Days since 1970 as `yyyy-mm-dd`.
fn date(day: &str, name: &str) -> String {
    format!("date({day} * 86400, 'unixepoch') AS {name}")
}

/// Nanoseconds since 1970 as RFC 3339 in UTC, always with nine decimals so that texts sort.
fn instant(nanos: &str, name: &str) -> String {
    format!(
        "strftime('%Y-%m-%dT%H:%M:%S', {nanos} / 1000000000, 'unixepoch') \
         || printf('.%09dZ', {nanos} % 1000000000) AS {name}"
    )
}

/// Nanoseconds since 1970 that are a whole second by construction, as RFC 3339 in UTC.
fn second(nanos: &str, name: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%SZ', {nanos} / 1000000000, 'unixepoch') AS {name}")
}

/// Minutes after midnight as the local time of a cut-off.
fn window(minutes: &str, name: &str) -> String {
    format!(
        "CASE WHEN {minutes} IS NULL THEN NULL \
         ELSE printf('%02d:%02d', {minutes} / 60, {minutes} % 60) END AS {name}"
    )
}

/// Sixteen bytes as the text of a UUID.
fn uuid_text(blob: &str) -> String {
    let part = |from: u8, length: u8| format!("substr(lower(hex({blob})), {from}, {length})");
    [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ")
}

/// Sixteen bytes as a UUID in its usual form.
fn uuid(blob: &str, name: &str) -> String {
    format!("{} AS {name}", uuid_text(blob))
}

/// The same where there may be none.
fn maybe_uuid(blob: &str, name: &str) -> String {
    format!("CASE WHEN {blob} IS NOT NULL THEN {} END AS {name}", uuid_text(blob))
}

fn plain(column: impl Into<String>) -> String {
    column.into()
}

fn view(name: &str, columns: &[String], from: &str) -> String {
    format!("CREATE VIEW {name} AS SELECT {} FROM {from};\n", columns.join(",\n    "))
}

/// The statements that make the views.
pub(crate) fn views() -> String {
    let views = [
        accounts(),
        balances(),
        payments(),
        pending_payments(),
        unsettled_payments(),
        servicing::fees(),
        servicing::charge_offs(),
        servicing::principal_adjustments(),
        servicing::payoff_quotes(),
        servicing::refunds(),
        servicing::delinquency(),
        return_rates::return_rates(),
        titles(),
        books::trial_balance(),
        books::journal(),
        books::accounting_days(),
        books::ledger_journals(),
        books::accounting_months(),
        window_seals(),
        refusals(),
        view(
            "checkpoint",
            &[plain("position"), plain("fold_version"), plain("witness")],
            "progress",
        ),
    ];
    views.concat()
}

const ACCOUNT_STATE: &str = "CASE WHEN paid_off_day IS NOT NULL THEN 'paid_off' \
     WHEN charged_off_day IS NOT NULL THEN 'charged_off' ELSE 'open' END AS state";

const ACCOUNT: &str = "account JOIN account_position USING (account_key)";

/// What was charged off and not recovered.
const CHARGED_OFF_DUE: &str = "(charged_off_cents + gl_4060_cents)";

fn accounts() -> String {
    let columns = [
        plain("account_id"),
        plain("product"),
        plain("currency"),
        plain(ACCOUNT_STATE),
        date("opened_day", "opened_date"),
        plain("opening_annual_rate"),
        plain("annual_rate"),
        plain("day_count"),
        date("interest_paid_through_day", "interest_paid_through_date"),
        plain("interest_carry"),
        money("opening_principal_cents", "opening_principal"),
        money("instalment_cents", "instalment"),
        money("instalment_tax_cents", "instalment_tax"),
        date("first_due_day", "first_due_date"),
        plain("due_day_of_month"),
        plain("instalment_count"),
        money("first_instalment_cents", "first_instalment"),
        date("maturity_day", "maturity_date"),
        money("shortfall_tolerance_cents", "shortfall_tolerance"),
        money("returned_item_fee_cents", "returned_item_fee"),
        plain("late_fee_grace_days"),
        money("late_fee_cents", "late_fee"),
        plain("late_fee_rate"),
        money("late_fee_maximum_cents", "late_fee_maximum"),
        plain("governing_state"),
        money("residual_cents", "residual"),
        plain("sales_tax_rate"),
        date("paid_off_day", "paid_off_date"),
        date("charged_off_day", "charged_off_date"),
        date("vehicle_returned_day", "vehicle_returned_date"),
        plain("account_key AS opened_position"),
        plain("last_position"),
    ];
    view("accounts", &columns, ACCOUNT)
}

fn balances() -> String {
    let interest_paid = "(SELECT coalesce(sum(interest_cents), 0) FROM payment \
         WHERE payment.account_key = account.account_key AND payment.state = 'applied')";
    let columns = [
        plain("account_id"),
        plain("product"),
        plain(ACCOUNT_STATE),
        money("gl_1100_cents", "principal"),
        money("gl_1110_cents", "interest_receivable"),
        date("accrued_through_day", "accrued_through_date"),
        money("(-gl_4010_cents)", "interest_posted"),
        money(interest_paid, "interest_paid"),
        money("gl_1120_cents", "fees_due"),
        money("(gl_1130_cents + gl_1135_cents)", "rentals_receivable"),
        money("gl_1140_cents", "leased_vehicle"),
        money("(-gl_2110_cents)", "credit_balance"),
        money(CHARGED_OFF_DUE, "charged_off"),
        money("(-gl_4060_cents)", "recovered"),
        money("billed_cents", "instalments_paid"),
        plain("annual_rate"),
        plain("day_count"),
        date("interest_paid_through_day", "interest_paid_through_date"),
        money("instalment_cents", "instalment"),
        date("oldest_unpaid_due_day", "oldest_unpaid_due_date"),
        date("next_due_day", "next_due_date"),
        date(AS_OF_DAY, "as_of_date"),
        never_negative(&due::rentals(), "rentals_due"),
        never_negative(&due::past_due(), "past_due"),
        date("maturity_day", "maturity_date"),
        date("non_accrual_day", "non_accrual_since"),
        date("paid_off_day", "paid_off_date"),
        date("charged_off_day", "charged_off_date"),
        ledger_columns(",\n    ", str::to_owned),
        plain("last_position"),
    ];
    view("balances", &columns, ACCOUNT)
}

fn payments() -> String {
    let columns = [
        uuid("payment_id", "payment_id"),
        plain("account_id"),
        plain("payment.product AS product"),
        plain("channel"),
        plain("state"),
        money("amount_cents", "amount"),
        date("effective_day", "effective_date"),
        window("window_minutes", "window"),
        second("cutoff_nanos", "cancel_before"),
        date("origination_day", "origination_date"),
        instant("scheduled_nanos", "scheduled_at"),
        instant("cancelled_nanos", "cancelled_at"),
        plain("cancel_reason"),
        instant("applied_nanos", "applied_at"),
        instant("returned_nanos", "returned_at"),
        date("returned_day", "returned_date"),
        plain("return_code"),
        plain("earlier_return_codes"),
        instant("reinstated_nanos", "reinstated_at"),
        date("settlement_day", "settlement_date"),
        money("withheld_cents", "withheld"),
        plain("reference"),
        money("third_party_fee_cents", "third_party_fee"),
        plain("funding_last_four"),
        maybe_uuid("payoff_quote_id", "payoff_quote_id"),
        money("interest_cents", "interest"),
        money("principal_cents", "principal"),
        money("fees_cents", "fees"),
        money("rentals_cents", "rentals"),
        money("tax_cents", "tax"),
        money("payment.residual_cents", "residual"),
        money("sales_tax_cents", "sales_tax"),
        money("recovery_cents", "recovery"),
        money("credit_cents", "credit"),
        money("written_off_interest_cents", "written_off_interest"),
        money("written_off_principal_cents", "written_off_principal"),
        money("written_off_fees_cents", "written_off_fees"),
        money("written_off_residual_cents", "written_off_residual"),
        money("written_off_credit_cents", "written_off_credit"),
        plain("payment_key AS first_position"),
        plain("payment.last_position AS last_position"),
    ];
    view("payments", &columns, "payment JOIN account USING (account_key)")
}

fn pending_payments() -> String {
    let columns = [
        uuid("payment_id", "payment_id"),
        plain("account_id"),
        plain("payment.product AS product"),
        money("amount_cents", "amount"),
        date("effective_day", "payment_date"),
        window("window_minutes", "window"),
        date("effective_day", "effective_date"),
        second("cutoff_nanos", "cancel_before"),
        date("origination_day", "origination_date"),
        instant("scheduled_nanos", "scheduled_at"),
        plain("payment_key AS first_position"),
    ];
    let from = "payment JOIN account USING (account_key) WHERE state = 'scheduled'";
    view("pending_payments", &columns, from)
}

/// The last accounting day that anything was posted to.
pub(crate) const AS_OF_DAY: &str = "(SELECT max(gl_day) FROM ledger_day)";

fn unsettled_payments() -> String {
    let gl_account = format!("CASE {} END AS gl_account", clearing_cases());
    let columns = [
        uuid("payment_id", "payment_id"),
        plain("account_id"),
        plain("payment.product AS product"),
        plain("channel"),
        gl_account,
        money("amount_cents", "amount"),
        date("effective_day", "effective_date"),
        date("origination_day", "origination_date"),
        date(AS_OF_DAY, "as_of_date"),
        plain(format!("{AS_OF_DAY} - effective_day AS age_days")),
        plain("payment_key AS first_position"),
    ];
    let from = "payment JOIN account USING (account_key) \
         WHERE state = 'applied' AND settlement_day IS NULL AND channel <> 'wire'";
    view("unsettled_payments", &columns, from)
}

/// The clearing account of each channel that has one.
fn clearing_cases() -> String {
    let waits = |channel: &&Channel| LedgerAccount::clearing(**channel) != LedgerAccount::Cash;
    let case = |channel: &Channel| {
        format!("WHEN channel = '{channel}' THEN '{}'", LedgerAccount::clearing(*channel))
    };
    Channel::ALL.iter().filter(waits).map(case).collect::<Vec<_>>().join(" ")
}

/// The state of a title, as the account's own fold has it.
const TITLE_STATE: &str = "CASE \
     WHEN released_day IS NULL AND release_day IS NULL THEN 'lien_held' \
     WHEN released_day IS NULL THEN 'paid_off_on_hold' \
     WHEN release_day IS NOT NULL THEN 'released' \
     ELSE 'payoff_returned_after_release' END";

fn titles() -> String {
    let columns = [
        plain("account_id"),
        format!("{TITLE_STATE} AS state"),
        plain("vin"),
        plain("title_state"),
        plain("lienholder"),
        date("paid_off_day", "paid_off_date"),
        date("release_day", "release_date"),
        date("statutory_day", "statutory_date"),
        date("released_day", "released_date"),
        instant("released_nanos", "released_at"),
        plain("lien_position"),
    ];
    view("titles", &columns, "title JOIN account USING (account_key)")
}

fn window_seals() -> String {
    let columns = [
        plain("product"),
        date("day", "date"),
        window("window_minutes", "window"),
        plain("supplement"),
        plain("applied_count"),
        money("applied_cents", "applied_total"),
        plain("cancelled_count"),
        money("cancelled_cents", "cancelled_total"),
        plain("root"),
        instant("sealed_nanos", "sealed_at"),
        plain("position"),
    ];
    view("window_seals", &columns, "seal")
}

fn refusals() -> String {
    let columns = [
        plain("position"),
        plain("account_id"),
        plain("command"),
        plain("reason"),
        plain("facts"),
        instant("received_nanos", "received_at"),
        plain("request_id"),
        plain("actor"),
    ];
    view("refusals", &columns, "refusal")
}
