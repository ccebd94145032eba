//! One payment's row: its columns, and the statements that read and write it.

use std::sync::LazyLock;

use ledger::domain::account::events::Split;
use ledger::domain::money::Money;
use ledger::domain::product::{Channel, Product};
use ledger::ids::{PaymentId, QuoteId};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};

use crate::columns::{Binding, InOrder};
use crate::queries::payments::PaymentState;

/// One payment. Its key is the position of its first event.
#[derive(Debug)]
pub(super) struct PaymentRow {
    pub(super) key: i64,
    /// Set until the row is in the table.
    pub(super) made: Option<Box<Made>>,
    pub(super) product: Product,
    pub(super) effective_day: i64,
    /// Of what waited for a window only.
    pub(super) window_minutes: Option<i64>,
    pub(super) state: PaymentState,
    pub(super) payoff_quote: Option<[u8; 16]>,
    pub(super) cancelled_nanos: Option<i64>,
    pub(super) cancel_reason: Option<String>,
    pub(super) applied_nanos: Option<i64>,
    pub(super) returned_nanos: Option<i64>,
    pub(super) returned_day: Option<i64>,
    pub(super) return_code: Option<String>,
    /// A JSON array.
    pub(super) earlier_return_codes: Option<String>,
    pub(super) reinstated_nanos: Option<i64>,
    pub(super) settlement_day: Option<i64>,
    pub(super) withheld_cents: Option<i64>,
    /// The split's parts, in the order of their columns.
    pub(super) parts: Option<Box<[i64; 14]>>,
    pub(super) settled_position: Option<i64>,
    pub(super) last_position: i64,
    /// Is it not what the table holds?
    pub(super) differs: bool,
}

/// What is written once.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) payment: PaymentId,
    pub(super) account: i64,
    pub(super) channel: Channel,
    pub(super) amount_cents: i64,
    pub(super) cutoff_nanos: Option<i64>,
    pub(super) origination_day: Option<i64>,
    pub(super) scheduled_nanos: Option<i64>,
    pub(super) funding_token: Option<String>,
    pub(super) funding_last_four: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) third_party_fee_cents: Option<i64>,
}

/// The columns that change over time, behind the key. They are bound in this order.
const CHANGING: [&str; 28] = [
    "state",
    "payoff_quote_id",
    "cancelled_nanos",
    "cancel_reason",
    "applied_nanos",
    "returned_nanos",
    "returned_day",
    "return_code",
    "earlier_return_codes",
    "reinstated_nanos",
    "settlement_day",
    "withheld_cents",
    "interest_cents",
    "principal_cents",
    "fees_cents",
    "rentals_cents",
    "tax_cents",
    "residual_cents",
    "sales_tax_cents",
    "recovery_cents",
    "credit_cents",
    "written_off_interest_cents",
    "written_off_principal_cents",
    "written_off_fees_cents",
    "written_off_residual_cents",
    "written_off_credit_cents",
    "settled_position",
    "last_position",
];

/// The columns that are written once, behind [`CHANGING`].
const FIXED: [&str; 14] = [
    "payment_id",
    "account_key",
    "product",
    "channel",
    "amount_cents",
    "effective_day",
    "window_minutes",
    "cutoff_nanos",
    "origination_day",
    "scheduled_nanos",
    "funding_token",
    "funding_last_four",
    "reference",
    "third_party_fee_cents",
];

pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = [&CHANGING[..], &FIXED[..]].concat();
    let places = vec!["?"; columns.len().saturating_add(1)].join(", ");
    format!("INSERT INTO payment (payment_key, {}) VALUES ({places})", columns.join(", "))
});

pub(super) static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let set = CHANGING.iter().zip(2_u32..).map(|(name, place)| format!("{name} = ?{place}"));
    let set = set.collect::<Vec<_>>().join(", ");
    format!("UPDATE payment SET {set} WHERE payment_key = ?1")
});

/// Reads a row for [`PaymentRow::load`]; its end says which.
fn select(which: &str) -> String {
    format!(
        "SELECT payment_key, product, effective_day, window_minutes, {} FROM payment WHERE {which}",
        CHANGING.join(", ")
    )
}

static SELECT_BY_ID: LazyLock<String> =
    LazyLock::new(|| select("account_key = ?1 AND payment_id = ?2"));

static SELECT_BY_KEY: LazyLock<String> = LazyLock::new(|| select("payment_key = ?1"));

impl PaymentRow {
    /// A payment that was made now, and nothing happened to since.
    pub(super) const fn new(
        key: i64,
        made: Box<Made>,
        product: Product,
        effective_day: i64,
        state: PaymentState,
    ) -> Self {
        Self {
            key,
            made: Some(made),
            product,
            effective_day,
            window_minutes: None,
            state,
            payoff_quote: None,
            cancelled_nanos: None,
            cancel_reason: None,
            applied_nanos: None,
            returned_nanos: None,
            returned_day: None,
            return_code: None,
            earlier_return_codes: None,
            reinstated_nanos: None,
            settlement_day: None,
            withheld_cents: None,
            parts: None,
            settled_position: None,
            last_position: key,
            differs: false,
        }
    }

    /// The row of an account's payment, which the table finds by its index.
    pub(super) fn by_id(
        database: &Connection,
        account: i64,
        payment: PaymentId,
    ) -> Result<Option<Self>, rusqlite::Error> {
        let mut select = database.prepare_cached(&SELECT_BY_ID)?;
        select.query_row(params![account, payment.uuid().as_bytes()], Self::load).optional()
    }

