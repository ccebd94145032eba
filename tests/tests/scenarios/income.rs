//! Interest income in the general ledger: of loans that are far past due, and of loans that are
//! paid off.

use proto::payledger::v1::{Channel, Product};
use tests::client::Client;
use tests::requests::{auto_loan, money, personal_loan, text};
use tests::server::Town;
use tests::views::agree;

use crate::books::audited;
use crate::daily::charging;

/// Accrued interest of a product, and its interest income.
async fn booked(town: &Client, product: Product) -> [String; 2] {
    let books = town.trial_balance().await.unwrap();
    ["1110", "4010"].map(|number| {
        let mut rows = books.product_rows.iter();
        let row = rows.find(|row| row.product() == product && row.ledger_account == number);
        row.map(|row| text(row.balance.as_ref())).unwrap_or_default()
    })
}

async fn is_booked(town: &Client, product: Product, sums: [&str; 2]) {
    town.until(async |town| booked(town, product).await == sums).await;
}

#[tokio::test]
async fn income_of_a_loan_on_non_accrual_is_what_it_had_earned_whatever_touched_it() {
    let town = Town::with_runner("2026-03-02T09:00:00-05:00").await;
    // Each earns 2.00 a day, and is 120 days past due on 30 July, after 151 days.
    town.open(auto_loan("untouched")).await.unwrap();
    town.open(charging(personal_loan("charged"))).await.unwrap();
    let stopped = async |town: &Client| {
        for product in [Product::AutoLoan, Product::PersonalLoan] {
            is_booked(town, product, ["302.00", "-302.00"]).await;
        }
    };
    town.clock("2026-08-05T09:00:00-04:00").await;
    stopped(&town).await;
    for account in ["untouched", "charged"] {
        let paid = town
            .receive(&format!("cure {account}"), account, Channel::Mail, "1550.00", "2026-08-05")
            .await;
        assert!(!town.account(account).await.unwrap().non_accrual);
        let payment = paid.unwrap().payment.unwrap().payment_id;
        town.take_back(&format!("bounced {account}"), account, &payment, "R01").await.unwrap();
        assert!(town.account(account).await.unwrap().non_accrual);
    }
    town.clock("2026-08-08T09:00:00-04:00").await;
    stopped(&town).await;
    agree(&town).await;
    audited(town).await;
}

#[tokio::test]
async fn nothing_stays_in_accrued_interest_of_loans_that_are_paid_off() {
    let town = Town::with_runner("2026-03-01T09:00:00-05:00").await;
    for number in 0..5 {
        let mut loan = auto_loan(&format!("a-{number}"));
        let Some(proto::payledger::v1::open_account_request::Terms::Loan(terms)) = &mut loan.terms
        else {
            unreachable!("a loan")
        };
        terms.principal = Some(money("10020.00"));
        town.open(loan).await.unwrap();
    }
    town.clock("2026-03-02T09:00:00-05:00").await;
    for number in 0..5 {
        let account = format!("a-{number}");
        // A day earned 2.004 of each.
        town.receive(
            &format!("all of {account}"),
            &account,
            Channel::Wire,
            "10022.00",
            "2026-03-02",
        )
        .await
        .unwrap();
    }
    town.clock("2026-03-06T09:00:00-05:00").await;
    is_booked(&town, Product::AutoLoan, ["0.00", "-10.00"]).await;
    agree(&town).await;
    audited(town).await;
}
