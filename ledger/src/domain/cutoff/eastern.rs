//! Local dates and times in New York, to instants and back.
//!
//! chrono-tz spells its transitions out to the end of 2099; after that it knows standard time
//! only, which is still an answer, and far past every `max_days_ahead` of today.

use chrono::{
    DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc,
};
use chrono_tz::America::New_York;

use super::Window;

/// The release of the tz database that the instants below come from; stored beside every cut-off.
pub const fn tz_database_version() -> &'static str {
    chrono_tz::IANA_TZDB_VERSION
}

/// The date on the calendars of New York at an instant.
pub fn eastern_date(instant: DateTime<Utc>) -> NaiveDate {
    let utc = instant.naive_utc();
    let offset = New_York.offset_from_utc_datetime(&utc).fix();
    // Only within hours of the ends of chrono's calendar is there no such local time.
    utc.checked_add_offset(offset).map_or_else(|| utc.date(), |local| local.date())
}

/// The instant at which a window of a date closes. 24:00 is 00:00 of the next date, so that a day
/// of 23 or 25 hours ends when it ends.
pub fn instant_of(date: NaiveDate, window: Window) -> DateTime<Utc> {
    let local = match window.time() {
        Some(time) => Some(date.and_time(time)),
        None => date.succ_opt().map(|next| next.and_time(NaiveTime::MIN)),
    };
    local.and_then(instant_of_local).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// When the clocks go back an hour happens twice, and the later one counts: a payment may be taken
/// into a window a moment late, never refused early. When they go forward an hour does not happen,
/// and a cut-off in it falls where the clock would have shown it, an hour on. `None` past the end
/// of chrono's calendar.
fn instant_of_local(local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let found = match New_York.from_local_datetime(&local) {
        LocalResult::Single(found) | LocalResult::Ambiguous(_, found) => found,
        LocalResult::None => {
            let after_the_gap = local.checked_add_signed(Duration::hours(1))?;
            New_York.from_local_datetime(&after_the_gap).latest()?
        }
    };
    Some(found.with_timezone(&Utc))
}
