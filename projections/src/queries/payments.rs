//! Payments of all channels, and those that wait for their window.

use chrono::{DateTime, NaiveDate, Utc};
use ledger::cycles::cutoff::WindowKey;
use ledger::domain::account::events::{CancelReason, Funding, Split, WriteOff};
use ledger::domain::cutoff::Window;
use ledger::domain::money::Amount;
use ledger::domain::product::{Channel, Product};
use ledger::envelope::Position;
use ledger::ids::{AccountId, PaymentId, QuoteId};
use rusqlite::types::{FromSqlError, Value};
use rusqlite::{OptionalExtension as _, Row, params};

use super::page::{Conditions, List, Listed, Page};
use super::row::{
    Found, amount, date, maybe_date, maybe_instant, maybe_money, maybe_uuid, maybe_window,
    maybe_word, payment_id, word,
};
use crate::Reader;
use crate::columns::{self, day, key, number, position};
use crate::fold::minutes;

/// Where a payment is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaymentState {
    /// Waits for its window.
    Scheduled,
    /// Will not be made.
    Cancelled,
    /// Was made, and is good as far as is known.
    Applied,
    /// Came back.
    Returned,
}

impl PaymentState {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Cancelled => "cancelled",
            Self::Applied => "applied",
            Self::Returned => "returned",
        }
    }

    /// The state of a stored name.
    pub(crate) fn stored(name: &str) -> Found<Self> {
        let all = [Self::Scheduled, Self::Cancelled, Self::Applied, Self::Returned];
        let state = all.into_iter().find(|state| state.as_str() == name);
        Ok(state.ok_or(FromSqlError::InvalidType)?)
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Its id.
    pub payment: PaymentId,
    /// Whose it is.
    pub account: AccountId,
    /// The kind of the account.
    pub product: Product,
    /// By which way the money comes.
    pub channel: Channel,
    /// Where it is in its life.
    pub state: PaymentState,
    /// How much.
    pub amount: Amount,
    /// The day from which it counts.
    pub effective_date: NaiveDate,
    /// The window whose run applies it, if it was scheduled here.
    pub window: Option<Window>,
    /// The instant before which it can, or could, be cancelled.
    pub cutoff_at: Option<DateTime<Utc>>,
    /// The ACH effective entry date.
    pub origination_date: Option<NaiveDate>,
    /// When the instruction was received.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Where the money comes from.
    pub funding: Option<Funding>,
    /// The sender's reference.
    pub reference: Option<String>,
    /// What a third party charged on top: in no sum.
    pub third_party_fee: Option<Amount>,
    /// The payoff quote that it pays, or is meant to.
    pub payoff_quote: Option<QuoteId>,
    /// When it was cancelled.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// When it was written to the books.
    pub applied_at: Option<DateTime<Utc>>,
    /// When its last return was recorded; stays after a reinstatement.
    pub returned_at: Option<DateTime<Utc>>,
    /// The bank's reason for the last return; stays after a reinstatement.
    pub return_code: Option<String>,
    /// When its last reinstatement was recorded.
    pub reinstated_at: Option<DateTime<Utc>>,
    /// The banking day on which the bank had its money; stays after a return.
    pub settlement_date: Option<NaiveDate>,
    /// What a vendor kept of it as its fee.
    pub withheld: Option<Amount>,
    /// What it pays, or paid when it was last good.
    pub split: Option<Split>,
    /// The position of its first event.
    pub first_position: Position,
    /// The position of the last event that changed it.
    pub last_position: Position,
}

/// Which payments are listed. What is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Of one account.
    pub account: Option<AccountId>,
    /// In one state.
    pub state: Option<PaymentState>,
    /// By one channel.
    pub channel: Option<Channel>,
    /// Effective on this day or later.
    pub effective_from: Option<NaiveDate>,
    /// Effective on this day or earlier.
    pub effective_to: Option<NaiveDate>,
}

/// Which pending payments are listed. What is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingFilter {
    /// Of one account.
    pub account: Option<AccountId>,
    /// Of one kind of account.
    pub product: Option<Product>,
    /// Effective on this day.
    pub effective_date: Option<NaiveDate>,
    /// In this window.
    pub window: Option<Window>,
}

/// A payment that a window's run applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePayment {
    /// Whose it is.
    pub account: AccountId,
    /// Its id.
    pub payment: PaymentId,
    /// Its key, from which the next chunk goes on.
    pub first_position: Position,
}

/// A payment's place in the order of pending ones.
struct Place {
    product: String,
    day: Value,
    minutes: Value,
    payment: Value,
}

