//! Titles: who waits for what, and which liens can be released.

use chrono::{DateTime, NaiveDate, Utc};
use ledger::domain::account::state::TitleState;
use ledger::envelope::Position;
use ledger::ids::AccountId;
use rusqlite::{OptionalExtension as _, Row, params};

use super::page::{Conditions, List, Listed, Page};
use super::row::{Found, maybe_date, maybe_instant, word};
use crate::Reader;
use crate::columns::{day, key, number, position};

/// The lien on one account's vehicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TitleRow {
    /// The account.
    pub account: AccountId,
    /// What its tracker shows.
    pub state: TitleState,
    /// The state of the title, two letters.
    pub title_state: String,
    /// The vehicle identification number.
    pub vin: String,
    /// Who holds the lien.
    pub lienholder: String,
    /// Since when nothing is owed.
    pub paid_off_date: Option<NaiveDate>,
    /// The first day on which the lien may be released.
    pub release_date: Option<NaiveDate>,
    /// The day by which the law wants it released.
    pub statutory_date: Option<NaiveDate>,
    /// The day of the release.
    pub released_date: Option<NaiveDate>,
    /// When the release was recorded.
    pub released_at: Option<DateTime<Utc>>,
    /// The position at which the lien was recorded.
    pub lien_position: Position,
}

/// A lien whose release is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releasable {
    /// The account.
    pub account: AccountId,
    /// The position of the last event that changed the account or its title. Refused requests and
    /// those that changed nothing do not count.
    pub last_position: Position,
}

macro_rules! select_titles {
    ($rest:literal) => {
        concat!(
            "SELECT lien_position, account_id, title_state, vin, lienholder, paid_off_day, ",
            "release_day, statutory_day, released_day, released_nanos ",
            "FROM title JOIN account USING (account_key)",
            $rest
        )
    };
}

const TITLES: List = List {
    select: select_titles!(""),
    order: "title.lien_position",
    pinned: "title.lien_position <= ?",
};

impl Reader<'_> {
    /// The title of an account, if a lien was recorded.
    pub fn title(&self, account: &AccountId) -> Result<Option<TitleRow>, rusqlite::Error> {
        self.database
            .prepare_cached(select_titles!(" WHERE account_id = ?1"))?
            .query_row([account.as_str()], read)
            .optional()
    }

    /// Titles in the order in which their liens were recorded. An account without a lien has none.
    pub fn titles(
        &self,
        state: Option<TitleState>,
        page: Page,
    ) -> Result<Listed<TitleRow>, rusqlite::Error> {
        let mut conditions = Conditions::default();
        let term = state.map(|state| match state {
            TitleState::NoLien => "FALSE",
            TitleState::LienHeld => "released_day IS NULL AND release_day IS NULL",
            TitleState::PaidOffOnHold => "released_day IS NULL AND release_day IS NOT NULL",
            TitleState::Released => "released_day IS NOT NULL AND release_day IS NOT NULL",
            TitleState::PayoffReturnedAfterRelease => {
                "released_day IS NOT NULL AND release_day IS NULL"
            }
        });
        if let Some(term) = term {
            conditions.and_all(term, []);
        }
        conditions.and_if("lien_position > ?", page.start.map(|start| key(start.after)));
        self.page(TITLES, [conditions], page, read)
    }

    /// The liens that may be released on or before `on`, the longest due first, at most `limit`.
    pub fn releasable_titles(
        &self,
        on: NaiveDate,
        limit: usize,
    ) -> Result<Vec<Releasable>, rusqlite::Error> {
        let mut statement = self.database.prepare_cached(
            "SELECT account_id, last_position FROM account INDEXED BY account_release \
             JOIN account_position USING (account_key) JOIN title USING (account_key) \
             WHERE release_day <= ?1 AND released_day IS NULL \
             ORDER BY release_day, account_key LIMIT ?2",
        )?;
        let rows = statement.query_map(params![day(on), number(limit)], |row| {
            Ok(Releasable {
                account: word(row, "account_id")?,
                last_position: position(row.get("last_position")?),
            })
        })?;
        rows.collect()
    }
}

fn read(row: &Row<'_>) -> Found<TitleRow> {
    let paid_off_date = maybe_date(row, "paid_off_day")?;
    let released = maybe_date(row, "released_day")?;
    // No date of release where somebody owes something, or the lessor keeps the vehicle.
    let due = maybe_date(row, "release_day")?;
    let state = match (released, due) {
        (None, None) => TitleState::LienHeld,
        (None, Some(_)) => TitleState::PaidOffOnHold,
        (Some(_), Some(_)) => TitleState::Released,
        (Some(_), None) => TitleState::PayoffReturnedAfterRelease,
    };
    Ok(TitleRow {
        account: word(row, "account_id")?,
        state,
        title_state: row.get("title_state")?,
        vin: row.get("vin")?,
        lienholder: row.get("lienholder")?,
        paid_off_date,
        release_date: due,
        statutory_date: maybe_date(row, "statutory_day")?,
        released_date: released,
        released_at: maybe_instant(row, "released_nanos")?,
        lien_position: position(row.get("lien_position")?),
    })
}
