//! Holds a history against the log: the positions order it, and the model must give every answer.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{Ask, Call, Told};
use super::model::{Model, Setting};

/// One recorded event, as far as the check looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place in the log.
    pub position: u64,
    /// Its stream.
    pub stream: String,
    /// Its type.
    pub kind: String,
    /// The request that caused it.
    pub request: String,
    /// The day of its receipt.
    pub day: String,
    /// The payment that it is about; empty if about none.
    pub payment: String,
}

/// What a check has looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Requests with an acknowledged outcome, refusals on record among them.
    pub acknowledged: u64,
    /// Those that were refused, on record.
    pub refused: u64,
    /// Answers that left no record, such as a request id used again for something else.
    pub rejected: u64,
    /// Repeats that got the first answer.
    pub repeated: u64,
    /// Questions, each answered as the model does at the position that the answer names.
    pub questions: u64,
    /// Payments applied by runs of windows.
    pub applied: u64,
    /// Calls whose answer was lost.
    pub lost: u64,
    /// Recorded events.
    pub events: u64,
}

/// The requests of the accounts' streams: account and request id, and the place of the last event.
type Recorded = BTreeMap<(String, String), u64>;

/// Checks it all; the error says what does not fit. Every request must have an outcome by now.
pub fn check(calls: &[Call], log: &[Logged]) -> Result<Coverage, String> {
    let mut coverage =
        Coverage { events: u64::try_from(log.len()).unwrap(), ..Coverage::default() };
    let recorded = recorded(log)?;
    let answers = answers(calls, &recorded, &mut coverage)?;
    real_time(calls, &recorded)?;
    rejections(calls, &mut coverage)?;
    replay(calls, log, &answers, &mut coverage)?;
    Ok(coverage)
}

/// Positions have no gaps, and no request is in two places.
fn recorded(log: &[Logged]) -> Result<Recorded, String> {
    let mut recorded = Recorded::new();
    for (event, expected) in log.iter().zip(1..) {
        if event.position != expected {
            return Err(format!("position {expected} is missing: {event:?}"));
        }
        let Some(account) = event.stream.strip_prefix("account-") else { continue };
        let key = (account.to_owned(), event.request.clone());
        if let Some(before) = recorded.insert(key, event.position)
            && before + 1 != event.position
        {
            return Err(format!("a request is recorded twice, at {before} and {event:?}"));
        }
    }
    Ok(recorded)
}

/// An answer as its repeats must be.
fn as_first(told: &Told) -> Told {
    match told.clone() {
        Told::Done { position, amount, payment, state, .. } => {
            Told::Done { position, replayed: false, amount, payment, state }
        }
        Told::Refused { position, reason, .. } => {
            Told::Refused { position, replayed: false, reason }
        }
        other => other,
    }
}

/// The one answer of each request: where the log has it, the same however often it was given, and
/// new only once.
fn answers<'a>(
    calls: &'a [Call],
    recorded: &Recorded,
    coverage: &mut Coverage,
) -> Result<BTreeMap<(&'a str, &'a str), &'a Call>, String> {
    let mut answers: BTreeMap<(&str, &str), &Call> = BTreeMap::new();
    let (mut asked, mut new, mut turned_away) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for call in calls.iter().filter(|call| !call.request.is_empty()) {
        let key = (call.account.as_str(), call.request.as_str());
        let (position, replayed) = match &call.told {
            Told::Done { position, replayed, .. } | Told::Refused { position, replayed, .. } => {
                (*position, *replayed)
            }
            Told::Lost => {
                coverage.lost += 1;
                asked.insert(key);
                continue;
            }
            Told::Rejected { .. } => {
                turned_away.insert(key);
                continue;
            }
            Told::Owed { .. } | Told::Listed { .. } => continue,
        };
        let place = recorded.get(&(call.account.clone(), call.request.clone()));
        if place != Some(&position) {
            return Err(format!("acknowledged, and the log has it at {place:?}: {call:?}"));
        }
        if !replayed && !new.insert(key) {
            return Err(format!("carried out a second time: {call:?}"));
        }
        coverage.repeated += u64::from(replayed);
        if let Some(first) = answers.insert(key, call)
            && as_first(&first.told) != as_first(&call.told)
        {
            return Err(format!("another answer than {:?}: {call:?}", first.told));
        }
    }
    asked.retain(|key| !answers.contains_key(key) && !turned_away.contains(key));
    match asked.first() {
        Some(key) => Err(format!("a request has no outcome: {key:?}")),
        None => Ok(answers),
    }
}

