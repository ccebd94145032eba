//! What is written can be read again, and rubbish is refused by its path.

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use proto::payledger::v1 as wire;
use serde_json::{Value as Json, json};

use super::message::document;
use super::{contract, parse, short_names};
use crate::convert::{money, time};

fn descriptor(name: &str) -> MessageDescriptor {
    contract().get_message_by_name(&format!("payledger.v1.{name}")).unwrap()
}

fn shown(name: &str, typed: &impl prost::Message) -> Json {
    let bytes = typed.encode_to_vec();
    let message = DynamicMessage::decode(descriptor(name), bytes.as_slice()).unwrap();
    serde_json::to_value(document(&message)).unwrap()
}

#[test]
fn a_request_is_read_as_it_is_written() {
    let request = json!({
        "request_id": "0198",
        "account_id": "0001694010-000088",
        "product": "auto_loan",
        "opened_date": "2026-03-02",
        "loan": {
            "annual_rate": "0.0575",
            "day_count_basis": "actual_365_366",
            "principal": "25000.00",
        },
        "instalment_plan": {
            "amount": "480.42",
            "first_due_date": "2026-04-02",
            "day_of_month": 2,
            "instalment_count": 60,
            "first_amount_due": "0.01",
        },
        "fees_due": "-1.50",
        "lien": {"title_state": "MO", "vin": "1HGCM82633A004352", "lienholder": "Müller & Co"},
    });
    let message = parse::message(&descriptor("OpenAccountRequest"), &request).unwrap();
    assert_eq!(serde_json::to_value(document(&message)).unwrap(), request);
    let typed = wire::OpenAccountRequest::decode(message.encode_to_vec().as_slice()).unwrap();
    assert_eq!(typed.product, i32::from(wire::Product::AutoLoan));
    assert_eq!(
        typed.fees_due.unwrap(),
        money::to_wire("-1.50".parse::<ledger::domain::money::Money>().unwrap())
    );
}

#[test]
fn an_instant_is_read_with_its_offset_and_written_in_utc() {
    let set = json!({"now_time": "2026-03-03T15:00:00.250-05:00"});
    let message = parse::message(&descriptor("SetClockRequest"), &set).unwrap();
    let written = serde_json::to_value(document(&message)).unwrap();
    assert_eq!(written, json!({"now_time": "2026-03-03T20:00:00.250Z"}));
}

#[test]
fn what_is_not_set_is_left_out_and_numbers_are_always_there() {
    let response = wire::GetBalanceResponse {
        account_id: "a-1".to_owned(),
        balance: Some(wire::Balance {
            effective_date: Some(time::date_to_wire("2026-03-03".parse().unwrap())),
            principal: Some(money::to_wire(ledger::domain::money::Money::ZERO)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let expected = json!({
        "account_id": "a-1",
        "balance": {
            "effective_date": "2026-03-03",
            "principal": "0.00",
            "days_past_due": 0,
        },
        "read_position": 0,
    });
    assert_eq!(shown("GetBalanceResponse", &response), expected);
    let empty = wire::ListAccountsResponse::default();
    assert_eq!(shown("ListAccountsResponse", &empty), json!({"accounts": [], "read_position": 0}));
}

#[test]
fn a_members_number_of_a_later_contract_is_shown_as_it_is() {
    let payment = wire::Payment { state: 99, ..Default::default() };
    assert_eq!(shown("Payment", &payment)["state"], 99);
}

#[test]
fn money_and_dates_without_meaning_are_shown_by_their_parts() {
    let date = proto::google::r#type::Date { year: 2026, month: 2, day: 30 };
    let payment = wire::Payment { payment_date: Some(date), ..Default::default() };
    let expected = json!({"year": 2026, "month": 2, "day": 30});
    assert_eq!(shown("Payment", &payment)["payment_date"], expected);
}

#[test]
fn rubbish_is_refused_by_its_path() {
    for (request, field) in [
        (json!([]), "request"),
        (json!({"amount": 310.00}), "amount"),
        (json!({"amount": "310.001"}), "amount"),
        (json!({"amount": "many"}), "amount"),
        (json!({"payment_date": "2026-02-30"}), "payment_date"),
        (json!({"payment_date": "2026-3-3"}), "payment_date"),
        (json!({"account_id": 7}), "account_id"),
        (json!({"allow_duplicate": "yes"}), "allow_duplicate"),
        (json!({"funding": {"number": "1"}}), "funding.number"),
        (json!({"account": "a-1"}), "account"),
    ] {
        let error = parse::message(&descriptor("SchedulePaymentRequest"), &request).unwrap_err();
        assert_eq!(error.field, field, "{request}");
    }
    for (request, field) in [
        (json!({"page_size": 2_147_483_648_u64}), "page_size"),
        (json!({"page_size": 1.5}), "page_size"),
        (json!({"min_position": -1}), "min_position"),
        (json!({"state": "pending"}), "state"),
        (json!({"state": "unspecified"}), "state"),
    ] {
        let error = parse::message(&descriptor("ListPaymentsRequest"), &request).unwrap_err();
        assert_eq!(error.field, field, "{request}");
    }
}

#[test]
fn null_is_nothing() {
    let request = json!({"account_id": null, "state": null, "page_size": 0});
    let message = parse::message(&descriptor("ListPaymentsRequest"), &request).unwrap();
    assert_eq!(message.encode_to_vec(), Vec::<u8>::new());
}

#[test]
fn every_member_of_every_enum_has_a_short_name_of_its_own() {
    for members in contract().all_enums().filter(|it| it.package_name() == "payledger.v1") {
        for name in short_names(&members) {
            let prefix = members.name().to_ascii_lowercase();
            assert!(!name.replace('_', "").starts_with(&prefix), "{name} of {}", members.name());
        }
    }
}
