//! The lien and the title: held until the account is paid off with good money, then released.

use super::commands::Lien;
use super::draft::Draft;
use super::events::{Event, LienRecorded, LienReleased};
use super::opening::recorded;
use super::refusal::Refusal;
use super::state::{OpenAccount, Title, TitleState};
use super::{Context, Decision};

/// Puts a lien on record; nothing to do if the same one is. One on the same vehicle corrects what
/// is on record, and one on another does if it says which number was wrong. Once a payoff came back
/// after the release, the lien that is noted on the title again is recorded anew (domain rule 5.6).
/// On an account that is paid off, the law of the title's state sets new dates.
pub(super) fn record(
    open: &OpenAccount,
    lien: &Lien,
    replaced_vin: Option<&str>,
    context: &Context<'_>,
) -> Decision {
    if !open.terms().has_title() {
        let product = open.terms().product.as_str().to_owned();
        return Err(Refusal::ProductHasNoTitle { product }.into());
    }
    let lien = recorded(lien)?;
    let unsecured = open.title_state() == TitleState::PayoffReturnedAfterRelease;
    let is_vehicle_of =
        |known: &LienRecorded| known.vin == lien.vin || replaced_vin == Some(&known.vin);
    match &open.title {
        Title::NoLien => {}
        Title::Released { lien: known, .. } if unsecured && is_vehicle_of(known) => {}
        Title::Held(known) | Title::Released { lien: known, .. } if *known == lien => {
            return Ok(Vec::new());
        }
        Title::Held(known) if is_vehicle_of(known) => {}
        Title::Held(known) | Title::Released { lien: known, .. } => {
            return Err(Refusal::LienExists { vin: known.vin.clone() }.into());
        }
    }
    let mut draft = Draft::new(open, context);
    draft.push(Event::LienRecorded(lien));
    draft.note_payoff(None);
    Ok(draft.finish())
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