/// What was answered before something was asked stands before it in the log, and what is asked
/// about an account afterwards shows it.
fn real_time(calls: &[Call], recorded: &Recorded) -> Result<(), String> {
    let mut instants: Vec<(u64, bool, &Call)> = Vec::with_capacity(calls.len() * 2);
    for call in calls {
        instants.push((call.invoked, false, call));
        instants.push((call.answered, true, call));
    }
    instants.sort_by_key(|(tick, ..)| *tick);
    let (mut known, mut asked) = (0, BTreeSet::new());
    // What was known when a question was asked.
    let mut floors: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, answered, call) in instants {
        if answered {
            let position = call.told.position();
            let least = match call.ask {
                Ask::Balance { .. } => floors.get(&call.invoked).copied().unwrap_or_default(),
                Ask::Payments { min_position } => min_position,
                _ => 0,
            };
            if position.is_some_and(|position| position < least) {
                return Err(format!("an answer from before {least}: {call:?}"));
            }
            known = known.max(position.unwrap_or_default());
            continue;
        }
        floors.insert(call.invoked, known);
        let key = (call.account.clone(), call.request.clone());
        let place = recorded.get(&key).copied();
        if !call.request.is_empty()
            && asked.insert(key)
            && place.is_some_and(|place| place <= known)
        {
            return Err(format!("recorded at {place:?}, asked when {known} was known: {call:?}"));
        }
    }
    Ok(())
}

/// What left no record was right to.
fn rejections(calls: &[Call], coverage: &mut Coverage) -> Result<(), String> {
    let mut by_request: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    let mut opened: BTreeMap<&str, u64> = BTreeMap::new();
    for call in calls {
        by_request.entry(&call.request).or_default().push(call);
        if matches!((&call.ask, &call.told), (Ask::Open { .. }, Told::Done { .. })) {
            let first = opened.entry(&call.account).or_insert(call.answered);
            *first = call.answered.min(*first);
        }
    }
    for call in calls {
        let Told::Rejected { reason } = &call.told else { continue };
        let right = match reason.as_str() {
            "ACCOUNT_NOT_FOUND" => {
                opened.get(call.account.as_str()).is_none_or(|at| *at > call.invoked)
            }
            "PAYMENT_NOT_FOUND" => match &call.ask {
                Ask::Cancel { payment } | Ask::Return { payment } | Ask::Settle { payment, .. } => {
                    payment == NO_PAYMENT
                }
                _ => false,
            },
            "REQUEST_ID_REUSED" => by_request.get(call.request.as_str()).is_some_and(|others| {
                others.iter().any(|other| {
                    other.ask != call.ask
                        && other.invoked < call.answered
                        && other.told != Told::Lost
                })
            }),
            _ => false,
        };
        if !right {
            return Err(format!("rejected for no reason: {call:?}"));
        }
        coverage.rejected += 1;
    }
    Ok(())
}

/// A payment that nobody makes.
pub const NO_PAYMENT: &str = "00000000-0000-4000-8000-000000000000";

/// Carries out everything again, in the order of the log, and compares every answer.
fn replay(
    calls: &[Call],
    log: &[Logged],
    answers: &BTreeMap<(&str, &str), &Call>,
    coverage: &mut Coverage,
) -> Result<(), String> {
    let mut questions: Vec<&Call> =
        calls.iter().filter(|call| call.request.is_empty() && call.told != Told::Lost).collect();
    questions.retain(|call| call.told.position().is_some());
    questions.sort_by_key(|call| call.told.position());
    let mut questions = questions.into_iter().peekable();
    let mut model = Model::default();
    for (place, event) in log.iter().enumerate() {
        while let Some(call) = questions.next_if(|it| it.told.position() < Some(event.position)) {
            answer(&model, call, coverage)?;
        }
        let Some(account) = event.stream.strip_prefix("account-") else { continue };
        let follows = log
            .get(place + 1)
            .is_some_and(|next| next.stream == event.stream && next.request == event.request);
        if follows {
            // The request's last event stands for all of it.
            continue;
        }
        match answers.get(&(account, event.request.as_str())) {
            Some(call) => carried_out(&mut model, call, event, coverage)?,
            None if event.kind == "PaymentApplied" => {
                let applied = model.apply(account, &event.payment);
                applied.map_err(|problem| format!("{problem}: {event:?}"))?;
                coverage.applied += 1;
            }
            None => return Err(format!("nobody asked for {event:?}")),
        }
    }
    questions.try_for_each(|call| answer(&model, call, coverage))
}

fn carried_out(
    model: &mut Model,
    call: &Call,
    event: &Logged,
    coverage: &mut Coverage,
) -> Result<(), String> {
    let made = if let Told::Done { payment, .. } = &call.told { payment } else { "" };
    let setting = Setting { today: &event.day, made };
    let outcome = model.carry_out(&call.account, &call.ask, setting);
    let same = match (&outcome, &call.told) {
        (Ok((amount, state)), Told::Done { amount: told, state: named, .. }) => {
            amount == told && state == named
        }
        (Err(reason), Told::Refused { reason: told, .. }) => {
            coverage.refused += 1;
            reason == told
        }
        _ => false,
    };
    coverage.acknowledged += 1;
    if same { Ok(()) } else { Err(format!("the model says {outcome:?} of {call:?}")) }
}

fn answer(model: &Model, call: &Call, coverage: &mut Coverage) -> Result<(), String> {
    let position = call.told.position().unwrap_or_default();
    let expected = model.answer(&call.account, &call.ask, position);
    coverage.questions += 1;
    if expected.as_ref() == Some(&call.told) {
        return Ok(());
    }
    // Nothing can be listed of what is not open.
    let nothing = Told::Listed { position, payments: Vec::new() };
    if expected.is_none() && call.told == nothing {
        return Ok(());
    }
    Err(format!("the model says {expected:?} of {call:?}"))
}

#[cfg(test)]
mod tests;
