//! What a servicer does to a contract: extensions, due dates, rates, corrections; and the
//! instalments as they fall due after it.

use proto::payledger::v1::{
    AccountState, Balance, Channel, ErrorReason, GetBalanceRequest, GrantExtensionRequest,
    Instalment, InstalmentState, ListInstalmentsRequest, Payment,
};
use tests::client::Client;
use tests::refusals::{field, reason, refused};
use tests::requests::{auto_loan, date, date_text, instant, lease, money, text, timestamp};
use tests::server::Town;
use tests::servicing::{adjustment, due_day, extension, rate};
use tests::views::{agree, books, split, standing};

/// Number, due date, what is open, state and days past due.
fn line(instalment: &Instalment) -> String {
    let due = date_text(instalment.due_date.as_ref());
    let (open, state) = (text(instalment.open_amount.as_ref()), instalment.state());
    let state = state.as_str_name().trim_start_matches("INSTALMENT_STATE_").to_lowercase();
    format!("{} {due} {open} {state} {}", instalment.number, instalment.days_past_due)
}

/// What a payment satisfies: `number due_date amount` of each instalment, fees, ahead.
pub(crate) fn billing(payment: &Payment) -> String {
    let billing = payment.billing.as_ref().unwrap();
    let met = billing.instalments.iter().map(|met| {
        let due = date_text(met.due_date.as_ref());
        format!("{} {due} {}", met.number, text(met.amount.as_ref()))
    });
    let (fees, ahead) = (text(billing.fees.as_ref()), text(billing.ahead.as_ref()));
    format!("{}; fees {fees}; ahead {ahead}", met.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn an_extension_moves_due_dates_and_interest_runs_on() {
    let town = Town::at("2026-03-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let before = town.head().await.unwrap();
    let granted = town.extend("extend", "a-1", 2, "2026-03-20").await.unwrap();
    let account = granted.account.unwrap();
    assert_eq!(date_text(account.maturity_date.as_ref()), "2029-05-01");
    assert_eq!((account.extensions.len(), account.extensions[0].months), (1, 2));
    let balance = account.balance.unwrap();
    assert_eq!(date_text(balance.next_due_date.as_ref()), "2026-06-01");
    let again = town.extend("extend", "a-1", 2, "2026-03-20").await.unwrap();
    assert!(again.replayed);
    assert_eq!(reason(town.extend("extend", "a-1", 1, "2026-03-20").await), "REQUEST_ID_REUSED");
    // Known before the extension, 15 April is two weeks past due.
    let known = town.balance_known("a-1", "2026-04-15", before).await.unwrap();
    assert_eq!(known.days_past_due, 14);
    assert_eq!(town.balance("a-1", "2026-04-15").await.unwrap().days_past_due, 0);
    town.clock("2026-06-01T10:00:00-04:00").await;
    let paid = town.receive("mail", "a-1", Channel::Mail, "310.00", "2026-06-01").await.unwrap();
    let paid = paid.payment.unwrap();
    assert_eq!(split(&paid), "184.00/126.00/0.00/0.00");
    assert_eq!(billing(&paid), "1 2026-06-01 310.00; fees 0.00; ahead 0.00");
    agree(&town).await;
}

#[tokio::test]
async fn an_extension_beyond_the_policy_is_refused_unless_it_is_meant() {
    let town = Town::at("2026-03-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let one = refused(town.extend("one", "a-1", 5, "2026-03-20").await);
    assert_eq!(one.reason, "EXTENSION_LIMIT");
    assert_eq!((one.fact("scope"), one.fact("limit")), ("by one grant", "4"));
    town.extend("first", "a-1", 4, "2026-03-20").await.unwrap();
    let year = refused(town.extend("second", "a-1", 3, "2026-03-20").await);
    assert_eq!((year.fact("months"), year.fact("limit")), ("7", "6"));
    let meant =
        GrantExtensionRequest { allow_over_limit: true, ..extension("m", "a-1", 12, "2026-03-20") };
    let granted = town.accounts().grant_extension(meant).await.unwrap().into_inner();
    let account = granted.account.unwrap();
    assert_eq!(account.extensions.iter().map(|it| it.months).collect::<Vec<_>>(), [4, 12]);
    agree(&town).await;
}

#[tokio::test]
async fn another_due_day_is_the_nearest_one() {
    let town = Town::at("2026-03-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let changed = town.change_due_date(due_day("tenth", "a-1", 10, "2026-03-20")).await.unwrap();
    let account = changed.account.unwrap();
    assert_eq!(account.due_day, 10);
    assert_eq!(date_text(account.balance.unwrap().next_due_date.as_ref()), "2026-04-10");
    assert_eq!(date_text(account.maturity_date.as_ref()), "2029-03-10");
    let head = town.head().await.unwrap();
    let same = town.change_due_date(due_day("same", "a-1", 10, "2026-03-20")).await.unwrap();
    assert_eq!((same.replayed, same.position), (false, head + 1));
    assert_eq!(same.account.unwrap().due_day, 10);
    town.clock("2026-04-09T09:00:00-04:00").await;
    let far = refused(town.change_due_date(due_day("far", "a-1", 28, "2026-04-09")).await);
    assert_eq!(far.reason, "DUE_DATE_TOO_FAR");
    assert_eq!((far.fact("next_due_date"), far.fact("limit")), ("2026-04-10", "15"));
    agree(&town).await;
}

#[tokio::test]
async fn another_rate_counts_from_its_day_and_moves_what_came_after_it() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let paid = town.receive("mail", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    let payment = paid.payment.unwrap();
    assert_eq!(split(&payment), "62.00/248.00/0.00/0.00");
    // Half of 2.00 a day from 16 March on: 15 days at 2.00 and 16 at 1.00.
    let changed = town.change_rate(rate("half", "a-1", "0.0365", "2026-03-16")).await.unwrap();
    let account = changed.account.unwrap();
    assert_eq!(account.annual_rate, "0.0365");
    assert_eq!(text(account.balance.unwrap().accrued_interest.as_ref()), "30.00");
    let moved = town.payment("a-1", &payment.payment_id).await.unwrap();
    assert_eq!(split(&moved), "46.00/264.00/0.00/0.00");
    let after = "principal 9736.00 interest 0.00 fees 0.00 credit 0.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-01").await, after);
    let same = town.change_rate(rate("same", "a-1", "0.0365", "2026-03-20")).await.unwrap();
    assert!(!same.replayed);
    agree(&town).await;
}

#[tokio::test]
async fn principal_is_corrected_at_the_servicers_cost() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let less = town.adjust(adjustment("less", "a-1", "-500.00", "2026-03-01")).await.unwrap();
    let balance = less.account.unwrap().balance.unwrap();
    assert_eq!(text(balance.principal.as_ref()), "9500.00");
    let after = "principal 9500.00 interest 58.90 fees 0.00 credit 0.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-01").await, after);
    assert!(books(&town).await.contains(&"5030 500.00".to_owned()));
    let more = refused(town.adjust(adjustment("more", "a-1", "-9500.01", "2026-04-01")).await);
    assert_eq!((more.reason.as_str(), more.fact("principal")), ("PRINCIPAL_EXCEEDED", "9500.00"));
    town.adjust(adjustment("back", "a-1", "500.00", "2026-03-01")).await.unwrap();
    let after = "principal 10000.00 interest 62.00 fees 0.00 credit 0.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-01").await, after);
    agree(&town).await;
}

