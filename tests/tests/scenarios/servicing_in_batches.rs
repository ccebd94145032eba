//! What a servicer does to many contracts in one call.

use proto::payledger::v1::{
    Account, ReturnRefundRequest, batch_command::Command, batch_result::Outcome,
};
use tests::refusals::Refused;
use tests::requests::{auto_loan, date_text, lease_with_option, request_id, text};
use tests::server::Town;
use tests::servicing::{adjustment, charge_off, due_day, extension, rate, vehicle_back};
use tests::views::agree;

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
        let done = town.batch(commands.clone()).await.unwrap().results;
        let done: Vec<_> = done.into_iter().map(|result| result.outcome.unwrap()).collect();
        let [
            Outcome::GrantExtension(extended),
            Outcome::ChangeDueDate(moved),
            Outcome::ChangeRate(rated),
            Outcome::AdjustPrincipal(adjusted),
            Outcome::ChargeOff(gone),
            Outcome::ReturnVehicle(back),
            Outcome::Error(unknown),
        ] = &done[..]
        else {
            unreachable!("{done:?}")
        };
        let repeats = [
            (extended.replayed, moved.replayed, rated.replayed),
            (adjusted.replayed, gone.replayed, back.replayed),
        ];
        assert_eq!(repeats, [(replayed, replayed, replayed); 2]);
        let last_due =
            |account: &Option<Account>| date_text(account.as_ref().unwrap().maturity_date.as_ref());
        assert_eq!(last_due(&extended.account), "2029-05-01");
        assert_eq!(last_due(&moved.account), "2029-03-10");
        assert_eq!(rated.account.as_ref().unwrap().annual_rate, "0.05");
        let balance = adjusted.account.as_ref().unwrap().balance.as_ref().unwrap();
        assert_eq!(text(balance.principal.as_ref()), "9500.00");
        assert_eq!(text(gone.charge_off.as_ref().unwrap().principal.as_ref()), "10000.00");
        let returned = back.account.as_ref().unwrap().vehicle_returned_date.as_ref();
        assert_eq!(date_text(returned), day);
        assert_eq!(Refused::of_command(unknown).reason, "REFUND_NOT_FOUND");
    }
    agree(&town).await;
}
