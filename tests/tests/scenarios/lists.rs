//! Lists: whole and stable over many pages, filtered, and strict about tokens.

use proto::payledger::v1::{
    Channel, ListAccountsRequest, ListPaymentsRequest, ListPendingPaymentsRequest,
    ListTitlesRequest, PaymentState, Product, batch_command::Command,
};
use tests::client::{Client, receive, schedule};
use tests::refusals::{field, reason};
use tests::requests::{auto_loan, date, lease, lien, personal_loan};
use tests::server::Town;

async fn many(town: &Client, from: u32, to: u32) {
    let commands = (from..to).flat_map(|n| {
        let account = format!("a-{n:03}");
        let mut open = auto_loan(&account);
        open.lien = Some(lien("TX"));
        let day = format!("2026-04-{:02}", n % 28 + 1);
        [
            Command::OpenAccount(Box::new(open)),
            Command::SchedulePayment(schedule("pay", &account, "310.00", &day)),
            Command::ReceivePayment(receive("wire", &account, Channel::Wire, "1.00", "2026-03-02")),
        ]
    });
    town.batch(commands.collect()).await.unwrap();
}

async fn payments_page(town: &Client, request: &ListPaymentsRequest) -> (Vec<String>, String, u64) {
    let page = town.payments().list_payments(request.clone()).await.unwrap().into_inner();
    let ids = page.payments.into_iter().map(|payment| payment.payment_id).collect();
    (ids, page.next_page_token, page.read_position)
}

#[tokio::test]
async fn pages_neither_repeat_nor_miss_a_row_while_others_write() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    many(&town, 0, 60).await;
    let head = town.head().await.unwrap();
    let whole = ListPaymentsRequest {
        page_size: 1000,
        min_position: head,
        ..ListPaymentsRequest::default()
    };
    let (whole, last, _) = payments_page(&town, &whole).await;
    assert_eq!((whole.len(), last.as_str()), (120, ""));
    let mut request = ListPaymentsRequest { page_size: 7, ..ListPaymentsRequest::default() };
    let (mut seen, mut next, mut wanted) = (Vec::new(), 60, head);
    loop {
        let (ids, token, read_position) = payments_page(&town, &request).await;
        assert!(read_position >= wanted, "{read_position}, after {wanted} was asked for");
        seen.extend(ids);
        if token.is_empty() {
            break;
        }
        request.page_token = token;
        many(&town, next, next + 1).await;
        next += 1;
        wanted = town.head().await.unwrap();
        request.min_position = wanted;
    }
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn a_later_page_shows_its_rows_as_they_are_when_it_is_read_and_says_so() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    many(&town, 0, 2).await;
    let mut request = ListPaymentsRequest {
        page_size: 2,
        min_position: town.head().await.unwrap(),
        ..ListPaymentsRequest::default()
    };
    let first = town.payments().list_payments(request.clone()).await.unwrap().into_inner();
    let paid = town.payments_of("a-001").await.unwrap();
    let cancelled = town.cancel("cancel", "a-001", &paid[0].payment_id).await.unwrap();
    request.page_token = first.next_page_token;
    request.min_position = cancelled.position;
    let second = town.payments().list_payments(request).await.unwrap().into_inner();
    assert_eq!(second.read_position, cancelled.position);
    let scheduled = &second.payments[0];
    assert_eq!(scheduled.payment_id, paid[0].payment_id);
    assert_eq!(scheduled.state(), PaymentState::Cancelled);
}

