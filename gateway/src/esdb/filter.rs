//! Filters of reads of the whole log: by the name of the stream or the type of the event, by prefix
//! or by regular expression, look-around included, which clients use to leave out system events.

use fancy_regex::{Regex, RegexBuilder};
use ledger::envelope::RecordedEvent;
use proto::event_store::client::streams::read_req::options::FilterOptions;
use proto::event_store::client::streams::read_req::options::filter_options::{Expression, Filter};
use tonic::Status;

/// How much work one match may take: what is beyond was written to burn the server's time.
const BACKTRACKS_MAX: usize = 10_000;

/// The longest expression, in bytes.
const REGEX_BYTES_MAX: usize = 1024;

/// Which events are wanted.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// All of them.
    Everything,
    /// Those whose stream's name matches.
    Stream(Pattern),
    /// Those whose type's name matches.
    Kind(Pattern),
}

/// What a name is held against.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// It begins with one of these.
    Prefixes(Vec<String>),
    /// It holds a match of this.
    Regex(Box<Regex>),
}

impl Wanted {
    /// Reads a filter.
    pub fn read(options: FilterOptions) -> Result<Self, Status> {
        match options.filter {
            None => Ok(Self::Everything),
            Some(Filter::StreamIdentifier(names)) => Ok(Self::Stream(pattern(names)?)),
            Some(Filter::EventType(names)) => Ok(Self::Kind(pattern(names)?)),
        }
    }

    /// Is `event` wanted?
    pub fn wants(&self, event: &RecordedEvent) -> Result<bool, Status> {
        match self {
            Self::Everything => Ok(true),
            Self::Stream(pattern) => pattern.matches(event.stream.as_str()),
            Self::Kind(pattern) => pattern.matches(&event.kind),
        }
    }
}

fn pattern(names: Expression) -> Result<Pattern, Status> {
    if !names.prefix.is_empty() {
        return Ok(Pattern::Prefixes(names.prefix));
    }
    if names.regex.len() > REGEX_BYTES_MAX {
        return Err(Status::invalid_argument("the filter's regular expression is too long"));
    }
    let regex = RegexBuilder::new(&names.regex).backtrack_limit(BACKTRACKS_MAX).build();
    match regex {
        Ok(regex) => Ok(Pattern::Regex(Box::new(regex))),
        Err(error) => {
            Err(Status::invalid_argument(format!("the filter's regular expression: {error}")))
        }
    }
}

impl Pattern {
    fn matches(&self, name: &str) -> Result<bool, Status> {
        match self {
            Self::Prefixes(prefixes) => Ok(prefixes.iter().any(|prefix| name.starts_with(prefix))),
            Self::Regex(regex) => regex.is_match(name).map_err(|error| {
                Status::invalid_argument(format!("the filter's regular expression: {error}"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(text: &str) -> Result<Pattern, Status> {
        pattern(Expression { regex: text.to_owned(), prefix: Vec::new() })
    }

    #[test]
    fn names_match_by_prefix_or_by_expression_with_look_ahead() {
        let prefix = vec!["account-".to_owned(), "books".to_owned()];
        let prefixes = pattern(Expression { regex: "^x".to_owned(), prefix }).unwrap();
        let ours = regex(r"^(?!\$|payledger-(?!copy$))").unwrap();
        let not_system = regex(r"^[^\$].*").unwrap();
        for (name, by_prefix, by_ours, by_idiom) in [
            ("account-1", true, true, true),
            ("books", true, true, true),
            ("rulebook", false, true, true),
            ("$stats", false, false, false),
            ("payledger-runner", false, false, true),
            ("payledger-copy", false, true, true),
            ("payledger-copy-2", false, false, true),
        ] {
            assert_eq!(prefixes.matches(name).unwrap(), by_prefix, "{name}");
            assert_eq!(ours.matches(name).unwrap(), by_ours, "{name}");
            assert_eq!(not_system.matches(name).unwrap(), by_idiom, "{name}");
        }
    }

    #[test]
    fn an_expression_that_is_wrong_or_costs_too_much_is_refused() {
        for wrong in ["(", &"a".repeat(REGEX_BYTES_MAX + 1)] {
            assert_eq!(regex(wrong).unwrap_err().code(), tonic::Code::InvalidArgument);
        }
        let costly = regex(r"^(?=(a+)+$)\1b").unwrap();
        let refusal = costly.matches(&"a".repeat(60)).map(|_| ());
        assert!(refusal.is_ok() || refusal.unwrap_err().code() == tonic::Code::InvalidArgument);
    }
}
