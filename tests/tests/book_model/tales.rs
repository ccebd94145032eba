//! How some lives begin: what chance alone seldom brings together.

use tests::chance::Chance;

use crate::lives::{Ask, Back, Step, Sum, index, one_of};

/// The first steps of a life that begins in one of these ways: one in ten does. They have a chance
/// of their own, so that what follows is what it would be without them.
pub(crate) fn beginning(seed: u64) -> Vec<Step> {
    let mut chance = Chance::of(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let asked = match chance.below(20) {
        0 => sent_back(&mut chance),
        1 => late_all_the_same(&mut chance),
        _ => Vec::new(),
    };
    let step = |(days_later, ask)| Step { days_later, hour: 0, ask, looks: chance.draw() };
    asked.into_iter().map(step).collect()
}

fn received(chance: &mut Chance, money: Sum, days: i64) -> Ask {
    Ask::Receive { money, back: Back::Days(days), way: index(chance) }
}

fn returned(chance: &mut Chance, which: usize) -> Ask {
    Ask::Return { which, code: one_of(chance, &["R01", "R02", "R10"]) }
}

/// A payoff of too much, of which the excess is sent back before the payoff comes back; then most
/// of what is owed is paid.
fn sent_back(chance: &mut Chance) -> Vec<(i64, Ask)> {
    let excess = one_of(chance, &[700, 1_000, 2_000]);
    let missing = one_of(chance, &[0, 1, 699, 700, 999, 1_000, 1_001, 2_100]);
    let again = returned(chance, 1);
    vec![
        (40, received(chance, Sum::Payoff(excess), 0)),
        (15, Ask::Refund { part: false }),
        (3, returned(chance, 0)),
        (0, received(chance, Sum::Payoff(-missing), 0)),
        (4, one_of(chance, &[Ask::Age, again])),
    ]
}

/// Late fees, what pays them, and then money that turns out to be older and bounces, perhaps more
/// than once.
fn late_all_the_same(chance: &mut Chance) -> Vec<(i64, Ask)> {
    let paid = one_of(chance, &[Sum::PastDueAndFees(0), Sum::Instalments(1, 0)]);
    let older = one_of(chance, &[Sum::Instalments(1, 0), Sum::Instalments(3, 0), Sum::Cents(900)]);
    let days = one_of(chance, &[0, 78]);
    let mut asked = vec![
        (85, Ask::Age),
        (0, received(chance, paid, 0)),
        (1, received(chance, older, 80)),
        (1, received(chance, older, days)),
        (1, returned(chance, 1)),
    ];
    let more = [Ask::Reinstate { which: 1 }, Ask::Age, returned(chance, 2), returned(chance, 1)];
    for _ in 0..3 {
        asked.push((2, one_of(chance, &more)));
    }
    asked
}
