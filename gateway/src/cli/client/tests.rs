//! The verbs against the real service.

mod servicing;

use std::time::Duration;

use clap::Parser as _;
use ledger::engine;
use ledger::store::embedded::Options;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::cli::args::Cli;
use crate::cli::{CliError, run};
use crate::serve::{Service, ServiceSettings};
use crate::server::{MESSAGE_WAIT_MAX, Settings, Shutdown};

/// A service on a fresh directory whose clock stands at nine in the morning of 3 March 2026.
pub(super) struct Running {
    directory: TempDir,
    runtime: Runtime,
    server: String,
    shutdown: Shutdown,
    ended: JoinHandle<()>,
}

impl Running {
    pub(super) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let settings = ServiceSettings {
            data_dir: directory.path().to_owned(),
            store: None,
            eventstore_listen: None,
            eventstore_advertise: None,
            server: Settings {
                listen: "127.0.0.1:0".parse().unwrap(),
                tls: None,
                calls_max: 16,
                message_wait_max: MESSAGE_WAIT_MAX,
                drain_max: Duration::from_secs(5),
            },
            set_clock: Some("2026-03-03T14:00:00Z".parse().unwrap()),
            runner: false,
            engine: engine::Settings::default(),
            log: Options::default(),
            scrub_rate: None,
        };
        let service = runtime.block_on(Service::start(settings)).unwrap();
        let server = format!("http://{}", service.address());
        let shutdown = service.shutdown();
        let ended = runtime.spawn(async move {
            service.run().await.unwrap();
        });
        Self { directory, runtime, server, shutdown, ended }
    }

    pub(super) fn told(&self, words: &[&str]) -> (String, Result<(), CliError>) {
        let words = [&["payledger"], words, &["--server", &self.server]].concat();
        let cli = Cli::try_parse_from(words).unwrap();
        let mut out = Vec::new();
        let ended = run(&cli, &mut out);
        (String::from_utf8(out).unwrap(), ended)
    }

    pub(super) fn json(&self, words: &[&str]) -> Value {
        let (out, ended) = self.told(&[words, &["--output", "json"]].concat());
        ended.unwrap_or_else(|error| panic!("{words:?}: {:?}", error.lines()));
        serde_json::from_str(&out).unwrap()
    }

    fn refused(&self, words: &[&str]) -> (u8, Value) {
        let error = self.told(words).1.unwrap_err();
        (error.exit_code(), serde_json::to_value(error.document()).unwrap()["error"].take())
    }

    fn open_account(&self) {
        self.json(&[
            "accounts",
            "open",
            "--account",
            "a-1",
            "--product",
            "auto",
            "--opened-date",
            "2026-03-02",
            "--annual-rate",
            "0.0575",
            "--principal",
            "25000.00",
            "--instalment-amount",
            "480.42",
            "--first-due-date",
            "2026-04-02",
            "--instalment-count",
            "60",
            "--title-state",
            "MO",
            "--vin",
            "1HGCM82633A004352",
            "--lienholder",
            "Example Motor Credit",
            "--actor",
            "teller:7",
        ]);
    }

    fn stop(self) {
        self.shutdown.ask();
        self.runtime.block_on(self.ended).unwrap();
    }
}

const SCHEDULE: &[&str] = &[
    "payments",
    "schedule",
    "--account",
    "a-1",
    "--amount",
    "310.00",
    "--payment-date",
    "2026-03-03",
    "--request-id",
    "0195a8f0-0000-7000-8000-000000000001",
];

#[test]
fn a_receipt_is_previewed_made_as_shown_and_explained() {
    let service = Running::start();
    service.open_account();
    let money = "--account a-1 --channel mail --amount 1000.00 --received-date 2026-03-03 \
                 --guaranteed-funds --paid-by-dealer";
    let words = |verb: &'static str| -> Vec<&str> {
        ["payments", verb].into_iter().chain(money.split(' ')).collect()
    };
    let shown = service.json(&words("preview-receive"))["accepted"].take();
    assert_eq!(shown["payments"][0]["after"]["principal"], "996.06");
    let hash = shown["hash"].as_str().unwrap();
    let made = service.json(&[&words("receive")[..], &["--preview-hash", hash]].concat());
    assert_eq!(made["payment"]["allocation"], shown["payments"][0]["after"]);
    assert_eq!(made["payment"]["guaranteed_funds"], true);
    assert_eq!(made["payment"]["paid_by_dealer"], true);

    let explain = ["audit", "explain", "--account", "a-1", "--figure", "payoff"];
    let known = service.json(&explain);
    assert_eq!(known["amount"], "24003.94");
    assert_eq!(known["lines"][1]["source"]["type"], "PaymentReceived");
    let (csv, ended) = service.told(&[&explain[..], &["--output", "csv"]].concat());
    ended.unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("part,explained_by,amount,effective_date,accrual.days,"), "{csv}");
    assert!(lines[1].starts_with("principal,boarded,25000.00,2026-03-02,"), "{csv}");
    assert!(
        lines[3].starts_with("accrued_interest,accrual,3.938356164384,2026-03-02,1,365,25000.00")
    );
    service.stop();
}

#[test]
fn a_payment_is_scheduled_once_and_seen_by_every_verb() {
    let service = Running::start();
    service.open_account();
    let preview = ["payments", "preview", "--account", "a-1", "--date", "2026-03-03"];
    assert_eq!(service.json(&preview)["accepted"]["window"], "15:00");

    let first = service.json(SCHEDULE);
    assert_eq!(first["payment"]["state"], "scheduled");
    assert_eq!(first["payment"]["amount"], "310.00");
    assert_eq!(first["payment"]["cancel_before_time"], "2026-03-03T20:00:00Z");
    assert_eq!(first["replayed"], false);
    let again = service.json(SCHEDULE);
    assert_eq!(again["replayed"], true);
    assert_eq!(again["payment"], first["payment"]);

    let position = first["position"].to_string();
    let pending = ["payments", "list-pending", "--account", "a-1", "--min-position", &position];
    let listed = service.json(&pending);
    assert_eq!(listed["payments"].as_array().unwrap().len(), 1);
    let table = service.told(&[&pending[..], &["--output", "table"]].concat()).0;
    assert!(table.contains("310.00") && table.contains("read_position"), "{table}");
    service.stop();
}

