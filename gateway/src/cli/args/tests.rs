//! The command line as a whole: sound, complete, and understood.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use super::*;
use crate::cli::CliError;
use crate::cli::client::call::Call;
use crate::cli::render::contract;

mod examples;
mod flags;

const ACCOUNT: &[&str] = &["--account", "a-1"];
const PAYMENT: &[&str] = &["--account", "a-1", "--payment", "p-1"];

/// A call of every verb, with all that it needs.
const VERBS: &[(&[&str], &[&str])] = &[
    (
        &["accounts", "open"],
        &[
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
        ],
    ),
    (&["accounts", "get"], ACCOUNT),
    (&["accounts", "list"], &["--state", "paid_off"]),
    (&["accounts", "balance"], &["--account", "a-1", "--effective-date", "2026-03-03"]),
    (
        &["quote", "schedule"],
        &[
            "--principal",
            "25000",
            "--rate",
            "0.069",
            "--term",
            "60",
            "--contract-date",
            "2026-01-15",
            "--first-due",
            "2026-03-01",
        ],
    ),
    (&["accounts", "assess-fee"], &["--account", "a-1", "--kind", "late", "--amount", "15.00"]),
    (&["accounts", "waive-fee"], &["--account", "a-1", "--fee", "f-1"]),
    (&["payments", "preview"], &["--account", "a-1", "--date", "2026-03-03"]),
    (
        &["payments", "schedule"],
        &["--account", "a-1", "--amount", "310.00", "--payment-date", "2026-03-03"],
    ),
    (&["payments", "cancel"], PAYMENT),
    (
        &["payments", "receive"],
        &[
            "--account",
            "a-1",
            "--channel",
            "mail",
            "--amount",
            "310.00",
            "--received-date",
            "2026-03-03",
        ],
    ),
    (&["payments", "return"], &["--account", "a-1", "--payment", "p-1", "--code", "R01"]),
    (&["payments", "reinstate"], PAYMENT),
    (
        &["payments", "settle"],
        &["--account", "a-1", "--payment", "p-1", "--settlement-date", "2026-03-04"],
    ),
    (&["payments", "preview-return"], &["--account", "a-1", "--payment", "p-1", "--code", "R01"]),
    (
        &["payments", "preview-receive"],
        &[
            "--account",
            "a-1",
            "--channel",
            "mail",
            "--amount",
            "310.00",
            "--received-date",
            "2026-03-03",
        ],
    ),
    (&["payments", "preview-reinstatement"], PAYMENT),
    (&["payments", "get"], PAYMENT),
    (&["payments", "list"], &["--channel", "wire", "--page-size", "10"]),
    (&["payments", "list-pending"], &["--product", "lease", "--window", "18:00"]),
    (
        &["titles", "record-lien"],
        &[
            "--account",
            "a-1",
            "--title-state",
            "MO",
            "--vin",
            "1HGCM82633A004352",
            "--lienholder",
            "Example Motor Credit",
        ],
    ),
    (&["titles", "get"], ACCOUNT),
    (&["titles", "list"], &["--state", "released"]),
    (&["titles", "release"], ACCOUNT),
    (&["audit", "replay-events"], &["--type", "PaymentApplied", "--type", "PaymentReturned"]),
    (&["audit", "watch-events"], ACCOUNT),
    (&["books", "open-day"], &["--date", "2026-03-04"]),
    (&["books", "close-day"], &["--date", "2026-03-03"]),
    (&["books", "close-month"], &["--month", "2026-03"]),
    (&["books", "show"], &[]),
    (&["books", "show"], &["--date", "2026-03-03"]),
    (&["books", "show"], &["--month", "2026-03"]),
    (&["books", "days"], &["--page-size", "10"]),
    (&["books", "feed"], &["--date", "2026-03-03"]),
    (&["books", "restatements"], &["--date", "2026-03-03"]),
    (&["audit", "explain"], &["--account", "a-1", "--figure", "payoff"]),
    (
        &["accounts", "preview-change", "change-rate"],
        &["--account", "a-1", "--annual-rate", "0.05", "--effective-date", "2026-03-03"],
    ),
    (
        &["accounts", "preview-change", "assess-fee"],
        &["--account", "a-1", "--kind", "late", "--amount", "15.50"],
    ),
    (&["accounts", "preview-change", "waive-fee"], &["--account", "a-1", "--fee", "f-1"]),
    (
        &["operations", "run-cutoff"],
        &["--product", "auto_loan", "--date", "2026-03-03", "--window", "15:00"],
    ),
    (&["operations", "rebuild-projection"], &[]),
    (&["operations", "projection-status"], &["--min-position", "7"]),
    (&["operations", "log-status"], &[]),
    (&["operations", "trial-balance"], &["--through-date", "2026-03-03"]),
    (&["operations", "return-rates"], &["--as-of-date", "2026-03-03"]),
    (&["operations", "clock"], &[]),
    (&["operations", "set-clock"], &["--to", "2026-03-03T15:00:10-05:00"]),
    (&["operations", "recovery"], &[]),
    (&["operations", "approve-origination"], &["--loss-position", "5", "--note", "compared"]),
];