    /// The row of a key.
    pub(super) fn by_key(database: &Connection, key: i64) -> Result<Option<Self>, rusqlite::Error> {
        let mut select = database.prepare_cached(&SELECT_BY_KEY)?;
        select.query_row([key], Self::load).optional()
    }

    /// Reads a row of [`SELECT_BY_ID`] or [`SELECT_BY_KEY`].
    fn load(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        let mut columns = InOrder::of(row);
        let columns = &mut columns;
        Ok(Self {
            key: columns.next()?,
            made: None,
            product: columns.word()?,
            effective_day: columns.next()?,
            window_minutes: columns.next()?,
            state: PaymentState::stored(columns.text()?)?,
            payoff_quote: columns.next()?,
            cancelled_nanos: columns.next()?,
            cancel_reason: columns.next()?,
            applied_nanos: columns.next()?,
            returned_nanos: columns.next()?,
            returned_day: columns.next()?,
            return_code: columns.next()?,
            earlier_return_codes: columns.next()?,
            reinstated_nanos: columns.next()?,
            settlement_day: columns.next()?,
            withheld_cents: columns.next()?,
            parts: maybe_parts(columns)?,
            settled_position: columns.next()?,
            last_position: columns.next()?,
            differs: false,
        })
    }

    /// The payment came back with `code`; the codes with which it came back before are kept, since
    /// one that contests the dishonour of a return has the reason of an earlier one.
    pub(super) fn came_back(&mut self, code: &str) {
        let Some(before) = self.return_code.replace(code.to_owned()) else { return };
        let earlier = self.earlier_return_codes.as_deref();
        // What is there was written here.
        let mut earlier: Vec<String> =
            earlier.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        earlier.push(before);
        self.earlier_return_codes = Some(serde_json::Value::from(earlier).to_string());
    }

    pub(super) fn split(&mut self, split: &Split, at: i64) {
        self.parts = Some(Box::new(parts(split)));
        self.last_position = at;
    }

    /// Binds the key and the columns of [`CHANGING`].
    fn bind(&self, to: &mut Binding<'_, '_>) -> Result<(), rusqlite::Error> {
        to.next(self.key)?;
        to.next(self.state.as_str())?;
        to.maybe(self.payoff_quote)?;
        to.maybe(self.cancelled_nanos)?;
        to.maybe(self.cancel_reason.as_deref())?;
        to.maybe(self.applied_nanos)?;
        to.maybe(self.returned_nanos)?;
        to.maybe(self.returned_day)?;
        to.maybe(self.return_code.as_deref())?;
        to.maybe(self.earlier_return_codes.as_deref())?;
        to.maybe(self.reinstated_nanos)?;
        to.maybe(self.settlement_day)?;
        to.maybe(self.withheld_cents)?;
        for part in 0..14 {
            to.maybe(self.parts.as_ref().and_then(|parts| parts.get(part).copied()))?;
        }
        to.maybe(self.settled_position)?;
        to.next(self.last_position)
    }

    /// Adds the row to the table, by [`INSERT`].
    pub(super) fn insert(
        &self,
        made: &Made,
        insert: &mut Statement<'_>,
    ) -> Result<(), rusqlite::Error> {
        let mut to = Binding::of(insert);
        self.bind(&mut to)?;
        to.next(made.payment.uuid().as_bytes())?;
        to.next(made.account)?;
        to.next(self.product.as_str())?;
        to.next(made.channel.as_str())?;
        to.next(made.amount_cents)?;
        to.next(self.effective_day)?;
        to.maybe(self.window_minutes)?;
        to.maybe(made.cutoff_nanos)?;
        to.maybe(made.origination_day)?;
        to.maybe(made.scheduled_nanos)?;
        to.maybe(made.funding_token.as_deref())?;
        to.maybe(made.funding_last_four.as_deref())?;
        to.maybe(made.reference.as_deref())?;
        to.maybe(made.third_party_fee_cents)?;
        insert.raw_execute().map(drop)
    }

    /// Writes down what changed, by [`UPDATE`].
    pub(super) fn update(&self, update: &mut Statement<'_>) -> Result<(), rusqlite::Error> {
        self.bind(&mut Binding::of(update))?;
        update.raw_execute().map(drop)
    }
}

/// The column of a quote's id.
pub(super) fn quote(quote: Option<QuoteId>) -> Option<[u8; 16]> {
    quote.map(|quote| *quote.uuid().as_bytes())
}

/// A split's parts in the order of their columns.
fn parts(split: &Split) -> [i64; 14] {
    let lost = split.write_off.unwrap_or_default();
    [
        split.interest,
        split.principal,
        split.fees,
        split.rentals,
        split.tax,
        split.residual,
        split.sales_tax,
        split.recovery,
        split.credit,
        lost.interest,
        lost.principal,
        lost.fees,
        lost.residual,
        lost.credit,
    ]
    .map(Money::cents)
}

/// A split's parts, if the payment has any.
fn maybe_parts(columns: &mut InOrder<'_>) -> Result<Option<Box<[i64; 14]>>, rusqlite::Error> {
    let mut parts = [None; 14];
    for part in &mut parts {
        *part = columns.next::<Option<i64>>()?;
    }
    Ok((!parts.contains(&None)).then(|| Box::new(parts.map(Option::unwrap_or_default))))
}
