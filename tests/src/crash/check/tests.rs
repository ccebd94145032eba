//! Forged histories are refused: a check that finds nothing must be able to find something.

use super::super::history::{Ask, Call, Told};
use super::{Logged, check};

fn event(position: u64, kind: &str, request: &str) -> Logged {
    Logged {
        position,
        stream: "account-a".to_owned(),
        kind: kind.to_owned(),
        request: request.to_owned(),
        day: "2026-03-03".to_owned(),
        payment: "p".to_owned(),
    }
}

fn done(position: u64, amount: i64, payment: &str, state: &str) -> Told {
    let (payment, state) = (payment.to_owned(), state.to_owned());
    Told::Done { position, replayed: false, amount, payment, state }
}

fn call(request: &str, ask: Ask, span: (u64, u64), told: Told) -> Call {
    let (request, account) = (request.to_owned(), "a".to_owned());
    Call { request, account, ask, invoked: span.0, answered: span.1, told }
}

fn receive() -> Ask {
    let (date, reference) = ("2026-03-03".to_owned(), "wire".to_owned());
    Ask::Receive { amount: 700, date, reference }
}

/// An account, a scheduled payment that a run applies, a wire of which the answer was lost at
/// first, a wire that looks like it and is refused, and a question.
fn true_history() -> (Vec<Call>, Vec<Logged>) {
    let schedule = Ask::Schedule { amount: 300, date: "2026-03-03".to_owned() };
    let repeat = Told::Done {
        position: 3,
        replayed: true,
        amount: 700,
        payment: "w".to_owned(),
        state: "PAYMENT_STATE_APPLIED".to_owned(),
    };
    let twin =
        Told::Refused { position: 5, replayed: false, reason: "POSSIBLE_DUPLICATE".to_owned() };
    let calls = vec![
        call("open", Ask::Open { principal: 10_000 }, (0, 1), done(1, 10_000, "", "")),
        call("plan", schedule, (2, 4), done(2, 300, "p", "PAYMENT_STATE_SCHEDULED")),
        call("wire", receive(), (3, 5), Told::Lost),
        call("wire", receive(), (6, 7), repeat),
        call("twin", receive(), (8, 9), twin),
        call(
            "",
            Ask::Balance { min_position: 5 },
            (10, 11),
            Told::Owed { position: 5, amount: 9_000 },
        ),
    ];
    let log = vec![
        event(1, "AccountOpened", "open"),
        event(2, "PaymentScheduled", "plan"),
        event(3, "PaymentReceived", "wire"),
        event(4, "PaymentApplied", "run"),
        event(5, "RequestRefused", "twin"),
    ];
    (calls, log)
}

#[test]
fn a_true_history_is_taken() {
    let (calls, log) = true_history();
    let coverage = check(&calls, &log).unwrap();
    assert_eq!((coverage.acknowledged, coverage.refused, coverage.repeated), (4, 1, 1));
    assert_eq!((coverage.questions, coverage.applied, coverage.lost), (1, 1, 1));
}

/// Each forgery by a few words of what the check says.
#[test]
fn a_forged_history_is_refused() {
    type Forgery = fn(&mut Vec<Call>, &mut Vec<Logged>);
    let forgeries: &[(&str, Forgery)] = &[
        ("acknowledged, and the log has it at None", |_, log| {
            log.pop();
        }),
        ("position 2 is missing", |_, log| {
            log.remove(1);
        }),
        ("recorded twice", |_, log| log.push(event(6, "PaymentReceived", "wire"))),
        ("nobody asked for", |_, log| log.push(event(6, "FeeAssessed", "ghost"))),
        ("the payment was PAYMENT_STATE_APPLIED", |_, log| {
            log.push(event(6, "PaymentApplied", "run again"));
        }),
        ("carried out a second time", |calls, _| {
            let first = call("wire", receive(), (3, 5), done(3, 700, "w", "PAYMENT_STATE_APPLIED"));
            calls.extend([first.clone(), first]);
        }),
        ("a request has no outcome", |calls, _| {
            calls.remove(3);
        }),
        ("another answer than", |calls, _| {
            let other = done(3, 701, "w", "PAYMENT_STATE_APPLIED");
            calls.push(call("wire", receive(), (12, 13), other));
        }),
        ("the model says", |calls, _| {
            calls[5].told = Told::Owed { position: 5, amount: 9_001 };
        }),
        ("the model says Ok", |calls, _| {
            let reason = "AMOUNT_TOO_LARGE".to_owned();
            calls[1].told = Told::Refused { position: 2, replayed: false, reason };
        }),
        ("an answer from before 5", |calls, _| {
            calls[5].told = Told::Owed { position: 3, amount: 9_300 };
        }),
        ("asked when 5 was known", |calls, _| {
            calls[1].invoked = 20;
            calls[1].answered = 21;
        }),
        ("rejected for no reason", |calls, _| {
            let reason = "ACCOUNT_NOT_FOUND".to_owned();
            calls.push(call("gone", receive(), (12, 13), Told::Rejected { reason }));
        }),
    ];
    for (words, forge) in forgeries {
        let (mut calls, mut log) = true_history();
        forge(&mut calls, &mut log);
        let refusal = check(&calls, &log).unwrap_err();
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}
