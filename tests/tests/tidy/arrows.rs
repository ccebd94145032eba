//! The arrows between modules: what a folder may not name, and why.

use crate::house::{Fault, File, House};
use crate::tokens::paths;

/// A rule about the paths that some files may name.
#[derive(Debug)]
struct Arrow {
    /// The files that the rule is about, by the start of their paths.
    within: &'static [&'static str],
    /// Files among them that are let off, by the start of their paths.
    except: &'static [&'static str],
    /// What may not be named: a path and all below it; `*::` in front finds it anywhere.
    forbidden: &'static [&'static str],
    /// What the house gains by it.
    reason: &'static str,
}

/// The rules. A file that needs an exception gets it here, where it is seen.
const ARROWS: &[Arrow] = &[
    Arrow {
        within: &["ledger/src/domain"],
        except: &[],
        forbidden: &[
            "crate::clock",
            "crate::codec",
            "crate::cycles",
            "crate::engine",
            "crate::store",
        ],
        reason: "the domain is the core: everything may know it, and it knows nothing around it",
    },
    Arrow {
        within: &["ledger/src/domain"],
        except: &[],
        forbidden: &[
            "rusqlite",
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::sync::Mutex",
            "std::sync::RwLock",
            "std::sync::atomic",
            "std::sync::mpsc",
            "std::thread",
            "std::time",
            "tokio",
            "tracing",
        ],
        reason: "the domain is pure: no clock, no file, no thread, no lock, no log",
    },
    Arrow {
        within: &["ledger/src/codec"],
        except: &[],
        forbidden: &["crate::engine", "crate::store", "rusqlite", "tokio"],
        reason: "the codec turns events into bytes and back, and does not know who keeps them",
    },
    Arrow {
        within: &["ledger/src/store"],
        except: &[],
        forbidden: &["crate::codec", "crate::cycles", "crate::domain", "crate::engine"],
        reason: "a store keeps bytes: it does not know what they mean",
    },
    Arrow {
        within: &["gateway/", "ledger/", "projections/", "proto/", "tests/"],
        except: &["ledger/src/clock.rs"],
        forbidden: &["*::Utc::now", "*::Local::now", "*::SystemTime"],
        reason: "only ledger/src/clock.rs reads the wall clock; elsewhere time is an argument",
    },
    Arrow {
        within: &["gateway/", "ledger/", "proto/"],
        except: &["ledger/src/store/embedded"],
        forbidden: &["rusqlite"],
        reason: "SQLite is known to the embedded store and the projections only",
    },
    Arrow {
        within: &["gateway/", "ledger/", "projections/", "proto/", "tests/"],
        except: &["ledger/src/store/eventstore"],
        forbidden: &["eventstore", "kurrentdb"],
        reason: "only store/eventstore.rs names the cluster's client",
    },
    Arrow {
        within: &["ledger/src/", "projections/src/", "proto/src/"],
        except: &[],
        forbidden: &["std::env", "clap", "tokio::signal"],
        reason: "environment, arguments and signals are the gateway's",
    },
    Arrow {
        within: &["projections/src/"],
        // A read model is tested on a log that the test writes.
        except: &["projections/src/tests"],
        forbidden: &["ledger::engine", "ledger::store::Append"],
        reason: "read models never write to the ledger",
    },
];

/// No module names what lies outside its arrows.
pub(crate) fn modules_point_one_way(house: &House) -> Vec<Fault> {
    house.rust().flat_map(|file| ARROWS.iter().flat_map(|arrow| broken(arrow, file))).collect()
}

fn broken(arrow: &Arrow, file: &File) -> Vec<Fault> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| file.path.starts_with(prefix));
    if !starts(arrow.within) || starts(arrow.except) {
        return Vec::new();
    }
    let home = module_path(&file.path);
    paths(&file.text)
        .iter()
        .filter_map(|path| {
            let full = resolved(&path.text, &home);
            let named = arrow.forbidden.iter().find(|pattern| matches(&full, pattern))?;
            let named = named.trim_start_matches("*::");
            Some(file.fault(path.line, format!("names {named}: {}", arrow.reason)))
        })
        .collect()
}

/// Where a file sits in its crate: `ledger/src/domain/money.rs` is `domain`, `money`.
fn module_path(path: &str) -> Vec<&str> {
    let inside = path.split_once("/src/").map_or("", |(_, inside)| inside);
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').filter(|part| !matches!(*part, "" | "lib" | "main")).collect()
}

/// Writes `self` and `super` out.
fn resolved(path: &str, home: &[&str]) -> Vec<String> {
    let mut base: Vec<&str> = home.to_vec();
    let mut relative = false;
    let mut rest: Vec<&str> = path.split("::").filter(|part| !part.is_empty()).collect();
    while let Some(first @ ("self" | "super")) = rest.first().copied() {
        relative = true;
        if first == "super" {
            base.pop();
        }
        rest.remove(0);
    }
    let start = if relative { [&["crate"], base.as_slice()].concat() } else { Vec::new() };
    start.into_iter().chain(rest).map(str::to_owned).collect()
}

fn matches(path: &[String], pattern: &str) -> bool {
    let anywhere = pattern.starts_with("*::");
    let wanted: Vec<&str> = pattern.trim_start_matches("*::").split("::").collect();
    path.windows(wanted.len())
        .enumerate()
        .any(|(at, window)| (anywhere || at == 0) && window.iter().eq(wanted.iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        modules_point_one_way(&House::planted(&[(path, text)])).len()
    }

    #[test]
    fn each_planted_arrow_is_found() {
        let cases = [
            ("ledger/src/domain/account/book.rs", "use crate::store::EventStore;"),
            ("ledger/src/domain/account/book.rs", "use crate::{ids, engine::Engine};"),
            ("ledger/src/domain/account/book.rs", "use super::super::super::codec;"),
            ("ledger/src/domain.rs", "fn f() { std::fs::read(\"x\"); }"),
            ("ledger/src/domain/cutoff.rs", "use std::{fmt, time::Duration};"),
            ("ledger/src/engine.rs", "let now = chrono::Utc::now();"),
            ("gateway/src/serve.rs", "let now = SystemTime::now();"),
            ("gateway/src/serve.rs", "use rusqlite::Connection;"),
            ("ledger/src/engine.rs", "use kurrentdb::Client;"),
            ("projections/src/feed.rs", "use ledger::engine::Engine;"),
            ("projections/src/feed.rs", "let home = std::env::var(\"HOME\");"),
            ("ledger/src/store/memory.rs", "use crate::domain::money::Money;"),
        ];
        for (path, text) in cases {
            assert_eq!(found(path, text), 1, "{path}: {text}");
        }
    }

    #[test]
    fn what_the_arrows_allow_is_no_fault() {
        let cases = [
            ("ledger/src/domain/account/book.rs", "use super::super::money::Money; // std::fs"),
            ("ledger/src/clock.rs", "let now = std::time::SystemTime::now();"),
            ("ledger/src/store/embedded/writer.rs", "use rusqlite::Connection;"),
            ("ledger/src/store/eventstore.rs", "use eventstore::Client;"),
            ("gateway/src/serve.rs", "use ledger::store::eventstore::Cluster;"),
            ("projections/src/feed.rs", "use ledger::store::Subscription; use rusqlite::params;"),
        ];
        for (path, text) in cases {
            assert_eq!(found(path, text), 0, "{path}: {text}");
        }
    }
}
