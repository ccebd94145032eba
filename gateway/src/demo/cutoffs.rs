//! Payments before and after the cut-offs, at a weekend on which the clocks change, and for a
//! holiday; cancels in time and too late; windows run and sealed.

use proto::payledger::v1 as wire;
use tonic::Status;

use super::client::{Refusal, from_demo};
use super::show::{amount, clock, request_id, utc, weekday};
use super::stage::{DemoError, expect_same, present};
use super::{Demo, Part};
use crate::convert::money::to_wire;

/// A payment of the script: when it is received, for which day, and in which window it must land;
/// none if it must be refused.
struct Instruction {
    at: &'static str,
    part: Part,
    date: &'static str,
    window: Option<&'static str>,
}

const fn pay(
    at: &'static str,
    part: Part,
    date: &'static str,
    window: Option<&'static str>,
) -> Instruction {
    Instruction { at, part, date, window }
}

const FRIDAY: &str = "2026-10-30";
const SATURDAY: &str = "2026-10-31";
const SUNDAY: &str = "2026-11-01";

/// Those that come back later on: sent with the others, and not told here.
const UNTOLD: [Instruction; 2] = [
    pay("2026-10-30T09:00:00", Part::Insufficient, FRIDAY, Some("15:00")),
    pay("2026-10-30T09:00:00", Part::Unauthorised, FRIDAY, Some("15:00")),
];
const BEFORE_THREE: [Instruction; 3] = [
    pay("2026-10-30T09:00:00", Part::Early, FRIDAY, Some("15:00")),
    pay("2026-10-30T09:00:00", Part::Cancelled, FRIDAY, Some("15:00")),
    pay("2026-10-30T14:59:59.999", Part::LastMoment, FRIDAY, Some("15:00")),
];
const AFTER_THREE: [Instruction; 5] = [
    pay("2026-10-30T15:00:00", Part::OnTheHour, FRIDAY, Some("18:00")),
    pay("2026-10-30T18:00:00", Part::AfterHours, FRIDAY, None),
    pay("2026-10-30T18:05:00", Part::AfterHours, SATURDAY, Some("15:00")),
    pay("2026-10-30T20:00:00", Part::ClockChange, SUNDAY, Some("15:00")),
    pay("2026-10-30T20:00:00", Part::Holiday, "2026-11-11", Some("15:00")),
];
const ON_SATURDAY: [Instruction; 1] =
    [pay("2026-10-31T19:00:00", Part::Saturday, SATURDAY, Some("24:00"))];

/// The name of the request by which a part pays its instalment for a date.
pub(super) fn name(part: Part, date: &str) -> String {
    format!("{part:?} pays for {date}")
}

