//! Rubbish: each kind gets a clear error with its field, and leaves nothing behind.

use proto::google::r#type::{Date, Money};
use proto::payledger::v1::open_account_request::Terms;
use proto::payledger::v1::{
    AssessFeeRequest, Channel, FeeKind, Funding, InstalmentPlan, LeaseTerms, Lien, LoanTerms,
    OpenAccountRequest, PreviewPaymentRequest, Product, ReturnPaymentRequest,
    SchedulePaymentRequest, SetClockRequest, batch_command::Command,
};
use tests::client::{receive, schedule};
use tests::refusals::{field, refused};
use tests::requests::{auto_loan, date, lease, lien, money, request_id, with_loan};
use tests::server::Town;

type Change<T> = fn(&mut T);

fn usd(units: i64, nanos: i32) -> Money {
    Money { currency_code: "USD".to_owned(), units, nanos }
}

fn currency(code: &str) -> Money {
    Money { currency_code: code.to_owned(), ..money("1.00") }
}

fn day(year: i32, month: i32, day: i32) -> Date {
    Date { year, month, day }
}

fn token(token: &str) -> Funding {
    Funding { token: token.to_owned(), last_four: String::new() }
}

#[tokio::test]
async fn a_payment_with_a_field_that_cannot_be_right_is_refused_by_that_field() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let head = town.head().await.unwrap();
    let cases: &[(&str, &str, Change<SchedulePaymentRequest>)] = &[
        ("request_id", "INVALID_FIELD", |r| r.request_id = String::new()),
        ("request_id", "INVALID_FIELD", |r| r.request_id = "not a uuid".to_owned()),
        ("request_id", "INVALID_FIELD", |r| r.request_id = "x".repeat(1_000_000)),
        ("request_id", "INVALID_FIELD", |r| r.request_id = uuid::Uuid::nil().to_string()),
        ("account_id", "INVALID_FIELD", |r| r.account_id = String::new()),
        ("account_id", "INVALID_FIELD", |r| r.account_id = "a 1".to_owned()),
        ("account_id", "INVALID_FIELD", |r| r.account_id = "../a-1".to_owned()),
        ("account_id", "INVALID_FIELD", |r| r.account_id = "-a".to_owned()),
        ("account_id", "INVALID_FIELD", |r| r.account_id = "a".repeat(65)),
        ("account_id", "INVALID_FIELD", |r| r.account_id = "a\u{0}1".to_owned()),
        ("account_id", "INVALID_FIELD", |r| r.account_id = "\u{e4}-1".to_owned()),
        ("amount", "INVALID_FIELD", |r| r.amount = None),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(0, 0))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(-310, 0))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(310, 1))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(310, 5_000_000))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(310, -10_000_000))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(-310, 10_000_000))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(310, 1_000_000_000))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(i64::MAX, 990_000_000))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(usd(i64::MIN, i32::MIN))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(currency(""))),
        ("amount", "INVALID_FIELD", |r| r.amount = Some(currency("usd"))),
        ("amount", "CURRENCY_MISMATCH", |r| r.amount = Some(currency("EUR"))),
        ("payment_date", "INVALID_FIELD", |r| r.payment_date = None),
        ("payment_date", "INVALID_DATE", |r| r.payment_date = Some(day(0, 0, 0))),
        ("payment_date", "INVALID_DATE", |r| r.payment_date = Some(day(2026, 2, 31))),
        ("payment_date", "INVALID_DATE", |r| r.payment_date = Some(day(2026, 2, 29))),
        ("payment_date", "INVALID_DATE", |r| r.payment_date = Some(day(2026, 13, 1))),
        ("payment_date", "INVALID_DATE", |r| r.payment_date = Some(day(0, 3, 3))),
        ("payment_date", "INVALID_DATE", |r| r.payment_date = Some(day(10_000, 1, 1))),
        ("payment_date", "INVALID_DATE", |r| r.payment_date = Some(day(2026, i32::MIN, i32::MAX))),
        ("funding.token", "INVALID_FIELD", |r| r.funding = Some(token(""))),
        ("funding.token", "INVALID_FIELD", |r| r.funding = Some(token("000123456789"))),
        ("funding.token", "INVALID_FIELD", |r| r.funding = Some(token("021000021-000123456789"))),
        ("funding.token", "INVALID_FIELD", |r| r.funding = Some(token("tok\n7"))),
        ("funding.token", "INVALID_FIELD", |r| r.funding = Some(token(&"t".repeat(65)))),
        ("funding.last_four", "INVALID_FIELD", |r| {
            r.funding = Some(Funding { token: "tok".to_owned(), last_four: "12345".to_owned() });
        }),
    ];
    for (number, (path, reason, change)) in cases.iter().enumerate() {
        let mut request = schedule("rubbish", "a-1", "310.00", "2026-03-03");
        change(&mut request);
        let told = field(town.payments().schedule_payment(request).await);
        assert_eq!((told.0.as_str(), told.1.as_str()), (*reason, *path), "case {number}");
    }
    assert_eq!(town.head().await.unwrap(), head);
}

