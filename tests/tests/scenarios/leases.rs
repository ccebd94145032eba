//! Leases: the vehicle is bought, before the end or after it, or everything is charged off.

use std::sync::Arc;

use proto::payledger::v1::{
    Account, AccountState, Channel, ChargeOffRequest, CloseDayRequest, Figure,
    GetLedgerFeedRequest, OpenAccountRequest, PaymentState, PayoffQuote, PreviewReceiveRequest,
    Product, ReceivePaymentRequest, TitleState, preview_receive_response,
};
use tests::client::{receive, schedule};
use tests::refusals::{field, reason, refused};
use tests::requests::{date, instant, lease, lease_with_option, lien, money, request_id, text};
use tests::server::{Town, settings};
use tests::servicing::charge_off;
use tests::views::{agree, books};

use crate::explain::{about, explain};

const OPENED: &str = "2026-03-01T09:00:00-05:00";

/// Rentals, rentals to come, residual, sales tax, fees and credit, and what they come to.
fn parts(quote: &PayoffQuote) -> String {
    let credit = text(quote.credit_balance.as_ref());
    let parts = [&quote.rentals, &quote.rentals_ahead, &quote.residual, &quote.sales_tax];
    let parts = parts.map(|part| text(part.as_ref())).join(" + ");
    format!("{} = {parts} + {} - {credit}", text(quote.amount.as_ref()), text(quote.fees.as_ref()))
}

async fn quote(town: &Town, name: &str, day: &str) -> PayoffQuote {
    town.quote_payoff(name, "l-1", day).await.unwrap().quote.unwrap()
}

/// Rentals, tax, residual, sales tax and credit of a payment.
async fn paid(town: &Town, payment: &str) -> String {
    let payment = town.payment("l-1", payment).await.unwrap();
    let Some(split) = payment.allocation else { return format!("{:?}", payment.state()) };
    [&split.rentals, &split.tax, &split.residual, &split.sales_tax, &split.credit]
        .map(|part| text(part.as_ref()))
        .join("/")
}

async fn title(town: &Town) -> TitleState {
    town.title("l-1").await.unwrap().state()
}

async fn account(town: &Town) -> Account {
    town.account("l-1").await.unwrap()
}

/// The account's own rows of the trial balance.
async fn of_books(town: &Town, accounts: &[&str]) -> Vec<String> {
    let all = books(town).await;
    all.into_iter().filter(|row| accounts.iter().any(|account| row.starts_with(account))).collect()
}

/// March's rental is paid on its day, and the clock stands on 10 April.
async fn leased() -> Town {
    let town = Town::at(OPENED).await;
    town.open(lease_with_option("l-1")).await.unwrap();
    town.receive("march", "l-1", Channel::Wire, "389.00", "2026-03-01").await.unwrap();
    town.clock("2026-04-10T09:00:00-04:00").await;
    town
}

