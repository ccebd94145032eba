//! The verbs of servicing, against the real service.

use serde_json::{Value, json};

use super::Running;

/// A verb of `accounts` on the account of these tests, in one line of words.
fn ask(service: &Running, words: &str) -> Value {
    let words: Vec<&str> = words.split_whitespace().collect();
    service.json(&[&["accounts"], &words[..1], &["--account", "a-1"], &words[1..]].concat())
}

#[test]
fn a_contract_is_serviced_and_its_instalments_show_it() {
    let service = Running::start();
    service.open_account();
    let day = "--effective-date 2026-03-03";
    let changed = ask(&service, &format!("change-rate --annual-rate 0.0365 {day}"));
    assert_eq!(changed["account"]["annual_rate"], "0.0365");
    let adjusted = ask(&service, &format!("adjust-principal --change -25.00 --reason x {day}"));
    assert_eq!(adjusted["account"]["balance"]["principal"], "24975.00");
    let extended = ask(&service, &format!("grant-extension --kind deferral --months 1 {day}"));
    assert_eq!(extended["account"]["maturity_date"], "2031-04-02");
    let moved = ask(&service, &format!("change-due-date --day-of-month 10 {day}"));
    assert_eq!(moved["account"]["due_day"], 10);
    let listed = ask(&service, "instalments --page-size 2");
    assert_eq!(listed["instalments"][0]["due_date"], "2026-05-10");
    assert_eq!(listed["instalments"][0]["state"], "open");
    assert_eq!(listed["effective_date"], "2026-03-03");
    let words = ["accounts", "instalments", "--account", "a-1", "--output", "table"];
    let table = service.told(&words).0;
    assert!(table.contains("2026-05-10") && table.contains("480.42"), "{table}");
    assert_eq!(ask(&service, "age")["fees"], json!([]));
    let now = ask(&service, "balance --known-time 2026-03-03T14:00:00Z");
    assert_eq!(now["balance"]["principal"], "24975.00");
    service.stop();
}

#[test]
fn a_payoff_is_quoted_paid_and_what_is_left_over_sent_back() {
    let service = Running::start();
    service.open_account();
    let quoted = ask(&service, "quote-payoff --good-through-date 2026-03-13");
    let (quote, amount) = (&quoted["quote"], &quoted["quote"]["amount"]);
    assert_eq!((quote["per_diem"].as_str(), amount.as_str()), (Some("3.93836"), Some("25043.32")));
    let id = quote["quote_id"].as_str().unwrap();
    assert_eq!(ask(&service, &format!("get-payoff-quote --quote {id}"))["quote"], *quote);
    let mut paying = vec!["payments", "receive", "--account", "a-1", "--channel", "wire"];
    paying.extend(["--amount", "25043.32", "--received-date", "2026-03-03", "--payoff-quote", id]);
    assert_eq!(service.json(&paying)["payment"]["payoff_quote_id"], id);
    let kept = ask(&service, "payoff-quotes")["quotes"][0]["payment_ids"].take();
    assert_eq!(kept.as_array().map(Vec::len), Some(1));
    let sent = ask(&service, "refund-credit");
    assert_eq!(sent["refund"]["amount"], "39.38");
    let refund = sent["refund"]["refund_id"].as_str().unwrap();
    let day = "--settlement-date 2026-03-03";
    let paid = ask(&service, &format!("settle-refund --refund {refund} {day}"));
    assert_eq!(paid["refund"]["settlement_date"], "2026-03-03");
    let back = ask(&service, &format!("return-refund --refund {refund}"));
    assert_eq!(back["refund"]["state"], "returned");
    assert_eq!(ask(&service, "refunds")["refunds"][0], back["refund"]);
    let off = "accounts charge-off --account a-1 --reason other --effective-date 2026-03-03";
    let (code, error) = service.refused(&off.split(' ').collect::<Vec<_>>());
    assert_eq!((code, &error["reason"]), (5, &json!("ACCOUNT_PAID_OFF")));
    service.stop();
}

#[test]
fn a_lease_is_quoted_bought_and_its_vehicle_paid_for() {
    let service = Running::start();
    let open = "accounts open --account a-1 --product lease --opened-date 2026-03-01 \
                --instalment-amount 389.00 --first-due-date 2026-03-01 --instalment-count 24 \
                --rental-tax 27.00 --residual-value 14250.00 --sales-tax-rate 0.08";
    let opened = service.json(&open.split_whitespace().collect::<Vec<_>>());
    assert_eq!(opened["account"]["lease"]["residual_value"], "14250.00");
    assert_eq!(opened["account"]["balance"]["buyout"]["sales_tax"], "1806.08");
    let quoted = ask(&service, "quote-payoff --good-through-date 2026-03-31");
    let quote = &quoted["quote"];
    assert_eq!(
        (quote["rentals"].as_str(), quote["amount"].as_str()),
        (Some("389.00"), Some("24771.08"))
    );
    assert_eq!(quote["rentals_ahead"], "8326.00");
    let pay = "payments receive --account a-1 --channel wire --amount 24771.08 \
               --received-date 2026-03-03";
    let paid = service.json(&pay.split_whitespace().collect::<Vec<_>>());
    let allocation = &paid["payment"]["allocation"];
    assert_eq!(allocation["residual"], "14250.00");
    assert_eq!(allocation["sales_tax"], "1806.08");
    let account = service.json(&["accounts", "get", "--account", "a-1"]);
    assert_eq!(account["account"]["state"], "paid_off");
    service.stop();
}