fn loan(change: fn(&mut LoanTerms)) -> OpenAccountRequest {
    with_loan(auto_loan("a-1"), change)
}

fn of(change: Change<OpenAccountRequest>) -> OpenAccountRequest {
    let mut request = auto_loan("a-1");
    change(&mut request);
    request
}

fn plan(change: Change<InstalmentPlan>) -> OpenAccountRequest {
    let mut request = auto_loan("a-1");
    change(request.instalment_plan.as_mut().unwrap());
    request
}

fn with_lien(change: Change<Lien>) -> OpenAccountRequest {
    let mut request = auto_loan("a-1");
    change(request.lien.insert(lien("TX")));
    request
}

#[tokio::test]
async fn an_account_with_terms_that_cannot_be_is_refused_by_the_path_of_the_field() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let head = town.head().await.unwrap();
    let of_loan: [(&str, Change<LoanTerms>); 14] = [
        ("principal", |loan| loan.principal = None),
        ("principal", |loan| loan.principal = Some(usd(0, 0))),
        ("principal", |loan| loan.principal = Some(usd(100_000_000, 0))),
        ("annual_rate", |loan| loan.annual_rate = String::new()),
        ("annual_rate", |loan| loan.annual_rate = "7.3%".to_owned()),
        ("annual_rate", |loan| loan.annual_rate = "-0.01".to_owned()),
        ("annual_rate", |loan| loan.annual_rate = "5.75".to_owned()),
        ("annual_rate", |loan| loan.annual_rate = "0.0000001".to_owned()),
        ("annual_rate", |loan| loan.annual_rate = "NaN".to_owned()),
        ("annual_rate", |loan| loan.annual_rate = "9".repeat(1000)),
        ("day_count_basis", |loan| loan.day_count_basis = 17),
        ("unpaid_interest", |loan| loan.unpaid_interest = Some(usd(-1, 0))),
        ("interest_carry", |loan| loan.interest_carry = "a cent".to_owned()),
        ("interest_paid_through_date", |loan| {
            loan.interest_paid_through_date = Some(date("2026-03-02"));
        }),
    ];
    for (name, change) in of_loan {
        assert_eq!(field(town.open(loan(change)).await).1, format!("loan.{name}"));
    }
    let mut taxed = lease("a-1");
    taxed.terms =
        Some(Terms::Lease(LeaseTerms { tax: Some(money("389.00")), ..LeaseTerms::default() }));
    for (path, request) in [
        ("product", of(|r| r.product = 0)),
        ("product", of(|r| r.product = 99)),
        ("opened_date", of(|r| r.opened_date = None)),
        ("instalment_plan", of(|r| r.instalment_plan = None)),
        ("loan", of(|r| r.terms = None)),
        ("loan", of(|r| r.terms = Some(Terms::Lease(LeaseTerms::default())))),
        ("lease", of(|r| r.product = Product::Lease.into())),
        ("fees_due", of(|r| r.fees_due = Some(usd(-1, 0)))),
        ("returned_item_fee", of(|r| r.returned_item_fee = Some(usd(0, 0)))),
        ("instalment_plan.amount", plan(|plan| plan.amount = Some(usd(0, 0)))),
        ("instalment_plan.first_due_date", plan(|plan| plan.first_due_date = None)),
        ("instalment_plan.instalment_count", plan(|plan| plan.instalment_count = 0)),
        ("instalment_plan.instalment_count", plan(|plan| plan.instalment_count = -1)),
        ("instalment_plan.instalment_count", plan(|plan| plan.instalment_count = i32::MAX)),
        ("instalment_plan.day_of_month", plan(|plan| plan.day_of_month = 32)),
        ("instalment_plan.day_of_month", plan(|plan| plan.day_of_month = 15)),
        (
            "instalment_plan.first_amount_due",
            plan(|plan| plan.first_amount_due = Some(usd(311, 0))),
        ),
        ("lease.tax", taxed),
        ("lien.title_state", with_lien(|lien| lien.title_state = "Texas".to_owned())),
        ("lien.vin", with_lien(|lien| lien.vin = "1HGCM82633A00435I".to_owned())),
        ("lien.lienholder", with_lien(|lien| lien.lienholder = " ".to_owned())),
        ("lien.lienholder", with_lien(|lien| lien.lienholder = "a\u{7}b".to_owned())),
    ] {
        assert_eq!(field(town.open(request).await).1, path);
    }
    let mut card = auto_loan("a-1");
    card.set_product(Product::CreditCard);
    assert_eq!(
        field(town.open(card).await),
        ("PRODUCT_NOT_BOOKABLE".to_owned(), "product".to_owned())
    );
    assert_eq!(town.head().await.unwrap(), head);
    town.open(auto_loan("a-1")).await.unwrap();
}