#[tokio::test]
async fn every_list_is_whole_in_pages_of_any_size() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    many(&town, 0, 25).await;
    let head = town.head().await.unwrap();
    for size in [1, 3, 25, 1000, i32::MAX] {
        let mut accounts = ListAccountsRequest {
            page_size: size,
            min_position: head,
            ..ListAccountsRequest::default()
        };
        let mut pending = ListPendingPaymentsRequest {
            page_size: size,
            min_position: head,
            ..ListPendingPaymentsRequest::default()
        };
        let mut titles = ListTitlesRequest {
            page_size: size,
            min_position: head,
            ..ListTitlesRequest::default()
        };
        let (mut ids, mut cutoffs, mut liens) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let page = town.accounts().list_accounts(accounts.clone()).await.unwrap().into_inner();
            ids.extend(page.accounts.into_iter().map(|account| account.account_id));
            accounts.page_token = page.next_page_token;
            if accounts.page_token.is_empty() {
                break;
            }
        }
        loop {
            let page =
                town.payments().list_pending_payments(pending.clone()).await.unwrap().into_inner();
            cutoffs.extend(
                page.payments.into_iter().map(|payment| {
                    (payment.cancel_before_time.unwrap().seconds, payment.account_id)
                }),
            );
            pending.page_token = page.next_page_token;
            if pending.page_token.is_empty() {
                break;
            }
        }
        loop {
            let page = town.titles().list_titles(titles.clone()).await.unwrap().into_inner();
            liens.extend(page.titles.into_iter().map(|title| title.account_id));
            titles.page_token = page.next_page_token;
            if titles.page_token.is_empty() {
                break;
            }
        }
        let expected: Vec<String> = (0..25).map(|n| format!("a-{n:03}")).collect();
        assert_eq!(ids, expected, "{size}");
        assert_eq!(liens, expected, "{size}");
        assert_eq!(cutoffs.len(), 25, "{size}");
        assert!(cutoffs.is_sorted_by_key(|(cutoff, _)| *cutoff), "{size}");
    }
}

