//! What a servicer does to a contract, in few words.

use proto::payledger::v1::{
    AdjustPrincipalRequest, AdjustPrincipalResponse, AgeAccountRequest, AgeAccountResponse,
    ChangeDueDateRequest, ChangeDueDateResponse, ChangeRateRequest, ChangeRateResponse,
    ChargeOffReason, ChargeOffRequest, ChargeOffResponse, ExtensionKind, FeeKind,
    GetPayoffQuoteRequest, GrantExtensionRequest, GrantExtensionResponse, Instalment, LeaseCharge,
    ListInstalmentsRequest, PayoffQuote, QuotePayoffRequest, QuotePayoffResponse,
    RefundCreditRequest, RefundCreditResponse, ReturnRefundRequest, ReturnRefundResponse,
    ReturnVehicleRequest, ReturnVehicleResponse, SettlePaymentRequest, SettlePaymentResponse,
    SettleRefundRequest, SettleRefundResponse,
};

use crate::client::{Answer, Client};
use crate::requests::{date, money, request_id};

/// A request to move due dates by months.
pub fn extension(name: &str, account: &str, months: i32, day: &str) -> GrantExtensionRequest {
    GrantExtensionRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        kind: ExtensionKind::Extension.into(),
        months,
        effective_date: Some(date(day)),
        ..GrantExtensionRequest::default()
    }
}

/// A request to change the rate.
pub fn rate(name: &str, account: &str, annual_rate: &str, day: &str) -> ChangeRateRequest {
    ChangeRateRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        annual_rate: annual_rate.to_owned(),
        effective_date: Some(date(day)),
        ..ChangeRateRequest::default()
    }
}

/// A request to add to principal, or to take off it.
pub fn adjustment(name: &str, account: &str, change: &str, day: &str) -> AdjustPrincipalRequest {
    AdjustPrincipalRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        change: Some(money(change)),
        reason: "a correction".to_owned(),
        effective_date: Some(date(day)),
        ..AdjustPrincipalRequest::default()
    }
}

/// A request for another due day.
pub fn due_day(name: &str, account: &str, day_of_month: i32, day: &str) -> ChangeDueDateRequest {
    ChangeDueDateRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        day_of_month,
        effective_date: Some(date(day)),
        ..ChangeDueDateRequest::default()
    }
}

/// A request to charge off everything owed.
pub fn charge_off(name: &str, account: &str, day: &str) -> ChargeOffRequest {
    ChargeOffRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        reason: ChargeOffReason::Delinquency.into(),
        effective_date: Some(date(day)),
        ..ChargeOffRequest::default()
    }
}

/// A request to take a leased vehicle back; each charge is its kind and its amount.
pub fn vehicle_back(
    name: &str,
    account: &str,
    day: &str,
    charges: &[(FeeKind, &str)],
) -> ReturnVehicleRequest {
    let charge = |(kind, amount): &(FeeKind, &str)| LeaseCharge {
        kind: (*kind).into(),
        amount: Some(money(amount)),
    };
    ReturnVehicleRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        effective_date: Some(date(day)),
        charges: charges.iter().map(charge).collect(),
        preview_hash: String::new(),
    }
}

/// A request to book that the bank has a payment's money.
pub fn settlement(name: &str, account: &str, payment: &str, day: &str) -> SettlePaymentRequest {
    SettlePaymentRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        payment_id: payment.to_owned(),
        settlement_date: Some(date(day)),
        withheld: None,
    }
}

/// A request to book that the bank paid a refund out.
pub fn refund_settlement(
    name: &str,
    account: &str,
    refund: &str,
    day: &str,
) -> SettleRefundRequest {
    SettleRefundRequest {
        request_id: request_id(name),
        account_id: account.to_owned(),
        refund_id: refund.to_owned(),
        settlement_date: Some(date(day)),
    }
}

impl Client {
    /// Books that the bank has a payment's money.
    pub async fn settle(&self, request: SettlePaymentRequest) -> Answer<SettlePaymentResponse> {
        Ok(self.payments().settle_payment(request).await?.into_inner())
    }

