//! What is asked in words of a life, as a command; and what the model expects to come of it.

use chrono::{Months, NaiveDate};
use ledger::domain::account::commands::{Command, GrantExtension, ReceivePayment, SchedulePayment};
use ledger::domain::account::events::{ChargeOffReason, ExtensionKind};
use ledger::domain::product::Channel;

use crate::days::{after, open_days};
use crate::lives::{Ask, Back, Sum};
use crate::model::What;
use crate::pair::{Charged, Fault, Happening, Paid, Pair, State};
use crate::readings::{amount, money, rate};

/// A command, and what may come of it.
pub(crate) type Asked = (Command, Vec<Vec<Happening>>);

/// Codes that take a payment back for want of funds.
const NO_FUNDS: [&str; 2] = ["R01", "R09"];

/// Codes about a refund, or between the banks.
const NO_RETURNS: [&str; 2] = ["R23", "R61"];

/// Codes of returns for which the customer is not to blame: sets C, E and F.
const BLAMELESS: [&str; 6] = ["R05", "R10", "R11", "R15", "R24", "R06"];

/// Is the customer not to blame for a return?
pub(crate) fn blameless(code: &str) -> bool {
    BLAMELESS.contains(&code)
}

/// By which morning a debit had to be back from the customer's bank, if more than the day after
/// that has gone by.
fn missed(code: &str, debited: NaiveDate, today: NaiveDate) -> Option<NaiveDate> {
    let (since, mornings_between) = match code {
        "R01" | "R02" | "R08" | "R09" | "R15" | "R24" => (debited, 1),
        "R05" | "R10" | "R11" => (after(debited, 60), 0),
        _ => return None,
    };
    let mut gone = open_days(since).take_while(|day| *day < today);
    let due = gone.nth(mornings_between)?;
    gone.next().map(|_| due)
}

pub(crate) fn refused(reason: &str) -> Vec<Happening> {
    vec![Happening::Refused(reason.to_owned())]
}

impl Pair {
    /// The command, and what may come of it; none if there is nothing to ask it of.
    pub(crate) fn command(&self, ask: Ask) -> Result<Option<Asked>, Fault> {
        let pick = |which: usize| {
            let index = which.checked_rem(self.payments.len());
            index.map(|index| &self.payments[index])
        };
        Ok(match ask {
            Ask::Run => None,
            Ask::Schedule { money, days_ahead } => Some(self.schedule(money, days_ahead)?),
            Ask::Cancel { which } => pick(which).map(|paid| self.cancel(paid)),
            Ask::Receive { money, back, way } => Some(self.receive(money, back, way)?),
            Ask::Return { which, code } => pick(which).map(|paid| self.take_back(paid, code)),
            Ask::Reinstate { which } => pick(which).map(|paid| self.reinstate(paid)),
            Ask::GiveBack { cents, kind, back } => Some(self.give_back(cents, kind, back)?),
            Ask::Assess { cents, kind, back } => {
                let date = self.date(back);
                // Today need not be said.
                let effective_date = (date != self.today).then_some(date);
                let amount = amount(cents)?;
                let command = Command::AssessFee { kind, amount, effective_date, preview: None };
                let charged = vec![Happening::Fee(date, cents, None, None)];
                Some((command, self.chargeable(kind, charged)))
            }
            Ask::Waive { which } => which.checked_rem(self.fees.len()).map(|index| {
                let fee = &self.fees[index];
                let gone = self.model.facts[fee.fact].gone;
                let expected = if gone { vec![] } else { vec![Happening::FeeWaived(fee.id)] };
                (Command::WaiveFee { fee: fee.id, preview: None }, vec![expected])
            }),
            Ask::Age => Some((Command::AgeAccount, vec![self.ages()])),
            Ask::Rate { millionths, back } => Some(self.change_rate(millionths, self.date(back))?),
            Ask::Adjust { cents, back } => Some(self.adjust(cents, self.date(back))),
            Ask::Extend { months, back, beyond } => {
                Some(self.extend(months, self.date(back), beyond))
            }
            Ask::DueDay { day, back } => Some(self.due_day(day, self.date(back))),
            Ask::ChargeOff { part, back } => Some(self.charge_off(part, self.date(back))?),
            Ask::Quote { days } => Some(self.quote(days)),
            Ask::Refund { part } => Some(self.refund(part)?),
            Ask::ReturnRefund { which } => self.refund_back(which),
            Ask::SettleRefund { which, days } => self.settle_refund(which, days),
            Ask::Settle { which, days, kept } => {
                pick(which).map(|paid| self.settle(paid, days, kept)).transpose()?
            }
        })
    }

