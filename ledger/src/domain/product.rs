//! What kinds of account there are, and the ways in which money reaches them.

use super::words::words;

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