#[test]
fn refusals_come_with_reason_and_exit_code() {
    let service = Running::start();
    service.open_account();
    let (code, error) = service.refused(&["accounts", "get", "--account", "a-2"]);
    assert_eq!((code, &error["reason"]), (4, &json!("ACCOUNT_NOT_FOUND")));
    let past = [
        "payments",
        "schedule",
        "--account",
        "a-1",
        "--amount",
        "310.00",
        "--payment-date",
        "2026-03-02",
    ];
    let (code, error) = service.refused(&past);
    assert_eq!((code, &error["reason"]), (5, &json!("DATE_IN_PAST")));
    assert_eq!(error["metadata"]["earliest_date"], "2026-03-03");
    assert!(error["request_id"].is_string());
    let (code, error) = service.refused(&["payments", "list", "--page-token", "rubbish"]);
    assert_eq!((code, &error["reason"]), (2, &json!("PAGE_TOKEN_MISMATCH")));
    service.stop();
}

#[test]
fn a_batch_answers_every_line_in_order() {
    let service = Running::start();
    service.open_account();
    let lines = [
        r#"{"schedule_payment":{"account_id":"a-1","amount":"10.00","payment_date":"2026-03-03"}}"#,
        r#"{"assess_fee":{"account_id":"a-2","kind":"late","amount":"15.00"}}"#,
        r#"{"assess_fee":{"account_id":"a-1","kind":"late","amount":"15.00"}}"#,
    ];
    let input = service.directory.path().join("commands.jsonl");
    std::fs::write(&input, lines.join("\n")).unwrap();
    let input = input.to_str().unwrap();
    let (out, ended) = service.told(&[
        "payments",
        "execute-batch",
        "--input",
        input,
        "--batch-size",
        "2",
        "--output",
        "jsonl",
    ]);
    assert_eq!(ended.unwrap_err().exit_code(), 4);
    let results: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results[0]["schedule_payment"]["payment"]["amount"], "10.00");
    assert_eq!(results[1]["error"]["reason"], "ACCOUNT_NOT_FOUND");
    assert_eq!(results[2]["assess_fee"]["fee"]["state"], "assessed");
    service.stop();
}

#[test]
fn a_replay_from_the_server_is_the_export_of_the_log_byte_for_byte() {
    let service = Running::start();
    service.open_account();
    service.json(SCHEDULE);
    let (streamed, ended) = service.told(&["audit", "replay-events", "--output", "jsonl"]);
    ended.unwrap();
    assert!(streamed.contains(r#""by":"teller:7""#), "{streamed}");
    let data_dir = service.directory.path().to_str().unwrap().to_owned();
    let words = ["payledger", "export", "events", "--data-dir", &data_dir];
    let mut exported = Vec::new();
    run(&Cli::try_parse_from(words).unwrap(), &mut exported).unwrap();
    assert_eq!(String::from_utf8(exported).unwrap(), streamed);
    let one = ["audit", "replay-events", "--account", "a-1", "--type", "PaymentScheduled"];
    assert_eq!(service.told(&one).0.lines().count(), 1);
    let (csv, _) = service.told(&[&one[..], &["--output", "csv"]].concat());
    assert!(csv.starts_with("position,stream,version,type,data\n"), "{csv}");
    assert_eq!(csv.lines().count(), 2);
    service.stop();
}

#[test]
fn what_the_server_knows_of_an_account_is_what_a_replay_makes_of_the_log() {
    let service = Running::start();
    service.open_account();
    let answered = service.json(&["accounts", "get", "--account", "a-1"]);
    let data_dir = service.directory.path().to_str().unwrap().to_owned();
    let words = ["payledger", "replay", "--account", "a-1", "--output", "json", "--data-dir"];
    let mut replayed = Vec::new();
    run(&Cli::try_parse_from([&words[..], &[&data_dir]].concat()).unwrap(), &mut replayed).unwrap();
    let replayed: Value = serde_json::from_slice(&replayed).unwrap();
    assert_eq!(replayed["account"], answered["account"]);
    assert_eq!(replayed["title"]["state"], "lien_held");
    service.stop();
}

#[test]
fn the_clock_and_the_books_are_moved_and_shown() {
    let service = Running::start();
    service.open_account();
    service.json(SCHEDULE);
    let to = "2026-03-03T15:00:10-05:00";
    let moved = service.json(&["operations", "set-clock", "--to", to]);
    assert_eq!(moved["now_time"], "2026-03-03T20:00:10Z");
    assert_eq!(service.json(&["operations", "clock"])["settable"], true);
    let (code, error) =
        service.refused(&["operations", "set-clock", "--to", "2026-03-03T00:00:00Z"]);
    assert_eq!((code, &error["reason"]), (5, &json!("CLOCK_MOVES_FORWARD_ONLY")));
    let run = service.json(&[
        "operations",
        "run-cutoff",
        "--product",
        "auto",
        "--date",
        "2026-03-03",
        "--window",
        "15:00",
    ]);
    assert_eq!(run["summary"]["applied_amount"], "310.00");
    let position = run["position"].to_string();
    let books = service.json(&["operations", "trial-balance", "--min-position", &position]);
    assert_eq!(books["total_debits"], books["total_credits"]);
    service.stop();
}