    /// So many days ago, or the day of another fact; never before the opening.
    pub(crate) fn date(&self, back: Back) -> NaiveDate {
        let date = match back {
            Back::Days(days) => after(self.today, -days),
            Back::DayOf(which) => {
                let fact = which.checked_rem(self.model.facts.len());
                fact.map_or(self.today, |fact| self.model.facts[fact].effective)
            }
        };
        date.max(self.model.contract.opened)
    }

    /// What happens to an account that is neither paid off nor charged off.
    pub(crate) fn in_service(&self, happenings: Vec<Happening>) -> Vec<Vec<Happening>> {
        let given_up = self.given_up();
        vec![match (self.settled, given_up) {
            (true, _) => refused("ACCOUNT_PAID_OFF"),
            (false, true) => refused("ACCOUNT_CHARGED_OFF"),
            (false, false) => happenings,
        }]
    }

    /// Was everything charged off?
    pub(crate) fn given_up(&self) -> bool {
        self.model.facts.iter().any(|fact| matches!(fact.what, What::ChargeOff(None)))
    }

    fn schedule(&self, money: Sum, days_ahead: i64) -> Result<Asked, Fault> {
        let date = after(self.today, days_ahead);
        let command = Command::SchedulePayment(SchedulePayment {
            amount: amount(self.sum(money, date))?,
            payment_date: date,
            funding: None,
            allow_duplicate: true,
            payoff_quote: None,
        });
        let taken = vec![vec![Happening::Scheduled], refused("CUTOFF_PASSED")];
        Ok((command, if self.settled { vec![refused("ACCOUNT_PAID_OFF")] } else { taken }))
    }

    fn cancel(&self, paid: &Paid) -> Asked {
        let expected = match paid.state {
            _ if self.now >= paid.cutoff_at => refused("CANCEL_WINDOW_CLOSED"),
            State::Scheduled => vec![Happening::Cancelled],
            State::Cancelled => vec![],
            State::Good | State::Returned => refused("NOT_PENDING"),
        };
        (Command::CancelPayment { payment: paid.id }, vec![expected])
    }

    fn receive(&self, money: Sum, back: Back, way: usize) -> Result<Asked, Fault> {
        let opened = self.model.contract.opened;
        let date = match back {
            Back::Days(days) => after(self.today, -days),
            Back::DayOf(_) => self.date(back),
        };
        let money = self.sum(money, date.max(opened));
        let command = Command::ReceivePayment(ReceivePayment {
            channel: Channel::ALL[1 + way % (Channel::ALL.len() - 1)],
            amount: amount(money)?,
            received_date: date,
            reference: None,
            third_party_fee: None,
            guaranteed_funds: false,
            paid_by_dealer: false,
            allow_duplicate: true,
            payoff_quote: None,
            preview: None,
        });
        let paid = vec![Happening::Paid(date, money)];
        let expected = if date < opened { refused("BEFORE_OPENING") } else { paid };
        Ok((command, vec![expected]))
    }

    fn take_back(&self, paid: &Paid, code: &str) -> Asked {
        let command = Command::ReturnPayment {
            payment: paid.id,
            return_code: code.to_owned(),
            preview: None,
        };
        let expected = match paid.state {
            State::Scheduled | State::Cancelled => refused("NOT_APPLIED"),
            State::Returned => refused("ALREADY_RETURNED"),
            State::Good if NO_RETURNS.contains(&code) => refused("RETURN_CODE_NOT_FOR_PAYMENT"),
            State::Good => {
                let mut model = self.model.clone();
                model.reopened.clear();
                model.comes_back(paid.fact, self.today, blameless(code));
                let reopened = model.reopened.iter().filter(|(fact, _, _)| *fact == paid.fact);
                let reopened = reopened.map(|(_, number, from)| (number + 1, *from)).collect();
                let due = paid.debited.and_then(|debited| missed(code, debited, self.today));
                let mut all = vec![Happening::Returned(paid.id, reopened, due)];
                all.extend(self.returned_item_fee(paid, code));
                all.extend(self.late_again(&model, paid.since));
                all
            }
        };
        (command, vec![expected])
    }

