//! Money that comes in by other ways counts as of the day of its receipt.

use proto::payledger::v1 as wire;

use super::client::from_demo;
use super::show::{amount, clock, dollars, exact, request_id, weekday, wire_day};
use super::stage::{DemoError, expect_same, present};
use super::{Demo, Part};
use crate::convert::money::to_wire;

/// What reached the servicer, when, and what a third party took on top.
const RECEIVED: [(Part, wire::Channel, &str, Option<&str>); 3] = [
    (Part::Mail, wire::Channel::Mail, "2026-11-02", None),
    (Part::BillPay, wire::Channel::BillPay, "2026-11-04", None),
    (Part::MoneyGram, wire::Channel::Moneygram, "2026-11-05", Some("3.99")),
];

impl Demo<'_> {
    pub(super) async fn receive_money(&mut self) -> Result<(), DemoError> {
        self.stage.chapter("Money comes in by other ways")?;
        self.at("2026-11-05T10:00:00").await?;
        let mut rows = Vec::new();
        for (part, channel, received, fee) in RECEIVED {
            let account = self.cast.part(part)?;
            let request = wire::ReceivePaymentRequest {
                request_id: request_id(&format!("{part:?} received {received}")),
                account_id: account.account_id,
                channel: channel.into(),
                amount: Some(to_wire(account.instalment)),
                received_date: Some(wire_day(received)?),
                reference: format!("{part:?}-{received}"),
                third_party_fee: fee.map(dollars).transpose()?,
                ..wire::ReceivePaymentRequest::default()
            };
            let answer = self.client.payments.receive_payment(from_demo(request)).await;
            let answer = answer.map_err(DemoError::call("receiving money"))?.into_inner();
            rows.push(row(&present("the payment", answer.payment)?)?);
        }
        let heading = [
            "channel",
            "amount",
            "vendor's fee",
            "written",
            "counts as of",
            "interest",
            "principal",
        ];
        self.stage.table(heading, rows)?;
        self.stage.say(
            "Interest stops on the day of receipt, however late the money is written down. A \
             vendor's fee is kept for information and is part of no sum.",
        )
    }
}

fn row(payment: &wire::Payment) -> Result<[String; 7], DemoError> {
    let split = present("the allocation", payment.allocation.as_ref())?;
    let parts = [&split.interest, &split.principal, &split.fees, &split.credit];
    let mut sum = ledger::domain::money::Money::ZERO;
    for part in parts {
        sum += exact(part.as_ref())?;
    }
    expect_same("the sum of the allocation", &sum, &exact(payment.amount.as_ref())?)?;
    let name = payment.channel().as_str_name().trim_start_matches("CHANNEL_").to_owned();
    let fee = payment.third_party_fee.as_ref();
    Ok([
        name,
        amount(payment.amount.as_ref())?,
        if fee.is_some() { amount(fee)? } else { "-".to_owned() },
        clock(payment.applied_time.as_ref())?,
        weekday(payment.effective_date.as_ref())?,
        amount(split.interest.as_ref())?,
        amount(split.principal.as_ref())?,
    ])
}