#[tokio::test]
async fn a_lease_is_quoted_as_a_buy_out_and_a_wire_of_that_much_buys_the_vehicle() {
    let town = leased().await;
    let terms = account(&town).await;
    let buyout = terms.balance.as_ref().unwrap().buyout.clone().unwrap();
    let told = quote(&town, "quote", "2026-04-10").await;
    // April is due; 22 rentals of 362.00 are to come, and 8 % of 22,214.00 is tax.
    assert_eq!(parts(&told), "24380.12 = 389.00 + 7964.00 + 14250.00 + 1777.12 + 0.00 - 0.00");
    assert_eq!(buyout.rentals_ahead, told.rentals_ahead);
    assert_eq!(terms.balance.unwrap().payoff_amount, told.amount);
    assert_eq!(told.vin, lien("TX").vin);
    let wire = town.receive("buy", "l-1", Channel::Wire, "24380.12", "2026-04-10").await.unwrap();
    let wire = wire.payment.unwrap().payment_id;
    assert_eq!(paid(&town, &wire).await, "8326.00/27.00/14250.00/1777.12/0.00");
    let kept = town.payoff_quote("l-1", &told.quote_id).await.unwrap();
    assert_eq!(kept.payment_ids, [wire]);
    let bought = account(&town).await;
    let balance = bought.balance.as_ref().unwrap();
    assert_eq!((bought.state(), balance.buyout.as_ref()), (AccountState::PaidOff, None));
    assert_eq!(text(balance.payoff_amount.as_ref()), "0.00");
    assert_eq!(title(&town).await, TitleState::PaidOffOnHold);
    // Nothing is receivable, the vehicle is off the books, and tax is owed to the state.
    let rows = of_books(&town, &["11", "2140", "4040"]).await;
    assert_eq!(rows, ["2140 -1804.12", "4040 -8326.00"]);
    agree(&town).await;
    assert_eq!(reason(town.quote_payoff("again", "l-1", "2026-04-11").await), "ACCOUNT_PAID_OFF");
    town.release("release", "l-1").await.unwrap();
    assert_eq!(title(&town).await, TitleState::Released);
    let later = town.balance("l-1", "2027-06-01").await.unwrap();
    assert_eq!((later.days_past_due, text(later.rentals_due.as_ref())), (0, "0.00".to_owned()));
    agree(&town).await;
}

#[tokio::test]
async fn a_buy_out_that_comes_back_leaves_the_lease_as_it_was_and_the_title_with_the_customer() {
    let town = leased().await;
    let before = town.balance("l-1", "2026-06-05").await.unwrap();
    let paid_by = town.receive("buy", "l-1", Channel::Wire, "24380.12", "2026-04-10").await;
    let payment = paid_by.unwrap().payment.unwrap().payment_id;
    town.release("release", "l-1").await.unwrap();
    town.clock("2026-06-05T09:00:00-04:00").await;
    town.take_back("back", "l-1", &payment, "R10").await.unwrap();
    assert_eq!(town.balance("l-1", "2026-06-05").await.unwrap(), before);
    assert_eq!(account(&town).await.state(), AccountState::Open);
    assert_eq!(title(&town).await, TitleState::PayoffReturnedAfterRelease);
    // April, May and June are billed, and the vehicle is ours again.
    let rows = of_books(&town, &["11", "2140", "4040"]).await;
    assert_eq!(
        rows,
        ["1130 1086.00", "1135 81.00", "1140 14250.00", "2140 -81.00", "4040 -1086.00"]
    );
    agree(&town).await;
    town.reinstate("good", "l-1", &payment).await.unwrap();
    assert_eq!(title(&town).await, TitleState::Released);
    assert_eq!(of_books(&town, &["11"]).await, [""; 0]);
    agree(&town).await;
    // The log says the same after a restart.
    let whole = account(&town).await;
    let data = town.stop().await;
    let at = instant("2026-06-05T09:00:00-04:00");
    let restarted = settings(data.path(), at);
    let town = Town::with(Arc::clone(&data), restarted).await;
    assert_eq!(account(&town).await, whole);
    agree(&town).await;
}

