//! Pages: a list is pinned to the position at which its first page was read.

use ledger::envelope::Position;
use rusqlite::types::Value;

use crate::Reader;
use crate::columns::{key, number, position};

/// Where a page starts. What came onto the books after `snapshot` is in no page of the list, so
/// that pages neither repeat nor miss a row while new events arrive. What a row says, and whether
/// it still fits a filter such as a state, is as of the page's own position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageStart {
    /// The position at which the first page was read.
    pub snapshot: Position,
    /// The key of the last row before this page.
    pub after: Position,
}

/// Which page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many rows at most.
    pub size: usize,
    /// Where it starts; the first page if nothing is said.
    pub start: Option<PageStart>,
}

impl Page {
    /// The first page.
    pub const fn first(size: usize) -> Self {
        Self { size, start: None }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page starts; none after the last.
    pub next: Option<PageStart>,
}

/// A condition of a statement with the values of its places.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    terms: Vec<&'static str>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a term with one `?`.
    pub(super) fn and(&mut self, term: &'static str, value: impl Into<Value>) {
        self.terms.push(term);
        self.values.push(value.into());
    }

    /// Adds a term with one `?` if there is a value for it.
    pub(super) fn and_if<V: Into<Value>>(&mut self, term: &'static str, value: Option<V>) {
        if let Some(value) = value {
            self.and(term, value);
        }
    }

    /// Adds a term with a `?` for each value.
    pub(super) fn and_all(&mut self, term: &'static str, values: impl IntoIterator<Item = Value>) {
        self.terms.push(term);
        self.values.extend(values);
    }
}

/// A list: the statement before its conditions, its order, and what pins it.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) select: &'static str,
    pub(super) order: &'static str,
    /// The column with the position at which a row came onto the books: the first of the select.
    pub(super) pinned: &'static str,
}

impl Reader<'_> {
    /// Reads a page of `list`. The order's own start, if it is not the pinned column, is in the
    /// conditions. The list has a part for each of them, one after the other.
    pub(super) fn page<T>(
        &self,
        list: List,
        parts: impl IntoIterator<Item = Conditions>,
        page: Page,
        read: impl Fn(&rusqlite::Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Listed<T>, rusqlite::Error> {
        let snapshot = page.start.map_or(self.position(), |start| start.snapshot);
        let mut found: Vec<(i64, T)> = Vec::new();
        for mut conditions in parts {
            // One more than fit on the page, to see whether there is another.
            let wanted = page.size.saturating_add(1).saturating_sub(found.len());
            if wanted == 0 {
                break;
            }
            conditions.and(list.pinned, key(snapshot));
            conditions.values.push(number(wanted).into());
            let (select, terms, order) = (list.select, conditions.terms.join(" AND "), list.order);
            let sql = format!("{select} WHERE {terms} ORDER BY {order} LIMIT ?");
            let mut statement = self.database.prepare_cached(&sql)?;
            let values = rusqlite::params_from_iter(conditions.values);
            let rows = statement.query_map(values, |row| Ok((row.get(0)?, read(row)?)))?;
            for row in rows {
                found.push(row?);
            }
        }
        let is_more = found.len() > page.size;
        found.truncate(page.size);
        let end = found.last().map(|(place, _)| position(*place));
        let next = end.filter(|_| is_more).map(|after| PageStart { snapshot, after });
        Ok(Listed { rows: found.into_iter().map(|(_, row)| row).collect(), next })
    }
}