    /// The fee of the contract, capped by the state, for want of funds only, once a payment.
    fn returned_item_fee(&self, paid: &Paid, code: &str) -> Option<Happening> {
        let charged = |fee: &Charged| {
            let stands = !self.model.facts[fee.fact].gone || fee.asked;
            fee.payment == Some(paid.id) && stands
        };
        if !NO_FUNDS.contains(&code) || self.given_up() || self.fees.iter().any(charged) {
            return None;
        }
        let contract = &self.model.contract;
        let What::Payment { amount, .. } = self.model.facts[paid.fact].what else { return None };
        let share = |per_cent: i128| (amount * per_cent * 2 + 100) / 200;
        let cap = match contract.state {
            Some("NY") => 2_000,
            Some("FL") if amount <= 5_000 => 2_500,
            Some("FL") if amount <= 30_000 => 3_000,
            Some("FL") => share(5).max(4_000),
            Some("OH") => share(10).max(3_000),
            _ => i128::MAX,
        };
        let fee = contract.returned_item_fee?.min(cap);
        Some(Happening::Fee(self.today, fee, Some(paid.id), None))
    }

    fn reinstate(&self, paid: &Paid) -> Asked {
        let fees = self
            .fees
            .iter()
            .filter(|fee| fee.payment == Some(paid.id) && !self.model.facts[fee.fact].gone);
        let waived = fees.map(|fee| Happening::FeeWaived(fee.id));
        let expected = match paid.state {
            State::Returned => {
                waived.chain(std::iter::once(Happening::Reinstated(paid.id))).collect()
            }
            State::Scheduled | State::Cancelled | State::Good => refused("NOT_RETURNED"),
        };
        (Command::ReinstatePayment { payment: paid.id, preview: None }, vec![expected])
    }

    fn ages(&self) -> Vec<Happening> {
        if self.settled || self.given_up() {
            return vec![];
        }
        let late = self.model.late_fees(self.today, &self.asked());
        let fee = |late: &crate::lateness::Late| {
            Happening::Fee(late.dated, late.amount, None, Some(late.instalment + 1))
        };
        late.iter().map(fee).collect()
    }

    fn change_rate(&self, millionths: i128, effective_date: NaiveDate) -> Result<Asked, Fault> {
        let command =
            Command::ChangeRate { annual_rate: rate(millionths)?, effective_date, preview: None };
        if self.model.contract.lease {
            return Ok((command, vec![refused("PRODUCT_HAS_NO_PRINCIPAL")]));
        }
        let changed = vec![Happening::RateChanged(effective_date, millionths)];
        let in_force = self.model.rate_on(effective_date) == millionths;
        // A rate that is in force changes nothing.
        Ok((command, self.in_service(if in_force { vec![] } else { changed })))
    }

    fn adjust(&self, change: i128, effective_date: NaiveDate) -> Asked {
        let command = Command::AdjustPrincipal {
            change: money(change),
            reason: "a correction".to_owned(),
            effective_date,
            preview: None,
        };
        if self.model.contract.lease {
            return (command, vec![refused("PRODUCT_HAS_NO_PRINCIPAL")]);
        }
        let adjusted = vec![Happening::Adjusted(effective_date, change)];
        let too_much = self.model.on(effective_date).principal + change < 0;
        let expected = if too_much { refused("PRINCIPAL_EXCEEDED") } else { adjusted };
        let given_up = self.given_up();
        (command, vec![if given_up { refused("ACCOUNT_CHARGED_OFF") } else { expected }])
    }

    fn extend(&self, months: i32, effective_date: NaiveDate, beyond: bool) -> Asked {
        let command = Command::GrantExtension(GrantExtension {
            kind: ExtensionKind::Extension,
            months: u32::try_from(months).unwrap(),
            effective_date,
            allow_over_limit: beyond,
            preview: None,
        });
        let granted = |all: &dyn Fn(&NaiveDate) -> bool| {
            let of = self.extensions.iter().filter(|(date, _)| all(date));
            of.fold(months, |sum, (_, months)| sum + months)
        };
        // Whichever twelve months it falls into.
        let too_many_by = |last: NaiveDate| {
            let year_before = last.checked_sub_months(Months::new(12)).unwrap();
            let year = |date: &NaiveDate| *date > year_before && *date <= last;
            year(&effective_date) && granted(&year) > 6
        };
        let mut lasts = (0..=366).map(|days| after(effective_date, days));
        let over = months > 4 || granted(&|_| true) > 12 || lasts.any(too_many_by);
        let expected = match self.model.first_open(effective_date, None) {
            _ if self.is_back() => refused("VEHICLE_RETURNED"),
            _ if over && !beyond => refused("EXTENSION_LIMIT"),
            None => refused("NO_INSTALMENT_LEFT"),
            Some(from) => vec![self.shifted(effective_date, from, months, None)],
        };
        (command, self.in_service(expected))
    }

