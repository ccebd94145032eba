//! Real loans onto the books of the real service.

use serde_json::{Value, json};

use crate::cli::client::tests::Running;

fn shipped(name: &str) -> String {
    format!("{}/portfolio/abs-ee/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn import(service: &Running, name: &str) -> Value {
    service.json(&["import", "abs-ee", &shipped(name)])
}

#[test]
fn a_portfolio_is_boarded_once_and_its_months_are_played() {
    let service = Running::start();
    let first = import(&service, "amcar.csv");
    assert_eq!(
        (&first["accounts"], &first["agree"]),
        (&json!({"in_files": 6, "on_books": 6}), &json!(true)),
        "{first}"
    );
    assert_eq!((&first["failed"], &first["replayed"]), (&json!(0), &json!(0)), "{first}");
    let commands = first["carried_out"].as_u64().unwrap();
    assert!(commands > 100, "{first}");

    let balance = |account: &str, date: &str| {
        let words = ["accounts", "balance", "--account", account, "--effective-date", date];
        service.json(&words)["balance"].take()
    };
    assert_eq!(balance("0001694010-000088", "2017-12-31")["principal"], "2155.31");
    assert_eq!(balance("0001694010-000088", "2018-01-31")["principal"], "0.00");

    // 51.71 came in for fees, of which 22.96 go to interest first: so much of the fee is left.
    let late = "0001784564-010326";
    assert_eq!(balance(late, "2019-10-02")["fees_due"], "0.00");
    assert_eq!(balance(late, "2019-10-03")["fees_due"], "22.96");
    let head = service.json(&["operations", "log-status"])["head_position"].to_string();
    let head = head.trim_matches('"');
    let payments = service.json(&["payments", "list", "--account", late, "--min-position", head]);
    let dates = payments["payments"].as_array().unwrap().iter();
    let paid: Vec<_> = dates.filter(|paid| paid["effective_date"] == "2019-10-03").collect();
    assert_eq!((paid.len(), &paid[0]["amount"]), (1, &json!("51.71")), "{payments}");

    let again = import(&service, "amcar.csv");
    assert_eq!((&again["carried_out"], &again["replayed"]), (&json!(0), &json!(commands)));
    assert_eq!(again["principal"], first["principal"]);
}

#[test]
fn what_cannot_be_boarded_breaks_the_totals_and_is_told() {
    let service = Running::start();
    // A month that ends after the service's today.
    let (out, ended) =
        service.told(&["import", "abs-ee", &shipped("one-record.xml"), "--output", "json"]);
    assert_eq!(ended.unwrap_err().exit_code(), 3);
    let totals: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&totals["accounts"], &totals["failed"]),
        (&json!({"in_files": 1, "on_books": 0}), &json!(1))
    );
}