impl Demo<'_> {
    /// Plays the weekend, and gives back the answer for the holiday: it is asked for again later.
    pub(super) async fn meet_cutoffs(&mut self) -> Result<wire::Payment, DemoError> {
        self.stage.chapter("Payments meet the cut-offs: 15:00 and 18:00 in New York")?;
        let mut told = Vec::new();
        let mut cancels = Vec::new();
        self.follow(&UNTOLD, &mut Vec::new()).await?;
        let mut payments = self.follow(&BEFORE_THREE, &mut told).await?;
        let second = present("the second payment", payments.get(1).cloned())?;
        cancels.push(self.cancel(&second, true).await?);
        payments.extend(self.follow(&AFTER_THREE[..1], &mut told).await?);
        let first = present("the first payment", payments.first().cloned())?;
        cancels.push(self.cancel(&first, false).await?);
        let later = self.follow(&AFTER_THREE[1..], &mut told).await?;
        self.follow(&ON_SATURDAY, &mut told).await?;
        self.stage.table(
            [
                "received",
                "to be paid on",
                "window",
                "counts as of",
                "cancel before",
                "bank moves it",
            ],
            told,
        )?;
        self.stage.say(
            "A millisecond decides. What comes after the last cut-off is refused with the \
             earliest date, never moved. A weekend or holiday (11 Nov is Veterans Day) is kept as \
             the customer chose it; only the bank waits. The clocks go back on Sunday: 15:00 in \
             New York is 20:00Z from then on.",
        )?;
        self.stage.table(["cancel received", "payment scheduled", "answer"], cancels)?;
        self.show_windows().await?;
        present("the payment for the holiday", later.into_iter().next_back())
    }

    /// Sends payments at their times, and tells what was answered.
    async fn follow(
        &mut self,
        script: &[Instruction],
        told: &mut Vec<[String; 6]>,
    ) -> Result<Vec<wire::Payment>, DemoError> {
        let mut payments = Vec::new();
        for line in script {
            self.at(line.at).await?;
            let account = self.cast.part(line.part)?;
            // The refused instruction and the corrected one are two requests.
            let name = name(line.part, line.date);
            let instalment = to_wire(account.instalment);
            let answer = self.schedule(&name, &account, &instalment, line.date).await;
            let received = super::show::local(self.now);
            let date = weekday(Some(&super::show::wire_day(line.date)?))?;
            match line.window {
                Some(window) => {
                    let payment = scheduled(answer)?;
                    expect_same(
                        &format!("the window of {name}"),
                        &payment.window.as_str(),
                        &window,
                    )?;
                    told.push(accepted_row(received, date, &payment)?);
                    payments.push(payment);
                }
                None => told.push(refused_row(received, date, answer)?),
            }
        }
        Ok(payments)
    }

    /// Cancels a payment, which must succeed or come too late.
    async fn cancel(
        &mut self,
        payment: &wire::Payment,
        in_time: bool,
    ) -> Result<[String; 3], DemoError> {
        let request = wire::CancelPaymentRequest {
            request_id: request_id(&format!("cancel {}", payment.payment_id)),
            account_id: payment.account_id.clone(),
            payment_id: payment.payment_id.clone(),
        };
        let answer = self.client.payments.cancel_payment(from_demo(request)).await;
        let told = if in_time {
            let answer = answer.map_err(DemoError::call("the cancel"))?.into_inner();
            let cancelled = present("the payment", answer.payment)?;
            expect_same("its state", &cancelled.state(), &wire::PaymentState::Cancelled)?;
            "cancelled: it never touches the account".to_owned()
        } else {
            let reason = wire::ErrorReason::CancelWindowClosed;
            let refusal = Refusal::of("the late cancel", answer, reason)?;
            format!("{}: the cut-off was {}", refusal.reason, refusal.fact("cutoff_at"))
        };
        Ok([super::show::local(self.now), clock(payment.scheduled_time.as_ref())?, told])
    }

    async fn show_windows(&mut self) -> Result<(), DemoError> {
        self.at("2026-11-02T08:00:00").await?;
        let mut rows = Vec::new();
        for (date, window, applied) in [
            (FRIDAY, "15:00", 4),
            (FRIDAY, "18:00", 1),
            (SATURDAY, "15:00", 1),
            (SATURDAY, "24:00", 1),
            (SUNDAY, "15:00", 1),
        ] {
            let sealed = self.window(date, window).await?;
            expect_same(&format!("the run of {date} {window}"), &sealed.applied_count, &applied)?;
            rows.push([
                format!("{} {window}", weekday(sealed.date.as_ref())?),
                utc(sealed.cutoff_time.as_ref())?,
                sealed.applied_count.to_string(),
                amount(sealed.applied_amount.as_ref())?,
                sealed.root.get(..16).unwrap_or_default().to_owned(),
            ]);
        }
        let heading = ["window", "cut-off", "payments applied", "amount", "sealed with the root"];
        self.stage.table(heading, rows)
    }
}

fn scheduled(
    answer: Result<wire::SchedulePaymentResponse, Status>,
) -> Result<wire::Payment, DemoError> {
    let answer = answer.map_err(DemoError::call("scheduling"))?;
    present("the payment", answer.payment)
}

fn accepted_row(
    received: String,
    date: String,
    payment: &wire::Payment,
) -> Result<[String; 6], DemoError> {
    let until = payment.cancel_before_time.as_ref();
    Ok([
        received,
        date,
        payment.window.clone(),
        weekday(payment.effective_date.as_ref())?,
        format!("{} ({})", clock(until)?, utc(until)?),
        weekday(payment.origination_date.as_ref())?,
    ])
}

fn refused_row(
    received: String,
    date: String,
    answer: Result<wire::SchedulePaymentResponse, Status>,
) -> Result<[String; 6], DemoError> {
    let refusal = Refusal::of("the late payment", answer, wire::ErrorReason::CutoffPassed)?;
    expect_same("the earliest date", &refusal.fact("earliest_date"), &SATURDAY)?;
    let (dash, earliest) = ("-".to_owned(), refusal.fact("earliest_date").to_owned());
    Ok([received, date, refusal.reason, dash.clone(), format!("earliest {earliest}"), dash])
}
