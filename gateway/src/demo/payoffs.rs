//! Payoffs: by wire, by our own debit with its hold, and two that come back.

use proto::payledger::v1 as wire;

use super::client::{Refusal, from_demo};
use super::show::{amount, clock, day, exact, grouped, request_id, weekday, wire_day};
use super::stage::{DemoError, expect_same, present};
use super::{Demo, Part};
use crate::convert::money::to_wire;
use crate::convert::time::date;

/// The day on which three loans are paid off.
const DAY: &str = "2026-11-05";

impl Demo<'_> {
    pub(super) async fn pay_off(&mut self) -> Result<(), DemoError> {
        self.stage
            .chapter("Three loans are paid off; a title is released once the money is good")?;
        let mut rows = Vec::new();
        let wired = self.wire_payoff().await?;
        let debit = self.debit_payoff(Part::Debit).await?;
        let bounced = self.debit_payoff(Part::Bounced).await?;
        self.at("2026-11-05T15:00:10").await?;
        let sealed = self.window(DAY, "15:00").await?;
        expect_same("whether both were applied", &(sealed.applied_count >= 2), &true)?;
        let wired = self.released(&wired.account_id).await?;
        rows.push(row("a wire, good on receipt", &wired)?);
        let held = self.title(&debit.account_id, 0).await?;
        expect_same("the title", &held.state(), &wire::TitleState::PaidOffOnHold)?;
        rows.push(row("our own debit, that day", &held)?);
        let refusal = self.release_by_hand(&held).await?;

        self.at("2026-11-09T10:00:00").await?;
        self.take_back(&bounced, "R01").await?;
        let back = self.title(&bounced.account_id, 0).await?;
        expect_same("the title", &back.state(), &wire::TitleState::LienHeld)?;
        let owed = self.balance(&bounced.account_id, day("2026-11-09")?).await?;
        let owed = exact(present("a balance", owed.balance)?.payoff_amount.as_ref())?;
        expect_same("whether something is owed again", &owed.is_positive(), &true)?;
        rows.push(row("another debit, back on 9 Nov (R01)", &back)?);

        let release = date("release_date", held.release_date.as_ref())?;
        self.at(&format!("{release}T09:00:00")).await?;
        let released = self.released(&debit.account_id).await?;
        rows.push(row("our own debit, after its hold", &released)?);
        let heading = ["payoff", "title", "state", "hold until", "law: by", "released"];
        self.stage.table(heading, rows)?;
        self.stage.say(&format!(
            "Releasing by hand on 5 Nov was refused: {} until {}. The service's runner released \
             it on the day. The loan whose payoff came back owes {} again, and its lien stands.",
            refusal.reason,
            refusal.fact("release_date"),
            grouped(owed),
        ))
    }

    /// A payoff that comes back when the lien is gone already.
    pub(super) async fn lose_a_payoff(&mut self) -> Result<(), DemoError> {
        let account = self.cast.part(Part::Debit)?;
        let request = wire::ListPaymentsRequest {
            account_id: account.account_id.clone(),
            ..wire::ListPaymentsRequest::default()
        };
        let answer = self.client.payments.list_payments(from_demo(request)).await;
        let listed = answer.map_err(DemoError::call("the list"))?.into_inner().payments;
        let payoff = present("the payoff", listed.into_iter().next())?;
        self.take_back(&payoff, "R10").await?;
        let title = self.title(&account.account_id, 0).await?;
        let state = wire::TitleState::PayoffReturnedAfterRelease;
        expect_same("the title", &title.state(), &state)?;
        let owed = self.balance(&account.account_id, day("2026-11-20")?).await?;
        let owed = present("a balance", owed.balance)?;
        self.stage.say(&format!(
            "On the same day the payoff debited on 5 Nov comes back as well, after the release: \
             the title is {}, and {} is owed without a lien.",
            words(title.state()),
            amount(owed.payoff_amount.as_ref())?
        ))
    }

    async fn wire_payoff(&mut self) -> Result<wire::Payment, DemoError> {
        let account = self.cast.part(Part::Wire)?;
        let request = wire::ReceivePaymentRequest {
            request_id: request_id("payoff by wire"),
            account_id: account.account_id.clone(),
            channel: wire::Channel::Wire.into(),
            amount: self.quote(&account.account_id).await?,
            received_date: Some(wire_day(DAY)?),
            ..wire::ReceivePaymentRequest::default()
        };
        let answer = self.client.payments.receive_payment(from_demo(request)).await;
        let answer = answer.map_err(DemoError::call("the wire"))?;
        let balance = self.balance(&account.account_id, day(DAY)?).await?;
        expect_same("the account", &balance.state(), &wire::AccountState::PaidOff)?;
        present("the payment", answer.into_inner().payment)
    }

    async fn debit_payoff(&mut self, part: Part) -> Result<wire::Payment, DemoError> {
        let account = self.cast.part(part)?;
        let quote = present("a payoff amount", self.quote(&account.account_id).await?)?;
        let answer = self.schedule(&format!("payoff by {part:?}"), &account, &quote, DAY).await;
        let answer = answer.map_err(DemoError::call("scheduling the payoff"))?;
        present("the payment", answer.payment)
    }

    async fn quote(
        &mut self,
        account: &str,
    ) -> Result<Option<proto::google::r#type::Money>, DemoError> {
        let balance = self.balance(account, day(DAY)?).await?.balance;
        let quote = exact(present("a balance", balance)?.payoff_amount.as_ref())?;
        Ok(Some(to_wire(quote)))
    }

    async fn title(&mut self, account: &str, min: u64) -> Result<wire::Title, DemoError> {
        let request = wire::GetTitleRequest { account_id: account.to_owned(), min_position: min };
        let answer = self.client.titles.get_title(from_demo(request)).await;
        let answer = answer.map_err(DemoError::call("the title"))?;
        present("the title", answer.into_inner().title)
    }

    /// The title, whose lien the service's runner has released.
    async fn released(&mut self, account: &str) -> Result<wire::Title, DemoError> {
        let title = self.title(account, 0).await?;
        expect_same("the title", &title.state(), &wire::TitleState::Released)?;
        Ok(title)
    }

    async fn release_by_hand(&mut self, title: &wire::Title) -> Result<Refusal, DemoError> {
        let request = wire::ReleaseLienRequest {
            request_id: request_id("release too early"),
            account_id: title.account_id.clone(),
        };
        let answer = self.client.titles.release_lien(from_demo(request)).await;
        Refusal::of("the early release", answer, wire::ErrorReason::FundsOnHold)
    }
}

fn row(story: &str, title: &wire::Title) -> Result<[String; 6], DemoError> {
    let dash = || Ok("-".to_owned());
    let day = |date: Option<&_>| date.map_or_else(dash, |date| weekday(Some(date)));
    let released = title.released_time.as_ref();
    Ok([
        story.to_owned(),
        title.title_state.clone(),
        words(title.state()),
        day(title.release_date.as_ref())?,
        day(title.statutory_date.as_ref())?,
        released.map_or_else(dash, |released| clock(Some(released)))?,
    ])
}

fn words(state: wire::TitleState) -> String {
    state.as_str_name().trim_start_matches("TITLE_STATE_").to_owned()
}
