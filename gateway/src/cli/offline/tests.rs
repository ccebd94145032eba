//! The offline tools on a ledger that the engine itself wrote.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Parser as _;
use ledger::clock::Clock;
use ledger::domain::account::commands::{Command as Order, ReceivePayment};
use ledger::domain::account::terms::Terms;
use ledger::domain::product::Channel;
use ledger::domain::rulebook::Rulebook;
use ledger::engine::{Engine, Request};
use ledger::ids::{Actor, RequestId};
use ledger::store::embedded::{Embedded, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::args::Cli;
use crate::cli::{CliError, run};

fn terms() -> Terms {
    serde_json::from_value(json!({
        "product": "auto", "opened_date": "2026-03-02", "principal": "25000.00",
        "annual_rate": "0.0575", "interest_paid_through": "2026-03-02",
        "instalments": {
            "amount": "480.42", "first_due_date": "2026-04-02", "day_of_month": 2, "count": 60
        },
    }))
    .unwrap()
}

fn receive(amount: &str) -> Order {
    Order::ReceivePayment(ReceivePayment {
        channel: Channel::Mail,
        amount: amount.parse().unwrap(),
        received_date: "2026-03-03".parse().unwrap(),
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: true,
        payoff_quote: None,
        preview: None,
    })
}

/// A ledger with the rules at position 1, the first accounting day at 2, two accounts at 3 and 4,
/// the next day at 5, and a payment on the first account at 6.
fn ledger() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let orders = [
        ("2026-03-02T15:00:00Z", "a-1", Order::OpenAccount { terms: terms(), lien: None }),
        ("2026-03-02T15:00:01Z", "a-2", Order::OpenAccount { terms: terms(), lien: None }),
        ("2026-03-03T15:00:00Z", "a-1", receive("310.00")),
    ];
    runtime.block_on(write(directory.path(), orders));
    directory
}

/// Carries out commands, each at its instant on its account.
async fn write<'a>(directory: &Path, orders: impl IntoIterator<Item = (&'a str, &'a str, Order)>) {
    let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let clock = Arc::new(Clock::set_to(instant("2026-03-02T15:00:00Z")));
    let store = Arc::new(Embedded::open(directory, Options::default()).unwrap());
    let rules = Rulebook::built_in();
    let engine = Engine::start(store, Arc::clone(&clock), rules).await.unwrap();
    for (at, account, command) in orders {
        clock.set(instant(at)).unwrap();
        let request = Request {
            account: account.parse().unwrap(),
            request_id: RequestId::derived("offline", at),
            actor: Actor::unnamed(),
            receipt: engine.receive().unwrap(),
            command,
        };
        engine.execute(request).await.unwrap();
    }
}

fn told(directory: &Path, words: &[&str]) -> (String, Result<(), CliError>) {
    let data_dir = directory.to_str().unwrap();
    let words = [&["payledger"], words, &["--data-dir", data_dir]].concat();
    let cli = Cli::try_parse_from(words).unwrap();
    let mut out = Vec::new();
    let ended = run(&cli, &mut out);
    (String::from_utf8(out).unwrap(), ended)
}