#[test]
fn a_lease_is_charged_off_and_one_without_a_residual_is_told_so() {
    let service = Running::start();
    let open = "accounts open --account a-1 --product lease --opened-date 2026-03-01 \
                --instalment-amount 389.00 --first-due-date 2026-03-01 --instalment-count 24 \
                --rental-tax 27.00";
    service.json(&open.split_whitespace().collect::<Vec<_>>());
    let quote = "accounts quote-payoff --account a-1 --good-through-date 2026-03-31";
    let (code, error) = service.refused(&quote.split(' ').collect::<Vec<_>>());
    assert_eq!((code, &error["reason"]), (5, &json!("RESIDUAL_UNKNOWN")));
    let lost = ask(&service, "charge-off --reason delinquency --effective-date 2026-03-03");
    assert_eq!(lost["charge_off"]["rentals"], "389.00");
    assert_eq!(lost["charge_off"]["rentals_ahead"], "8326.00");
    service.stop();
}

#[test]
fn a_leased_vehicle_comes_back_and_is_charged_for() {
    let service = Running::start();
    let open = "accounts open --account a-1 --product lease --opened-date 2026-03-01 \
                --instalment-amount 389.00 --first-due-date 2026-03-01 --instalment-count 24 \
                --rental-tax 27.00 --residual-value 14250.00";
    service.json(&open.split_whitespace().collect::<Vec<_>>());
    let back = "return-vehicle --account a-1 --effective-date 2026-03-03 \
                --charge early_termination=2400.00 --charge disposition=395.00";
    let preview = format!("accounts preview-change {back}");
    let shown = service.json(&preview.split_whitespace().collect::<Vec<_>>());
    let accepted = &shown["accepted"];
    assert_eq!(accepted["after"]["balance"]["payoff_amount"], "3184.00");
    let hash = accepted["hash"].as_str().unwrap();
    let given = format!("accounts {back} --preview-hash {hash}");
    let returned = service.json(&given.split_whitespace().collect::<Vec<_>>());
    assert_eq!(returned["account"]["vehicle_returned_date"], "2026-03-03");
    let fees = returned["account"]["fees"].as_array().unwrap();
    let mut kinds: Vec<_> = fees.iter().map(|fee| fee["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["disposition", "early_termination"]);
    let worn = ask(&service, "assess-fee --kind excess_wear --amount 250.00");
    assert_eq!(worn["fee"]["amount"], "250.00");
    let (code, error) =
        service.refused(&format!("accounts {back}").split_whitespace().collect::<Vec<_>>());
    assert_eq!((code, &error["reason"]), (5, &json!("VEHICLE_RETURNED")));
    let wrong = "accounts return-vehicle --account a-1 --effective-date 2026-03-03 --charge late=5";
    let (code, error) = service.refused(&wrong.split(' ').collect::<Vec<_>>());
    assert_eq!((code, &error["reason"]), (2, &json!("INVALID_FIELD")), "{error}");
    service.stop();
}

#[test]
fn money_of_a_vendor_is_settled_less_what_it_kept() {
    let service = Running::start();
    service.open_account();
    let receive = "payments receive --account a-1 --channel moneygram --amount 310.00 \
                   --received-date 2026-03-03";
    let received = service.json(&receive.split_whitespace().collect::<Vec<_>>());
    let payment = received["payment"]["payment_id"].as_str().unwrap();
    let settle = format!("payments settle --account a-1 --payment {payment}");
    let settle = format!("{settle} --settlement-date 2026-03-03 --withheld 3.45");
    let settled = service.json(&settle.split(' ').collect::<Vec<_>>());
    assert_eq!(settled["payment"]["withheld"], "3.45");
    let position = settled["position"].to_string();
    let listed =
        service.json(&["payments", "list", "--account", "a-1", "--min-position", &position]);
    assert_eq!(listed["payments"][0]["settlement_date"], "2026-03-03");
    let (code, error) = service.refused(&settle.split(' ').collect::<Vec<_>>());
    assert_eq!((code, &error["reason"]), (5, &json!("ALREADY_SETTLED")));
    service.stop();
}
