//! The service is killed while it writes, and started again: what was acknowledged is there once.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::payledger::v1 as wire;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Demo;
use super::client::{Client, from_demo};
use super::show::{day, request_id, wire_day};
use super::stage::{DemoError, expect_same, present};
use crate::convert::money::to_wire;
use crate::convert::time::date_to_wire;

/// How many requests are under way at once.
const UNDER_WAY: usize = 16;
/// The first and the last due date of the instalments that are scheduled.
const DUE: (&str, &str) = ("2026-11-03", "2026-11-29");
/// The most rows that a page of a list holds.
pub(super) const PAGE_SIZE: i32 = 1000;

/// What was acknowledged, by the request's place.
type Acknowledged = BTreeMap<usize, wire::SchedulePaymentResponse>;

impl Demo<'_> {
    pub(super) async fn kill_in_the_middle(&mut self) -> Result<(), DemoError> {
        self.stage.chapter("The service is killed in the middle of its work (SIGKILL)")?;
        self.at("2026-11-02T09:00:00").await?;
        let requests = self.instalments_due()?;
        let before = self.send_until_killed(&requests).await?;

        self.server = self.launch.start(self.now).await?;
        self.client = Client::connect(self.server.address()).await?;
        let after = send(&self.client, &requests, &mut None, 0).await?;
        expect_same("the answers after the restart", &after.len(), &requests.len())?;
        let mut saved = 0_usize;
        for (place, answer) in &after {
            match before.get(place) {
                Some(first) => {
                    expect_same("an acknowledged payment", &answer.payment, &first.payment)?;
                    expect_same("its position", &answer.position, &first.position)?;
                    expect_same("whether it was there", &answer.replayed, &true)?;
                }
                None if answer.replayed => saved = saved.saturating_add(1),
                None => {}
            }
        }
        let listed = self.times_listed(&after).await?;
        let new = after.len().saturating_sub(before.len()).saturating_sub(saved);
        let row = |what: &str, count: usize| [what.to_owned(), count.to_string()];
        let rows = vec![
            row("instalments of the month, each a request of its own", requests.len()),
            row("acknowledged before the kill: after it, the same answer, replayed", before.len()),
            row("unanswered at the kill, yet on the disk: found again", saved),
            row("never arrived: written now, under the same request id", new),
            row("payments listed, each exactly once", listed),
        ];
        self.stage.table(["after the restart all requests are sent again", "payments"], rows)?;
        self.stage.say(
            "An answer leaves only when its events are on the disk. What was unanswered is settled by \
             sending it again.",
        )
    }

    /// The instalments of all accounts that have no part of their own and are not past due.
    fn instalments_due(&self) -> Result<Vec<wire::SchedulePaymentRequest>, DemoError> {
        let (first, last) = (day(DUE.0)?, day(DUE.1)?);
        let due = self.cast.others().filter(|account| {
            account.days_past_due == 0
                && account.instalments > 1
                && (first..=last).contains(&account.next_due)
        });
        let requests = due.map(|account| wire::SchedulePaymentRequest {
            request_id: request_id(&format!("instalment of {}", account.account_id)),
            account_id: account.account_id.clone(),
            amount: Some(to_wire(account.instalment)),
            payment_date: Some(date_to_wire(account.next_due)),
            ..wire::SchedulePaymentRequest::default()
        });
        Ok(requests.collect())
    }

    async fn send_until_killed(
        &mut self,
        requests: &[wire::SchedulePaymentRequest],
    ) -> Result<Acknowledged, DemoError> {
        let enough = requests.len() / 3;
        let before = send(&self.client, requests, &mut Some(&mut self.server), enough).await?;
        if before.len() < enough || before.len() == requests.len() {
            return Err(DemoError::unexpected("the kill", "work cut off", &before.len()));
        }
        Ok(before)
    }

    /// How many of the payments the read models list, where each must be listed once.
    async fn times_listed(&mut self, answers: &Acknowledged) -> Result<usize, DemoError> {
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for answer in answers.values() {
            let payment = present("the payment", answer.payment.as_ref())?;
            times.insert(&payment.payment_id, 0);
        }
        let request = wire::ListPaymentsRequest {
            from_effective_date: Some(wire_day(DUE.0)?),
            to_effective_date: Some(wire_day(DUE.1)?),
            page_size: PAGE_SIZE,
            min_position: answers.values().map(|answer| answer.position).max().unwrap_or_default(),
            ..wire::ListPaymentsRequest::default()
        };
        let answer = self.client.payments.list_payments(from_demo(request)).await;
        let listed = answer.map_err(DemoError::call("the list of payments"))?.into_inner();
        for payment in &listed.payments {
            if let Some(count) = times.get_mut(payment.payment_id.as_str()) {
                *count = count.saturating_add(1);
            }
        }
        let once = times.values().filter(|count| **count == 1).count();
        expect_same("the payments that are listed once", &once, &answers.len())?;
        Ok(once)
    }
}

/// Sends the requests side by side. A `victim` is killed as soon as enough were acknowledged; what
/// is not acknowledged then may have been written or not.
async fn send(
    client: &Client,
    requests: &[wire::SchedulePaymentRequest],
    victim: &mut Option<&mut super::server::Server>,
    enough: usize,
) -> Result<Acknowledged, DemoError> {
    let gate = Arc::new(Semaphore::new(UNDER_WAY));
    let mut tasks = JoinSet::new();
    for (place, request) in requests.iter().cloned().enumerate() {
        let (mut payments, gate) = (client.payments.clone(), Arc::clone(&gate));
        tasks.spawn(async move {
            let _turn = gate.acquire().await;
            (place, payments.schedule_payment(from_demo(request)).await)
        });
    }
    let mut acknowledged = Acknowledged::new();
    let may_fail = victim.is_some();
    while let Some(task) = tasks.join_next().await {
        let (place, answer) = task.map_err(|error| DemoError::Server(error.to_string()))?;
        match answer {
            Ok(answer) => {
                acknowledged.insert(place, answer.into_inner());
            }
            Err(_) if may_fail && victim.is_none() => {}
            Err(status) => return Err(DemoError::call("scheduling")(status)),
        }
        if acknowledged.len() >= enough
            && let Some(server) = victim.take()
        {
            server.kill().await?;
        }
    }
    Ok(acknowledged)
}
