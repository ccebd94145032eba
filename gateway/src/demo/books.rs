//! The proof: debits equal credits, rebuilt read models equal the live ones, and the log is whole.

use std::collections::BTreeMap;

use ledger::domain::money::Money;
use prost::Message;
use proto::payledger::v1 as wire;
use sha2::{Digest as _, Sha256};

use super::client::from_demo;
use super::killing::PAGE_SIZE;
use super::show::{amount, clock, exact, grouped, weekday};
use super::stage::{DemoError, expect_same};
use super::{Demo, LOOK_EVERY, LOOKS_MAX, Part};
use crate::cli::offline::verify::{self, VerifyArgs};
use crate::cli::output::Output;

/// What the read models say about everything.
#[derive(Debug, PartialEq, Eq)]
struct Everything {
    position: u64,
    accounts: (usize, String),
    payments: (usize, String),
    titles: (usize, String),
    trial_balance: (usize, String),
}

impl Demo<'_> {
    pub(super) async fn prove_the_books(&mut self) -> Result<(), DemoError> {
        self.at("2026-11-30T19:00:00").await?;
        self.stage.chapter("The month in sums, and the books in balance")?;
        self.show_payments().await?;
        let holiday = self.paid_on(Part::Holiday, "2026-11-11").await?;
        self.stage.say(&format!(
            "The payment for Veterans Day was applied at {} and counts as of {}.",
            clock(holiday.applied_time.as_ref())?,
            weekday(holiday.effective_date.as_ref())?
        ))?;
        self.show_closes().await?;
        self.show_trial_balance().await?;

        self.stage.chapter("The read models are rebuilt from the log, and the log is verified")?;
        let before = self.everything().await?;
        let (from, to) = self.rebuild().await?;
        let after = self.everything().await?;
        expect_same("the read models after the rebuild", &after, &before)?;
        let row = |what: &str, old: &(usize, String), new: &(usize, String)| {
            let short = |digest: &str| digest.get(..16).unwrap_or_default().to_owned();
            [what.to_owned(), old.0.to_string(), short(&old.1), short(&new.1)]
        };
        let rows = vec![
            row("accounts with their balances", &before.accounts, &after.accounts),
            row("payments", &before.payments, &after.payments),
            row("titles", &before.titles, &after.titles),
            row("trial balance", &before.trial_balance, &after.trial_balance),
        ];
        let (from, to) = (format!("generation {from}"), format!("generation {to}"));
        self.stage.table(["SHA-256 of every row", "rows", &from, &to], rows)?;
        self.verify().await
    }

    async fn show_payments(&mut self) -> Result<(), DemoError> {
        let mut sums: BTreeMap<(String, String), (usize, Money)> = BTreeMap::new();
        for payment in self.payments().await? {
            let name = |name: &str, prefix: &str| name.trim_start_matches(prefix).to_owned();
            let key = (
                name(payment.channel().as_str_name(), "CHANNEL_"),
                name(payment.state().as_str_name(), "PAYMENT_STATE_"),
            );
            let (count, sum) = sums.entry(key).or_default();
            *count = count.saturating_add(1);
            *sum += exact(payment.amount.as_ref())?;
        }
        let rows = sums.into_iter().map(|((channel, state), (count, sum))| {
            [channel, state, count.to_string(), grouped(sum)]
        });
        self.stage.table(["channel", "state", "payments", "amount"], rows.collect())
    }

    async fn show_trial_balance(&mut self) -> Result<(), DemoError> {
        let balance = self.trial_balance().await?;
        let (debits, credits) = (&balance.total_debits, &balance.total_credits);
        expect_same("debits and credits", debits, credits)?;
        let mut rows = Vec::new();
        for row in &balance.rows {
            rows.push([
                format!("{} {}", row.ledger_account, row.title),
                amount(row.debits.as_ref())?,
                amount(row.credits.as_ref())?,
                amount(row.balance.as_ref())?,
            ]);
        }
        let total = |side: &Option<_>| amount(side.as_ref());
        rows.push(["together".to_owned(), total(debits)?, total(credits)?, "0.00".to_owned()]);
        self.stage.table(["ledger account", "debits", "credits", "balance"], rows)
    }

    /// Rebuilds, waits until readers have moved over, and gives both generations.
    async fn rebuild(&mut self) -> Result<(u64, u64), DemoError> {
        let live = self.status().await?.live_generation;
        let request = wire::RebuildProjectionRequest {};
        let answer = self.client.operations.rebuild_projection(from_demo(request)).await;
        let answer = answer.map_err(DemoError::call("the rebuild"))?.into_inner();
        expect_same("whether the rebuild started", &answer.started, &true)?;
        for _ in 0..LOOKS_MAX {
            let status = self.status().await?;
            if status.live_generation != live {
                return Ok((live, status.live_generation));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let status = self.status().await?;
        Err(DemoError::unexpected("the rebuild", "a new generation", &status))
    }

    /// What `payledger verify` does, in this process: it reads the files and asks no service.
    async fn verify(&mut self) -> Result<(), DemoError> {
        let directory = Some(self.launch.data_dir.clone());
        let verified = tokio::task::spawn_blocking(move || {
            let mut report = Vec::new();
            verify::run(&VerifyArgs { directory, file: None }, Output::Json, &mut report)
                .map_err(|error| DemoError::Verify(error.to_string()))?;
            serde_json::from_slice::<serde_json::Value>(&report)
                .map_err(|error| DemoError::Verify(error.to_string()))
        });
        let report = verified.await.map_err(|error| DemoError::Server(error.to_string()))??;
        let fact = |path: &str| match report.pointer(path) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        expect_same("whether the log is whole", &fact("/is_whole").as_str(), &"true")?;
        expect_same("the read models", &fact("/read_models/equal").as_str(), &"true")?;
        self.stage.say(&format!(
            "payledger verify, from the files alone: {} events of {} streams in {} blocks; every \
             checksum, event and journal right, the read models equal to the log, all chained to \
             {}.",
            fact("/events"),
            fact("/streams"),
            fact("/blocks"),
            fact("/chain"),
        ))
    }

    async fn status(&mut self) -> Result<wire::GetProjectionStatusResponse, DemoError> {
        let request = wire::GetProjectionStatusRequest::default();
        let answer = self.client.operations.get_projection_status(from_demo(request)).await;
        answer.map(tonic::Response::into_inner).map_err(DemoError::call("the status"))
    }

    async fn everything(&mut self) -> Result<Everything, DemoError> {
        loop {
            let position = self.status().await?.head_position;
            let request = wire::GetProjectionStatusRequest { min_position: position };
            let caught_up = self.client.operations.get_projection_status(from_demo(request)).await;
            caught_up.map_err(DemoError::call("the status"))?;
            let accounts = digest(&self.accounts().await?);
            let payments = digest(&self.payments().await?);
            let titles = digest(&self.titles().await?);
            let trial_balance = digest(&self.trial_balance().await?.rows);
            if self.status().await?.head_position == position {
                return Ok(Everything { position, accounts, payments, titles, trial_balance });
            }
        }
    }

    async fn trial_balance(&mut self) -> Result<wire::GetTrialBalanceResponse, DemoError> {
        let min_position = self.status().await?.head_position;
        let request = wire::GetTrialBalanceRequest { min_position, ..Default::default() };
        let answer = self.client.operations.get_trial_balance(from_demo(request)).await;
        answer.map(tonic::Response::into_inner).map_err(DemoError::call("the trial balance"))
    }

    async fn accounts(&mut self) -> Result<Vec<wire::Account>, DemoError> {
        let mut all = Vec::new();
        let mut request = wire::ListAccountsRequest {
            page_size: PAGE_SIZE,
            ..wire::ListAccountsRequest::default()
        };
        loop {
            let answer = self.client.accounts.list_accounts(from_demo(request.clone())).await;
            let page = answer.map_err(DemoError::call("the accounts"))?.into_inner();
            all.extend(page.accounts);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn payments(&mut self) -> Result<Vec<wire::Payment>, DemoError> {
        let mut all = Vec::new();
        let mut request = wire::ListPaymentsRequest {
            page_size: PAGE_SIZE,
            min_position: self.status().await?.head_position,
            ..wire::ListPaymentsRequest::default()
        };
        loop {
            let answer = self.client.payments.list_payments(from_demo(request.clone())).await;
            let page = answer.map_err(DemoError::call("the payments"))?.into_inner();
            all.extend(page.payments);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn titles(&mut self) -> Result<Vec<wire::Title>, DemoError> {
        let mut all = Vec::new();
        let mut request =
            wire::ListTitlesRequest { page_size: PAGE_SIZE, ..wire::ListTitlesRequest::default() };
        loop {
            let answer = self.client.titles.list_titles(from_demo(request.clone())).await;
            let page = answer.map_err(DemoError::call("the titles"))?.into_inner();
            all.extend(page.titles);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// How many rows there are, and the hash of them all in their order.
fn digest<M: Message>(rows: &[M]) -> (usize, String) {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(row.encode_length_delimited_to_vec());
    }
    (rows.len(), ledger::hex::lower(hash.finalize()))
}
