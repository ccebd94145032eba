//! How many of the debits that were originated came back, beside the levels that the rules of the
//! network set (domain rule 3.5): one statement, which the view and the query share.
//!
//! Both counts are of the same days, and not of the same debits, as the rule has it: what came back
//! in the period, whenever it was originated, over what was originated in it. A debit is of its
//! origination date, the day on which the bank was to move it; a return of the accounting day to
//! which it was posted. Nothing is presented twice here, so that each payment of our own that was
//! applied is one forward entry, and one return at most: the last, if it was not undone.

use ledger::domain::rulebook::{Dated, ReturnClass, ReturnRule, Rulebook, Timeline};

use super::{AS_OF_DAY, date, plain};
use crate::columns::day;
use crate::queries::return_rates::ReturnPeriod;

/// How many days a debit may be originated after its effective date, at most: the banks are never
/// closed for so long.
const ORIGINATED_AFTER_DAYS_MAX: u32 = 31;

/// Rows of a table that is written into the statement.
fn values(rows: impl IntoIterator<Item = String>) -> String {
    rows.into_iter().collect::<Vec<_>>().join(", ")
}

/// The rules of a timeline with the first and the last day of each. Before the first one it holds
/// all the same.
fn spans<T>(timeline: &Timeline<T>) -> impl Iterator<Item = (i64, i64, &T)> {
    let from = |dated: &Dated<T>| day(dated.valid_from);
    let starts = std::iter::once(i64::MIN).chain(timeline.iter().skip(1).map(from));
    let ends = timeline.iter().skip(1).map(move |dated| from(dated).saturating_sub(1));
    let ends = ends.chain(std::iter::once(i64::MAX));
    let rules = timeline.iter().map(|dated| &dated.rule);
    starts.zip(ends).zip(rules).map(|((first, last), rule)| (first, last, rule))
}

/// The levels, as rows: from when, over which periods, and in millionths.
fn policies(rules: &Rulebook) -> String {
    values(spans(rules.return_rates()).map(|(first, last, policy)| {
        let [unauthorised, administrative, overall] =
            [ReturnClass::Unauthorised, ReturnClass::Administrative, ReturnClass::Overall]
                .map(|class| policy.level(class).millionths());
        let (days, months) = (policy.days, policy.calendar_months);
        format!("({first}, {last}, {days}, {months}, {unauthorised}, {administrative}, {overall})")
    }))
}

/// The codes that count to a class other than the overall one, as rows.
fn counted(rules: &Rulebook) -> String {
    let narrow = [ReturnClass::Unauthorised, ReturnClass::Administrative];
    values(rules.return_codes().flat_map(|(code, timeline)| {
        spans(timeline).flat_map(move |(first, last, rule)| {
            let classes = narrow.into_iter().filter(|class| rule.counts_to(*class));
            classes.map(move |class| format!("('{class}', '{code}', {first}, {last})"))
        })
    }))
}

/// The codes that contest the dishonour of a return, as a list.
fn contests(rules: &Rulebook) -> String {
    let contests = |timeline: &Timeline<ReturnRule>| timeline.iter().any(|it| it.rule.contests());
    let codes = rules.return_codes().filter(|(_, timeline)| contests(timeline));
    values(codes.map(|(code, _)| format!("'{code}'")))
}

/// The classes, as rows.
fn classes() -> String {
    values(
        ReturnClass::ALL.iter().zip(0_u32..).map(|(class, place)| format!("({place}, '{class}')")),
    )
}

/// Millionths as the shortest exact decimal.
fn fraction(millionths: &str) -> String {
    format!(
        "rtrim(rtrim(printf('%d.%06d', ({millionths}) / 1000000, ({millionths}) % 1000000), '0'), \
         '.')"
    )
}

/// What the statement answers with, one column each.
fn columns() -> String {
    let rate = fraction("(returns * 2000000 + debits) / (debits * 2)");
    let columns = [
        date("as_of_day", "as_of_date"),
        plain("period"),
        date("first_day", "from_date"),
        date("last_day", "through_date"),
        plain("class"),
        plain("debits"),
        plain("returns"),
        format!("CASE WHEN debits > 0 THEN {rate} END AS rate"),
        format!("{} AS level", fraction("level_millionths")),
        plain("debits > 0 AND returns * 1000000 > level_millionths * debits AS is_above"),
    ];
    columns.join(",\n    ")
}

/// The statement for the day that the expression `as_of` names; no row if it names none.
pub(crate) fn select(as_of: &str) -> String {
    let rules = Rulebook::built_in();
    include_str!("return_rates.sql")
        .replace("{policies}", &policies(&rules))
        .replace("{counted}", &counted(&rules))
        .replace("{classes}", &classes())
        .replace("{contests}", &contests(&rules))
        .replace("{as_of}", as_of)
        .replace("{rolling_days}", ReturnPeriod::RollingDays.as_str())
        .replace("{calendar_months}", ReturnPeriod::CalendarMonths.as_str())
        .replace("{originated_after_days}", &ORIGINATED_AFTER_DAYS_MAX.to_string())
        .replace("{columns}", &columns())
}

pub(super) fn return_rates() -> String {
    format!("CREATE VIEW return_rates AS {};\n", select(AS_OF_DAY))
}
