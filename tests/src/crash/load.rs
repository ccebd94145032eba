//! Clients that ask until the service is gone, and keep every answer.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::check::NO_PAYMENT;
use super::history::{Ask, Call, History, Told};
use super::wire;
use crate::chance::Chance;
use crate::client::Client;
use crate::requests::request_id;

/// What every account owes at first: more than a run pays.
const PRINCIPAL: i64 = 5_000_000;
/// How many accounts the clients share at most, so that they meet.
const ACCOUNTS_MAX: u64 = 24;

/// What the clients of one directory know of it together.
#[derive(Debug, Default)]
pub(super) struct World {
    /// All calls.
    pub(super) history: History,
    /// Payments that are known to be there, with their accounts.
    payments: Mutex<Vec<(String, String)>>,
    /// Commands that were acknowledged: request, account, what.
    answered: Mutex<Vec<(String, String, Ask)>>,
    /// Commands whose answer was lost.
    lost: Mutex<Vec<(String, String, Ask)>>,
    /// The highest position that was acknowledged.
    position: AtomicU64,
    numbers: AtomicU64,
}

impl World {
    fn pick<T: Clone>(from: &Mutex<Vec<T>>, chance: &mut Chance) -> Option<T> {
        let from = from.lock().unwrap();
        let place = chance.below(u64::try_from(from.len()).unwrap());
        from.get(usize::try_from(place).unwrap()).cloned()
    }

    /// Commands whose answer was lost, to be sent again.
    pub(super) fn take_lost(&self) -> Vec<(String, String, Ask)> {
        std::mem::take(&mut *self.lost.lock().unwrap())
    }

    /// So many of the commands that were acknowledged.
    pub(super) fn some_answered(
        &self,
        count: usize,
        chance: &mut Chance,
    ) -> Vec<(String, String, Ask)> {
        (0..count).filter_map(|_| Self::pick(&self.answered, chance)).collect()
    }

    /// How many commands were acknowledged.
    pub(super) fn acknowledged(&self) -> usize {
        self.answered.lock().unwrap().len()
    }

    /// Sends commands that are all of their own, singly or in a batch, and keeps the calls.
    pub(super) async fn send(&self, client: &Client, asked: Vec<(String, String, Ask)>) -> bool {
        let invoked = self.history.tick();
        let mut commands: Vec<_> = asked
            .iter()
            .map(|(request, account, ask)| wire::command(request, account, ask))
            .collect();
        let told = match commands.pop() {
            Some(one) if commands.is_empty() => vec![wire::single(client, one).await],
            Some(last) => {
                commands.push(last);
                wire::batch(client, commands).await
            }
            None => Vec::new(),
        };
        let answered = self.history.tick();
        let mut alive = true;
        for ((request, account, ask), told) in asked.into_iter().zip(told) {
            alive &= told != Told::Lost;
            self.note(&request, &account, &ask, &told);
            self.history.keep(Call { request, account, ask, invoked, answered, told });
        }
        alive
    }

    fn note(&self, request: &str, account: &str, ask: &Ask, told: &Told) {
        let whole = || (request.to_owned(), account.to_owned(), ask.clone());
        match told {
            Told::Lost => self.lost.lock().unwrap().push(whole()),
            Told::Done { position, replayed, payment, .. } => {
                self.position.fetch_max(*position, Ordering::SeqCst);
                if !payment.is_empty() && matches!(ask, Ask::Schedule { .. } | Ask::Receive { .. })
                {
                    self.payments.lock().unwrap().push((account.to_owned(), payment.clone()));
                }
                if !replayed {
                    self.answered.lock().unwrap().push(whole());
                }
            }
            Told::Refused { position, replayed, .. } => {
                self.position.fetch_max(*position, Ordering::SeqCst);
                if !replayed {
                    self.answered.lock().unwrap().push(whole());
                }
            }
            Told::Rejected { .. } | Told::Owed { .. } | Told::Listed { .. } => {}
        }
    }