    /// Books that the bank paid a refund out.
    pub async fn settle_refund(
        &self,
        request: SettleRefundRequest,
    ) -> Answer<SettleRefundResponse> {
        Ok(self.accounts().settle_refund(request).await?.into_inner())
    }

    /// Moves due dates by months.
    pub async fn extend(
        &self,
        name: &str,
        account: &str,
        months: i32,
        day: &str,
    ) -> Answer<GrantExtensionResponse> {
        let request = extension(name, account, months, day);
        Ok(self.accounts().grant_extension(request).await?.into_inner())
    }

    /// Sets another rate.
    pub async fn change_rate(&self, request: ChangeRateRequest) -> Answer<ChangeRateResponse> {
        Ok(self.accounts().change_rate(request).await?.into_inner())
    }

    /// Adds to principal, or takes off it.
    pub async fn adjust(&self, request: AdjustPrincipalRequest) -> Answer<AdjustPrincipalResponse> {
        Ok(self.accounts().adjust_principal(request).await?.into_inner())
    }

    /// Sets another due day.
    pub async fn change_due_date(
        &self,
        request: ChangeDueDateRequest,
    ) -> Answer<ChangeDueDateResponse> {
        Ok(self.accounts().change_due_date(request).await?.into_inner())
    }

    /// Charges off.
    pub async fn charge_off(&self, request: ChargeOffRequest) -> Answer<ChargeOffResponse> {
        Ok(self.accounts().charge_off(request).await?.into_inner())
    }

    /// Takes a leased vehicle back.
    pub async fn return_vehicle(
        &self,
        request: ReturnVehicleRequest,
    ) -> Answer<ReturnVehicleResponse> {
        Ok(self.accounts().return_vehicle(request).await?.into_inner())
    }

    /// Asks what pays an account off.
    pub async fn quote_payoff(
        &self,
        name: &str,
        account: &str,
        day: &str,
    ) -> Answer<QuotePayoffResponse> {
        let request = QuotePayoffRequest {
            request_id: request_id(name),
            account_id: account.to_owned(),
            good_through_date: Some(date(day)),
        };
        Ok(self.accounts().quote_payoff(request).await?.into_inner())
    }

    /// One payoff quote.
    pub async fn payoff_quote(&self, account: &str, quote: &str) -> Answer<PayoffQuote> {
        let request = GetPayoffQuoteRequest {
            account_id: account.to_owned(),
            quote_id: quote.to_owned(),
            min_position: 0,
        };
        Ok(self.accounts().get_payoff_quote(request).await?.into_inner().quote.unwrap())
    }

    /// Sends all of a credit balance back.
    pub async fn refund(&self, name: &str, account: &str) -> Answer<RefundCreditResponse> {
        let request = RefundCreditRequest {
            request_id: request_id(name),
            account_id: account.to_owned(),
            amount: None,
        };
        Ok(self.accounts().refund_credit(request).await?.into_inner())
    }

    /// Takes a refund back.
    pub async fn take_refund_back(
        &self,
        name: &str,
        account: &str,
        refund: &str,
    ) -> Answer<ReturnRefundResponse> {
        let request = ReturnRefundRequest {
            request_id: request_id(name),
            account_id: account.to_owned(),
            refund_id: refund.to_owned(),
        };
        Ok(self.accounts().return_refund(request).await?.into_inner())
    }

    /// Does to an account what time alone does.
    pub async fn age(&self, name: &str, account: &str) -> Answer<AgeAccountResponse> {
        let request =
            AgeAccountRequest { request_id: request_id(name), account_id: account.to_owned() };
        Ok(self.accounts().age_account(request).await?.into_inner())
    }

    /// The instalments of an account as of a day.
    pub async fn instalments(&self, account: &str, day: &str) -> Answer<Vec<Instalment>> {
        let request = ListInstalmentsRequest {
            account_id: account.to_owned(),
            effective_date: Some(date(day)),
            ..ListInstalmentsRequest::default()
        };
        Ok(self.accounts().list_instalments(request).await?.into_inner().instalments)
    }
}
