//! What was measured, as a table for people and as JSON for programs.

use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cli::output::{Output, write_columns, write_csv, write_json, write_json_line};

/// All that was measured, and on what.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) settings: Vec<(&'static str, String)>,
    pub(super) figures: Vec<Figure>,
}

/// What it was measured on.
#[derive(Debug, Default, Serialize)]
pub(super) struct Machine {
    pub(super) cores: u64,
    pub(super) processor: String,
    pub(super) memory_bytes: u64,
    pub(super) version: &'static str,
}

/// A figure over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    pub(super) min: u64,
    pub(super) median: u64,
    pub(super) max: u64,
    pub(super) rounds: u64,
}

/// How long calls took, in microseconds, over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Latency {
    pub(super) p50: u64,
    pub(super) p90: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}

/// How the read models followed a load, and what all of it took of the processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Followed {
    /// Commands a second, counted until the read models hold them, too.
    pub(super) sustained: Spread,
    /// How many events the read models were behind when the load ended.
    pub(super) behind_events: Spread,
    /// How long they took then.
    pub(super) catch_up_ms: Spread,
    /// Processor time of the ledger for each command, the read models' part included.
    pub(super) processor_ns: Spread,
}

/// The rounds of a load of commands.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pub(super) rates: Vec<u64>,
    pub(super) sustained: Vec<u64>,
    pub(super) behind_events: Vec<u64>,
    pub(super) catch_up_ms: Vec<u64>,
    pub(super) processor_ns: Vec<u64>,
}

impl Rounds {
    /// The spread of the rates, and how the read models followed.
    pub(super) fn spread(self) -> (Spread, Followed) {
        let followed = Followed {
            sustained: Spread::of(self.sustained),
            behind_events: Spread::of(self.behind_events),
            catch_up_ms: Spread::of(self.catch_up_ms),
            processor_ns: Spread::of(self.processor_ns),
        };
        (Spread::of(self.rates), followed)
    }
}

/// One thing that was measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    pub(super) section: &'static str,
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) ours: Spread,
    /// The same without any work, where there is such a thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ceiling: Option<Spread>,
    /// Our median as a percentage of the ceiling's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) share_percent: Option<u64>,
    /// How the read models followed what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) followed: Option<Followed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency_us: Option<Latency>,
}

impl Spread {
    /// The spread of the figures of all rounds; zero without any.
    pub(super) fn of(mut rounds: Vec<u64>) -> Self {
        rounds.sort_unstable();
        let at = |place: usize| rounds.get(place).copied().unwrap_or_default();
        let last = rounds.len().saturating_sub(1);
        let median = at(last.checked_div(2).unwrap_or_default());
        let count = u64::try_from(rounds.len()).unwrap_or(u64::MAX);
        Self { min: at(0), median, max: at(last), rounds: count }
    }

    /// A figure that was taken once.
    pub(super) const fn once(value: u64) -> Self {
        Self { min: value, median: value, max: value, rounds: 1 }
    }

    fn shown(self) -> String {
        let median = grouped(self.median);
        if self.rounds < 2 {
            return median;
        }
        format!("{median} ({} – {})", grouped(self.min), grouped(self.max))
    }
}

impl Latency {
    /// The usual points of a distribution.
    pub(super) fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| times.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: times.max() }
    }
}

impl Figure {
    /// A figure by itself.
    pub(super) fn new(
        section: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        ours: Spread,
    ) -> Self {
        let (ceiling, share_percent) = (None, None);
        let (followed, latency_us) = (None, None);
        let what = what.into();
        Self { section, what, unit, ours, ceiling, share_percent, followed, latency_us }
    }

    /// The same beside its ceiling.
    pub(super) fn beside(mut self, ceiling: Spread) -> Self {
        self.share_percent = self.ours.median.saturating_mul(100).checked_div(ceiling.median);
        self.ceiling = Some(ceiling);
        self
    }

    /// The same with how long each call took.
    pub(super) fn with_latency(mut self, times: &Histogram<u64>) -> Self {
        self.latency_us = Some(Latency::of(times));
        self
    }