fn json(directory: &Path, words: &[&str]) -> Value {
    let (out, ended) = told(directory, &[words, &["--output", "json"]].concat());
    ended.unwrap();
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_whole_log_passes_every_check() {
    let directory = ledger();
    let report = json(directory.path(), &["verify"]);
    assert_eq!(report["is_whole"], true);
    assert_eq!(report["events"], 6);
    assert_eq!(report["streams"], 4);
    assert_eq!(report["violations"], 0);
    assert_eq!(report["total_debits"], report["total_credits"]);
    assert_ne!(report["total_debits"], "0.00");
    assert_eq!(report["ledger_balances"]["1025"], "310.00");
}

#[test]
fn a_changed_byte_is_found_with_its_position_and_exits_with_three() {
    let directory = ledger();
    let path = directory.path().join("events.db");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(6).rposition(|window| window == b"310.00").unwrap();
    bytes[at] = b'9';
    fs::write(&path, bytes).unwrap();
    let (out, ended) = told(directory.path(), &["verify", "--output", "json"]);
    let error = ended.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("position 6"), "{error}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["is_whole"], false);
    assert_eq!(report["first_violations"][0]["position"], 6);
    for words in [&["export", "events"][..], &["replay"], &["inspect"]] {
        assert_eq!(told(directory.path(), words).1.unwrap_err().exit_code(), 3, "{words:?}");
    }
}

/// Standard output whose reader is gone.
struct Unread;

impl std::io::Write for Unread {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn damage_is_told_by_the_exit_code_though_nobody_reads_the_report() {
    let directory = ledger();
    let data_dir = directory.path().to_str().unwrap();
    let verify = Cli::try_parse_from(["payledger", "verify", "--data-dir", data_dir]).unwrap();
    assert_eq!(run(&verify, &mut Unread).unwrap_err().exit_code(), 0);
    let path = directory.path().join("events.db");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(6).rposition(|window| window == b"310.00").unwrap();
    bytes[at] = b'9';
    fs::write(&path, bytes).unwrap();
    assert_eq!(run(&verify, &mut Unread).unwrap_err().exit_code(), 3);
    let (out, _) = told(directory.path(), &["verify", "--output", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert!(report["events_checked"].as_u64().unwrap() < 6, "{report}");
    assert!(report["not_checked"].as_str().unwrap().contains("read models"), "{report}");
}

#[test]
fn a_log_that_is_served_is_not_copied_and_no_address_is_taken_for_a_directory() {
    let (directory, to) = (ledger(), tempfile::tempdir().unwrap());
    let (from, to) = (directory.path().to_str().unwrap(), to.path().join("copy"));
    let copy = |from: &str, to: &str| {
        let words = ["payledger", "copy-log", "--from", from, "--to", to];
        run(&Cli::try_parse_from(words).unwrap(), &mut Vec::new())
    };
    let served = Embedded::open(directory.path(), Options::default()).unwrap();
    assert_eq!(copy(from, to.to_str().unwrap()).unwrap_err().exit_code(), 7);
    drop(served);
    for address in [" esdb://127.0.0.1:2113", "ESDB://127.0.0.1:2113", "esdb://"] {
        assert_eq!(copy(from, address).unwrap_err().exit_code(), 2, "{address}");
        assert_eq!(copy(address, to.to_str().unwrap()).unwrap_err().exit_code(), 2, "{address}");
    }
    assert!(!to.exists());
    copy(from, to.to_str().unwrap()).unwrap();
}

#[test]
fn where_there_is_no_ledger_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere");
    for words in [&["verify"][..], &["inspect"], &["replay"], &["export", "events"]] {
        let error = told(&nowhere, words).1.unwrap_err();
        assert_eq!(error.exit_code(), 4, "{words:?}");
        assert!(error.hint().unwrap().contains("--data-dir"), "{words:?}");
    }
    assert!(!nowhere.exists());
}

#[test]
fn a_replay_knows_what_was_known_then() {
    let directory = ledger();
    let words = ["replay", "--account", "a-1", "--effective-date", "2026-03-03"];
    let now = json(directory.path(), &words);
    assert_eq!(now["known_position"], 6);
    let balance = &now["account"]["balance"];
    // 25000.00 at 5.75 % earns 3.94 in a day; the payment pays that first.
    assert_eq!(balance["principal"], "24693.94");
    assert_eq!(balance["accrued_interest"], "0.00");
    assert_eq!(now["ledger_balances"]["1025"], "310.00");
    let payment = &now["payments"][0];
    assert_eq!(payment["state"], "applied");
    assert_eq!(payment["allocation"]["interest"], "3.94");

    for (flag, known_at) in [
        ("--known-position", "4"),
        ("--known-time", "2026-03-03T14:59:59Z"),
        ("--known-at", "4"),
        ("--known-at", "2026-03-03T14:59:59Z"),
    ] {
        let then = json(directory.path(), &[&words[..], &[flag, known_at]].concat());
        assert_eq!(then["known_position"], 4, "{known_at}");
        assert_eq!(then["account"]["balance"]["principal"], "25000.00", "{known_at}");
        assert_eq!(then["account"]["balance"]["accrued_interest"], "3.94", "{known_at}");
    }
    let beyond = told(directory.path(), &["replay", "--known-at", "7"]).1.unwrap_err();
    assert_eq!(beyond.exit_code(), 2);
    assert_eq!(beyond.to_string(), "--known-position is above the head of the log, 6");
}

#[test]
fn a_replay_lists_payments_in_the_order_in_which_they_were_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let amounts = ["310.00", "1.00", "2.00", "3.00", "4.00", "5.00", "6.00"];
    let times: Vec<_> = (0..=amounts.len()).map(|n| format!("2026-03-03T15:00:0{n}Z")).collect();
    let opening = Order::OpenAccount { terms: terms(), lien: None };
    let orders = std::iter::once(opening).chain(amounts.map(receive));
    let orders = times.iter().zip(orders).map(|(at, order)| (at.as_str(), "a-1", order));
    runtime.block_on(write(directory.path(), orders));
    let replayed = json(directory.path(), &["replay", "--account", "a-1"]);
    let payments = replayed["payments"].as_array().unwrap();
    let told: Vec<_> = payments.iter().map(|payment| payment["amount"].as_str().unwrap()).collect();
    assert_eq!(told, amounts);
}

#[test]
fn a_replay_of_all_accounts_has_totals_and_the_date_of_the_last_receipt() {
    let directory = ledger();
    let all = json(directory.path(), &["replay"]);
    assert_eq!(all["effective_date"], "2026-03-03");
    assert_eq!(all["accounts_count"], 2);
    assert_eq!(all["total_principal"], "49693.94");
    let (lines, _) = told(directory.path(), &["replay", "--output", "jsonl"]);
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.starts_with(r#"{"account_id":"a-1","product":"auto_loan""#), "{lines}");
    let error = told(directory.path(), &["replay", "--account", "a-3"]).1.unwrap_err();
    assert_eq!(error.exit_code(), 4);
    let before = told(directory.path(), &["replay", "--known-position", "0"]).1.unwrap_err();
    assert_eq!(before.exit_code(), 4);
    let unopened = json(directory.path(), &["replay", "--as-of", "2026-03-01"]);
    assert_eq!(unopened["accounts_count"], 0);
    let one = ["replay", "--account", "a-1", "--as-of", "2026-03-01"];
    let error = told(directory.path(), &one).1.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("before the opening, 2026-03-02"), "{error}");
}

#[test]
fn an_inspection_counts_and_shows() {
    let directory = ledger();
    let summary = json(directory.path(), &["inspect"]);
    assert_eq!(summary["head_position"], 6);
    assert_eq!(summary["events_by_type"]["AccountOpened"], 2);
    assert_eq!(summary["last_received_time"], "2026-03-03T15:00:00Z");
    let event = json(directory.path(), &["inspect", "--position", "6"]);
    assert_eq!(event["type"], "PaymentReceived");
    assert_eq!(event["data"]["amount"], "310.00");
    let (lines, _) = told(directory.path(), &["inspect", "--account", "a-1"]);
    assert_eq!(lines.lines().count(), 2);
    let (csv, _) = told(directory.path(), &["inspect", "--account", "a-1", "--output", "csv"]);
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.starts_with("position,stream,version,type,data\n3,"), "{csv}");
    for words in [["inspect", "--position", "7"], ["inspect", "--account", "a-3"]] {
        assert_eq!(told(directory.path(), &words).1.unwrap_err().exit_code(), 4, "{words:?}");
    }
}

#[test]
fn an_export_has_the_recorded_bytes() {
    let directory = ledger();
    let store = Embedded::open_read_only(directory.path()).unwrap();
    let (lines, ended) = told(directory.path(), &["export", "events", "--format", "jsonl"]);
    ended.unwrap();
    assert_eq!(lines.lines().count(), 6);
    let mut seen = 0;
    super::each_event(directory.path(), |event| {
        let line = lines.lines().nth(seen).unwrap();
        seen += 1;
        for bytes in [&event.data, &event.metadata] {
            assert!(line.contains(std::str::from_utf8(bytes).unwrap()), "{line}");
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(u64::try_from(seen).unwrap(), store.head_witness().position.0);
    let some =
        ["export", "events", "--from-position", "5", "--to-position", "6", "--account", "a-1"];
    assert_eq!(told(directory.path(), &some).0.lines().count(), 1);
    let none = ["export", "events", "--to", "2", "--account", "a-1"];
    let (lines, ended) = told(directory.path(), &none);
    ended.unwrap();
    assert_eq!(lines, "");
    for (flags, exit_code) in [
        (&["--account", "nope"][..], 4),
        (&["--from", "6", "--to", "5"], 2),
        // It would not be all up to there: this log is another, or has lost its end.
        (&["--to", "7"], 2),
        (&["--from", "8"], 2),
        (&["--output", "csv"], 2),
    ] {
        let words = [&["export", "events"], flags].concat();
        let error = told(directory.path(), &words).1.unwrap_err();
        assert_eq!(error.exit_code(), exit_code, "{flags:?}");
    }
}

#[test]
fn an_export_makes_a_whole_file_or_none() {
    let directory = ledger();
    let target = directory.path().join("events.jsonl");
    let words = ["export", "events", "--out", target.to_str().unwrap()];
    let beyond = told(directory.path(), &[&words[..], &["--to", "7"]].concat()).1.unwrap_err();
    assert_eq!(beyond.to_string(), "--to-position is above the head of the log, 6");
    assert!(!target.exists());
    told(directory.path(), &words).1.unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap().lines().count(), 6);
    assert_eq!(told(directory.path(), &words).1.unwrap_err().exit_code(), 5);
    assert!(!directory.path().join("events.jsonl.partial").exists());
}

#[test]
fn a_backup_becomes_the_same_ledger_again() {
    let directory = ledger();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().to_str().unwrap();
    let made = json(directory.path(), &["backup", "--to", target]);
    let file = made["file"].as_str().unwrap();
    assert!(file.ends_with("events-6.db"), "{file}");
    let again = told(directory.path(), &["backup", "--to", target]).1.unwrap_err();
    assert_eq!(again.exit_code(), 5);

    let restored = elsewhere.path().join("restored");
    let report = json(&restored, &["restore", "--from", file]);
    assert_eq!(report["chain"], made["chain"]);
    let export = |directory: &Path| told(directory, &["export", "events"]).0;
    assert_eq!(export(&restored), export(directory.path()));
    let full = told(directory.path(), &["restore", "--from", file]).1.unwrap_err();
    assert_eq!(full.exit_code(), 5);
}