#[tokio::test]
async fn what_is_short_by_little_buys_and_what_is_short_by_more_waits_for_the_rest() {
    let town = leased().await;
    let short = town.receive("short", "l-1", Channel::Mail, "24370.13", "2026-04-10").await;
    let short = short.unwrap().payment.unwrap();
    let forgiven = short.allocation.unwrap().write_off.unwrap();
    assert_eq!(text(forgiven.residual.as_ref()), "9.99");
    assert_eq!(account(&town).await.state(), AccountState::PaidOff);
    assert_eq!(of_books(&town, &["5020", "1140"]).await, ["5020 9.99"]);
    agree(&town).await;
    town.take_back("bounced", "l-1", &short.payment_id, "R10").await.unwrap();
    // A cent more is too much, though the rest is as much as the vehicle costs without rentals.
    let cent = town.receive("cent", "l-1", Channel::Mail, "24370.11", "2026-04-10").await.unwrap();
    let cent = cent.payment.unwrap().payment_id;
    assert_eq!(paid(&town, &cent).await, "8326.00/621.00/0.00/0.00/15423.11");
    assert_eq!(title(&town).await, TitleState::LienHeld);
    agree(&town).await;
    town.take_back("cent bounced", "l-1", &cent, "R10").await.unwrap();
    // Far less pays the rentals ahead, and the rest is the customer's.
    let less = town.receive("less", "l-1", Channel::Wire, "20000.00", "2026-04-10").await.unwrap();
    let less = less.payment.unwrap().payment_id;
    assert_eq!(paid(&town, &less).await, "8326.00/621.00/0.00/0.00/11053.00");
    assert_eq!(title(&town).await, TitleState::LienHeld);
    let held = refused(town.release("early", "l-1").await);
    assert_eq!((held.reason.as_str(), held.fact("buyout")), ("VEHICLE_NOT_BOUGHT", "4337.00"));
    agree(&town).await;
    let rest = town.receive("rest", "l-1", Channel::Wire, "4337.00", "2026-04-10").await.unwrap();
    let rest = rest.payment.unwrap().payment_id;
    assert_eq!(paid(&town, &rest).await, "0.00/0.00/14250.00/1140.00/-11053.00");
    assert_eq!(of_books(&town, &["11", "2110"]).await, [""; 0]);
    town.release("release", "l-1").await.unwrap();
    agree(&town).await;
}

#[tokio::test]
async fn a_lease_that_is_over_is_bought_by_a_debit_that_names_its_quote() {
    let town = leased().await;
    let rest = town.receive("rest", "l-1", Channel::Wire, "8947.00", "2026-04-10").await.unwrap();
    assert_eq!(
        paid(&town, &rest.payment.unwrap().payment_id).await,
        "8326.00/621.00/0.00/0.00/0.00"
    );
    let over = account(&town).await;
    assert_eq!(over.state(), AccountState::PaidOff);
    assert_eq!(text(over.balance.unwrap().payoff_amount.as_ref()), "15390.00");
    let unnamed = town.schedule("unnamed", "l-1", "15390.00", "2026-04-13").await;
    assert_eq!(reason(unnamed), "ACCOUNT_PAID_OFF");
    let told = quote(&town, "quote", "2026-04-30").await;
    assert_eq!(parts(&told), "15390.00 = 0.00 + 0.00 + 14250.00 + 1140.00 + 0.00 - 0.00");
    let mut debit = schedule("debit", "l-1", "15390.00", "2026-04-13");
    debit.payoff_quote_id = told.quote_id;
    let debit = town.payments().schedule_payment(debit).await.unwrap().into_inner();
    let debit = debit.payment.unwrap().payment_id;
    town.clock("2026-04-13T15:00:06-04:00").await;
    town.run_of(Product::Lease, "2026-04-13", "15:00").await.unwrap();
    assert_eq!(paid(&town, &debit).await, "0.00/0.00/14250.00/1140.00/0.00");
    assert_eq!(title(&town).await, TitleState::PaidOffOnHold);
    agree(&town).await;
    town.take_back("back", "l-1", &debit, "R01").await.unwrap();
    let state = town.payment("l-1", &debit).await.unwrap().state();
    assert_eq!((state, title(&town).await), (PaymentState::Returned, TitleState::LienHeld));
    agree(&town).await;
}