/// The same of the verbs of servicing, all of which need an account.
const SERVICING: &[(&str, &str)] = &[
    ("change-rate", "--annual-rate 0.05 --effective-date 2026-03-03"),
    ("adjust-principal", "--change -25.00 --reason credit --effective-date 2026-03-03"),
    ("grant-extension", "--kind deferral --months 2 --effective-date 2026-03-03"),
    ("change-due-date", "--day-of-month 31 --effective-date 2026-03-03"),
    ("charge-off", "--reason delinquency --principal 100.00 --effective-date 2026-03-03"),
    ("return-vehicle", "--effective-date 2026-03-03 --charge disposition=395.00"),
    ("quote-payoff", "--good-through-date 2026-03-03"),
    ("get-payoff-quote", "--payoff-quote q-1"),
    ("payoff-quotes", "--page-size 10"),
    ("refund-credit", "--amount 8.78"),
    ("return-refund", "--refund r-1"),
    ("settle-refund", "--refund r-1 --settlement-date 2026-03-04"),
    ("refunds", ""),
    ("instalments", "--effective-date 2026-04-03 --known-time 2026-04-03T12:00:00-04:00"),
    ("age", ""),
];

fn serviced((verb, flags): &(&str, &str)) -> Cli {
    let flags: Vec<&str> = ACCOUNT.iter().copied().chain(flags.split_whitespace()).collect();
    parsed(&["accounts", verb], &flags)
}

