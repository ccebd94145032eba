//! The shipped document, looked up the way the domain does.

use super::*;

fn rulebook() -> Arc<Rulebook> {
    Rulebook::built_in()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn code(text: &str) -> ReturnCode {
    text.parse().unwrap()
}

fn today() -> NaiveDate {
    date("2026-11-20")
}

#[test]
fn the_shipped_document_is_a_rulebook_and_is_pinned_by_its_digest() {
    let rulebook = Rulebook::parse(BUILT_IN).unwrap();
    assert_eq!(rulebook.version(), "2026-11.3");
    assert_eq!(rulebook.document(), BUILT_IN);
    assert_eq!(rulebook.digest().len(), DIGEST_LENGTH);
    let changed = BUILT_IN.replacen("\"fees\"", "\"fees\" ", 1);
    assert_ne!(Rulebook::parse(&changed).unwrap().digest(), rulebook.digest());
    assert_eq!(digest_of(""), "e3b0c44298fc1c14");
}

#[test]
fn what_is_unknown_missing_or_contradictory_is_refused() {
    let day = r#"{"date":"2026-03-04","state":"closed","reason":"r","source":"s"}"#;
    let twice = format!(r#""calendar_overrides": [{day},{day}]"#);
    let broken = [
        (r#""calendar_overrides": []"#, r#""calendar_overrides": [], "more": 1"#),
        (r#""calendar_overrides": []"#, &twice),
        (r#""version": "2026-11.3""#, r#""version": """#),
        (r#""version": "2026-11.3","#, ""),
        (r#""15:00""#, r#""3 pm""#),
        (r#""99999999.99""#, r#""0.00""#),
        (r#""R01""#, r#""01""#),
        (
            r#""terms": [{"count": 15, "unit": "banking_days", "trigger": "satisfaction", "when": "always"}]"#,
            r#""terms": []"#,
        ),
        (r#""order": ["interest", "#, r#""order": ["interest", "interest", "#),
    ];
    for (from, to) in broken {
        let document = BUILT_IN.replacen(from, to, 1);
        assert_ne!(document, BUILT_IN, "{from} is in the document");
        assert!(Rulebook::parse(&document).is_err(), "{to}");
    }
}

#[test]
fn an_override_in_the_document_reaches_the_calendar() {
    let day = r#"{"date":"2026-03-04","state":"closed","reason":"r","source":"s"}"#;
    let document = BUILT_IN.replacen(
        r#""calendar_overrides": []"#,
        &format!(r#""calendar_overrides": [{day}]"#),
        1,
    );
    let rulebook = Rulebook::parse(&document).unwrap();
    assert!(!rulebook.calendar().is_banking_day(date("2026-03-04")));
}

#[test]
fn every_product_has_windows_and_a_waterfall() {
    let rulebook = rulebook();
    for product in Product::ALL {
        let policy = rulebook.cutoff_policy(*product, today());
        assert_eq!(policy.latest_date(date("2026-03-03")), date("2027-03-03"), "{product}");
        assert!(!rulebook.waterfall(*product, today()).order().is_empty(), "{product}");
    }
    assert_eq!(
        rulebook.waterfall(Product::AutoLoan, today()).order(),
        [Bucket::Interest, Bucket::DuePrincipal, Bucket::Fees, Bucket::ExtraPrincipal]
    );
    assert_eq!(rulebook.waterfall(Product::Lease, today()).order()[0], Bucket::DueRentals);
}

#[test]
fn a_limit_is_the_one_of_its_day() {
    for (day, cap) in [
        ("2020-03-19", "25000.00"),
        ("2020-03-20", "100000.00"),
        ("2022-03-17", "100000.00"),
        ("2022-03-18", "1000000.00"),
    ] {
        assert_eq!(rulebook().limits(date(day)).same_day_entry_max.to_string(), cap, "{day}");
    }
    assert_eq!(rulebook().limits(today()).ach_entry_max, crate::domain::money::AMOUNT_MAX);
}

#[test]
fn every_assigned_return_code_is_listed() {
    let rulebook = rulebook();
    let listed = &rulebook.rules.return_codes;
    for number in 1..=99_u8 {
        let unassigned = matches!(number, 48 | 49 | 54..=60 | 78 | 79 | 86..=99);
        let code = code(&format!("R{number:02}"));
        assert_eq!(listed.contains_key(&code), !unassigned, "{code}");
        let rule = rulebook.return_rule(code, today());
        assert_eq!(rule.meaning.starts_with("unassigned"), unassigned, "{code}");
    }
    assert_eq!(listed.len(), 74);
}

#[test]
fn return_codes_say_what_is_done() {
    let rulebook = rulebook();
    let rule = |text: &str| rulebook.return_rule(code(text), today());
    assert_eq!(rule("R01").retry, RetryRule::RePresent { times: 2 });
    assert_eq!(rule("R09").action, ReturnAction::InsufficientFunds);
    assert_eq!(rule("R02").action, ReturnAction::AccountUnusable);
    assert_eq!(rule("R10").action, ReturnAction::Unauthorised);
    assert_eq!(rule("R11").action, ReturnAction::EntryMismatch);
    assert_eq!(rule("R16").review, Some(ReturnReview::Legal));
    assert_eq!(rule("R06").otherwise, Some(ReturnAction::Exception));
    assert_eq!(rule("R99").action, ReturnAction::Exception);
    assert!(rule("R01").action.may_charge_fee());
    for feeless in ["R02", "R07", "R08", "R11", "R15", "R18", "R23"] {
        assert!(!rule(feeless).action.may_charge_fee(), "{feeless}");
    }
}

#[test]
fn returns_are_watched_by_class_each_with_its_level() {
    let rulebook = rulebook();
    let policy = &rulebook.return_rates().at(today()).rule;
    assert_eq!((policy.days, policy.calendar_months), (60, 2));
    let watched = |class: ReturnClass| {
        let codes = rulebook.return_codes();
        let counted = codes.filter(|(_, timeline)| timeline.at(today()).rule.counts_to(class));
        let codes: Vec<String> = counted.map(|(code, _)| code.to_string()).collect();
        (codes, policy.level(class).to_string())
    };
    let (unauthorised, level) = watched(ReturnClass::Unauthorised);
    assert_eq!(unauthorised, ["R05", "R07", "R10", "R11", "R29", "R51"]);
    assert_eq!(level, "0.005");
    let (administrative, level) = watched(ReturnClass::Administrative);
    assert_eq!(administrative, ["R02", "R03", "R04"]);
    assert_eq!(level, "0.03");
    let (overall, level) = watched(ReturnClass::Overall);
    assert_eq!((overall.len(), level.as_str()), (74, "0.15"));
}

#[test]
fn a_return_is_due_by_the_opening_of_a_banking_day() {
    let rulebook = rulebook();
    let due = |text: &str, settled: &str| {
        rulebook.return_rule(code(text), today()).limit.due(date(settled), rulebook.calendar())
    };
    for (text, settled, opening) in [
        ("R01", "2026-03-02", "2026-03-04"),
        ("R01", "2026-11-25", "2026-11-30"),
        ("R01", "2026-12-24", "2026-12-29"),
        ("R01", "2026-02-13", "2026-02-18"),
        ("R10", "2026-03-02", "2026-05-04"),
        ("R10", "2026-11-25", "2027-01-25"),
        ("R10", "2026-07-02", "2026-09-01"),
    ] {
        assert_eq!(due(text, settled), Some(date(opening)), "{text} of {settled}");
    }
    for unlimited in ["R06", "R13", "R23", "R31", "R99"] {
        assert_eq!(due(unlimited, "2026-03-02"), None, "{unlimited}");
    }
}

#[test]
fn money_is_waited_for_by_its_channel() {
    let rulebook = rulebook();
    let monday = date("2026-03-02");
    for (channel, settled, until) in [
        (Channel::Wire, None, "2026-03-02"),
        (Channel::MoneyGram, None, "2026-03-03"),
        (Channel::BillPay, None, "2026-03-03"),
        (Channel::DebitCardVendor, None, "2026-03-04"),
        (Channel::OwnAch, Some("2026-03-03"), "2026-03-10"),
        (Channel::OwnAch, None, "2026-03-09"),
        (Channel::Mail, None, "2026-03-12"),
    ] {
        let hold = rulebook.funds_hold(channel, monday);
        let end = hold.until(monday, settled.map(date), rulebook.calendar());
        assert_eq!(end, date(until), "{channel}");
    }
}

fn payoff(channel: Channel, received: &str) -> PayoffFacts {
    PayoffFacts {
        channel,
        guaranteed: false,
        by_dealer: false,
        received_on: date(received),
        settled_on: None,
        demanded_on: None,
    }
}

fn plan(state: &str, facts: &PayoffFacts) -> (String, String, String) {
    let plan = rulebook().release_by(Some(state.parse().unwrap()), facts);
    (plan.hold_until.to_string(), plan.deadline.to_string(), plan.release_by.to_string())
}

fn days(hold: &str, deadline: &str, release: &str) -> (String, String, String) {
    (hold.to_owned(), deadline.to_owned(), release.to_owned())
}

#[test]
fn a_statute_that_ends_with_the_hold_pulls_the_release_forward() {
    let mut facts = payoff(Channel::OwnAch, "2026-02-27");
    facts.settled_on = Some(date("2026-03-02"));
    assert_eq!(plan("MO", &facts), days("2026-03-09", "2026-03-09", "2026-03-06"));
}

#[test]
fn a_certified_cheque_shortens_the_deadline() {
    let mut facts = payoff(Channel::Mail, "2026-03-02");
    assert_eq!(plan("IL", &facts), days("2026-03-12", "2026-03-23", "2026-03-12"));
    facts.guaranteed = true;
    assert_eq!(plan("IL", &facts), days("2026-03-02", "2026-03-16", "2026-03-02"));
}

#[test]
fn the_clock_starts_with_what_the_statute_names() {
    let cheque = payoff(Channel::Mail, "2026-03-02");
    assert_eq!(plan("NY", &cheque), days("2026-03-12", "2026-03-12", "2026-03-12"));
    assert_eq!(plan("TX", &cheque), days("2026-03-12", "2026-03-22", "2026-03-12"));
    assert_eq!(plan("PA", &cheque), days("2026-03-12", "2026-03-07", "2026-03-06"));
    assert_eq!(plan("WI", &cheque).1, "2026-04-02");
    let demanded = PayoffFacts { demanded_on: Some(date("2026-03-03")), ..cheque };
    assert_eq!(plan("WI", &demanded).1, "2026-03-13");
    assert_eq!(plan("TN", &demanded).1, "2026-03-06");
    let dealer = PayoffFacts { by_dealer: true, ..cheque };
    assert_eq!(plan("MN", &cheque).1, "2026-03-17");
    assert_eq!(plan("MN", &dealer).1, "2026-03-09");
}

#[test]
fn a_state_that_is_not_listed_or_has_no_fitting_term_gets_ten_days() {
    let cheque = payoff(Channel::Mail, "2026-03-02");
    for state in ["HI", "TN"] {
        assert_eq!(plan(state, &cheque).1, "2026-03-12", "{state}");
    }
    let unknown = rulebook().release_by(None, &cheque);
    assert_eq!(unknown.deadline, date("2026-03-12"));
    assert_eq!(unknown.release_by, date("2026-03-11"));
}

#[test]
fn some_states_give_the_title_to_the_owner() {
    let rulebook = rulebook();
    let holder = |state: &str, day: &str| {
        let holders = rulebook.rules.title_holders.get(&state.parse().unwrap());
        holders.unwrap_or(&rulebook.rules.default_title_holder).at(date(day)).rule
    };
    assert_eq!(holder("NY", "2026-01-01"), TitleHolder::Owner);
    assert_eq!(holder("AZ", "2026-01-01"), TitleHolder::Lienholder);
    assert_eq!(holder("WI", "2011-01-01"), TitleHolder::Owner);
    assert_eq!(holder("WI", "2026-01-01"), TitleHolder::Lienholder);
}

#[test]
fn rubbish_is_no_code_and_no_state() {
    for text in ["", "R1", "r01", "R001", "R0a", "R-1", "Ré"] {
        assert!(text.parse::<ReturnCode>().is_err(), "{text:?}");
    }
    for text in ["", "M", "mo", "MOO", "M1", "ÄB", "É"] {
        assert!(text.parse::<StateCode>().is_err(), "{text:?}");
    }
}

#[test]
fn codes_are_stored_as_they_are_written() {
    assert_eq!(serde_json::to_string(&code("R01")).unwrap(), r#""R01""#);
    let state: StateCode = "TX".parse().unwrap();
    assert_eq!(serde_json::to_string(&state).unwrap(), r#""TX""#);
    let schema = schemars::schema_for!(ReturnCode);
    assert_eq!(schema.get("type").and_then(|of| of.as_str()), Some("string"));
}
