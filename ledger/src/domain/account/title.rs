//! The lien and the title: held until the account is paid off with good money, then released.

use super::commands::Lien;
use super::draft::Draft;
use super::events::{Event, LienReleased};
use super::opening::recorded;
use super::refusal::Refusal;
use super::state::{OpenAccount, Title};
use super::{Context, Decision};

/// Puts a lien on record; nothing to do if the same one is. On an account that is paid off, the law
/// of the title's state sets new dates.
pub(super) fn record(open: &OpenAccount, lien: &Lien, context: &Context<'_>) -> Decision {
    if !open.terms().has_title() {
        let product = open.terms().product.as_str().to_owned();
        return Err(Refusal::ProductHasNoTitle { product }.into());
    }
    let lien = recorded(lien)?;
    match &open.title {
        Title::NoLien => {
            let mut draft = Draft::new(open, context);
            draft.push(Event::LienRecorded(lien));
            draft.note_payoff(None);
            Ok(draft.finish())
        }
        Title::Held(held) | Title::Released { lien: held, .. } if *held == lien => Ok(Vec::new()),
        Title::Held(held) | Title::Released { lien: held, .. } => {
            Err(Refusal::LienExists { vin: held.vin.clone() }.into())
        }
    }
}

/// Releases the lien of a paid-off account once its funds are good; nothing to do if it was. A
/// lease that is over gives no title to anybody who has not bought the vehicle.
pub(super) fn release(open: &OpenAccount, context: &Context<'_>) -> Decision {
    match &open.title {
        Title::NoLien => return Err(Refusal::NoLien.into()),
        Title::Released { .. } => return Ok(Vec::new()),
        Title::Held(_) => {}
    }
    let today = context.today();
    let Some(paid_off) = &open.paid_off else {
        return Err(Refusal::BalanceRemaining { balance: open.payoff(today) }.into());
    };
    if paid_off.vehicle_kept {
        return Err(Refusal::VehicleNotBought { buyout: open.payoff(today) }.into());
    }
    if today < paid_off.release_date {
        return Err(Refusal::FundsOnHold { release_date: paid_off.release_date }.into());
    }
    Ok(vec![Event::LienReleased(LienReleased { released_date: today })])
}
