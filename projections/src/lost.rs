//! What the read models of a lost log still tell about its end.

use std::path::Path;

use ledger::domain::recovery::events::{AffectedPayment, AffectedRefund};
use ledger::envelope::Position;
use ledger::ids::{PaymentId, RefundId};
use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::columns::{InOrder, amount, key, number, position};
use crate::database::{checkpoint, open_to_inspect};
use crate::error::ProjectionError;
use crate::generation;
use crate::schema::FOLD_VERSION;

/// What was changed after a position, as far as the read models had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedAfter {
    /// The last position that they hold.
    pub through: Position,
    /// What the log could say about itself there.
    pub witness: Option<String>,
    /// How many payments were scheduled or changed.
    pub payments_count: u64,
    /// The first of them.
    pub payments: Vec<AffectedPayment>,
    /// How many refunds were sent or came back.
    pub refunds_count: u64,
    /// The first of them.
    pub refunds: Vec<AffectedRefund>,
}

/// Reads what the read models of the data directory `data` hold of events after `after`, listing at
/// most `limit` of a kind. None if there are none, or of another version. Blocks.
pub fn changed_after(
    data: &Path,
    after: Position,
    limit: usize,
) -> Result<Option<ChangedAfter>, ProjectionError> {
    let folder = generation::folder(data);
    let Some(number) = generation::current(&folder)? else { return Ok(None) };
    let path = generation::file(&folder, number);
    if !path.exists() {
        return Ok(None);
    }
    let database = open_to_inspect(&path)?;
    // One snapshot for all of it.
    let database = database.unchecked_transaction()?;
    let checkpoint = checkpoint(&database)?;
    if checkpoint.fold_version != i64::from(FOLD_VERSION) {
        return Ok(None);
    }
    Ok(Some(ChangedAfter {
        through: checkpoint.position,
        witness: checkpoint.witness,
        payments_count: count(&database, "payment", after)?,
        payments: payments(&database, after, limit)?,
        refunds_count: count(&database, "refund", after)?,
        refunds: refunds(&database, after, limit)?,
    }))
}

fn count(database: &Connection, table: &str, after: Position) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM {table} WHERE last_position > ?1");
    let count: i64 = database.query_row(&sql, [key(after)], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

fn payments(
    database: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<AffectedPayment>> {
    let sql = "SELECT account_id, payment_id, state, payment.last_position
         FROM payment JOIN account USING (account_key)
         WHERE payment.last_position > ?1 ORDER BY payment.last_position LIMIT ?2";
    let mut statement = database.prepare(sql)?;
    let rows = statement.query_map(params![key(after), number(limit)], |row| {
        let mut columns = InOrder::of(row);
        Ok(AffectedPayment {
            account: columns.word()?,
            payment: PaymentId::from_uuid(Uuid::from_bytes(columns.next()?)),
            state: columns.next()?,
            position: position(columns.next()?),
        })
    })?;
    rows.collect()
}

fn refunds(
    database: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<AffectedRefund>> {
    let sql = "SELECT account_id, refund_id, amount_cents, returned_nanos, refund.last_position
         FROM refund JOIN account USING (account_key)
         WHERE refund.last_position > ?1 ORDER BY refund.last_position LIMIT ?2";
    let mut statement = database.prepare(sql)?;
    let rows = statement.query_map(params![key(after), number(limit)], |row| {
        let mut columns = InOrder::of(row);
        Ok(AffectedRefund {
            account: columns.word()?,
            refund: RefundId::from_uuid(Uuid::from_bytes(columns.next()?)),
            amount: amount(columns.next()?),
            returned: columns.next::<Option<i64>>()?.is_some(),
            position: position(columns.next()?),
        })
    })?;
    rows.collect()
}
