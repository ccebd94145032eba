//! Enums of the wire ⇄ enums of the ledger. "Unspecified" is refused where something must be said.

use ledger::domain::account::events::FeeKind;
use ledger::domain::interest::DayCount;
use ledger::domain::product::{Channel, Product};
use proto::payledger::v1::{
    Channel as WireChannel, DayCountBasis as WireDayCount, FeeKind as WireFeeKind,
    Product as WireProduct,
};

use super::{Field, FieldError};

/// Takes a product that must be there.
pub fn product(field: &str, wire: i32) -> Field<Product> {
    product_if_set(field, wire)?.ok_or_else(|| FieldError::missing(field))
}

/// Takes a product, or none if it is unspecified.
pub fn product_if_set(field: &str, wire: i32) -> Field<Option<Product>> {
    Ok(match member(field, wire)? {
        WireProduct::Unspecified => None,
        WireProduct::AutoLoan => Some(Product::AutoLoan),
        WireProduct::Lease => Some(Product::Lease),
        WireProduct::PersonalLoan => Some(Product::PersonalLoan),
        WireProduct::CreditCard => Some(Product::CreditCard),
    })
}

/// A product as the wire carries it.
pub const fn product_to_wire(product: Product) -> WireProduct {
    match product {
        Product::AutoLoan => WireProduct::AutoLoan,
        Product::Lease => WireProduct::Lease,
        Product::PersonalLoan => WireProduct::PersonalLoan,
        Product::CreditCard => WireProduct::CreditCard,
    }
}

/// Takes the kind of a fee, which must be there.
pub fn fee_kind(field: &str, wire: i32) -> Field<FeeKind> {
    Ok(match member(field, wire)? {
        WireFeeKind::Unspecified => return Err(FieldError::missing(field)),
        WireFeeKind::Late => FeeKind::Late,
        WireFeeKind::ReturnedItem => FeeKind::ReturnedItem,
        WireFeeKind::EarlyTermination => FeeKind::EarlyTermination,
        WireFeeKind::Disposition => FeeKind::Disposition,
        WireFeeKind::ExcessWear => FeeKind::ExcessWear,
        WireFeeKind::ExcessMileage => FeeKind::ExcessMileage,
        WireFeeKind::Toll => FeeKind::Toll,
        WireFeeKind::PropertyTax => FeeKind::PropertyTax,
    })
}

/// The kind of a fee as the wire carries it.
pub const fn fee_kind_to_wire(kind: FeeKind) -> WireFeeKind {
    match kind {
        FeeKind::Late => WireFeeKind::Late,
        FeeKind::ReturnedItem => WireFeeKind::ReturnedItem,
        FeeKind::EarlyTermination => WireFeeKind::EarlyTermination,
        FeeKind::Disposition => WireFeeKind::Disposition,
        FeeKind::ExcessWear => WireFeeKind::ExcessWear,
        FeeKind::ExcessMileage => WireFeeKind::ExcessMileage,
        FeeKind::Toll => WireFeeKind::Toll,
        FeeKind::PropertyTax => WireFeeKind::PropertyTax,
    }
}

/// Takes a channel that must be there.
pub fn channel(field: &str, wire: i32) -> Field<Channel> {
    channel_if_set(field, wire)?.ok_or_else(|| FieldError::missing(field))
}

/// Takes a channel, or none if it is unspecified.
pub fn channel_if_set(field: &str, wire: i32) -> Field<Option<Channel>> {
    Ok(match member(field, wire)? {
        WireChannel::Unspecified => None,
        WireChannel::OwnAch => Some(Channel::OwnAch),
        WireChannel::BillPay => Some(Channel::BillPay),
        WireChannel::Mail => Some(Channel::Mail),
        WireChannel::PhoneVendor => Some(Channel::PhoneVendor),
        WireChannel::DebitCardVendor => Some(Channel::DebitCardVendor),
        WireChannel::Moneygram => Some(Channel::MoneyGram),
        WireChannel::WesternUnion => Some(Channel::WesternUnion),
        WireChannel::Wire => Some(Channel::Wire),
    })
}

/// A channel as the wire carries it.
pub const fn channel_to_wire(channel: Channel) -> WireChannel {
    match channel {
        Channel::OwnAch => WireChannel::OwnAch,
        Channel::BillPay => WireChannel::BillPay,
        Channel::Mail => WireChannel::Mail,
        Channel::PhoneVendor => WireChannel::PhoneVendor,
        Channel::DebitCardVendor => WireChannel::DebitCardVendor,
        Channel::MoneyGram => WireChannel::Moneygram,
        Channel::WesternUnion => WireChannel::WesternUnion,
        Channel::Wire => WireChannel::Wire,
    }
}

/// Takes a day count; unspecified means the ledger's default.
pub fn day_count(field: &str, wire: i32) -> Field<DayCount> {
    Ok(match member(field, wire)? {
        WireDayCount::Unspecified => DayCount::default(),
        WireDayCount::Actual365366 => DayCount::Actual365Or366,
        WireDayCount::Actual365 => DayCount::Actual365,
        WireDayCount::Actual360 => DayCount::Actual360,
        WireDayCount::Thirty360 => DayCount::Thirty360,
    })
}

/// A day count as the wire carries it.
pub const fn day_count_to_wire(count: DayCount) -> WireDayCount {
    match count {
        DayCount::Actual365Or366 => WireDayCount::Actual365366,
        DayCount::Actual365 => WireDayCount::Actual365,
        DayCount::Actual360 => WireDayCount::Actual360,
        DayCount::Thirty360 => WireDayCount::Thirty360,
    }
}

/// Takes a number for the member that it stands for. A number of a later contract is refused: to
/// take it for "unspecified" would widen a filter in silence.
pub fn member<E: TryFrom<i32>>(field: &str, wire: i32) -> Field<E> {
    E::try_from(wire).map_err(|_| {
        FieldError::new(field, format!("has no member numbered {wire}")).fact("number", wire)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_and_channel_goes_there_and_back() {
        for &there in Product::ALL {
            let wire = i32::from(product_to_wire(there));
            assert_eq!(product("product", wire).unwrap(), there);
        }
        for &there in Channel::ALL {
            let wire = i32::from(channel_to_wire(there));
            assert_eq!(channel("channel", wire).unwrap(), there);
        }
    }

    #[test]
    fn every_day_count_goes_there_and_back_and_one_is_the_default() {
        for &there in DayCount::ALL {
            let wire = i32::from(day_count_to_wire(there));
            assert_eq!(day_count("day_count_basis", wire).unwrap(), there);
        }
        assert_eq!(day_count("day_count_basis", 0).unwrap(), DayCount::Actual365Or366);
    }

    #[test]
    fn what_is_unspecified_or_unknown_is_refused() {
        assert_eq!(product("product", 0).unwrap_err(), FieldError::missing("product"));
        assert_eq!(product_if_set("product", 0).unwrap(), None);
        assert!(product_if_set("product", 99).is_err());
        assert!(channel("channel", -1).is_err());
    }
}
