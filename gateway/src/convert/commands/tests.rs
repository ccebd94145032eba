//! Requests as commands: what is well formed comes through, rubbish is refused by its path.

use proto::google::r#type::{Date, Money};
use wire::open_account_request::Terms as WireTerms;

use super::*;
use crate::convert::enums::channel_to_wire;

const ID: &str = "7f1c1f9e-0000-4000-8000-000000000001";

fn scheduling() -> wire::SchedulePaymentRequest {
    wire::SchedulePaymentRequest {
        request_id: ID.to_owned(),
        account_id: "a-1".to_owned(),
        amount: Some(Money { currency_code: "USD".to_owned(), units: 310, nanos: 0 }),
        payment_date: Some(Date { year: 2026, month: 3, day: 3 }),
        funding: Some(wire::Funding { token: "pm-1".to_owned(), last_four: "6789".to_owned() }),
        allow_duplicate: false,
        payoff_quote_id: String::new(),
    }
}

#[test]
fn a_well_formed_request_becomes_its_command() {
    let asked = scheduling().asked().unwrap();
    assert_eq!(asked.request_id.to_string(), ID);
    assert_eq!(asked.account.as_str(), "a-1");
    let funding = Funding { token: "pm-1".to_owned(), last_four: Some("6789".to_owned()) };
    let command = Command::SchedulePayment(SchedulePayment {
        amount: "310.00".parse().unwrap(),
        payment_date: "2026-03-03".parse().unwrap(),
        funding: Some(funding),
        allow_duplicate: false,
        payoff_quote: None,
    });
    assert_eq!(asked.command, command);
}

#[test]
fn rubbish_is_refused_by_the_path_of_its_field() {
    let funded = |token: &str, last_four: &str| wire::SchedulePaymentRequest {
        funding: Some(wire::Funding { token: token.to_owned(), last_four: last_four.to_owned() }),
        ..scheduling()
    };
    for (request, field) in [
        (wire::SchedulePaymentRequest { request_id: String::new(), ..scheduling() }, "request_id"),
        (
            wire::SchedulePaymentRequest { account_id: "a b".to_owned(), ..scheduling() },
            "account_id",
        ),
        (wire::SchedulePaymentRequest { amount: None, ..scheduling() }, "amount"),
        (wire::SchedulePaymentRequest { payment_date: None, ..scheduling() }, "payment_date"),
        (funded("", ""), "funding.token"),
        (funded("4111111111111111", ""), "funding.token"),
        (funded("4111 1111 1111 1111", ""), "funding.token"),
        (funded("4111-1111-1111-1111", ""), "funding.token"),
        (funded("pm-1", "123456789"), "funding.last_four"),
    ] {
        assert_eq!(request.asked().unwrap_err().field, field);
    }
}

#[test]
fn money_of_our_own_debits_is_not_received_and_electronic_money_is_not_guaranteed() {
    let receiving = |channel: wire::Channel| wire::ReceivePaymentRequest {
        request_id: ID.to_owned(),
        account_id: "a-1".to_owned(),
        channel: channel.into(),
        amount: scheduling().amount,
        received_date: scheduling().payment_date,
        ..wire::ReceivePaymentRequest::default()
    };
    for refused in [wire::Channel::Unspecified, wire::Channel::OwnAch] {
        assert_eq!(receiving(refused).asked().unwrap_err().field, "channel");
    }
    assert!(receiving(wire::Channel::Mail).asked().is_ok());
    for channel in Channel::ALL {
        let channel = channel_to_wire(*channel);
        let certain = wire::ReceivePaymentRequest {
            guaranteed_funds: true,
            paid_by_dealer: true,
            ..receiving(channel)
        };
        let asked = certain.asked().map(|asked| asked.command);
        match channel {
            wire::Channel::Mail
            | wire::Channel::Moneygram
            | wire::Channel::WesternUnion
            | wire::Channel::Wire => {
                let Ok(Command::ReceivePayment(receipt)) = asked else { panic!("{asked:?}") };
                assert!(receipt.guaranteed_funds && receipt.paid_by_dealer);
            }
            wire::Channel::OwnAch => assert_eq!(asked.unwrap_err().field, "channel"),
            wire::Channel::Unspecified
            | wire::Channel::BillPay
            | wire::Channel::PhoneVendor
            | wire::Channel::DebitCardVendor => {
                assert_eq!(asked.unwrap_err().field, "guaranteed_funds");
            }
        }
    }
}

