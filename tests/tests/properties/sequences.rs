//! Random sequences of requests by several clients, run by run and day by day.

use std::collections::BTreeMap;

use proto::payledger::v1::{Channel, Payment, PaymentState, Product, RecordedEvent};
use tests::chance::Chance;
use tests::client::{Answer, Client};
use tests::process::offline_finds_nothing_wrong;
use tests::refusals::refused;
use tests::requests::{auto_loan, cents, lease_with_option, lien, personal_loan};
use tests::server::Town;
use tests::views::{agree, all_accounts, all_payments};

use crate::model::Model;

const CLIENTS: u64 = 3;
const DAYS: u32 = 20;
const REQUESTS_A_DAY: u64 = 12;

/// One client with accounts of its own.
struct Party {
    client: Client,
    number: u64,
    chance: Chance,
    model: Model,
    count: u64,
}

impl Party {
    fn account(&mut self) -> String {
        format!("c{}-{}", self.number, self.chance.below(3))
    }

    async fn open(&mut self) {
        let opened = [auto_loan, personal_loan, lease_with_option].into_iter().zip(0..);
        for (open, n) in opened {
            let mut request = open(&format!("c{}-{n}", self.number));
            request.lien = (n != 1).then(|| lien("TX"));
            self.client.open(request).await.unwrap();
        }
    }

    fn note(&mut self, name: String, answer: Answer<(Option<Payment>, u64)>) {
        if let Ok((payment, position)) = answer {
            self.model.told(&payment.unwrap());
            assert!(self.model.accepted.insert(name, position).is_none());
        } else {
            let refused = refused(answer);
            let position = refused.fact("position").to_owned();
            self.model.refused.insert(name, (refused.reason, position));
        }
    }

    /// One request of any kind, and now and then the same again.
    async fn act(&mut self, today: &str) {
        let (kind, number) = (self.chance.below(10), self.chance.draw());
        let account = self.account();
        let name = format!("c{} {} {kind}", self.number, self.count);
        self.count += 1;
        let amount = match number % 50 {
            0 => "15000.00".to_owned(),
            // Enough to buy a leased vehicle.
            1 => "26000.00".to_owned(),
            some => format!("{}.{:02}", some * 13, number % 100),
        };
        let answer = self.send(kind, number, &name, &account, &amount, today).await;
        let again = (number % 3 == 0).then_some(());
        let first = answer.as_ref().ok().map(|(_, position)| *position);
        self.note(name.clone(), answer);
        if again.is_some() && kind < 6 {
            // What the request named may have been picked anew; only these name nothing.
            let repeat = self.send(kind, number, &name, &account, &amount, today).await;
            assert_eq!(repeat.ok().map(|(_, position)| position), first, "{name}");
        }
    }

    async fn send(
        &mut self,
        kind: u64,
        number: u64,
        name: &str,
        account: &str,
        amount: &str,
        today: &str,
    ) -> Answer<(Option<Payment>, u64)> {
        let client = &self.client;
        let pick = |state| self.model.pick(account, state, number);
        match kind {
            0..=3 => {
                let day = format!("{}{:02}", &today[..8], number % 28 + 1);
                let answer = client.schedule(name, account, amount, &day).await?;
                Ok((answer.payment, answer.position))
            }
            4 | 5 => {
                let ways = [Channel::Wire, Channel::Mail, Channel::Moneygram];
                let way = ways[usize::try_from(number % 3).unwrap()];
                let day = format!("{}{:02}", &today[..8], number % 28 + 1);
                let answer = client.receive(name, account, way, amount, &day).await?;
                Ok((answer.payment, answer.position))
            }
            6 | 7 => {
                let answer = client.cancel(name, account, &pick(PaymentState::Scheduled)).await?;
                Ok((answer.payment, answer.position))
            }
            8 => {
                let code = if number.is_multiple_of(2) { "R01" } else { "R10" };
                let payment = pick(PaymentState::Applied);
                let answer = client.take_back(name, account, &payment, code).await?;
                Ok((answer.payment, answer.position))
            }
            _ => {
                let answer = client.reinstate(name, account, &pick(PaymentState::Returned)).await?;
                Ok((answer.payment, answer.position))
            }
        }
    }
}

/// Every recorded request has one digest and one run of events in its stream.
fn one_outcome_each(events: &[RecordedEvent]) {
    let mut seen: BTreeMap<(&str, String), (String, u64)> = BTreeMap::new();
    for event in events {
        let metadata: serde_json::Value = serde_json::from_slice(&event.metadata).unwrap();
        let text = |name: &str| metadata.get(name).unwrap().as_str().unwrap().to_owned();
        let key = (event.stream.as_str(), text("req"));
        if let Some((digest, position)) = seen.insert(key, (text("dig"), event.position)) {
            assert_eq!((digest, position + 1), (text("dig"), event.position), "{event:?}");
        }
    }
}