#[tokio::test]
async fn a_due_day_is_changed_before_no_other() {
    let town = Town::at("2026-05-11T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.change_due_date(due_day("tenth", "a-1", 10, "2026-03-05")).await.unwrap();
    let head = town.head().await.unwrap();
    let earlier = due_day("earlier", "a-1", 20, "2026-03-04");
    let refusal = refused(town.change_due_date(earlier.clone()).await);
    assert_eq!(refusal.reason, "DUE_DAY_CHANGED_LATER");
    assert_eq!(
        (refusal.fact("effective_date"), refusal.fact("changed_date")),
        ("2026-03-04", "2026-03-05")
    );
    // A refusal is on record, and is the answer for ever.
    let again = refused(town.change_due_date(earlier).await);
    assert_eq!(again.fact("replayed"), "true");
    assert_eq!(town.head().await.unwrap(), head + 1);
    let dues = town.instalments("a-1", "2026-05-11").await.unwrap();
    assert_eq!(date_text(dues[0].due_date.as_ref()), "2026-04-10");
    let same_day = due_day("the same day", "a-1", 15, "2026-03-05");
    let account = town.change_due_date(same_day).await.unwrap().account.unwrap();
    assert_eq!(account.due_day, 15);
    agree(&town).await;
}

/// What of the last correction went to the credit balance, as it is recorded; none if nothing did.
async fn credited(town: &Client) -> Option<String> {
    let events = town.replay().await.unwrap();
    let last = events.iter().rfind(|event| event.r#type == "PrincipalAdjusted").unwrap();
    let data: serde_json::Value = serde_json::from_slice(&last.data).unwrap();
    data["credited"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn principal_that_is_added_takes_a_credit_balance_first() {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let wire = town.receive("wire", "a-1", Channel::Wire, "10112.00", "2026-04-01").await.unwrap();
    let wire = wire.payment.unwrap().payment_id;
    let paid = "principal 0.00 interest 0.00 fees 0.00 credit 50.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-01").await, paid);
    town.adjust(adjustment("some", "a-1", "30.00", "2026-04-01")).await.unwrap();
    assert_eq!(credited(&town).await.as_deref(), Some("-30.00"));
    let lines = books(&town).await;
    assert!(lines.contains(&"2110 -20.00".to_owned()), "{lines:?}");
    let more = town.adjust(adjustment("more", "a-1", "100.00", "2026-04-01")).await.unwrap();
    assert_eq!(credited(&town).await.as_deref(), Some("-20.00"));
    assert_eq!(more.account.unwrap().state(), AccountState::Open);
    let owing = "principal 80.00 interest 0.00 fees 0.00 credit 0.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-01").await, owing);
    agree(&town).await;
    // Without the payment there was never a credit balance to take.
    town.take_back("back", "a-1", &wire, "R02").await.unwrap();
    let without = "principal 10130.00 interest 62.00 fees 0.00 credit 0.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-01").await, without);
    agree(&town).await;
    town.reinstate("good", "a-1", &wire).await.unwrap();
    assert_eq!(standing(&town, "a-1", "2026-04-01").await, owing);
    agree(&town).await;
}

