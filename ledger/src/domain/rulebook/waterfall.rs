//! In which order a payment's money is taken up by what is owed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What money can be owed for, as far as the order of its payment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Earned, unpaid finance charge.
    Interest,
    /// The principal of instalments that are past due or due, oldest first.
    DuePrincipal,
    /// Late and returned-item fees.
    Fees,
    /// Principal that is not due yet.
    ExtraPrincipal,
    /// Rentals that are past due or due, base and tax in their billed proportions, oldest first.
    DueRentals,
    /// What else was billed on a lease: tolls, property tax, excess wear.
    OtherCharges,
    /// Rentals that are not due yet.
    FutureRentals,
}

/// An order without meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a waterfall names one bucket or more, each once")]
pub struct WaterfallError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWaterfall {
    order: Vec<Bucket>,
}

/// The order in which a payment is taken up. What is left after the last bucket is a credit
/// balance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawWaterfall")]
pub struct Waterfall(Vec<Bucket>);

impl Waterfall {
    /// The buckets in order; at least one, each once.
    pub fn order(&self) -> &[Bucket] {
        &self.0
    }
}

impl TryFrom<RawWaterfall> for Waterfall {
    type Error = WaterfallError;

    fn try_from(raw: RawWaterfall) -> Result<Self, Self::Error> {
        let distinct: BTreeSet<Bucket> = raw.order.iter().copied().collect();
        if raw.order.is_empty() || distinct.len() != raw.order.len() {
            return Err(WaterfallError);
        }
        Ok(Self(raw.order))
    }
}