fn parsed(verb: &[&str], flags: &[&str]) -> Cli {
    let words = [&["payledger"], verb, flags].concat();
    Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

fn call(cli: &Cli) -> Call {
    asked(cli).unwrap()
}

fn asked(cli: &Cli) -> Result<Call, CliError> {
    match &cli.command {
        Command::Accounts(service) => service.verb.call(),
        Command::Payments(service) => service.verb.call().map(Option::unwrap),
        Command::Titles(service) => service.verb.call(),
        Command::Audit(service) => service.verb.call(),
        Command::Books(service) => service.verb.call(),
        Command::Operations(service) => service.verb.call(),
        Command::Quote(verb) => verb.call(),
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Bench(_)
        | Command::Import(_)
        | Command::Reconcile(_)
        | Command::Projections(_)
        | Command::Calendar(_)
        | Command::Replay(_)
        | Command::Verify(_)
        | Command::Inspect(_)
        | Command::Export(_)
        | Command::Backup(_)
        | Command::Replicate(_)
        | Command::Promote(_)
        | Command::CopyLog(_)
        | Command::Restore(_) => panic!("no verb of a service"),
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_method_of_the_contract_has_a_verb() {
    let mut verbs: BTreeSet<String> =
        VERBS.iter().map(|(verb, flags)| call(&parsed(verb, flags)).path()).collect();
    verbs.extend(SERVICING.iter().map(|said| call(&serviced(said)).path()));
    // Not one call, but as many as its input needs.
    verbs.insert("/payledger.v1.PaymentService/ExecuteBatch".to_owned());
    let services = contract().services();
    let services: Vec<_> =
        services.filter(|service| service.package_name() == "payledger.v1").collect();
    let methods: BTreeSet<String> = services
        .iter()
        .flat_map(|service| {
            let path = |name: &str| format!("/{}/{name}", service.full_name());
            service.methods().map(move |method| path(method.name())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(verbs, methods);
}

fn told(verb: &[&str], flags: &[&str]) -> serde_json::Value {
    let call = call(&parsed(verb, flags));
    serde_json::to_value(crate::cli::render::message::document(&call.request)).unwrap()
}

#[test]
fn what_is_said_of_a_contract_is_what_is_asked() {
    let (verb, flags) = VERBS[0];
    let open = told(verb, flags);
    assert_eq!(open["product"], "auto_loan");
    assert_eq!(open["loan"]["principal"], "25000.00");
    assert_eq!(open["instalment_plan"]["amount"], "480.42");
    assert_eq!(open["instalment_plan"]["first_due_date"], "2026-04-02");
    assert_eq!(open["lien"]["title_state"], "MO");
    assert!(open.get("lease").is_none());

    let lease = told(
        &["accounts", "open"],
        &[
            "--account",
            "l-1",
            "--product",
            "lease",
            "--opened-date",
            "2026-03-02",
            "--instalment-amount",
            "389.00",
            "--first-due-date",
            "2026-04-02",
            "--instalment-count",
            "36",
            "--rental-tax",
            "27.00",
            "--residual-value",
            "14250.00",
            "--sales-tax-rate",
            "0.0825",
        ],
    );
    assert_eq!(lease["lease"]["tax"], "27.00");
    assert_eq!(lease["lease"]["residual_value"], "14250.00");
    assert_eq!(lease["lease"]["sales_tax_rate"], "0.0825");
    assert!(lease.get("loan").is_none());
    assert!(lease.get("lien").is_none());
}

#[test]
fn what_is_said_of_charges_is_what_is_asked() {
    let (verb, flags) = VERBS[0];
    let charges = "--late-fee-grace-days 10 --late-fee-rate 0.05 --late-fee-maximum 25.00 \
                   --shortfall-share 0.9 --interest-carry -0.00451 --governing-state TX";
    let flags: Vec<&str> = flags.iter().copied().chain(charges.split_whitespace()).collect();
    let charging = told(verb, &flags);
    assert_eq!(charging["late_fee"]["grace_days"], 10);
    assert_eq!(charging["late_fee"]["rate"], "0.05");
    assert_eq!(charging["late_fee"]["maximum"], "25.00");
    assert_eq!(charging["shortfall_tolerance"]["share"], "0.9");
    assert_eq!(charging["loan"]["interest_carry"], "-0.00451");
    assert_eq!(charging["governing_state"], "TX");
    for half in ["--late-fee-grace-days 10", "--late-fee-rate 0.05", "--late-fee-maximum 1.00"] {
        let open = ["payledger", "accounts", "open"];
        let words = open.iter().copied().chain(VERBS[0].1.iter().copied());
        let error = Cli::try_parse_from(words.chain(half.split_whitespace())).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{half}");
    }
}

#[test]
fn what_is_said_is_what_is_asked() {
    let schedule = told(
        &["payments", "schedule"],
        &[
            "--account",
            "a-1",
            "--amount",
            "310.00",
            "--payment-date",
            "2026-03-03",
            "--funding-token",
            "tok",
            "--funding-last-four",
            "6789",
            "--request-id",
            "mine",
        ],
    );
    assert_eq!(schedule["funding"]["last_four"], "6789");
    assert_eq!(schedule["request_id"], "mine");
    let clock = told(&["operations", "set-clock"], &["--to", "2026-03-03T15:00:10-05:00"]);
    assert_eq!(clock["now_time"], "2026-03-03T20:00:10Z");
}

#[test]
fn a_change_is_previewed_by_the_words_that_would_make_it() {
    let flags = "--account a-1 --kind deferral --months 2 --effective-date 2026-03-03";
    let flags: Vec<_> = flags.split(' ').collect();
    let call = call(&parsed(&["accounts", "preview-change", "grant-extension"], &flags));
    let told = crate::cli::render::message::document(&call.request);
    let told = serde_json::to_value(told).unwrap();
    assert_eq!(told["grant_extension"]["months"], 2);
    assert_eq!(told["grant_extension"]["kind"], "deferral");
}

#[test]
fn half_a_thought_is_wrong_usage() {
    for words in [
        &["accounts", "get"][..],
        &["accounts", "list", "--product", "boat"],
        &["payments", "schedule", "--account", "a-1"],
        &[
            "payments",
            "schedule",
            "--account",
            "a",
            "--amount",
            "1",
            "--payment-date",
            "2026-03-03",
            "--funding-last-four",
            "6789",
        ],
        &["accounts", "get", "--account", "a", "--timeout", "0"],
        &["accounts", "get", "--account", "a", "--tls-cert", "file"],
        &["operations", "run-cutoff", "--product", "auto", "--date", "2026-03-03", "--window", "3"],
        &["accounts", "get", "--account", "a", "--actor", "a b"],
        &["export", "events", "--format", "csv"],
        &["verify", "--file", "events.db", "--data-dir", "data"],
    ] {
        let error = Cli::try_parse_from([&["payledger"], words].concat()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{words:?}");
    }
}

#[test]
fn global_flags_are_taken_behind_the_verb() {
    let flags = ["--account", "a-1", "--output", "jsonl", "--server", "http://127.0.0.1:1"];
    let cli = parsed(&["accounts", "get"], &flags);
    assert_eq!(cli.output, Some(Output::Jsonl));
    let Command::Accounts(service) = &cli.command else { panic!("another command") };
    assert_eq!(service.connection.server, "http://127.0.0.1:1");
}

#[test]
fn every_verb_says_what_it_does_in_a_sentence() {
    fn check(command: &clap::Command) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let name = command.get_name();
        assert!(about.split(' ').count() >= 3, "{name}: {about:?}");
        for argument in command.get_arguments().filter(|it| !it.is_global_set()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{name}: --{}", argument.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn no_answer_but_a_hint_where_nobody_listens() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let cli = parsed(&["operations", "clock"], &["--server", &server]);
    let error = crate::cli::run(&cli, &mut Vec::new()).unwrap_err();
    assert_eq!(error.exit_code(), 7);
    assert!(error.lines().join("\n").contains("payledger serve"), "{:?}", error.lines());
    let cli = parsed(&["operations", "get-clock"], &["--server", "127.0.0.1:7400"]);
    let error = crate::cli::run(&cli, &mut Vec::new()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("http://"), "{error}");
}
