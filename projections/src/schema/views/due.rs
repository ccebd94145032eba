//! What has fallen due of an account's instalments by the last accounting day and is unpaid. The
//! account's row is as of its last event, and more falls due without one: so it is counted when it
//! is asked for, from the contract or, where its due dates were moved or end early, by stretch.

use super::{AS_OF_DAY, CHARGED_OFF_DUE};

/// Are the rentals of a lease owed no more: everything charged off, or the vehicle bought?
const RENTALS_GONE: &str = "(charged_off_day IS NOT NULL OR (residual_cents IS NOT NULL \
     AND gl_1140_cents = 0 AND gl_1145_cents = 0))";

/// How many instalments fall due at all.
const COUNT: &str = "min(instalment_count, coalesce(rentals_due_count, instalment_count))";

/// How many instalments fall due on or before the last accounting day, or so many days before it.
fn due_count(days_before: u8) -> String {
    let of_day = |expression: &str| {
        format!(
            "(SELECT {expression} \
             FROM (SELECT ({AS_OF_DAY} - {days_before}) * 86400 AS as_of))"
        )
    };
    let month =
        of_day("strftime('%Y', as_of, 'unixepoch') * 12 + strftime('%m', as_of, 'unixepoch')");
    // On the last day of a month all anchor days are over that it does not have.
    let anchor = of_day(
        "CASE strftime('%d', as_of + 86400, 'unixepoch') WHEN '01' THEN 31 \
         ELSE CAST(strftime('%d', as_of, 'unixepoch') AS INTEGER) END",
    );
    let first = "(strftime('%Y', first_due_day * 86400, 'unixepoch') * 12 \
         + strftime('%m', first_due_day * 86400, 'unixepoch'))";
    format!(
        "coalesce(CASE WHEN due_segments IS NULL \
         THEN max(0, min(instalment_count, {month} - {first} + ({anchor} >= due_day_of_month))) \
         ELSE (SELECT sum(max(0, min(value ->> 1, \
         {month} - (value ->> 2) + ({anchor} >= (value ->> 3))) - (value ->> 0))) \
         FROM json_each(due_segments)) END, 0)"
    )
}

/// What the first so many instalments come to and payments have not satisfied.
fn open(count: &str) -> String {
    format!(
        "max(0, instalment_cents * {count} - billed_cents \
         - (instalment_cents - coalesce(first_instalment_cents, instalment_cents)))"
    )
}

/// Rentals with their tax that are due on the last accounting day and unpaid, in cents: what the
/// account's own fold says of it. Never below zero.
pub(super) fn rentals() -> String {
    let open = open(&due_count(0));
    format!("CASE WHEN product = 'lease' AND NOT {RENTALS_GONE} THEN {open} ELSE 0 END")
}

/// What was due before the last accounting day and is not met, in cents: what the account's own
/// fold says of it, but for interest that the account has not posted. Never below zero.
pub(super) fn past_due() -> String {
    let (past, remaining) = (due_count(1), open(COUNT));
    let owed = format!(
        "max(0, gl_1100_cents + gl_1110_cents + {CHARGED_OFF_DUE} \
         + CASE WHEN product = 'lease' AND NOT {RENTALS_GONE} THEN {remaining} ELSE 0 END)"
    );
    let open = open(&past);
    format!(
        "CASE WHEN oldest_unpaid_due_day IS NULL OR oldest_unpaid_due_day >= {AS_OF_DAY} THEN 0 \
         WHEN {past} >= {COUNT} THEN {owed} ELSE min({open}, {owed}) END"
    )
}