#[tokio::test]
async fn an_account_with_dates_of_no_contract_is_refused_and_one_of_fifty_years_is_not() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let opened = |on: &str| {
        let mut request = plan(|plan| plan.first_due_date = Some(day(2026, 3, 1)));
        request.opened_date = Some(date(on));
        request
    };
    let paid_through = |on: &str| {
        with_loan(auto_loan("a-1"), |loan| loan.interest_paid_through_date = Some(date(on)))
    };
    for (path, request) in [
        ("opened_date", opened("1976-03-02")),
        ("opened_date", opened("0001-01-01")),
        ("loan.interest_paid_through_date", paid_through("1976-03-02")),
    ] {
        assert_eq!(field(town.open(request).await).1, path);
    }
    for (year, month, on) in [(9999, 1, 31), (2076, 3, 2), (1976, 3, 2), (1, 1, 1)] {
        let mut request = auto_loan("a-1");
        let plan = request.instalment_plan.as_mut().unwrap();
        plan.first_due_date = Some(day(year, month, on));
        assert_eq!(field(town.open(request).await).1, "instalment_plan.first_due_date", "{year}");
    }
    town.open(opened("1976-03-03")).await.unwrap();
}

#[tokio::test]
async fn the_other_requests_are_as_strict() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let head = town.head().await.unwrap();
    for way in [Channel::Unspecified, Channel::OwnAch] {
        let request = receive("money", "a-1", way, "1.00", "2026-03-03");
        assert_eq!(field(town.payments().receive_payment(request).await).1, "channel");
    }
    for reference in ["x".repeat(65), "a\u{0}b".to_owned(), "a\u{1b}[2J".to_owned()] {
        let mut request = receive("money", "a-1", Channel::Mail, "1.00", "2026-03-03");
        request.reference = reference;
        assert_eq!(field(town.payments().receive_payment(request).await).1, "reference");
    }
    for code in ["", "R1", "r01", "R001", "X01", "R\u{661}\u{662}"] {
        let request = ReturnPaymentRequest {
            request_id: request_id("return"),
            account_id: "a-1".to_owned(),
            payment_id: request_id("any payment"),
            return_code: code.to_owned(),
            ..ReturnPaymentRequest::default()
        };
        assert_eq!(field(town.payments().return_payment(request).await).1, "return_code", "{code}");
    }
    let fee = AssessFeeRequest {
        request_id: request_id("fee"),
        account_id: "a-1".to_owned(),
        kind: FeeKind::Unspecified.into(),
        amount: Some(money("1.00")),
        ..AssessFeeRequest::default()
    };
    assert_eq!(field(town.accounts().assess_fee(fee.clone()).await).1, "kind");
    let mut dated = AssessFeeRequest { kind: FeeKind::Late.into(), ..fee };
    dated.effective_date = Some(Date { year: 2026, month: 2, day: 30 });
    assert_eq!(field(town.accounts().assess_fee(dated).await).1, "effective_date");
    let preview = PreviewPaymentRequest {
        payment_date: Some(date("2026-03-03")),
        ..PreviewPaymentRequest::default()
    };
    assert_eq!(field(town.payments().preview_payment(preview).await).1, "account_id");
    for seconds in [i64::MIN, i64::MAX, 253_402_300_800] {
        let request =
            SetClockRequest { now_time: Some(prost_types::Timestamp { seconds, nanos: 0 }) };
        assert_eq!(field(town.operations().set_clock(request).await).1, "now_time");
    }
    assert_eq!(
        field(town.operations().set_clock(SetClockRequest { now_time: None }).await).1,
        "now_time"
    );
    assert_eq!(field(town.run_of(Product::Unspecified, "2026-03-03", "15:00").await).1, "product");
    assert_eq!(town.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_a_batch_may_be_larger() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let large =
        |bytes: usize| OpenAccountRequest { account_id: "a".repeat(bytes), ..auto_loan("a-1") };
    let accounts =
        town.accounts().max_encoding_message_size(64 << 20).open_account(large(5 << 20)).await;
    let refusal = refused(accounts);
    assert_eq!(
        (refusal.reason.as_str(), refusal.code),
        ("MESSAGE_TOO_LARGE", tonic::Code::ResourceExhausted)
    );
    assert!(!refusal.retry_info);
    let batch = |bytes: usize| vec![Command::OpenAccount(Box::new(large(bytes)))];
    assert_eq!(town.batch(batch(5 << 20)).await.unwrap().results.len(), 1);
    assert_eq!(refused(town.batch(batch(17 << 20)).await).reason, "MESSAGE_TOO_LARGE");
    town.open(auto_loan("a-1")).await.unwrap();
}

