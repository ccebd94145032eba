//! What kinds of account there are, and the ways in which money reaches them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A word that names no member of the set it was looked up in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of {known}")]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// What would have been understood.
    pub known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        pub enum $type { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+ }

        impl $type {
            /// All of them, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stored and spoken name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: word.to_owned(), known: [$($word,)+].join(", ") }),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// The kind of an account. Cut-offs, waterfalls and holds are chosen by it.
    Product {
        /// A retail instalment contract on a vehicle, simple daily interest.
        AutoLoan = "auto",
        /// A vehicle lease: rentals of base and tax, no interest split.
        Lease = "lease",
        /// An unsecured instalment loan.
        PersonalLoan = "personal",
        /// A credit card. Only its cut-off policy exists so far.
        CreditCard = "card",
    }
}

words! {
    /// The way by which money reached us (who started its movement, and over which rail).
    Channel {
        /// Our own debit of a bank account, scheduled online, in the app or with an agent.
        OwnAch = "own_ach",
        /// The customer's bank sent it, electronically (RPPS, e-bill).
        BillPay = "bill_pay",
        /// A personal or business cheque by mail to the lockbox.
        Mail = "mail",
        /// The phone vendor took it (ACI Pay); a fee of its own may come on top.
        PhoneVendor = "phone_vendor",
        /// The online debit-card vendor took it (CheckFreePay); a fee may come on top.
        DebitCardVendor = "debit_card_vendor",
        /// Cash or debit at a MoneyGram counter.
        MoneyGram = "moneygram",
        /// Cash or debit at a Western Union Quick Collect counter.
        WesternUnion = "western_union",
        /// A wire: good funds on receipt.
        Wire = "wire",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_finds_its_way_back() {
        for product in Product::ALL {
            assert_eq!(product.as_str().parse::<Product>().as_ref(), Ok(product));
        }
        for channel in Channel::ALL {
            assert_eq!(channel.as_str().parse::<Channel>().as_ref(), Ok(channel));
        }
    }

    #[test]
    fn an_unknown_word_is_told_what_would_be_known() {
        let error = "boat".parse::<Product>().unwrap_err();
        assert_eq!(error.to_string(), "\"boat\" is not one of auto, lease, personal, card");
    }
}
