//! What a command is known by in the log: the digest of its JSON form, which must not change.

use std::collections::BTreeSet;

use super::*;
use crate::digest::Digest;
use crate::domain::account::commands::LeaseCharge;
use crate::ids::{QuoteId, RefundId};

/// A command, and its digest.
type Known = (Command, &'static str);

fn request() -> RequestId {
    RequestId::derived("digest", "1")
}

fn preview() -> String {
    "9f86d081".to_owned()
}

/// One command of each kind, with all that it can say.
fn commands() -> Vec<Known> {
    [payments(), servicing(), others()].concat()
}

fn payments() -> Vec<Known> {
    let account = "a-1".parse().unwrap();
    let payment = PaymentId::derived(&account, request(), 0);
    let payoff_quote = Some(QuoteId::derived(&account, request()));
    let (on, paid) = (date("2026-03-03"), amount("310.00"));
    let funding = Some(Funding { token: "bank-1".to_owned(), last_four: Some("6789".to_owned()) });
    vec![
        (
            Command::OpenAccount { terms: loan(), lien: Some(lien("FL")) },
            "130cbcbe96829f4edc2766097cb5e192",
        ),
        (
            Command::SchedulePayment(SchedulePayment {
                amount: paid,
                payment_date: on,
                funding,
                allow_duplicate: true,
                payoff_quote,
            }),
            "d708693b5afb6ba29ace4572e069b592",
        ),
        (Command::CancelPayment { payment }, "dd7785b0d5319457b58a09713dff10b8"),
        (Command::ApplyPayment { payment }, "d8965027ad80f75b8ff93794d220158e"),
        (
            Command::ReceivePayment(ReceivePayment {
                channel: Channel::Wire,
                amount: paid,
                received_date: on,
                reference: Some("ref-1".to_owned()),
                third_party_fee: Some(amount("1.50")),
                guaranteed_funds: false,
                paid_by_dealer: false,
                allow_duplicate: false,
                payoff_quote,
                preview: Some(preview()),
            }),
            "476c7d31b5a3ddcb2dae1fdba2e2c27b",
        ),
        (
            Command::ReturnPayment {
                payment,
                return_code: "R01".to_owned(),
                preview: Some(preview()),
            },
            "bc753330f99c6d2277b50b34f06a2d12",
        ),
        (
            Command::ReinstatePayment { payment, preview: Some(preview()) },
            "e66b1bf62d2b31034882b9daefcd5acd",
        ),
        (
            Command::SettlePayment { payment, settlement_date: on, withheld: Some(amount("1.00")) },
            "ac66c55c4fb44d75fdbb662fa0a39505",
        ),
    ]
}

fn servicing() -> Vec<Known> {
    let fee = FeeId::derived(&"a-1".parse().unwrap(), request());
    let (on, paid) = (date("2026-03-03"), amount("310.00"));
    vec![
        (
            Command::AssessFee {
                kind: FeeKind::Late,
                amount: amount("15.50"),
                effective_date: Some(on),
                preview: Some(preview()),
            },
            "05f4ac3619c4aa0fb84bb9974a0ccbc4",
        ),
        (Command::WaiveFee { fee, preview: Some(preview()) }, "e099d2da8c95efbd5ba7ba700d12cbdc"),
        (
            Command::ChangeRate {
                annual_rate: "0.0649".parse().unwrap(),
                effective_date: on,
                preview: Some(preview()),
            },
            "40d8cf85218eeab6fc0269bbfc5d5bfa",
        ),
        (
            Command::AdjustPrincipal {
                change: money("-10.00"),
                reason: "a fee of the dealer".to_owned(),
                effective_date: on,
                preview: Some(preview()),
            },
            "d73c0d6ac901a0ae4b2e3de40e3cea4b",
        ),
        (
            Command::GrantExtension(GrantExtension {
                kind: ExtensionKind::Extension,
                months: 2,
                effective_date: on,
                allow_over_limit: true,
                preview: Some(preview()),
            }),
            "5ebd3aafc43f699df2613e89799eecd2",
        ),
        (
            Command::ChangeDueDate {
                day_of_month: 15,
                effective_date: on,
                preview: Some(preview()),
            },
            "355793a2f923599e875996f142f40673",
        ),
        (
            Command::ChargeOff {
                principal: Some(paid),
                reason: ChargeOffReason::Delinquency,
                effective_date: on,
                preview: Some(preview()),
            },
            "603cec0a67d7defb078ad02bb0bc4e1f",
        ),
        (
            Command::ReturnVehicle {
                effective_date: on,
                charges: vec![LeaseCharge { kind: FeeKind::ExcessWear, amount: paid }],
                preview: Some(preview()),
            },
            "347e9efadfb054f2268e8ba5162f962c",
        ),
    ]
}

fn others() -> Vec<Known> {
    let refund = RefundId::derived(&"a-1".parse().unwrap(), request());
    let (on, paid) = (date("2026-03-03"), amount("310.00"));
    vec![
        (Command::QuotePayoff { good_through_date: on }, "b5e313cae30d61a4eceb4a84232defd9"),
        (Command::RefundCredit { amount: Some(paid) }, "54fd56d679fa7291b7f65a2293369f63"),
        (Command::ReturnRefund { refund }, "acbeddb3bc35fe73b8ad5e7b98ef644d"),
        (Command::SettleRefund { refund, settlement_date: on }, "56b607d5261ccd01a2db104177940eec"),
        (Command::AgeAccount, "0c88d06ed71bb816ef11d0145dd015be"),
        (
            Command::RecordLien { lien: lien("FL"), replaced_vin: None },
            "9bb1a178344c2ef9af3530eb8f307850",
        ),
        (Command::ReleaseLien, "8193f3548410cea4890e4150626445d4"),
    ]
}

#[test]
fn the_digests_of_commands_stay_what_they_are() {
    let names: BTreeSet<_> = commands().iter().map(|(command, _)| command.name()).collect();
    assert_eq!(names.len(), commands().len());
    for (command, stored) in commands() {
        let digest = Digest::of_json(&command).unwrap();
        assert_eq!(digest.to_string(), stored, "{}", command.name());
        let json = serde_json::to_string(&command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command);
    }
}
