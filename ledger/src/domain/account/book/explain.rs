//! What a figure is made of: what was owed at the opening, and each movement since, line by line.
//!
//! The lines of a figure sum to it exactly. They follow the same walk along the timeline as
//! [`Book::standing`], and name the movement that each of them comes from.

mod lines;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Book, Standing};
use crate::domain::account::events::FeeKind;
use crate::domain::interest::Days;
use crate::domain::money::{Money, Rate};
use crate::domain::words::words;
use crate::ids::{AdjustmentId, ChargeOffId, FeeId, PaymentId, RefundId};

words! {
    /// A figure that an account shows.
    Figure {
        /// Principal owed.
        Principal = "principal",
        /// Interest accrued and unpaid, rounded to the cent.
        AccruedInterest = "accrued_interest",
        /// Fees unpaid.
        FeesDue = "fees_due",
        /// Lease rentals that are due and unpaid.
        RentalsDue = "rentals_due",
        /// Lease rentals that remain, due or not.
        RentalsRemaining = "rentals_remaining",
        /// Instalments due before the day and not met.
        PastDue = "past_due",
        /// What was charged off and not recovered.
        ChargedOff = "charged_off",
        /// Money above everything owed; below zero what was refunded too much.
        CreditBalance = "credit_balance",
        /// What pays everything on the day; never below zero.
        Payoff = "payoff",
    }
}

/// The recorded fact that a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The contract, as the account was opened.
    Opening,
    /// The movement recorded in this place.
    Movement(u64),
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Owed when the account was opened.
    Boarded,
    /// The sub-cent remainder of interest from the former servicer.
    Carry,
    /// A balance that earned at one rate over one divisor.
    Accrued {
        /// The days.
        days: Days,
        /// The balance.
        principal: Money,
        /// The yearly rate.
        rate: Rate,
    },
    /// A payment.
    Payment(PaymentId),
    /// The small balance that was written off with a payment.
    WriteOff(PaymentId),
    /// A fee.
    Fee(FeeId, FeeKind),
    /// A credit balance sent back.
    Refund(RefundId),
    /// Principal corrected.
    Adjustment(AdjustmentId),
    /// A charge-off.
    ChargeOff(ChargeOffId),
    /// An instalment that fell due.
    Instalment {
        /// Its number, from 1.
        number: u32,
        /// Its due date.
        due_date: NaiveDate,
    },
    /// The leased vehicle came back: rentals that do not fall due, or what was paid ahead for them.
    VehicleReturned,
    /// The fraction of a cent that is not shown.
    Rounding,
    /// What is missing of instalments that count as met.
    Tolerance,
    /// The leased vehicle, at its residual value.
    Residual,
    /// The sales tax on the vehicle's price: the rentals to come and the residual value.
    SalesTax,
    /// The tax on rentals that do not fall due when the vehicle is bought or the lease charged off.
    TaxNotDue,
    /// What was paid beyond the instalments that are due.
    PaidAhead,
    /// Instalments beyond what is owed at all.
    NotOwed,
    /// What is owed beside the instalments once the last of them was due.
    Matured,
    /// A credit balance above everything owed.
    LeftOver,
}

/// A line of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The figure that the line belongs to: that which is explained, or a part of it.
    pub part: Figure,
    /// What it is about.
    pub what: What,
    /// What it adds to the figure, exactly, or to twelve decimals where it is interest.
    pub amount: Decimal,
    /// The day from which it counts. None for what only brings the sum to what is shown.
    pub effective_date: Option<NaiveDate>,
    /// Where it comes from. None for what only brings the sum to what is shown.
    pub origin: Option<Origin>,
}

/// What a figure is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The figure.
    pub figure: Figure,
    /// The day at whose close it is shown.
    pub as_of: NaiveDate,
    /// What is shown: the sum of the lines.
    pub amount: Money,
    /// The lines: by part, what was owed first, then in the order of the timeline.
    pub lines: Vec<Line>,
}

impl Book {
    /// What `figure` is at the close of `as_of`.
    pub fn figure(&self, figure: Figure, as_of: NaiveDate) -> Money {
        shown(figure, &self.standing(as_of))
    }

    /// Which movements make `figure` what it is at the close of `as_of`.
    pub fn explain(&self, figure: Figure, as_of: NaiveDate) -> Explanation {
        let standing = self.standing(as_of);
        let amount = shown(figure, &standing);
        let lines = lines::of(self, figure, &standing);
        Explanation { figure, as_of, amount, lines }
    }
}

fn shown(figure: Figure, standing: &Standing) -> Money {
    match figure {
        Figure::Principal => standing.principal,
        Figure::AccruedInterest => standing.interest_due,
        Figure::FeesDue => standing.fees_due,
        Figure::RentalsDue => standing.rentals_due,
        Figure::RentalsRemaining => standing.rentals_remaining,
        Figure::PastDue => standing.past_due,
        Figure::ChargedOff => standing.charged_off,
        Figure::CreditBalance => standing.credit,
        Figure::Payoff => standing.payoff().at_least_zero(),
    }
}
