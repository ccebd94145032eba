//! Money that comes in by another channel.

use chrono::NaiveDate;
use ledger::domain::account::commands::ReceivePayment;
use ledger::domain::money::Amount;
use ledger::domain::product::Channel;
use ledger::ids::QuoteId;

pub(super) fn received(
    channel: Channel,
    amount: Amount,
    received_date: NaiveDate,
    payoff_quote: Option<QuoteId>,
) -> ReceivePayment {
    ReceivePayment {
        channel,
        amount,
        received_date,
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: true,
        payoff_quote,
        preview: None,
    }
}