    /// Asks something, and keeps the call.
    async fn ask(&self, client: &Client, account: &str, ask: Ask) -> bool {
        let invoked = self.history.tick();
        let told = wire::question(client, account, &ask).await;
        let answered = self.history.tick();
        let alive = told != Told::Lost;
        let account = account.to_owned();
        let request = String::new();
        self.history.keep(Call { request, account, ask, invoked, answered, told });
        alive
    }

    /// One more command.
    fn command(&self, day: &Day, chance: &mut Chance) -> (String, String, Ask) {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let request = request_id(&format!("crash {number}"));
        let account = format!("a-{}", chance.below(ACCOUNTS_MAX));
        let date = |chance: &mut Chance| match chance.below(10) {
            0 => day.before.clone(),
            1 => day.after.clone(),
            _ => day.today.clone(),
        };
        let amount = i64::try_from(chance.below(2000)).unwrap() + 1;
        let (account, ask) = match chance.below(100) {
            0..14 => (account, Ask::Open { principal: PRINCIPAL }),
            14..46 => (account, Ask::Schedule { amount, date: date(chance) }),
            46..74 => {
                // Now and then a reference that has come before.
                let number = if chance.below(10) == 0 { chance.below(number + 1) } else { number };
                let reference = format!("wire {number}");
                (account, Ask::Receive { amount, date: date(chance), reference })
            }
            74..78 => (account, Ask::Fee { amount }),
            choice => {
                let known = Self::pick(&self.payments, chance).filter(|_| chance.below(20) > 0);
                let (account, payment) = known.unwrap_or((account, NO_PAYMENT.to_owned()));
                let ask = match choice {
                    ..88 => Ask::Cancel { payment },
                    88..94 => Ask::Return { payment },
                    _ => Ask::Settle { payment, date: day.bank.clone() },
                };
                (account, ask)
            }
        };
        (request, account, ask)
    }
}

/// The day of a round, and those around it.
#[derive(Debug, Clone)]
pub(super) struct Day {
    pub(super) before: String,
    pub(super) today: String,
    pub(super) after: String,
    /// The last day on which banks were open, today for the most part.
    pub(super) bank: String,
}

/// One client: asks until the service is gone. Says how many commands were acknowledged meanwhile.
pub(super) async fn until_gone(
    world: Arc<World>,
    client: Client,
    day: Day,
    mut chance: Chance,
    told: Arc<watch::Sender<usize>>,
) {
    loop {
        let alive = match chance.below(100) {
            0..12 => {
                let min_position = world.position.load(Ordering::SeqCst);
                let account = format!("a-{}", chance.below(ACCOUNTS_MAX));
                let ask = if chance.below(2) == 0 {
                    Ask::Balance { min_position }
                } else {
                    Ask::Payments { min_position }
                };
                world.ask(&client, &account, ask).await
            }
            12..16 => world.send(&client, world.some_answered(1, &mut chance)).await,
            16..18 => {
                // The id of something answered, with other content: on record is the first.
                let Some((request, account, ask)) = World::pick(&world.answered, &mut chance)
                else {
                    continue;
                };
                let amount = i64::try_from(chance.below(1000)).unwrap() + 5_000;
                let other = match ask {
                    Ask::Open { .. } => Ask::Open { principal: PRINCIPAL + amount },
                    _ => Ask::Fee { amount },
                };
                world.reuse(&client, (request, account, other)).await
            }
            18..40 => {
                let size = chance.below(16) + 1;
                let commands = (0..size).map(|_| world.command(&day, &mut chance)).collect();
                world.send(&client, commands).await
            }
            _ => {
                let command = world.command(&day, &mut chance);
                world.send(&client, vec![command]).await
            }
        };
        told.send_replace(world.acknowledged());
        if !alive {
            return;
        }
    }
}

impl World {
    /// Sends what must be rejected: it is not sent again if its answer is lost.
    async fn reuse(&self, client: &Client, asked: (String, String, Ask)) -> bool {
        let (request, account, ask) = asked;
        let invoked = self.history.tick();
        let told = wire::single(client, wire::command(&request, &account, &ask)).await;
        let answered = self.history.tick();
        let alive = told != Told::Lost;
        self.history.keep(Call { request, account, ask, invoked, answered, told });
        alive
    }
}
