//! What a servicer does to many contracts in one call.

use proto::payledger::v1::{ReturnRefundRequest, batch_command::Command, batch_result::Outcome};
use tests::refusals::Refused;
use tests::requests::{auto_loan, date_text, lease_with_option, request_id, text};
use tests::server::Town;
use tests::servicing::{adjustment, charge_off, due_day, extension, rate, vehicle_back};
use tests::views::agree;

/// What of its response tells one outcome of a batch from another.
fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Error(status) => Refused::of_command(status).reason,
        Outcome::GrantExtension(answer) => {
            let account = answer.account.as_ref().unwrap();
            format!("{} until {}", answer.replayed, date_text(account.maturity_date.as_ref()))
        }
        Outcome::ChangeDueDate(answer) => {
            let account = answer.account.as_ref().unwrap();
            format!("{} until {}", answer.replayed, date_text(account.maturity_date.as_ref()))
        }
        Outcome::ChangeRate(answer) => {
            format!("{} {}", answer.replayed, answer.account.as_ref().unwrap().annual_rate)
        }
        Outcome::AdjustPrincipal(answer) => {
            let balance = answer.account.as_ref().unwrap().balance.as_ref().unwrap();
            format!("{} {}", answer.replayed, text(balance.principal.as_ref()))
        }
        Outcome::ChargeOff(answer) => {
            let gone = answer.charge_off.as_ref().unwrap();
            format!("{} {}", answer.replayed, text(gone.principal.as_ref()))
        }
        Outcome::ReturnVehicle(answer) => {
            let account = answer.account.as_ref().unwrap();
            let back = date_text(account.vehicle_returned_date.as_ref());
            format!("{} back {back}", answer.replayed)
        }
        other @ (Outcome::OpenAccount(_)
        | Outcome::AssessFee(_)
        | Outcome::WaiveFee(_)
        | Outcome::SchedulePayment(_)
        | Outcome::CancelPayment(_)
        | Outcome::ReceivePayment(_)
        | Outcome::ReturnPayment(_)
        | Outcome::ReinstatePayment(_)
        | Outcome::RecordLien(_)
        | Outcome::ReleaseLien(_)
        | Outcome::RefundCredit(_)
        | Outcome::SettlePayment(_)
        | Outcome::SettleRefund(_)
        | Outcome::ReturnRefund(_)) => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_servicer_does_to_many_contracts_goes_in_one_call() {
    let day = "2026-03-20";
    let town = Town::at("2026-03-20T09:00:00-04:00").await;
    for account in ["a-1", "a-2", "a-3", "a-4", "a-5"] {
        town.open(auto_loan(account)).await.unwrap();
    }
    town.open(lease_with_option("l-1")).await.unwrap();
    let refund = ReturnRefundRequest {
        request_id: request_id("refund"),
        account_id: "a-1".to_owned(),
        refund_id: request_id("none"),
    };
    let commands = vec![
        Command::GrantExtension(extension("relief", "a-1", 2, day)),
        Command::ChangeDueDate(due_day("tenth", "a-2", 10, day)),
        Command::ChangeRate(rate("rate", "a-3", "0.05", day)),
        Command::AdjustPrincipal(adjustment("less", "a-4", "-500.00", day)),
        Command::ChargeOff(charge_off("loss", "a-5", day)),
        Command::ReturnVehicle(vehicle_back("back", "l-1", day, &[])),
        Command::ReturnRefund(refund),
    ];
    for replayed in [false, true] {
        let done = town.batch(commands.clone()).await.unwrap();
        let done: Vec<_> =
            done.results.iter().map(|result| told(result.outcome.as_ref().unwrap())).collect();
        let expected = [
            format!("{replayed} until 2029-05-01"),
            format!("{replayed} until 2029-03-10"),
            format!("{replayed} 0.05"),
            format!("{replayed} 9500.00"),
            format!("{replayed} 10000.00"),
            format!("{replayed} back 2026-03-20"),
            "REFUND_NOT_FOUND".to_owned(),
        ];
        assert_eq!(done, expected);
    }
    agree(&town).await;
}