impl Place {
    /// What comes after it of its product, in order. Comparing rows of columns would be one term,
    /// but SQLite finds by an index no row after another of the same window.
    fn rest(&self, of_product: &Conditions) -> [Conditions; 3] {
        let (day, minutes) = (&self.day, &self.minutes);
        let after = |term, values: &[&Value]| {
            let mut conditions = of_product.clone();
            conditions.and_all(term, values.iter().copied().cloned());
            conditions
        };
        [
            after(
                "effective_day = ? AND window_minutes = ? AND payment_key > ?",
                &[day, minutes, &self.payment],
            ),
            after("effective_day = ? AND window_minutes > ?", &[day, minutes]),
            after("effective_day > ?", &[day]),
        ]
    }
}

macro_rules! select_payments {
    ($rest:literal) => {
        concat!(
            "SELECT payment_key, payment_id, account_id, payment.product, channel, state, ",
            "amount_cents, effective_day, window_minutes, cutoff_nanos, origination_day, ",
            "scheduled_nanos, funding_token, funding_last_four, reference, ",
            "third_party_fee_cents, payoff_quote_id, cancelled_nanos, cancel_reason, ",
            "applied_nanos, returned_nanos, return_code, reinstated_nanos, settlement_day, ",
            "withheld_cents, interest_cents, ",
            "principal_cents, fees_cents, rentals_cents, tax_cents, payment.residual_cents, ",
            "sales_tax_cents, recovery_cents, credit_cents, written_off_interest_cents, ",
            "written_off_principal_cents, written_off_fees_cents, written_off_residual_cents, ",
            "written_off_credit_cents, payment.last_position ",
            "FROM payment",
            $rest
        )
    };
}

const PAYMENTS: List = List {
    select: select_payments!(" JOIN account USING (account_key)"),
    order: "payment_key",
    pinned: "payment_key <= ?",
};

/// Of one product.
const PENDING: List = List {
    select: select_payments!(" INDEXED BY payment_pending JOIN account USING (account_key)"),
    order: "effective_day, window_minutes, payment_key",
    pinned: "payment_key <= ?",
};

const PENDING_OF_ACCOUNT: List = List {
    select: select_payments!(" INDEXED BY payment_account JOIN account USING (account_key)"),
    ..PENDING
};

const OF_ACCOUNT: &str =
    "payment.account_key = (SELECT account_key FROM account WHERE account_id = ?)";

impl Reader<'_> {
    /// Payments in the order in which they came onto the books.
    pub fn payments(
        &self,
        filter: &PaymentFilter,
        page: Page,
    ) -> Result<Listed<PaymentRow>, rusqlite::Error> {
        let mut conditions = Conditions::default();
        let account = filter.account.as_ref().map(|account| account.as_str().to_owned());
        conditions.and_if(OF_ACCOUNT, account);
        conditions.and_if("state = ?", filter.state.map(|state| state.as_str().to_owned()));
        conditions.and_if("channel = ?", filter.channel.map(|channel| channel.as_str().to_owned()));
        conditions.and_if("effective_day >= ?", filter.effective_from.map(day));
        conditions.and_if("effective_day <= ?", filter.effective_to.map(day));
        conditions.and_if("payment_key > ?", page.start.map(|start| key(start.after)));
        self.page(PAYMENTS, [conditions], page, read)
    }

    /// Payments that wait for their window, by product, date, window and order of scheduling.
    ///
    /// Each product is a part of the list, so that the index that finds them has them in order:
    /// told one date and not one product, SQLite sorts all that there are.
    pub fn pending_payments(
        &self,
        filter: &PendingFilter,
        page: Page,
    ) -> Result<Listed<PaymentRow>, rusqlite::Error> {
        let mut all = Conditions::default();
        all.and_all("state = 'scheduled'", []);
        let account = filter.account.as_ref().map(|account| account.as_str().to_owned());
        let list = if account.is_some() { PENDING_OF_ACCOUNT } else { PENDING };
        all.and_if(OF_ACCOUNT, account);
        all.and_if("effective_day = ?", filter.effective_date.map(day));
        // Told the window and not the date, it would sort, too.
        let of_window = match filter.effective_date {
            Some(_) => "window_minutes = ?",
            None => "+window_minutes = ?",
        };
        all.and_if(of_window, filter.window.map(minutes));
        let start = match page.start {
            None => None,
            Some(start) => match self.place_in_pending(key(start.after))? {
                Some(place) => Some(place),
                // A start that is no payment's cannot make a caller begin again and again.
                None => return Ok(Listed { rows: Vec::new(), next: None }),
            },
        };
        let mut products: Vec<_> = Product::ALL.iter().map(|product| product.as_str()).collect();
        products.sort_unstable();
        products.retain(|product| filter.product.is_none_or(|only| only.as_str() == *product));
        let mut parts = Vec::new();
        for product in products {
            let mut conditions = all.clone();
            conditions.and("payment.product = ?", product.to_owned());
            match &start {
                Some(start) if *product < *start.product => {}
                Some(start) if *product == *start.product => parts.extend(start.rest(&conditions)),
                Some(_) | None => parts.push(conditions),
            }
        }
        self.page(list, parts, page, read)
    }

    /// Where a payment stands in the order of pending ones. Its row stays, whatever became of it.
    fn place_in_pending(&self, payment: i64) -> Result<Option<Place>, rusqlite::Error> {
        self.database
            .prepare_cached(
                "SELECT product, effective_day, window_minutes FROM payment WHERE payment_key = ?1",
            )?
            .query_row([payment], |row| {
                Ok(Place {
                    product: row.get(0)?,
                    day: row.get(1)?,
                    minutes: row.get(2)?,
                    payment: payment.into(),
                })
            })
            .optional()
    }

    /// The payments that the run of `window` still has to apply, those after `after` by order of
    /// scheduling, at most `limit`. One whose account is not found is damage: left out, it would
    /// keep its window from being sealed.
    pub fn due_payments(
        &self,
        window: &WindowKey,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DuePayment>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT payment_key, account_id, payment_id \
             FROM payment INDEXED BY payment_pending LEFT JOIN account USING (account_key) \
             WHERE state = 'scheduled' AND payment.product = ?1 AND effective_day = ?2 \
             AND window_minutes = ?3 AND payment_key > ?4 ORDER BY payment_key LIMIT ?5",
        )?;
        let (product, date) = (window.product.as_str(), day(window.date));
        let values = params![product, date, minutes(window.window), key(after), number(limit)];
        let rows = statement.query_map(values, |row| {
            Ok(DuePayment {
                account: word(row, "account_id")?,
                payment: payment_id(row, "payment_id")?,
                first_position: position(row.get("payment_key")?),
            })
        })?;
        rows.collect()
    }
}