#[tokio::test]
async fn principal_that_was_paid_before_it_was_taken_off_is_the_customers() {
    let town = Town::at("2026-04-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.adjust(adjustment("off", "a-1", "-1000.00", "2026-04-11")).await.unwrap();
    assert_eq!(credited(&town).await, None);
    let wire = town.receive("wire", "a-1", Channel::Wire, "10062.00", "2026-04-01").await.unwrap();
    let paid = "principal 0.00 interest 0.00 fees 0.00 credit 1000.00 dpd 0";
    assert_eq!(standing(&town, "a-1", "2026-04-20").await, paid);
    assert!(books(&town).await.contains(&"2110 -1000.00".to_owned()));
    agree(&town).await;
    let wire = wire.payment.unwrap().payment_id;
    town.take_back("back", "a-1", &wire, "R02").await.unwrap();
    let owing = "principal 9000.00 interest 98.20 fees 0.00 credit 0.00 dpd 19";
    assert_eq!(standing(&town, "a-1", "2026-04-20").await, owing);
    agree(&town).await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_name() {
    let town = Town::at("2026-03-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.open(lease("l-1")).await.unwrap();
    for (at, account, day, expected) in [
        ("future", "a-1", "2026-03-21", "EFFECTIVE_IN_FUTURE"),
        ("past", "a-1", "2026-02-28", "BEFORE_OPENING"),
        ("nobody", "a-2", "2026-03-20", "ACCOUNT_NOT_FOUND"),
    ] {
        let name = |verb: &str| format!("{verb} {at}");
        let told = [
            reason(town.extend(&name("extend"), account, 1, day).await),
            reason(town.change_rate(rate(&name("rate"), account, "0.05", day)).await),
            reason(town.adjust(adjustment(&name("adjust"), account, "1.00", day)).await),
            reason(town.change_due_date(due_day(&name("day"), account, 5, day)).await),
        ];
        assert_eq!(told, [expected; 4], "{at}");
    }
    let leased = refused(town.change_rate(rate("lease", "l-1", "0.05", "2026-03-20")).await);
    assert_eq!(
        (leased.reason.as_str(), leased.fact("product")),
        ("PRODUCT_HAS_NO_PRINCIPAL", "lease")
    );
    let adjusted = town.adjust(adjustment("lease too", "l-1", "1.00", "2026-03-20")).await;
    assert_eq!(reason(adjusted), "PRODUCT_HAS_NO_PRINCIPAL");
    town.receive("all", "a-1", Channel::Wire, "10038.00", "2026-03-20").await.unwrap();
    assert_eq!(reason(town.extend("paid", "a-1", 1, "2026-03-20").await), "ACCOUNT_PAID_OFF");
    agree(&town).await;
}

#[tokio::test]
async fn rubbish_is_refused_by_its_field() {
    let town = Town::at("2026-03-20T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let (day, head) = ("2026-03-20", town.head().await.unwrap());
    let invalid = |name: &str| (ErrorReason::InvalidField.reason().to_owned(), name.to_owned());
    for months in [0, 13, -1, i32::MIN] {
        assert_eq!(field(town.extend("x", "a-1", months, day).await), invalid("months"));
    }
    for of_month in [0, 32, -5] {
        let told = field(town.change_due_date(due_day("x", "a-1", of_month, day)).await);
        assert_eq!(told, invalid("day_of_month"));
    }
    for annual_rate in ["", "5%", "-0.01", "0.0000001"] {
        let told = field(town.change_rate(rate("x", "a-1", annual_rate, day)).await);
        assert_eq!(told, invalid("annual_rate"));
    }
    for change in ["0.00", "100000000.00", "-100000000.00"] {
        let told = field(town.adjust(adjustment("x", "a-1", change, day)).await);
        assert_eq!(told, invalid("change"));
    }
    let mut request = adjustment("x", "a-1", "1.00", day);
    for text in [" ".to_owned(), "a".repeat(201), "a\u{7}".to_owned()] {
        request.reason = text;
        assert_eq!(field(town.adjust(request.clone()).await), invalid("reason"));
    }
    let unnamed = GrantExtensionRequest { kind: 0, ..extension("x", "a-1", 1, day) };
    assert_eq!(field(town.accounts().grant_extension(unnamed).await), invalid("kind"));
    let undated = GrantExtensionRequest { effective_date: None, ..extension("x", "a-1", 1, day) };
    let told = field(town.accounts().grant_extension(undated).await);
    assert_eq!(told, invalid("effective_date"));
    let mut previewed = rate("x", "a-1", "0.05", day);
    previewed.preview_hash = "no hash!".to_owned();
    assert_eq!(field(town.change_rate(previewed).await), invalid("preview_hash"));
    let both = GetBalanceRequest {
        account_id: "a-1".to_owned(),
        known_position: 1,
        known_time: Some(timestamp(town.now().await)),
        ..GetBalanceRequest::default()
    };
    assert_eq!(field(town.accounts().get_balance(both).await), invalid("known_time"));
    assert_eq!(town.head().await.unwrap(), head, "nothing of it is on record");
}

async fn known_at(town: &Client, day: &str, at: &str) -> Balance {
    let request = GetBalanceRequest {
        account_id: "a-1".to_owned(),
        effective_date: Some(date(day)),
        known_time: Some(timestamp(instant(at))),
        ..GetBalanceRequest::default()
    };
    town.accounts().get_balance(request).await.unwrap().into_inner().balance.unwrap()
}

#[tokio::test]
async fn a_balance_and_its_instalments_are_as_they_were_known_at_an_instant() {
    let town = Town::at("2026-04-06T09:00:00-04:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    town.clock("2026-04-06T12:00:00-04:00").await;
    town.receive("mail", "a-1", Channel::Mail, "310.00", "2026-04-01").await.unwrap();
    let [before, after] = ["2026-04-06T11:59:59.999-04:00", "2026-04-06T12:00:00-04:00"];
    assert_eq!(known_at(&town, "2026-04-03", before).await.days_past_due, 2);
    let known = known_at(&town, "2026-04-03", after).await;
    assert_eq!((known.days_past_due, text(known.billed_amount.as_ref())), (0, "310.00".to_owned()));
    let mut request = ListInstalmentsRequest {
        account_id: "a-1".to_owned(),
        effective_date: Some(date("2026-04-03")),
        known_time: Some(timestamp(instant(before))),
        page_size: 1,
        ..ListInstalmentsRequest::default()
    };
    let then = town.accounts().list_instalments(request.clone()).await.unwrap().into_inner();
    assert_eq!(line(&then.instalments[0]), "1 2026-04-01 310.00 past_due 2");
    request.known_time = Some(timestamp(instant(after)));
    let now = town.accounts().list_instalments(request).await.unwrap().into_inner();
    assert_eq!(line(&now.instalments[0]), "1 2026-04-01 0.00 met 0");
    let nowhere = GetBalanceRequest {
        account_id: "a-1".to_owned(),
        known_time: Some(timestamp(instant("2026-04-06T08:59:59-04:00"))),
        ..GetBalanceRequest::default()
    };
    assert_eq!(reason(town.accounts().get_balance(nowhere).await), "ACCOUNT_NOT_FOUND");
}

#[tokio::test]
async fn instalments_are_listed_page_by_page_as_of_the_first_ones_day() {
    let town = Town::at("2026-05-02T23:59:00-04:00").await;
    let mut request = auto_loan("a-1");
    request.instalment_plan.as_mut().unwrap().instalment_count = 4;
    request.instalment_plan.as_mut().unwrap().first_amount_due = Some(money("110.00"));
    town.open(request).await.unwrap();
    town.receive("mail", "a-1", Channel::Mail, "320.00", "2026-04-01").await.unwrap();
    let mut request = ListInstalmentsRequest {
        account_id: "a-1".to_owned(),
        page_size: 3,
        ..ListInstalmentsRequest::default()
    };
    let first = town.accounts().list_instalments(request.clone()).await.unwrap().into_inner();
    let lines: Vec<_> = first.instalments.iter().map(line).collect();
    assert_eq!(
        lines,
        ["1 2026-04-01 0.00 met 0", "2 2026-05-01 100.00 past_due 1", "3 2026-06-01 310.00 open 0"]
    );
    assert_eq!(text(first.instalments[0].amount.as_ref()), "110.00");
    assert_eq!(text(first.instalments[1].paid_amount.as_ref()), "210.00");
    town.clock("2026-07-02T00:01:00-04:00").await;
    town.extend("in between", "a-1", 1, "2026-07-02").await.unwrap();
    request.page_token = first.next_page_token;
    let rest = town.accounts().list_instalments(request.clone()).await.unwrap().into_inner();
    let lines: Vec<_> = rest.instalments.iter().map(line).collect();
    // With the last one everything falls due.
    assert_eq!(lines, ["4 2026-07-01 9507.32 open 0"]);
    assert_eq!(date_text(rest.effective_date.as_ref()), "2026-05-02");
    assert_eq!(rest.next_page_token, "");
    request.page_token = "rubbish".to_owned();
    let told = field(town.accounts().list_instalments(request.clone()).await);
    assert_eq!(told.0, "PAGE_TOKEN_MISMATCH");
    request.page_token = String::new();
    request.effective_date = Some(date("2026-02-28"));
    assert_eq!(field(town.accounts().list_instalments(request).await).1, "effective_date");
    let moved = town.instalments("a-1", "2026-07-02").await.unwrap();
    assert_eq!(line(&moved[3]), "4 2026-08-01 9568.32 open 0");
    assert_eq!(moved[0].state(), InstalmentState::Met);
}
