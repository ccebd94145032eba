//! The ends of time and money.

use chrono::Datelike;

use super::*;

#[test]
fn the_ends_of_time_and_money_are_answered() {
    let most = "99999999.99";
    let last = eastern_date(DateTime::<Utc>::MAX_UTC);
    let dates = [NaiveDate::MIN, date("0001-01-01"), date("2026-03-01"), last];
    let instants =
        [DateTime::<Utc>::MIN_UTC, eastern("2026-03-03 09:00"), DateTime::<Utc>::MAX_UTC];
    for opened_date in dates {
        for day_count in DayCount::ALL {
            let terms = Terms {
                opened_date,
                principal: money(most),
                annual_rate: "9.999999".parse().unwrap(),
                day_count: *day_count,
                interest_paid_through: NaiveDate::MIN,
                unpaid_interest: money(most),
                unpaid_fees: money(most),
                instalments: InstalmentPlan {
                    amount: amount(most),
                    tax: Money::ZERO,
                    first_due_date: opened_date,
                    day_of_month: opened_date.day(),
                    count: 600,
                    first_amount_due: None,
                },
                ..loan()
            };
            let open = Command::OpenAccount { terms, lien: Some(lien("TX")) };
            let history = nothing().at_instant(DateTime::<Utc>::MAX_UTC).when(open).done();
            for at in instants {
                let moment = history.at_instant(at);
                for on in dates {
                    let on = on.to_string();
                    let scheduled = moment.when(pay(most, &on));
                    let run = scheduled.after.at_instant(DateTime::<Utc>::MAX_UTC);
                    if scheduled.decision.is_ok() {
                        run.when(apply(scheduled.payment())).done();
                    }
                    let received = moment.when(receive(Channel::Mail, most, &on));
                    if received.decision.is_ok() {
                        let after = received.after.at_instant(DateTime::<Utc>::MAX_UTC);
                        after.when(take_back(received.payment(), "R01")).done();
                    }
                }
                moment.when(assess(most));
                history.open().standing(eastern_date(at));
            }
        }
    }
}
