//! The views of what a servicer does beside payments, and of who is past due.

use super::{AS_OF_DAY, date, due, instant, maybe_uuid, money, plain, uuid, view};

pub(super) fn fees() -> String {
    let state = "CASE WHEN waived_nanos IS NULL THEN 'assessed' ELSE 'waived' END AS state";
    let columns = [
        uuid("fee_id", "fee_id"),
        plain("account_id"),
        plain("product"),
        plain("kind"),
        plain(state),
        money("amount_cents", "amount"),
        date("effective_day", "effective_date"),
        plain("instalment"),
        maybe_uuid("payment_id", "payment_id"),
        instant("assessed_nanos", "assessed_at"),
        instant("waived_nanos", "waived_at"),
        plain("waive_reason"),
        plain("fee_key AS first_position"),
        plain("fee.last_position AS last_position"),
    ];
    view("fees", &columns, "fee JOIN account USING (account_key)")
}

pub(super) fn charge_offs() -> String {
    let total = "(principal_cents + interest_cents + late_fees_cents + returned_item_fees_cents \
         + lease_charges_cents + rentals_cents + rentals_ahead_cents + rental_tax_cents)";
    let columns = [
        uuid("charge_off_id", "charge_off_id"),
        plain("account_id"),
        plain("product"),
        plain("reason"),
        plain("part_cents IS NOT NULL AS is_partial"),
        date("effective_day", "effective_date"),
        money(total, "amount"),
        money("principal_cents", "principal"),
        money("interest_cents", "interest"),
        money("late_fees_cents", "late_fees"),
        money("returned_item_fees_cents", "returned_item_fees"),
        money("lease_charges_cents", "lease_charges"),
        money("rentals_cents", "rentals"),
        money("rentals_ahead_cents", "rentals_ahead"),
        money("rental_tax_cents", "rental_tax"),
        instant("recorded_nanos", "recorded_at"),
        plain("charge_off_key AS first_position"),
        plain("charge_off.last_position AS last_position"),
    ];
    view("charge_offs", &columns, "charge_off JOIN account USING (account_key)")
}

pub(super) fn principal_adjustments() -> String {
    let columns = [
        uuid("adjustment_id", "adjustment_id"),
        plain("account_id"),
        plain("product"),
        date("effective_day", "effective_date"),
        money("change_cents", "change"),
        money("(change_cents + credited_cents)", "principal"),
        money("credited_cents", "credited"),
        plain("reason"),
        instant("recorded_nanos", "recorded_at"),
        plain("adjustment_key AS first_position"),
        plain("adjustment.last_position AS last_position"),
    ];
    view("principal_adjustments", &columns, "adjustment JOIN account USING (account_key)")
}

pub(super) fn payoff_quotes() -> String {
    let columns = [
        uuid("quote_id", "quote_id"),
        plain("account_id"),
        plain("product"),
        date("good_through_day", "good_through_date"),
        money("amount_cents", "amount"),
        money("principal_cents", "principal"),
        money("interest_cents", "interest"),
        money("fees_cents", "fees"),
        money("rentals_cents", "rentals"),
        money("rentals_ahead_cents", "rentals_ahead"),
        money("payoff_quote.residual_cents", "residual"),
        money("sales_tax_cents", "sales_tax"),
        money("payoff_quote.charged_off_cents", "charged_off"),
        money("credit_cents", "credit"),
        plain("per_diem"),
        instant("quoted_nanos", "quoted_at"),
        plain("quote_key AS position"),
    ];
    view("payoff_quotes", &columns, "payoff_quote JOIN account USING (account_key)")
}

pub(super) fn refunds() -> String {
    let state = "CASE WHEN returned_nanos IS NULL THEN 'sent' ELSE 'returned' END AS state";
    let columns = [
        uuid("refund_id", "refund_id"),
        plain("account_id"),
        plain("product"),
        plain(state),
        money("amount_cents", "amount"),
        plain("method"),
        maybe_uuid("payment_id", "payment_id"),
        date("effective_day", "effective_date"),
        instant("refunded_nanos", "refunded_at"),
        date("settlement_day", "settlement_date"),
        instant("returned_nanos", "returned_at"),
        plain("refund_key AS first_position"),
        plain("refund.last_position AS last_position"),
    ];
    view("refunds", &columns, "refund JOIN account USING (account_key)")
}

pub(super) fn delinquency() -> String {
    let columns = [
        date("as_of_day", "as_of_date"),
        plain("product"),
        plain(
            "CASE WHEN days_past_due >= 120 THEN '120+' WHEN days_past_due >= 90 THEN '90-119' \
             WHEN days_past_due >= 60 THEN '60-89' WHEN days_past_due >= 30 THEN '30-59' \
             WHEN days_past_due >= 1 THEN '1-29' ELSE 'current' END AS bucket",
        ),
        plain("count(*) AS accounts"),
        money("sum(gl_1100_cents)", "principal"),
        money("sum(gl_1110_cents)", "interest_receivable"),
        money("sum(gl_1120_cents)", "fees_due"),
        money("sum(rentals_due_cents)", "rentals_receivable"),
        money("sum(past_due_cents)", "past_due"),
        plain("sum(non_accrual_day IS NOT NULL) AS non_accrual_accounts"),
    ];
    let (rentals, past_due) = (due::rentals(), due::past_due());
    // With the limit, which is none, SQLite works them out once for each account, and not wherever
    // their sums are named.
    let from = format!(
        "(SELECT *, max(as_of_day - coalesce(oldest_unpaid_due_day, as_of_day), 0) \
         AS days_past_due, {rentals} AS rentals_due_cents, {past_due} AS past_due_cents \
         FROM (SELECT *, {AS_OF_DAY} AS as_of_day FROM account \
         WHERE paid_off_day IS NULL AND charged_off_day IS NULL) LIMIT -1) GROUP BY product, bucket"
    );
    view("delinquency", &columns, &from)
}