    fn due_day(&self, day: u32, effective_date: NaiveDate) -> Asked {
        let command = Command::ChangeDueDate { day_of_month: day, effective_date, preview: None };
        let changed = self.model.facts.iter().any(|fact| {
            let day = matches!(fact.what, What::Shift { anchor: Some(_), .. });
            day && fact.effective > effective_date
        });
        let expected = match self.model.first_open(effective_date, Some(effective_date)) {
            _ if self.is_back() => refused("VEHICLE_RETURNED"),
            _ if changed => refused("DUE_DAY_CHANGED_LATER"),
            None => refused("NO_INSTALMENT_LEFT"),
            Some(from) => {
                let plan = self.model.plan_on(effective_date);
                match plan.nearest(from, day, effective_date) {
                    Some((_, 0)) if plan.anchor(from) == day => vec![],
                    Some((months, days)) if days.abs() <= 15 => {
                        vec![self.shifted(effective_date, from, months, Some(day))]
                    }
                    _ => refused("DUE_DATE_TOO_FAR"),
                }
            }
        };
        (command, self.in_service(expected))
    }

    /// The due dates once this counts, too, and everything from later days that is known.
    fn shifted(&self, on: NaiveDate, from: usize, months: i32, anchor: Option<u32>) -> Happening {
        let mut model = self.model.clone();
        model.happens(on, What::Shift { from, months, anchor });
        let plan = model.plan_on(self.today);
        Happening::Shifted(from + 1, plan.due(from), plan.maturity().unwrap())
    }

    fn charge_off(&self, part: Option<Sum>, effective_date: NaiveDate) -> Result<Asked, Fault> {
        let part = part.map(|part| self.sum(part, effective_date));
        let command = Command::ChargeOff {
            principal: part.map(amount).transpose()?,
            reason: ChargeOffReason::Other,
            effective_date,
            preview: None,
        };
        if self.model.contract.lease && part.is_some() {
            return Ok((command, vec![refused("PRODUCT_HAS_NO_PRINCIPAL")]));
        }
        let principal = self.model.on(effective_date).principal;
        let exceeded = part.is_some_and(|part| part > principal);
        let charged = vec![Happening::ChargedOff(effective_date)];
        let expected = if self.back_on().is_some_and(|back| effective_date < back) {
            refused("VEHICLE_RETURNED")
        } else if exceeded {
            refused("PRINCIPAL_EXCEEDED")
        } else {
            charged
        };
        Ok((command, self.in_service(expected)))
    }

    /// What pays everything on a later day; of a lease, what buys the vehicle, if that is known.
    fn quote(&self, days: i64) -> Asked {
        let good_through_date = after(self.today, days);
        let figures = self.model.on(good_through_date);
        let told = vec![Happening::Quoted(figures.payoff)];
        // Of one that was bought something may be owed still: what was sent back was too much.
        let contract = &self.model.contract;
        let no_vehicle = contract.lease && figures.buyout.is_none() && contract.residual == 0;
        let expected = match (self.settled, no_vehicle) {
            (true, _) if figures.buyout.is_none() => refused("ACCOUNT_PAID_OFF"),
            (_, true) if !self.given_up() && !self.is_back() => refused("RESIDUAL_UNKNOWN"),
            (_, _) => told,
        };
        (Command::QuotePayoff { good_through_date }, vec![expected])
    }

    fn refund(&self, part: bool) -> Result<Asked, Fault> {
        // A credit balance stands against what came after it.
        let credit = -self.model.on(self.today).balance;
        let asked = if part { (credit / 2).max(1) } else { credit };
        let command = Command::RefundCredit { amount: part.then(|| amount(asked)).transpose()? };
        let expected = if asked <= 0 || asked > credit {
            vec![refused("NO_CREDIT_BALANCE")]
        } else {
            vec![vec![Happening::Refunded(asked)], refused("FUNDS_ON_HOLD")]
        };
        Ok((command, expected))
    }

    /// So much money, as the account is on a date.
    fn sum(&self, money: Sum, date: NaiveDate) -> i128 {
        let figures = self.model.on(date);
        let money = match money {
            Sum::Cents(cents) => cents,
            Sum::Instalments(count, more) => count * self.model.contract.instalment + more,
            Sum::PastDue(more) => figures.past_due + more,
            Sum::PastDueAndFees(more) => figures.past_due + figures.fees + more,
            Sum::Interest(more) => figures.interest + more,
            Sum::Principal(more) => figures.principal + more,
            Sum::Payoff(more) => figures.payoff + more,
            Sum::PayoffPart(hundredths) => figures.payoff * hundredths / 100,
        };
        money.clamp(1, 9_999_999_999)
    }
}