fn read(row: &Row<'_>) -> Found<PaymentRow> {
    let token: Option<String> = row.get("funding_token")?;
    let last_four = row.get("funding_last_four")?;
    Ok(PaymentRow {
        payment: payment_id(row, "payment_id")?,
        account: word(row, "account_id")?,
        product: word(row, "product")?,
        channel: word(row, "channel")?,
        state: PaymentState::stored(row.get_ref("state")?.as_str()?)?,
        amount: amount(row, "amount_cents")?,
        effective_date: date(row, "effective_day")?,
        window: maybe_window(row, "window_minutes")?,
        cutoff_at: maybe_instant(row, "cutoff_nanos")?,
        origination_date: maybe_date(row, "origination_day")?,
        scheduled_at: maybe_instant(row, "scheduled_nanos")?,
        funding: token.map(|token| Funding { token, last_four }),
        reference: row.get("reference")?,
        third_party_fee: columns::amount(row.get("third_party_fee_cents")?),
        payoff_quote: maybe_uuid(row, "payoff_quote_id")?.map(QuoteId::from_uuid),
        cancelled_at: maybe_instant(row, "cancelled_nanos")?,
        cancel_reason: maybe_word(row, "cancel_reason")?,
        applied_at: maybe_instant(row, "applied_nanos")?,
        returned_at: maybe_instant(row, "returned_nanos")?,
        return_code: row.get("return_code")?,
        reinstated_at: maybe_instant(row, "reinstated_nanos")?,
        settlement_date: maybe_date(row, "settlement_day")?,
        withheld: columns::amount(row.get("withheld_cents")?),
        split: split(row)?,
        first_position: position(row.get("payment_key")?),
        last_position: position(row.get("last_position")?),
    })
}

/// None until the payment was applied.
fn split(row: &Row<'_>) -> Found<Option<Split>> {
    let Some(interest) = maybe_money(row, "interest_cents")? else { return Ok(None) };
    let part = |column| maybe_money(row, column).map(Option::unwrap_or_default);
    let write_off = WriteOff {
        interest: part("written_off_interest_cents")?,
        principal: part("written_off_principal_cents")?,
        fees: part("written_off_fees_cents")?,
        residual: part("written_off_residual_cents")?,
        credit: part("written_off_credit_cents")?,
    };
    Ok(Some(Split {
        interest,
        principal: part("principal_cents")?,
        fees: part("fees_cents")?,
        rentals: part("rentals_cents")?,
        tax: part("tax_cents")?,
        residual: part("residual_cents")?,
        sales_tax: part("sales_tax_cents")?,
        recovery: part("recovery_cents")?,
        credit: part("credit_cents")?,
        write_off: (write_off != WriteOff::default()).then_some(write_off),
    }))
}