#[tokio::test]
async fn a_pending_list_goes_on_where_it_was_when_payments_leave_it() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    many(&town, 0, 20).await;
    let min_position = town.head().await.unwrap();
    let mut request = ListPendingPaymentsRequest {
        page_size: 5,
        min_position,
        ..ListPendingPaymentsRequest::default()
    };
    let mut seen = Vec::new();
    loop {
        let page =
            town.payments().list_pending_payments(request.clone()).await.unwrap().into_inner();
        for payment in &page.payments {
            // Whoever reads the list cancels what is on it, as a clerk would.
            let (account, id) = (&payment.account_id, &payment.payment_id);
            town.cancel(&format!("cancel {account}"), account, id).await.unwrap();
        }
        seen.extend(page.payments.into_iter().map(|payment| payment.account_id));
        request.page_token = page.next_page_token;
        request.min_position = town.head().await.unwrap();
        if request.page_token.is_empty() {
            break;
        }
    }
    let expected: Vec<String> = (0..20).map(|n| format!("a-{n:03}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_token_belongs_to_its_list_and_filter() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    many(&town, 0, 5).await;
    let head = town.head().await.unwrap();
    let first =
        ListPaymentsRequest { page_size: 2, min_position: head, ..ListPaymentsRequest::default() };
    let (_, token, _) = payments_page(&town, &first).await;
    let with = |token: &str| ListPaymentsRequest {
        page_token: token.to_owned(),
        ..ListPaymentsRequest::default()
    };
    payments_page(&town, &with(&token)).await;
    let mut changed = with(&token);
    changed.set_state(PaymentState::Applied);
    assert_eq!(reason(town.payments().list_payments(changed).await), "PAGE_TOKEN_MISMATCH");
    let other = ListPendingPaymentsRequest {
        page_token: token.clone(),
        ..ListPendingPaymentsRequest::default()
    };
    let told = field(town.payments().list_pending_payments(other).await);
    assert_eq!(told, ("PAGE_TOKEN_MISMATCH".to_owned(), "page_token".to_owned()));
    let accounts =
        ListAccountsRequest { page_token: token.clone(), ..ListAccountsRequest::default() };
    assert_eq!(reason(town.accounts().list_accounts(accounts).await), "PAGE_TOKEN_MISMATCH");
    let titles = ListTitlesRequest { page_token: token.clone(), ..ListTitlesRequest::default() };
    assert_eq!(reason(town.titles().list_titles(titles).await), "PAGE_TOKEN_MISMATCH");
    for rubbish in ["x", "====", "e30", "\u{0}", &token[1..], &"A".repeat(100_000)] {
        assert_eq!(
            reason(town.payments().list_payments(with(rubbish)).await),
            "PAGE_TOKEN_MISMATCH"
        );
    }
    // As of a log that lost what the first page was read from.
    let younger = Town::at("2026-03-03T09:00:00-05:00").await;
    assert_eq!(reason(younger.payments().list_payments(with(&token)).await), "PAGE_TOKEN_MISMATCH");
    let negative = ListPaymentsRequest { page_size: -1, ..ListPaymentsRequest::default() };
    assert_eq!(field(town.payments().list_payments(negative).await).1, "page_size");
}

#[tokio::test]
async fn filters_leave_out_what_was_not_asked_for() {
    let town = Town::at("2026-03-03T09:00:00-05:00").await;
    many(&town, 0, 3).await;
    town.open(personal_loan("p-1")).await.unwrap();
    town.open(lease("l-1")).await.unwrap();
    town.schedule("pay", "p-1", "1.00", "2026-03-03").await.unwrap();
    town.schedule("pay", "l-1", "1.00", "2026-03-03").await.unwrap();
    let paid = town.payments_of("a-001").await.unwrap();
    town.cancel("cancel", "a-001", &paid[0].payment_id).await.unwrap();
    let min_position = town.head().await.unwrap();
    let base = || ListPaymentsRequest { min_position, ..ListPaymentsRequest::default() };
    let count = async |request: ListPaymentsRequest| payments_page(&town, &request).await.0.len();
    assert_eq!(count(base()).await, 8);
    assert_eq!(count(ListPaymentsRequest { account_id: "a-001".into(), ..base() }).await, 2);
    assert_eq!(count(ListPaymentsRequest { account_id: "nobody".into(), ..base() }).await, 0);
    for (state, expected) in [
        (PaymentState::Scheduled, 4),
        (PaymentState::Cancelled, 1),
        (PaymentState::Applied, 3),
        (PaymentState::Returned, 0),
    ] {
        assert_eq!(count(ListPaymentsRequest { state: state.into(), ..base() }).await, expected);
    }
    for (channel, expected) in [(Channel::OwnAch, 5), (Channel::Wire, 3), (Channel::Mail, 0)] {
        assert_eq!(
            count(ListPaymentsRequest { channel: channel.into(), ..base() }).await,
            expected
        );
    }
    let from = ListPaymentsRequest { from_effective_date: Some(date("2026-03-03")), ..base() };
    assert_eq!(count(from).await, 5);
    let to = ListPaymentsRequest { to_effective_date: Some(date("2026-03-02")), ..base() };
    assert_eq!(count(to).await, 3);
    let pending = ListPendingPaymentsRequest {
        product: Product::Lease.into(),
        payment_date: Some(date("2026-03-03")),
        window: "15:00".to_owned(),
        min_position,
        ..ListPendingPaymentsRequest::default()
    };
    let found = town.payments().list_pending_payments(pending.clone()).await.unwrap().into_inner();
    assert_eq!(found.payments.len(), 1);
    let none = ListPendingPaymentsRequest { window: "18:00".to_owned(), ..pending };
    let found = town.payments().list_pending_payments(none).await.unwrap().into_inner();
    assert_eq!(found.payments, []);
    let nowhere = ListPendingPaymentsRequest {
        window: "16:00".into(),
        ..ListPendingPaymentsRequest::default()
    };
    let told = field(town.payments().list_pending_payments(nowhere).await);
    assert_eq!(told, ("INVALID_FIELD".to_owned(), "window".to_owned()));
    let backwards = ListPaymentsRequest {
        from_effective_date: Some(date("2026-03-03")),
        to_effective_date: Some(date("2026-03-02")),
        ..base()
    };
    let told = field(town.payments().list_payments(backwards).await);
    assert_eq!(told, ("INVALID_FIELD".to_owned(), "to_effective_date".to_owned()));
    let leases = ListAccountsRequest {
        product: Product::Lease.into(),
        min_position,
        ..ListAccountsRequest::default()
    };
    let leases = town.accounts().list_accounts(leases).await.unwrap().into_inner().accounts;
    assert_eq!((leases.len(), leases[0].product()), (1, Product::Lease));
}