#[test]
fn a_lien_is_on_a_vehicle_in_a_state() {
    let good = wire::Lien {
        title_state: "MO".to_owned(),
        vin: "1HGCM82633A004352".to_owned(),
        lienholder: "First Bank".to_owned(),
    };
    assert!(lien(&good).is_ok());
    // An earlier build accepted it: the ledger knows whether it did.
    assert!(lien(&wire::Lien { title_state: "ZZ".to_owned(), ..good.clone() }).is_ok());
    for (bad, field) in [
        (wire::Lien { title_state: "mo".to_owned(), ..good.clone() }, "lien.title_state"),
        (wire::Lien { vin: "1HGCM82633A00435".to_owned(), ..good.clone() }, "lien.vin"),
        (wire::Lien { vin: "1HGCM82633A00435I".to_owned(), ..good.clone() }, "lien.vin"),
        (wire::Lien { lienholder: " ".to_owned(), ..good.clone() }, "lien.lienholder"),
    ] {
        assert_eq!(lien(&bad).unwrap_err().field, field);
    }
}

fn opening(product: wire::Product, terms: Option<WireTerms>) -> wire::OpenAccountRequest {
    wire::OpenAccountRequest {
        request_id: ID.to_owned(),
        account_id: "a-1".to_owned(),
        product: product.into(),
        opened_date: Some(Date { year: 2026, month: 2, day: 1 }),
        terms,
        instalment_plan: Some(wire::InstalmentPlan {
            amount: scheduling().amount,
            first_due_date: Some(Date { year: 2026, month: 3, day: 1 }),
            instalment_count: 60,
            ..wire::InstalmentPlan::default()
        }),
        ..wire::OpenAccountRequest::default()
    }
}

fn loan() -> WireTerms {
    let (annual_rate, principal) = ("0.0575".to_owned(), scheduling().amount);
    WireTerms::Loan(wire::LoanTerms { annual_rate, principal, ..wire::LoanTerms::default() })
}

#[test]
fn the_hash_of_a_preview_is_32_hexadecimal_digits() {
    let hash = "0123456789abcdef0123456789abcdef";
    assert_eq!(preview_if_set(hash).unwrap().as_deref(), Some(hash));
    assert_eq!(preview_if_set("").unwrap(), None);
    for rubbish in ["abc", &hash[1..], &hash.replace('a', "A"), &hash.replace('a', "g")] {
        assert_eq!(preview_if_set(rubbish).unwrap_err().field, "preview_hash", "{rubbish}");
    }
}

#[test]
fn a_loan_takes_its_defaults_from_its_dates() {
    let asked = opening(wire::Product::AutoLoan, Some(loan())).asked().unwrap();
    let Command::OpenAccount { terms, lien: None } = asked.command else { panic!("{asked:?}") };
    assert_eq!(terms.check(), Ok(()));
    assert_eq!(terms.interest_paid_through, terms.opened_date);
    assert_eq!(terms.instalments.day_of_month, 1);
}

#[test]
fn a_product_wants_its_own_terms() {
    let lease = WireTerms::Lease(wire::LeaseTerms::default());
    for (product, given, field) in [
        (wire::Product::AutoLoan, Some(lease.clone()), "loan"),
        (wire::Product::PersonalLoan, None, "loan"),
        (wire::Product::Lease, Some(loan()), "lease"),
        (wire::Product::Unspecified, None, "product"),
    ] {
        assert_eq!(opening(product, given).asked().unwrap_err().field, field);
    }
    assert!(opening(wire::Product::Lease, Some(lease)).asked().is_ok());
}
