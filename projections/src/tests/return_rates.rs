//! The vector of domain rule 3.5, in full: counts as large as a bank's, in rows that no bank has.

use ledger::domain::rulebook::Rulebook;
use rusqlite::Connection;

use crate::schema::{FOLD_VERSION, INDEXES, tables, views};

/// Read models with so many debits that were originated on the last accounting day, 2026-03-04, of
/// which the first ones came back on it as unauthorised.
fn debits(debits: u32, unauthorised: u32) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for sql in [&tables(), &views(), INDEXES] {
        database.execute_batch(sql).unwrap();
    }
    database.execute_batch("INSERT INTO ledger_day VALUES ('auto', 1020, 20516, 1, 1)").unwrap();
    let rows = "WITH RECURSIVE debit (key) AS (SELECT 1 WHERE ?1 > 0 UNION ALL \
                SELECT key + 1 FROM debit WHERE key < ?1) \
                INSERT INTO payment (payment_key, payment_id, account_key, product, channel, \
                state, amount_cents, effective_day, origination_day, returned_day, return_code, \
                last_position) \
                SELECT key, CAST(key AS BLOB), 1, 'auto', 'own_ach', \
                CASE WHEN key <= ?2 THEN 'returned' ELSE 'applied' END, 100, 20515, 20516, \
                CASE WHEN key <= ?2 THEN 20516 END, CASE WHEN key <= ?2 THEN 'R10' END, key \
                FROM debit";
    database.execute(rows, [debits, unauthorised]).unwrap();
    database
}

fn unauthorised(database: &Connection) -> (i64, i64, Option<String>, i64) {
    let sql = "SELECT returns, debits, rate, is_above FROM return_rates \
               WHERE period = 'rolling_days' AND class = 'unauthorised'";
    let row =
        database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    row.unwrap()
}

#[test]
fn of_100_000_debits_480_unauthorised_are_within_and_501_are_above() {
    for (returns, rate, above) in [
        (480_u32, "0.0048", 0),
        (500, "0.005", 0),
        (501, "0.00501", 1),
        (100_000, "1", 1),
        (0, "0", 0),
    ] {
        let expected = (i64::from(returns), 100_000, Some(rate.to_owned()), above);
        assert_eq!(unauthorised(&debits(100_000, returns)), expected);
    }
}

#[test]
fn what_is_above_by_less_than_a_rate_can_show_is_above() {
    // 0.005 of 200,199 is 1,000.995.
    let rate = Some("0.005".to_owned());
    assert_eq!(unauthorised(&debits(200_199, 1_001)), (1_001, 200_199, rate, 1));
    assert_eq!(unauthorised(&debits(0, 0)), (0, 0, None, 0));
}

#[test]
fn a_new_rulebook_comes_with_a_new_version_of_the_fold() {
    // A view holds its levels and codes, and only a file that is built anew gets another one.
    let built_in = Rulebook::built_in();
    assert_eq!((built_in.version(), FOLD_VERSION), ("2026-11.3", 14));
}
