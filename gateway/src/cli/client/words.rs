//! The words that arguments take for members of the contract's enums, and arguments that many
//! verbs share.

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use ledger::domain::cutoff::Window;
use ledger::domain::interest::DayCount;
use serde::Serialize;

use crate::cli::render::{contract, short_names};
use crate::convert::enums;

/// Takes the short name of a member of an enum of the contract.
pub fn member(of: &str) -> PossibleValuesParser {
    let members = contract().get_enum_by_name(&format!("payledger.v1.{of}"));
    PossibleValuesParser::new(members.map(|members| short_names(&members)).unwrap_or_default())
}

/// Takes a product by its name in the contract, or by the shorter one of the rules.
pub fn product() -> impl TypedValueParser<Value = String> {
    let with_alias = |name: &'static str, alias| PossibleValue::new(name).alias(alias);
    let products = [
        with_alias("auto_loan", "auto"),
        PossibleValue::new("lease"),
        with_alias("personal_loan", "personal"),
        with_alias("credit_card", "card"),
    ];
    PossibleValuesParser::new(products).map(|word| match word.as_str() {
        "auto" => "auto_loan".to_owned(),
        "personal" => "personal_loan".to_owned(),
        "card" => "credit_card".to_owned(),
        _ => word,
    })
}

/// Takes a day count by its name in the contract, or by the one that the rules and tables use.
pub fn day_count() -> impl TypedValueParser<Value = String> {
    let known = DayCount::ALL
        .iter()
        .map(|&count| PossibleValue::new(day_count_name(count)).alias(count.as_str()));
    PossibleValuesParser::new(known).map(|word| word.parse().map_or(word, day_count_name))
}

fn day_count_name(count: DayCount) -> String {
    let name = enums::day_count_to_wire(count).as_str_name();
    name.trim_start_matches("DAY_COUNT_BASIS_").to_ascii_lowercase()
}

/// Takes a window by its cut-off: any time of day, since which windows there are is dated, and the
/// server's to say.
pub fn window() -> impl TypedValueParser<Value = String> {
    StringValueParser::new().try_map(|word| word.parse::<Window>().map(|window| window.to_string()))
}

/// What every change carries.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct RequestId {
    /// The UUID of this request: the same one again gets the first answer and does nothing twice.
    /// Default: a new one, written to standard error before it is sent.
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<String>,
}

/// What every question may carry.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct MinPosition {
    /// The position that the answer must at least reflect: to see a change, the position it gave.
    #[arg(long, value_name = "POSITION")]
    pub min_position: Option<u64>,
}

/// How much of the log a question takes into account.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct KnownTime {
    /// Counts only events up to this position: what was known then. Default: all.
    #[arg(long, value_name = "POSITION", conflicts_with = "known_time")]
    pub known_position: Option<u64>,
    /// Counts only events of requests received up to this instant: what was known then. Default:
    /// all.
    #[arg(long, value_name = "INSTANT")]
    pub known_time: Option<String>,
}

/// What a change may carry that was previewed.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct PreviewHash {
    /// The hash of a preview: refused if the account or the accounting day has changed since, or
    /// if it was of another change.
    #[arg(long, value_name = "HASH")]
    pub preview_hash: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct Page {
    /// How many to list at most, up to 1000. Default: 100.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub page_size: Option<i32>,
    /// The `next_page_token` of the page before. Default: the first page.
    #[arg(long, value_name = "TOKEN")]
    pub page_token: Option<String>,
    /// See [`MinPosition`].
    #[command(flatten)]
    #[serde(flatten)]
    pub min_position: MinPosition,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    #[test]
    fn the_words_for_products_are_those_of_the_contract() {
        let members = contract().get_enum_by_name("payledger.v1.Product").unwrap();
        let words: Vec<_> = product().possible_values().unwrap().collect();
        let names: Vec<_> = words.iter().map(|word| word.get_name().to_owned()).collect();
        assert_eq!(names, short_names(&members));
    }

    #[test]
    fn a_day_count_goes_by_either_name() {
        let members = contract().get_enum_by_name("payledger.v1.DayCountBasis").unwrap();
        let command = clap::Command::new("test");
        let names: Vec<_> = DayCount::ALL
            .iter()
            .map(|count| day_count().parse_ref(&command, None, count.as_str().as_ref()).unwrap())
            .collect();
        assert_eq!(names, short_names(&members));
        for name in &names {
            assert_eq!(&day_count().parse_ref(&command, None, name.as_ref()).unwrap(), name);
        }
        assert!(day_count().parse_ref(&command, None, "30/365".as_ref()).is_err());
    }

    #[test]
    fn a_window_is_any_time_of_day_and_the_server_knows_which_there_are() {
        let command = clap::Command::new("test");
        let parsed = |word: &str| window().parse_ref(&command, None, word.as_ref());
        for word in ["15:00", "17:30", "24:00"] {
            assert_eq!(parsed(word).unwrap(), word);
        }
        for word in ["3", "15", "24:01", "noon"] {
            assert_eq!(parsed(word).unwrap_err().kind(), ErrorKind::ValueValidation, "{word}");
        }
    }

    #[test]
    fn a_word_of_the_rules_stands_for_the_contracts() {
        let command = clap::Command::new("test");
        let parsed = |word: &str| product().parse_ref(&command, None, word.as_ref());
        for (word, name) in
            [("auto", "auto_loan"), ("personal", "personal_loan"), ("lease", "lease")]
        {
            assert_eq!(parsed(word).unwrap(), name);
        }
        assert_eq!(parsed("boat").unwrap_err().kind(), ErrorKind::InvalidValue);
    }
}