/// Holds what the clients were told against what the service says in the end.
async fn holds(town: &Town, parties: &[Party]) {
    agree(town).await;
    one_outcome_each(&town.replay().await.unwrap());
    let head = town.head().await.unwrap();
    let payments = all_payments(town, head).await;
    let told = parties.iter().flat_map(|party| &party.model.payments).count();
    assert_eq!(payments.len(), told, "payments that nobody was told of, or that are gone");
    for payment in &payments {
        let key = (payment.account_id.clone(), payment.payment_id.clone());
        let known = parties.iter().find_map(|party| party.model.payments.get(&key)).unwrap();
        assert_eq!(known.1, cents(payment.amount.as_ref()));
        let (was, is) = (known.0, payment.state());
        let run = was == PaymentState::Scheduled && is != PaymentState::Returned;
        assert!(was == is || run, "{was:?} became {is:?}: {payment:?}");
    }
    conserved(town, &payments).await;
}

/// Money is neither made nor lost: what loans were opened with, less the principal that good
/// payments paid, is what is owed.
async fn conserved(town: &Town, payments: &[Payment]) {
    for account in all_accounts(town, 0).await {
        let of_account = payments.iter().filter(|payment| payment.account_id == account.account_id);
        let allocations = of_account.filter_map(|payment| payment.allocation.as_ref());
        let mut paid = 0;
        let mut credit = 0;
        for allocation in allocations {
            paid += cents(allocation.principal.as_ref());
            credit += cents(allocation.credit.as_ref());
        }
        let balance = account.balance.unwrap();
        if account.product != i32::from(Product::Lease) {
            assert_eq!(cents(balance.principal.as_ref()), 1_000_000 - paid);
        }
        assert_eq!(cents(balance.credit_balance.as_ref()), credit, "{}", account.account_id);
    }
}

/// All clients act at once.
async fn all_act(parties: Vec<Party>, today: &str) -> Vec<Party> {
    let mut acting = tokio::task::JoinSet::new();
    for mut party in parties {
        let today = today.to_owned();
        acting.spawn(async move {
            for _ in 0..REQUESTS_A_DAY / 2 {
                party.act(&today).await;
            }
            party
        });
    }
    acting.join_all().await
}

/// Runs a window of every product as soon as it may be run.
async fn run_all(town: &Town, today: &str, window: &str) {
    town.clock(&format!("{today}T{window}:06-04:00")).await;
    for product in [Product::AutoLoan, Product::PersonalLoan, Product::Lease] {
        town.run_of(product, today, window).await.unwrap();
    }
}

/// A month without a cancel or a return would prove nothing about them.
fn had_everything(parties: &[Party]) {
    for state in [
        PaymentState::Scheduled,
        PaymentState::Cancelled,
        PaymentState::Applied,
        PaymentState::Returned,
    ] {
        let mut known = parties.iter().flat_map(|party| party.model.payments.values());
        assert!(known.any(|(is, _)| *is == state), "a month without any {state:?}");
    }
    assert!(parties.iter().all(|party| !party.model.refused.is_empty()));
}

async fn month(seed: u64) {
    let town = Town::at("2026-04-01T09:00:00-04:00").await;
    let mut parties = Vec::new();
    for number in 0..CLIENTS {
        let client = town.another_client().await;
        let chance = Chance::of(seed * 1000 + number);
        let mut party = Party { client, number, chance, model: Model::default(), count: 0 };
        party.open().await;
        parties.push(party);
    }
    for day in 1..=DAYS {
        let today = format!("2026-04-{day:02}");
        for (clock, window) in [("14:59:50", "15:00"), ("17:59:50", "18:00")] {
            town.clock(&format!("{today}T{clock}-04:00")).await;
            parties = all_act(parties, &today).await;
            run_all(&town, &today, window).await;
            refresh(&town, &mut parties).await;
        }
    }
    had_everything(&parties);
    holds(&town, &parties).await;
    let town = town.restart().await;
    holds(&town, &parties).await;
    let folder = town.stop().await;
    offline_finds_nothing_wrong(&["verify"], folder.path());
    offline_finds_nothing_wrong(&["projections", "verify"], folder.path());
}

/// Tells the clients what the runs did, so that they return what was applied.
async fn refresh(town: &Town, parties: &mut [Party]) {
    for payment in all_payments(town, town.head().await.unwrap()).await {
        let key = (payment.account_id.clone(), payment.payment_id.clone());
        for party in &mut *parties {
            if let Some(known) = party.model.payments.get_mut(&key) {
                assert!(
                    known.0 == payment.state() || known.0 == PaymentState::Scheduled,
                    "{known:?}: {payment:?}"
                );
                known.0 = payment.state();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_month_conserves_money_and_gives_each_request_one_outcome() {
    let seeds = std::env::var("PAYLEDGER_PROPERTY_SEEDS");
    let seeds = seeds.map_or(4, |text| text.parse().unwrap());
    for seed in 1..=seeds {
        println_on_failure(seed);
        month(seed).await;
    }
}

/// Says which month it was: the harness shows it only if the test fails.
#[expect(clippy::print_stdout, reason = "the harness keeps it back unless the test fails")]
fn println_on_failure(seed: u64) {
    println!("month {seed}; to run up to it: PAYLEDGER_PROPERTY_SEEDS={seed} cargo test -p tests");
}
