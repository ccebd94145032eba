//! Filters of reads of the whole log: by the name of the stream or the type of the event, by prefix
//! or by regular expression, look-around included, which clients use to leave out system events.

use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};
use ledger::envelope::RecordedEvent;
use proto::event_store::client::streams::read_req::options::FilterOptions;
use proto::event_store::client::streams::read_req::options::filter_options::{Expression, Filter};
use tokio::sync::Semaphore;
use tonic::Status;

/// How much work one match may take: what is beyond was written to burn the server's time.
const BACKTRACKS_MAX: usize = 10_000;

/// The longest expression, in bytes.
const REGEX_BYTES_MAX: usize = 1024;

/// How large a part of an expression may become, in bytes: a short one may say a lot, by counts.
const REGEX_SIZE_MAX: usize = 256 * 1024;

/// How many steps it may become, all in all.
const REGEX_STEPS_MAX: usize = 8192;

/// The most prefixes of one filter.
const PREFIXES_MAX: usize = 64;

/// How many threads work on expressions at one time, for all callers together.
const WORK_AT_ONCE: usize = 2;

/// Where expressions are worked on: on threads that may block, few at a time and in turn, so that
/// an expression that takes long holds up other expressions, and no call.
#[derive(Debug, Clone)]
pub struct Desk(Arc<Semaphore>);

impl Default for Desk {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WORK_AT_ONCE)))
    }
}

impl Desk {
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let turn = turn.map_err(|closed| Status::internal(closed.to_string()))?;
        let working = tokio::task::spawn_blocking(move || {
            // Kept until the work is done, whether the caller is still there or not.
            let _turn = turn;
            work()
        });
        working.await.unwrap_or_else(|fault| Err(Status::internal(fault.to_string())))
    }
}

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
    Prefixes(Arc<[String]>),
    /// It holds a match of this.
    Regex(Arc<Regex>),
}

impl Wanted {
    /// Reads a filter.
    pub async fn read(options: FilterOptions, desk: &Desk) -> Result<Self, Status> {
        match options.filter {
            None => Ok(Self::Everything),
            Some(Filter::StreamIdentifier(names)) => Ok(Self::Stream(pattern(names, desk).await?)),
            Some(Filter::EventType(names)) => Ok(Self::Kind(pattern(names, desk).await?)),
        }
    }

    /// The first events that are wanted, at most `limit`.
    pub async fn sift(
        &self,
        events: Vec<RecordedEvent>,
        limit: usize,
        desk: &Desk,
    ) -> Result<Vec<RecordedEvent>, Status> {
        match self {
            Self::Everything => Ok(events.into_iter().take(limit).collect()),
            Self::Stream(Pattern::Prefixes(_)) | Self::Kind(Pattern::Prefixes(_)) => {
                self.sift_here(events, limit)
            }
            Self::Stream(Pattern::Regex(_)) | Self::Kind(Pattern::Regex(_)) => {
                let wanted = self.clone();
                desk.work(move || wanted.sift_here(events, limit)).await
            }
        }
    }

