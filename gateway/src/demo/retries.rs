//! A request that is sent again gets its first answer; another one under its id is refused.

use proto::payledger::v1 as wire;

use super::client::{Refusal, from_demo};
use super::cutoffs::name;
use super::show::{amount, dollars};
use super::stage::{DemoError, expect_same, present};
use super::{Demo, Part};
use crate::convert::money::to_wire;

impl Demo<'_> {
    pub(super) async fn retry(&mut self, first: &wire::Payment) -> Result<(), DemoError> {
        self.stage.chapter("A retry never pays twice")?;
        let account = self.cast.part(Part::Holiday)?;
        let (name, date) = (name(Part::Holiday, "2026-11-11"), "2026-11-11");
        let instalment = to_wire(account.instalment);
        let call = DemoError::call("the repeated request");
        let again = self.schedule(&name, &account, &instalment, date).await.map_err(call)?;
        expect_same("whether the answer is the first one", &again.replayed, &true)?;
        let repeated = present("the payment", again.payment)?;
        expect_same("the repeated answer", &repeated, first)?;
        let other = self.schedule(&name, &account, &dollars("1.00")?, date).await;
        let other = Refusal::of("other content", other, wire::ErrorReason::RequestIdReused)?;

        let late = self.cast.part(Part::AfterHours)?;
        let refused_name = super::cutoffs::name(Part::AfterHours, "2026-10-30");
        let refused =
            self.schedule(&refused_name, &late, &to_wire(late.instalment), "2026-10-30").await;
        let reason = wire::ErrorReason::CutoffPassed;
        let refused = Refusal::of("the repeated refusal", refused, reason)?;
        expect_same("its earliest date", &refused.fact("earliest_date"), &"2026-10-31")?;
        self.only_one_payment(first, again.position).await?;
        let rows = vec![
            [
                "Friday's payment, sent again".to_owned(),
                format!("the same payment of {}, replayed", amount(first.amount.as_ref())?),
                format!("position {}", again.position),
            ],
            [
                "its id, with another amount".to_owned(),
                format!("{:?} {}", other.code, other.reason),
                "nothing written".to_owned(),
            ],
            [
                "Friday's refused payment, sent again".to_owned(),
                format!("{:?} {}, as on Friday", refused.code, refused.reason),
                format!("earliest {}", refused.fact("earliest_date")),
            ],
        ];
        self.stage.table(["request", "answer", ""], rows)?;
        self.stage.say("The memory of a request is the log itself: it outlives restarts.")
    }

    async fn only_one_payment(
        &mut self,
        payment: &wire::Payment,
        min_position: u64,
    ) -> Result<(), DemoError> {
        let request = wire::ListPaymentsRequest {
            account_id: payment.account_id.clone(),
            min_position,
            ..wire::ListPaymentsRequest::default()
        };
        let answer = self.client.payments.list_payments(from_demo(request)).await;
        let listed = answer.map_err(DemoError::call("the list"))?.into_inner().payments;
        let ids: Vec<_> = listed.iter().map(|payment| payment.payment_id.as_str()).collect();
        expect_same("the account's payments", &ids, &vec![payment.payment_id.as_str()])
    }
}
