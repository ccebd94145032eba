//! The sample portfolio is boarded, in one call.

use std::collections::BTreeMap;

use ledger::domain::money::Money;
use proto::payledger::v1 as wire;
use wire::batch_command::Command;
use wire::batch_result::Outcome;

use super::Demo;
use super::client::from_demo;
use super::show::{exact, grouped};
use super::stage::{DemoError, expect_same, present};

/// The day as of which all accounts are boarded: a Friday, the last banking day of October.
pub(super) const DAY: &str = "2026-10-30";

/// The sums of one kind of account.
#[derive(Debug, Default)]
struct Sums {
    accounts: usize,
    past_due: usize,
    principal: Money,
    interest: Money,
    payoff: Money,
}

impl Demo<'_> {
    pub(super) async fn board(&mut self) -> Result<(), DemoError> {
        let directory = self.launch.data_dir.display().to_string();
        let address = self.server.address();
        self.stage.say(&format!(
            "The service runs at {address} on {directory}, with a clock that this story sets: it \
             is {} in New York.",
            super::show::local(self.now)
        ))?;
        self.stage.chapter("A portfolio is boarded, in one call of ExecuteBatch")?;
        let opened = self.open_all().await?;
        let sums = sums(&opened)?;
        let rows = sums.into_iter().map(|(product, sums)| {
            [
                product.to_owned(),
                sums.accounts.to_string(),
                sums.past_due.to_string(),
                grouped(sums.principal),
                grouped(sums.interest),
                grouped(sums.payoff),
            ]
        });
        let heading =
            ["product", "accounts", "past due", "principal", "accrued interest", "to pay all off"];
        self.stage.table(heading, rows.collect())?;
        self.stage.say(
            "The auto loans are real: balances, rates, instalments, terms, arrears and states \
             come from public filings. Their dates are moved to this month; vehicle numbers and \
             returned-payment fees are invented, and so are the leases and personal loans.",
        )
    }

    async fn open_all(&mut self) -> Result<Vec<wire::Account>, DemoError> {
        let commands = self.cast.all.iter().map(|account| wire::BatchCommand {
            command: Some(Command::OpenAccount(Box::new(account.request.clone()))),
        });
        let request = wire::ExecuteBatchRequest { commands: commands.collect() };
        let answer = self.client.payments.execute_batch(from_demo(request)).await;
        let results = answer.map_err(DemoError::call("the batch"))?.into_inner().results;
        expect_same("the number of results", &results.len(), &self.cast.all.len())?;
        let mut accounts = Vec::with_capacity(results.len());
        for result in results {
            match result.outcome {
                Some(Outcome::OpenAccount(opened)) => {
                    accounts.push(present("the opened account", opened.account)?);
                }
                other => return Err(DemoError::unexpected("boarding", "an account", &other)),
            }
        }
        Ok(accounts)
    }
}

fn sums(opened: &[wire::Account]) -> Result<BTreeMap<&'static str, Sums>, DemoError> {
    let mut sums: BTreeMap<_, Sums> = BTreeMap::new();
    for account in opened {
        let of_product = sums.entry(product(account.product())).or_default();
        let balance = present("a balance", account.balance.as_ref())?;
        of_product.accounts = of_product.accounts.saturating_add(1);
        let past_due = usize::from(balance.days_past_due > 0);
        of_product.past_due = of_product.past_due.saturating_add(past_due);
        of_product.principal += exact(balance.principal.as_ref())?;
        of_product.interest += exact(balance.accrued_interest.as_ref())?;
        of_product.payoff += exact(balance.payoff_amount.as_ref())?;
    }
    Ok(sums)
}

const fn product(product: wire::Product) -> &'static str {
    match product {
        wire::Product::AutoLoan => "auto loans",
        wire::Product::Lease => "leases",
        wire::Product::PersonalLoan => "personal loans",
        wire::Product::CreditCard => "credit cards",
        wire::Product::Unspecified => "unspecified",
    }
}
