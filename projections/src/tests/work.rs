//! A page of a list is as much work as its own rows are, wherever it is in however long a list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::domain::product::{Channel, Product};
use ledger::envelope::Position;
use rusqlite::Connection;

use super::kit::{Bank, day, id};
use super::open::followed;
use crate::database::open_reader;
use crate::queries::accounts::{AccountFilter, AccountState};
use crate::queries::page::{Listed, Page};
use crate::queries::payments::{PaymentFilter, PaymentState, PendingFilter};
use crate::{Reader, generation};

const ROWS: usize = 3;

/// A page of that many rows takes less of the steps of SQLite's machine; to look at all rows of a
/// list, or to sort them, many times as many.
const STEPS: u64 = 1500;

/// Two accounts of each product, with the liens of their vehicles, and payments that wait for one
/// window: more of the first product than of the others.
async fn bank() -> Bank {
    let mut bank = Bank::new();
    let products = [(Product::AutoLoan, 200), (Product::Lease, 100), (Product::PersonalLoan, 100)];
    for (product, payments) in products {
        for number in 0..2 {
            let account = id(&format!("{product:?}-{number}").to_lowercase());
            bank.open(&account, product, "90000.00").await;
            for _ in 0..payments / 2 {
                bank.schedule(&account, "1.00", day("2026-03-05")).await.unwrap();
            }
        }
    }
    bank
}

/// Walks through a list, and gives how many rows it has.
fn walk<T>(
    database: &mut Connection,
    head: Position,
    list: impl Fn(&Reader<'_>, Page) -> Result<Listed<T>, rusqlite::Error>,
) -> usize {
    let steps = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&steps);
    let counting = move || {
        count.fetch_add(1, Ordering::Relaxed);
        false
    };
    database.progress_handler(1, Some(counting)).unwrap();
    let (mut rows, mut page) = (0_usize, Page::first(ROWS));
    loop {
        steps.store(0, Ordering::Relaxed);
        let listed = list(&Reader::of(database, head), page).unwrap();
        let taken = steps.load(Ordering::Relaxed);
        assert!(taken < STEPS, "{taken} after {rows} rows");
        rows = rows.saturating_add(listed.rows.len());
        let Some(start) = listed.next else { return rows };
        assert_eq!(listed.rows.len(), ROWS);
        page.start = Some(start);
    }
}

#[tokio::test]
async fn no_page_of_a_list_sorts_or_passes_over_the_others() {
    let bank = bank().await;
    let folder = tempfile::tempdir().unwrap();
    let _projections = followed(&bank, &folder).await;
    let head = bank.head().await;
    let file = generation::file(&generation::folder(folder.path()), 1);
    let mut database = open_reader(&file).unwrap();
    let date = Some(day("2026-03-05"));
    let window = "15:00".parse().ok();
    for product in [None, Some(Product::AutoLoan), Some(Product::PersonalLoan)] {
        for (effective_date, window) in [(None, None), (date, None), (None, window), (date, window)]
        {
            let filter = PendingFilter { product, effective_date, window, account: None };
            let rows =
                walk(&mut database, head, |reader, page| reader.pending_payments(&filter, page));
            let expected = match product {
                None => 400,
                Some(Product::AutoLoan) => 200,
                Some(_) => 100,
            };
            assert_eq!(rows, expected, "{filter:?}");
        }
    }
    let state = Some(PaymentState::Scheduled);
    let (effective_from, effective_to) = (date, date);
    let filters = [
        PaymentFilter::default(),
        PaymentFilter { state, channel: Some(Channel::OwnAch), ..PaymentFilter::default() },
        PaymentFilter { effective_from, effective_to, ..PaymentFilter::default() },
    ];
    for filter in filters {
        let rows = walk(&mut database, head, |reader, page| reader.payments(&filter, page));
        assert_eq!(rows, 400, "{filter:?}");
    }
    let open = AccountFilter { product: None, state: Some(AccountState::Open) };
    let rows = walk(&mut database, head, |reader, page| reader.accounts(open, page));
    assert_eq!(rows, 6);
    walk(&mut database, head, |reader, page| reader.titles(None, page));
}

/// The pages of a list, one after the other, are the list.
#[tokio::test]
async fn pages_of_pending_payments_are_in_the_order_of_all_of_them() {
    let mut bank = Bank::new();
    let products = [Product::PersonalLoan, Product::Lease, Product::AutoLoan];
    for (number, product) in products.into_iter().enumerate() {
        let account = id(&format!("a-{number}"));
        bank.open(&account, product, "90000.00").await;
        for (date, hour) in [("05", "10"), ("04", "11"), ("03", "16"), ("05", "12"), ("03", "10")] {
            bank.now = format!("2026-03-03T{hour}:00:00-05:00").parse().unwrap();
            let date = day(&format!("2026-03-{date}"));
            bank.schedule(&account, "1.00", date).await.unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let _projections = followed(&bank, &folder).await;
    let head = bank.head().await;
    let file = generation::file(&generation::folder(folder.path()), 1);
    let database = open_reader(&file).unwrap();
    let reader = Reader::of(&database, head);
    let of = |filter: &PendingFilter, size| {
        let (mut rows, mut page) = (Vec::new(), Page::first(size));
        loop {
            let listed = reader.pending_payments(filter, page).unwrap();
            rows.extend(listed.rows);
            let Some(start) = listed.next else { return rows };
            page.start = Some(start);
        }
    };
    let every = of(&PendingFilter::default(), 1000);
    let order = |row: &crate::queries::payments::PaymentRow| {
        (row.product.as_str(), row.effective_date, row.window, row.first_position)
    };
    assert!(every.is_sorted_by_key(order));
    assert_eq!(every.len(), 15);
    let dates = [None, Some(day("2026-03-03")), Some(day("2026-03-05")), Some(day("2026-04-01"))];
    let windows = [None, "15:00".parse().ok(), "18:00".parse().ok()];
    let products = [None, Some(Product::AutoLoan), Some(Product::Lease)];
    for effective_date in dates {
        for window in windows {
            for product in products {
                for account in [None, Some(id("a-1"))] {
                    let filter = PendingFilter { account, product, effective_date, window };
                    let expected: Vec<_> = every
                        .iter()
                        .filter(|row| {
                            filter.account.as_ref().is_none_or(|it| *it == row.account)
                                && product.is_none_or(|it| it == row.product)
                                && effective_date.is_none_or(|it| it == row.effective_date)
                                && window.is_none_or(|it| Some(it) == row.window)
                        })
                        .cloned()
                        .collect();
                    for size in [1, 2, 5, 1000] {
                        assert_eq!(of(&filter, size), expected, "{filter:?}");
                    }
                }
            }
        }
    }
}