    fn sift_here(
        &self,
        events: Vec<RecordedEvent>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Status> {
        let mut sifted = Vec::new();
        for event in events {
            if sifted.len() >= limit {
                break;
            }
            if self.wants(&event)? {
                sifted.push(event);
            }
        }
        Ok(sifted)
    }

    fn wants(&self, event: &RecordedEvent) -> Result<bool, Status> {
        match self {
            Self::Everything => Ok(true),
            Self::Stream(pattern) => pattern.matches(event.stream.as_str()),
            Self::Kind(pattern) => pattern.matches(&event.kind),
        }
    }
}

async fn pattern(names: Expression, desk: &Desk) -> Result<Pattern, Status> {
    if names.prefix.len() > PREFIXES_MAX {
        let said = format!("the filter has more than {PREFIXES_MAX} prefixes");
        return Err(Status::invalid_argument(said));
    }
    if !names.prefix.is_empty() {
        return Ok(Pattern::Prefixes(names.prefix.into()));
    }
    if names.regex.len() > REGEX_BYTES_MAX {
        return Err(Status::invalid_argument("the filter's regular expression is too long"));
    }
    let building = desk.work(move || {
        let mut regex = RegexBuilder::new(&names.regex);
        regex.backtrack_limit(BACKTRACKS_MAX).delegate_size_limit(REGEX_SIZE_MAX);
        regex.max_prog_size(REGEX_STEPS_MAX).build().map_err(|error| unusable(&error))
    });
    Ok(Pattern::Regex(Arc::new(building.await?)))
}

fn unusable(error: &fancy_regex::Error) -> Status {
    Status::invalid_argument(format!("the filter's regular expression: {error}"))
}

impl Pattern {
    fn matches(&self, name: &str) -> Result<bool, Status> {
        match self {
            Self::Prefixes(prefixes) => Ok(prefixes.iter().any(|prefix| name.starts_with(prefix))),
            Self::Regex(regex) => regex.is_match(name).map_err(|error| unusable(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger::envelope::{Position, StreamName, Version};
    use ledger::ids::EventId;

    use super::*;

    async fn regex(text: &str) -> Result<Pattern, Status> {
        let names = Expression { regex: text.to_owned(), prefix: Vec::new() };
        pattern(names, &Desk::default()).await
    }

    fn event(stream: &str) -> RecordedEvent {
        RecordedEvent {
            position: Position(1),
            stream: StreamName::new(stream).unwrap(),
            version: Version(1),
            id: EventId::from_uuid(uuid::Uuid::nil()),
            kind: "Said".to_owned(),
            data: Vec::new(),
            metadata: Vec::new(),
        }
    }

    #[tokio::test]
    async fn names_match_by_prefix_or_by_expression_with_look_ahead() {
        let prefix = vec!["account-".to_owned(), "books".to_owned()];
        let prefixes = Expression { regex: "^x".to_owned(), prefix };
        let prefixes = pattern(prefixes, &Desk::default()).await.unwrap();
        let ours = regex(r"^(?!\$|payledger-(?!copy$))").await.unwrap();
        let not_system = regex(r"^[^\$].*").await.unwrap();
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

    #[tokio::test]
    async fn an_expression_that_is_wrong_or_costs_too_much_is_refused() {
        let long = "a".repeat(REGEX_BYTES_MAX + 1);
        for wrong in ["(", &long, r"(\pL{99}){99}"] {
            assert_eq!(regex(wrong).await.unwrap_err().code(), tonic::Code::InvalidArgument);
        }
        let many = |count| Expression { regex: String::new(), prefix: vec!["a".to_owned(); count] };
        pattern(many(PREFIXES_MAX), &Desk::default()).await.unwrap();
        let refusal = pattern(many(PREFIXES_MAX + 1), &Desk::default()).await.unwrap_err();
        assert!(refusal.message().contains("more than 64 prefixes"), "{refusal:?}");
        let costly = regex(r"^(?=(a+)+$)\1b").await.unwrap();
        let refusal = costly.matches(&"a".repeat(60)).map(|_| ());
        assert!(refusal.is_ok() || refusal.unwrap_err().code() == tonic::Code::InvalidArgument);
    }

    #[tokio::test]
    async fn an_expression_waits_for_its_place_and_holds_up_nobody() {
        let desk = Desk::default();
        let places = u32::try_from(WORK_AT_ONCE).unwrap();
        let taken = Arc::clone(&desk.0).acquire_many_owned(places).await.unwrap();
        let wanted = Wanted::Stream(regex(r"(?=account)(\w|-)+x$").await.unwrap());
        let waiting = desk.clone();
        let sifting = tokio::spawn(async move {
            let events = vec![event("account-1"), event("account-x"), event("books")];
            wanted.sift(events, 9, &waiting).await
        });
        // There is one thread, and it does not match.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!sifting.is_finished(), "it was done where calls are answered");
        let names = Expression { regex: String::new(), prefix: vec!["account-".to_owned()] };
        let prefixes = Wanted::Stream(pattern(names, &desk).await.unwrap());
        let sifted = prefixes.sift(vec![event("books"), event("account-1")], 9, &desk).await;
        assert_eq!(sifted.unwrap(), [event("account-1")]);
        drop(taken);
        assert_eq!(sifting.await.unwrap().unwrap(), [event("account-x")]);
    }
}