#[tokio::test]
async fn a_lease_without_a_residual_value_is_told_so_by_name() {
    let town = Town::at(OPENED).await;
    town.open(lease("l-1")).await.unwrap();
    let asked = refused(town.quote_payoff("quote", "l-1", "2026-03-31").await);
    assert_eq!(asked.reason, "RESIDUAL_UNKNOWN");
    assert!(account(&town).await.balance.unwrap().buyout.is_none());
    let with_lien = OpenAccountRequest { lien: Some(lien("TX")), ..lease("l-2") };
    assert_eq!(field(town.open(with_lien).await).1, "lien");
    for state in ["XX", "tx", "T", ""] {
        let nowhere = OpenAccountRequest { lien: Some(lien(state)), ..lease_with_option("l-2") };
        assert_eq!(field(town.open(nowhere).await).1, "lien.title_state", "{state}");
    }
    let mut rate_alone = lease_with_option("l-3");
    if let Some(proto::payledger::v1::open_account_request::Terms::Lease(terms)) =
        &mut rate_alone.terms
    {
        terms.residual_value = None;
    }
    assert_eq!(field(town.open(rate_alone).await).1, "lease.sales_tax_rate");
    let mut too_much = lease_with_option("l-4");
    if let Some(proto::payledger::v1::open_account_request::Terms::Lease(terms)) =
        &mut too_much.terms
    {
        "1.01".clone_into(&mut terms.sales_tax_rate);
    }
    assert_eq!(field(town.open(too_much).await).1, "lease.sales_tax_rate");
}

#[tokio::test]
async fn a_buy_out_is_previewed_with_its_journal_and_committed_by_its_hash() {
    let town = leased().await;
    let request = receive("buy", "l-1", Channel::Wire, "24380.12", "2026-04-10");
    let asked = PreviewReceiveRequest {
        account_id: "l-1".to_owned(),
        channel: Channel::Wire.into(),
        amount: Some(money("24380.12")),
        received_date: Some(date("2026-04-10")),
        reference: request.reference.clone(),
        ..PreviewReceiveRequest::default()
    };
    let answer = town.payments().preview_receive(asked).await.unwrap().into_inner();
    let Some(preview_receive_response::Outcome::Accepted(preview)) = answer.outcome else {
        panic!("not accepted")
    };
    let journal: Vec<String> = preview
        .journal
        .iter()
        .map(|line| format!("{} {}", line.ledger_account, text(line.amount.as_ref())))
        .collect();
    for line in ["1010 24380.12", "1140 -14250.00", "2140 -1777.12", "4040 -7964.00"] {
        assert!(journal.contains(&line.to_owned()), "{line}: {journal:?}");
    }
    let after = preview.after.unwrap();
    assert_eq!(after.title_state(), TitleState::PaidOffOnHold);
    let request = ReceivePaymentRequest { preview_hash: preview.hash, ..request };
    town.payments().receive_payment(request).await.unwrap();
    assert_eq!(title(&town).await, TitleState::PaidOffOnHold);
}

#[tokio::test]
async fn what_is_charged_off_of_a_lease_is_owed_all_the_same_and_buys_no_vehicle() {
    let town = leased().await;
    town.clock("2026-07-10T09:00:00-04:00").await;
    let part = ChargeOffRequest {
        principal: Some(money("1.00")),
        ..charge_off("part", "l-1", "2026-07-10")
    };
    assert_eq!(reason(town.charge_off(part).await), "PRODUCT_HAS_NO_PRINCIPAL");
    let answer = town.charge_off(charge_off("loss", "l-1", "2026-07-10")).await.unwrap();
    let loss = answer.charge_off.unwrap();
    // April to July, and 19 rentals to come.
    assert_eq!(text(loss.rentals.as_ref()), "1556.00");
    assert_eq!(text(loss.rentals_ahead.as_ref()), "6878.00");
    let account_then = account(&town).await;
    assert_eq!(account_then.state(), AccountState::ChargedOff);
    let balance = account_then.balance.unwrap();
    assert_eq!(text(balance.charged_off_amount.as_ref()), "8434.00");
    assert_eq!(text(balance.payoff_amount.as_ref()), "8434.00");
    // July's rental is no income; the tax stays payable, and the vehicle stays ours.
    let rows = of_books(&town, &["11", "2140", "4040"]).await;
    assert_eq!(rows, ["1140 14250.00", "1190 1194.00", "2140 -108.00", "4040 -1086.00"]);
    agree(&town).await;
    let told = quote(&town, "quote", "2026-07-31").await;
    assert_eq!(text(told.charged_off_amount.as_ref()), "8434.00");
    assert_eq!(parts(&told), "8434.00 = 0.00 + 0.00 + 0.00 + 0.00 + 0.00 - 0.00");
    let rest = town.receive("rest", "l-1", Channel::Wire, "9000.00", "2026-07-10").await.unwrap();
    let split = rest.payment.unwrap().allocation.unwrap();
    assert_eq!(text(split.recovery.as_ref()), "8434.00");
    assert_eq!(text(split.credit.as_ref()), "566.00");
    assert_eq!(account(&town).await.state(), AccountState::PaidOff);
    assert_eq!(title(&town).await, TitleState::LienHeld);
    let held = refused(town.release("release", "l-1").await);
    assert_eq!(held.reason, "VEHICLE_NOT_BOUGHT");
    assert_eq!(reason(town.quote_payoff("late", "l-1", "2026-07-31").await), "ACCOUNT_PAID_OFF");
    agree(&town).await;
}

