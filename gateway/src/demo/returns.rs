//! Payments that come back from the bank, days and weeks after they were applied.

use chrono::NaiveDate;
use proto::payledger::v1 as wire;

use super::client::from_demo;
use super::cutoffs::name;
use super::show::{amount, day, exact, local, request_id};
use super::stage::{DemoError, expect_same, present};
use super::{Demo, Part};
use crate::convert::money::to_wire;

const FRIDAY: &str = "2026-10-30";

impl Demo<'_> {
    /// The bank finds no funds: undone as if it had never been paid, and a fee is owed.
    pub(super) async fn return_insufficient(&mut self) -> Result<(), DemoError> {
        self.stage.chapter("A payment comes back: insufficient funds (R01)")?;
        self.at("2026-11-04T10:00:00").await?;
        let payment = self.paid_on(Part::Insufficient, FRIDAY).await?;
        let today = day("2026-11-04")?;
        let before = self.balance_row("before", &payment.account_id, today).await?;
        self.take_back(&payment, "R01").await?;
        let after = self.balance(&payment.account_id, today).await?;
        let fees = exact(present("a balance", after.balance)?.fees_due.as_ref())?;
        expect_same("whether a fee is owed", &fees.is_positive(), &true)?;
        let after = self.balance_row("after", &payment.account_id, today).await?;
        let heading = ["4 Nov", "principal", "accrued interest", "fees due", "days past due"];
        self.stage.table(heading, vec![before, after])?;
        self.stage.say(&format!(
            "The payment of 30 Oct on {} is undone as of 30 Oct, with its interest, and the \
             contract's fee is charged. Nothing is erased: payment and return are both in the \
             log.",
            payment.account_id
        ))
    }

    /// The customer had not authorised it: a later payment pays what it had paid, and no fee.
    pub(super) async fn return_unauthorised(&mut self) -> Result<(), DemoError> {
        self.stage.chapter("A payment comes back after weeks: unauthorised (R10)")?;
        self.at("2026-11-17T09:00:00").await?;
        let account = self.cast.part(Part::Unauthorised)?;
        let first = self.paid_on(Part::Unauthorised, FRIDAY).await?;
        let second = name(Part::Unauthorised, "2026-11-18");
        let instalment = to_wire(account.instalment);
        let second = self.schedule(&second, &account, &instalment, "2026-11-18").await;
        let second = present("it", second.map_err(DemoError::call("scheduling"))?.payment)?;
        self.at("2026-11-18T15:00:10").await?;
        self.window("2026-11-18", "15:00").await?;
        let before = self.payment(&second).await?;
        self.at("2026-11-20T10:00:00").await?;
        self.take_back(&first, "R10").await?;
        let after = self.payment(&second).await?;
        let today = day("2026-11-20")?;
        let balance = self.balance(&account.account_id, today).await?;
        let fees = exact(present("a balance", balance.balance)?.fees_due.as_ref())?;
        expect_same("the fee", &fees, &ledger::domain::money::Money::ZERO)?;
        let moved = before.allocation != after.allocation;
        expect_same("whether the later payment was allocated anew", &moved, &true)?;
        let rows = vec![split_row("before the return", &before)?, split_row("after it", &after)?];
        let heading = ["the payment of 18 Nov", "amount", "to interest", "to principal", "to fees"];
        self.stage.table(heading, rows)?;
        self.stage.say(
            "With the payment of 30 Oct gone, that of 18 Nov has to pay the interest since before \
             it. This code carries no fee.",
        )
    }

    /// The payment of a part for a date, as it stands.
    pub(super) async fn paid_on(
        &mut self,
        part: Part,
        date: &str,
    ) -> Result<wire::Payment, DemoError> {
        let account = self.cast.part(part)?;
        let instalment = to_wire(account.instalment);
        let again = self.schedule(&name(part, date), &account, &instalment, date).await;
        let again = again.map_err(DemoError::call("the repeated request"))?;
        let payment = present("the payment", again.payment)?;
        let payment = self.payment(&payment).await?;
        expect_same("its state", &payment.state(), &wire::PaymentState::Applied)?;
        Ok(payment)
    }

    /// Records that a payment came back.
    pub(super) async fn take_back(
        &mut self,
        payment: &wire::Payment,
        code: &str,
    ) -> Result<wire::Payment, DemoError> {
        let request = wire::ReturnPaymentRequest {
            request_id: request_id(&format!("return {}", payment.payment_id)),
            account_id: payment.account_id.clone(),
            payment_id: payment.payment_id.clone(),
            return_code: code.to_owned(),
            ..wire::ReturnPaymentRequest::default()
        };
        let answer = self.client.payments.return_payment(from_demo(request)).await;
        let answer =
            answer.map_err(DemoError::call(format!("the return at {}", local(self.now))))?;
        let returned = present("the returned payment", answer.into_inner().payment)?;
        expect_same("its state", &returned.state(), &wire::PaymentState::Returned)?;
        expect_same("its code", &returned.return_code.as_str(), &code)?;
        Ok(returned)
    }

    async fn balance_row(
        &mut self,
        when: &str,
        account: &str,
        on: NaiveDate,
    ) -> Result<[String; 5], DemoError> {
        let balance = present("a balance", self.balance(account, on).await?.balance)?;
        Ok([
            when.to_owned(),
            amount(balance.principal.as_ref())?,
            amount(balance.accrued_interest.as_ref())?,
            amount(balance.fees_due.as_ref())?,
            balance.days_past_due.to_string(),
        ])
    }
}

fn split_row(when: &str, payment: &wire::Payment) -> Result<[String; 5], DemoError> {
    let split = present("the allocation", payment.allocation.as_ref())?;
    Ok([
        when.to_owned(),
        amount(payment.amount.as_ref())?,
        amount(split.interest.as_ref())?,
        amount(split.principal.as_ref())?,
        amount(split.fees.as_ref())?,
    ])
}