#[tokio::test]
async fn a_batch_holds_a_bounded_number_of_commands_and_at_least_one() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    town.open(auto_loan("a-1")).await.unwrap();
    let commands = |count: usize| -> Vec<Command> {
        let pay = |n| {
            Command::SchedulePayment(schedule(
                &format!("pay {n}"),
                &format!("b-{n}"),
                "1.00",
                "2026-03-03",
            ))
        };
        (0..count).map(pay).collect()
    };
    let head = town.head().await.unwrap();
    assert_eq!(field(town.batch(commands(10_000)).await).1, "commands");
    assert_eq!(field(town.batch(Vec::new()).await).1, "commands");
    assert_eq!(town.head().await.unwrap(), head);
    assert_eq!(town.batch(commands(8000)).await.unwrap().results.len(), 8000);
}

#[tokio::test]
async fn a_clock_moves_forwards_only_and_as_far_as_dates_can_be_told() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    let back =
        refused(town.set_clock(tests::requests::instant("2026-03-03T08:59:59.999-05:00")).await);
    assert_eq!(
        (back.reason.as_str(), back.fact("now")),
        ("CLOCK_MOVES_FORWARD_ONLY", "2026-03-03T14:00:00Z")
    );
    town.open(auto_loan("a-1")).await.unwrap();
    let beyond = town.set_clock(tests::requests::instant("9998-01-01T00:00:00Z")).await;
    assert_eq!(field(beyond), ("INVALID_FIELD".to_owned(), "now_time".to_owned()));
    town.clock("9997-12-31T09:00:00-05:00").await;
    let told = town.schedule("far", "a-1", "1.00", "9998-12-31").await.unwrap();
    let origination = told.payment.unwrap().origination_date;
    assert_eq!(origination, Some(date("9999-01-04")));
    town.balance("a-1", "9999-12-31").await.unwrap();
    town.account("a-1").await.unwrap();
}
