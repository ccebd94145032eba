//! `payledger calendar`: the Federal Reserve's holidays of a year, without a server.

use std::io::{self, Write};

use chrono::NaiveDate;
use ledger::domain::calendar::{CalendarOverride, Holiday};
use ledger::domain::rulebook::Rulebook;
use serde::Serialize;

use super::CliError;
use super::output::{Output, write_csv, write_json, write_json_line, write_table};

/// Shows the Federal Reserve's holidays of a year and which of them close banks.
#[derive(Debug, clap::Args)]
pub struct CalendarArgs {
    /// The year, from 1 to 9999.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=9999))]
    pub year: i32,
}

/// The answer as one document.
#[derive(Debug, Serialize)]
struct YearOfHolidays<'a> {
    year: i32,
    holidays: &'a [Holiday],
    overrides: Vec<&'a CalendarOverride>,
    rulebook: &'a str,
}

/// Writes the holidays of the year that was asked for. JSON lines are one holiday a line.
pub fn run(args: &CalendarArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let rulebook = Rulebook::built_in();
    write_year(&rulebook, args.year, form, out).map_err(CliError::output())
}

/// What a table of holidays shows.
const COLUMNS: [&str; 3] = ["date", "holiday", "banks close on"];

fn write_year(
    rulebook: &Rulebook,
    year: i32,
    form: Output,
    out: &mut impl Write,
) -> io::Result<()> {
    let holidays = rulebook.calendar().holidays(year);
    match form {
        Output::Json => {
            let overrides = rulebook.calendar().overrides_in(year);
            let rulebook = rulebook.version();
            write_json(out, &YearOfHolidays { year, holidays: &holidays, overrides, rulebook })
        }
        Output::Jsonl => holidays.iter().try_for_each(|holiday| write_json_line(out, holiday)),
        Output::Table => write_table(out, COLUMNS, holidays.iter().map(row)),
        Output::Csv => {
            write_csv(out, &COLUMNS, holidays.iter().map(|holiday| row(holiday).to_vec()))
        }
    }
}

fn row(holiday: &Holiday) -> [String; 3] {
    let day = |date: NaiveDate| date.format("%a %Y-%m-%d").to_string();
    let closed = holiday.observed_date.filter(|_| holiday.closes_banks);
    let closed = closed.map_or_else(|| "-".to_owned(), day);
    [day(holiday.date), holiday.name.to_owned(), closed]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(year: i32, form: Output) -> String {
        let mut out = Vec::new();
        run(&CalendarArgs { year }, form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_year_says_which_holidays_close_banks_and_when() {
        let year: serde_json::Value = serde_json::from_str(&written(2027, Output::Json)).unwrap();
        assert_eq!(year["year"], 2027);
        let holidays = year["holidays"].as_array().unwrap();
        assert_eq!(holidays.len(), 11);
        let on = |date: &str| holidays.iter().find(|h| h["date"] == date).unwrap();
        let sunday = on("2027-07-04");
        assert_eq!(sunday["name"], "Independence Day");
        assert_eq!(sunday["observed_date"], "2027-07-05");
        assert_eq!(sunday["closes_banks"], true);
        for saturday in ["2027-06-19", "2027-12-25"] {
            assert_eq!(on(saturday)["observed_date"], serde_json::Value::Null, "{saturday}");
            assert_eq!(on(saturday)["closes_banks"], false, "{saturday}");
        }
        assert_eq!(on("2027-01-01")["observed_date"], "2027-01-01");
    }

    #[test]
    fn json_lines_are_one_holiday_a_line() {
        let lines = written(2026, Output::Jsonl);
        assert_eq!(lines.lines().count(), 11);
        assert!(lines.starts_with(r#"{"name":"New Year's Day","date":"2026-01-01""#), "{lines}");
    }

    #[test]
    fn a_table_shows_a_dash_where_nothing_closes() {
        let table = written(2026, Output::Table);
        let saturday = table.lines().find(|line| line.contains("Sat 2026-07-04")).unwrap();
        assert!(saturday.split_whitespace().any(|word| word == "-"), "{saturday}");
    }
}