#[tokio::test]
async fn every_figure_of_a_lease_is_explained_before_and_after_its_end() {
    let town = leased().await;
    town.receive("buy", "l-1", Channel::Wire, "24380.12", "2026-04-10").await.unwrap();
    for day in ["2026-03-15", "2026-04-10", "2026-09-01"] {
        for figure in [Figure::RentalsDue, Figure::RentalsRemaining, Figure::Payoff] {
            explain(&town, about("l-1", figure, day)).await;
        }
    }
}

#[tokio::test]
async fn a_lease_that_comes_on_the_books_late_bills_what_fell_due_since_its_opening() {
    let town = Town::at("2026-05-10T09:00:00-04:00").await;
    town.open(lease_with_option("l-1")).await.unwrap();
    agree(&town).await;
    // March's rental was due at the opening and is paid; April's and May's are billed with that.
    town.receive("march", "l-1", Channel::Wire, "389.00", "2026-05-10").await.unwrap();
    let rows = of_books(&town, &["11", "2140", "4040"]).await;
    assert_eq!(rows, ["1130 724.00", "1135 54.00", "1140 14250.00", "2140 -54.00", "4040 -724.00"]);
    agree(&town).await;
}

#[tokio::test]
async fn a_closed_day_before_a_buy_out_stays_and_the_feed_of_its_own_day_balances() {
    let town = Town::with_manual_books(OPENED).await;
    town.open(lease_with_option("l-1")).await.unwrap();
    let days = ["2026-03-31", "2026-04-01", "2026-04-02", "2026-04-03", "2026-04-04"];
    for (number, day) in days.iter().enumerate() {
        town.clock(&format!("{day}T09:00:00-04:00")).await;
        let request = proto::payledger::v1::OpenDayRequest {
            request_id: request_id(&format!("open {day}")),
            gl_date: Some(date(day)),
        };
        town.books().open_day(request).await.unwrap();
        if *day == "2026-04-03" {
            // Bought as of before April's rental, which the close of the 1st has billed.
            town.receive("buy", "l-1", Channel::Wire, "24771.08", "2026-03-31").await.unwrap();
        }
        let before = if number == 0 { "2026-03-01" } else { days[number - 1] };
        town.clock(&format!("{day}T23:30:00-04:00")).await;
        let close = CloseDayRequest {
            request_id: request_id(&format!("close {before}")),
            gl_date: Some(date(before)),
        };
        town.books().close_day(close).await.unwrap();
    }
    let rows = of_books(&town, &["11", "2140", "4040"]).await;
    agree(&town).await;
    assert_eq!(rows, ["2140 -1806.08", "4040 -8326.00"]);
    for day in ["2026-04-01", "2026-04-02", "2026-04-03"] {
        let request = GetLedgerFeedRequest { gl_date: Some(date(day)), min_position: 0 };
        let feed = town.books().get_ledger_feed(request).await.unwrap().into_inner();
        assert_eq!(feed.total_debits, feed.total_credits, "{day}");
    }
}