    /// The same with how the read models followed.
    pub(super) const fn followed_by(mut self, followed: Followed) -> Self {
        self.followed = Some(followed);
        self
    }

    fn row(&self) -> Vec<String> {
        let time = |point: fn(&Latency) -> u64| {
            self.latency_us.as_ref().map_or_else(String::new, |it| grouped(point(it)))
        };
        let followed = |spread: fn(&Followed) -> Spread| {
            self.followed.as_ref().map_or_else(String::new, |it| spread(it).shown())
        };
        vec![
            self.section.to_owned(),
            self.what.clone(),
            self.ours.shown(),
            self.unit.to_owned(),
            self.ceiling.map_or_else(String::new, Spread::shown),
            self.share_percent.map_or_else(String::new, |share| format!("{share} %")),
            time(|it| it.p50),
            time(|it| it.p99),
            followed(|it| it.sustained),
            followed(|it| it.catch_up_ms),
            followed(|it| it.processor_ns),
        ]
    }
}

const HEADING: [&str; 11] = [
    "section",
    "what",
    "ours",
    "unit",
    "ceiling",
    "share",
    "p50 µs",
    "p99 µs",
    "sustained",
    "catch-up ms",
    "CPU ns",
];

impl Report {
    /// Writes it as a table in Markdown.
    pub(super) fn write_markdown(&self, out: &mut impl Write) -> io::Result<()> {
        let Machine { cores, processor, memory_bytes, version } = &self.machine;
        let memory = memory_bytes >> 30;
        writeln!(out, "payledger {version}, {cores} cores ({processor}), {memory} GiB.\n")?;
        writeln!(out, "| {} |", HEADING.join(" | "))?;
        writeln!(out, "|{}", " --- |".repeat(HEADING.len()))?;
        let mut rows = self.figures.iter().map(Figure::row);
        rows.try_for_each(|row| writeln!(out, "| {} |", row.join(" | ")))
    }

    /// Writes it in the form that was asked for.
    pub(super) fn write(&self, form: Output, out: &mut impl Write) -> io::Result<()> {
        let rows = self.figures.iter().map(Figure::row);
        match form {
            Output::Json => write_json(out, self),
            Output::Jsonl => write_json_line(out, self),
            Output::Csv => write_csv(out, &HEADING, rows),
            Output::Table => {
                let Machine { cores, processor, memory_bytes, version } = &self.machine;
                let memory = memory_bytes >> 30;
                writeln!(out, "payledger {version} on {cores} cores ({processor}), {memory} GiB")?;
                for (name, value) in &self.settings {
                    writeln!(out, "{name}: {value}")?;
                }
                write_columns(out, &HEADING, rows.collect())
            }
        }
    }
}

/// How many a second, of `count` in `time`.
pub(super) fn per_second(count: u64, time: Duration) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000_000).checked_div(micros).unwrap_or_default()
}

/// A span in milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A number in groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len().saturating_mul(2));
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_middle_round_in_the_middle() {
        let spread = Spread::of(vec![30, 10, 20]);
        assert_eq!(spread, Spread { min: 10, median: 20, max: 30, rounds: 3 });
        assert_eq!(Spread::of(Vec::new()).rounds, 0);
        assert_eq!(Spread::of(vec![1_234_567, 1, 2]).shown(), "2 (1 – 1,234,567)");
        assert_eq!(Spread::once(999).shown(), "999");
    }

    #[test]
    fn a_share_is_that_of_the_medians() {
        let figure = Figure::new("single", "it", "commands/s", Spread::of(vec![1, 30, 99]));
        assert_eq!(figure.beside(Spread::once(40)).share_percent, Some(75));
    }

    #[test]
    fn a_rate_is_counted_in_whole_seconds() {
        assert_eq!(per_second(500, Duration::from_millis(250)), 2000);
        assert_eq!(per_second(500, Duration::ZERO), 500_000_000);
    }
}
