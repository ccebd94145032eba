//! `AccountService`: what is owed, and the terms it follows.

use ledger::engine::KnownAt;
use projections::queries::accounts::{AccountFilter, AccountState};
use proto::payledger::v1 as wire;
use tonic::{Request, Response, Status};
use wire::account_service_server::AccountService;

use super::Gateway;
use super::servicing::{Known, open, since_opening};
use crate::convert::{answers, enums, ids, schedule, time};
use crate::page;

#[tonic::async_trait]
impl AccountService for Gateway {
    async fn open_account(
        &self,
        request: Request<wire::OpenAccountRequest>,
    ) -> Result<Response<wire::OpenAccountResponse>, Status> {
        self.mutate(request).await
    }

    async fn assess_fee(
        &self,
        request: Request<wire::AssessFeeRequest>,
    ) -> Result<Response<wire::AssessFeeResponse>, Status> {
        self.mutate(request).await
    }

    async fn waive_fee(
        &self,
        request: Request<wire::WaiveFeeRequest>,
    ) -> Result<Response<wire::WaiveFeeResponse>, Status> {
        self.mutate(request).await
    }

    async fn quote_schedule(
        &self,
        request: Request<wire::QuoteScheduleRequest>,
    ) -> Result<Response<wire::QuoteScheduleResponse>, Status> {
        Ok(Response::new(schedule::answer(request.get_ref())?))
    }

    async fn change_rate(
        &self,
        request: Request<wire::ChangeRateRequest>,
    ) -> Result<Response<wire::ChangeRateResponse>, Status> {
        self.mutate(request).await
    }

    async fn adjust_principal(
        &self,
        request: Request<wire::AdjustPrincipalRequest>,
    ) -> Result<Response<wire::AdjustPrincipalResponse>, Status> {
        self.mutate(request).await
    }

    async fn grant_extension(
        &self,
        request: Request<wire::GrantExtensionRequest>,
    ) -> Result<Response<wire::GrantExtensionResponse>, Status> {
        self.mutate(request).await
    }

    async fn change_due_date(
        &self,
        request: Request<wire::ChangeDueDateRequest>,
    ) -> Result<Response<wire::ChangeDueDateResponse>, Status> {
        self.mutate(request).await
    }

    async fn charge_off(
        &self,
        request: Request<wire::ChargeOffRequest>,
    ) -> Result<Response<wire::ChargeOffResponse>, Status> {
        self.mutate(request).await
    }

    async fn return_vehicle(
        &self,
        request: Request<wire::ReturnVehicleRequest>,
    ) -> Result<Response<wire::ReturnVehicleResponse>, Status> {
        self.mutate(request).await
    }

    async fn preview_change(
        &self,
        request: Request<wire::PreviewChangeRequest>,
    ) -> Result<Response<wire::PreviewChangeResponse>, Status> {
        self.change_preview(request.into_inner()).await.map(Response::new)
    }

    async fn quote_payoff(
        &self,
        request: Request<wire::QuotePayoffRequest>,
    ) -> Result<Response<wire::QuotePayoffResponse>, Status> {
        self.mutate(request).await
    }

    async fn refund_credit(
        &self,
        request: Request<wire::RefundCreditRequest>,
    ) -> Result<Response<wire::RefundCreditResponse>, Status> {
        self.mutate(request).await
    }

    async fn return_refund(
        &self,
        request: Request<wire::ReturnRefundRequest>,
    ) -> Result<Response<wire::ReturnRefundResponse>, Status> {
        self.mutate(request).await
    }

    async fn settle_refund(
        &self,
        request: Request<wire::SettleRefundRequest>,
    ) -> Result<Response<wire::SettleRefundResponse>, Status> {
        self.mutate(request).await
    }

    async fn age_account(
        &self,
        request: Request<wire::AgeAccountRequest>,
    ) -> Result<Response<wire::AgeAccountResponse>, Status> {
        self.mutate(request).await
    }

    async fn get_payoff_quote(
        &self,
        request: Request<wire::GetPayoffQuoteRequest>,
    ) -> Result<Response<wire::GetPayoffQuoteResponse>, Status> {
        self.payoff_quote(request.get_ref()).await.map(Response::new)
    }

    async fn list_payoff_quotes(
        &self,
        request: Request<wire::ListPayoffQuotesRequest>,
    ) -> Result<Response<wire::ListPayoffQuotesResponse>, Status> {
        self.payoff_quotes(request.get_ref()).await.map(Response::new)
    }

    async fn list_refunds(
        &self,
        request: Request<wire::ListRefundsRequest>,
    ) -> Result<Response<wire::ListRefundsResponse>, Status> {
        self.refunds(request.get_ref()).await.map(Response::new)
    }

    async fn list_instalments(
        &self,
        request: Request<wire::ListInstalmentsRequest>,
    ) -> Result<Response<wire::ListInstalmentsResponse>, Status> {
        self.instalments(request.get_ref()).await.map(Response::new)
    }

    async fn get_account(
        &self,
        request: Request<wire::GetAccountRequest>,
    ) -> Result<Response<wire::GetAccountResponse>, Status> {
        let request = request.into_inner();
        let id = ids::account_id("account_id", &request.account_id)?;
        let position = self.log_position(request.min_position).await?;
        let folded = self.account(&id, None).await?;
        let account = folded.open().map(|open| answers::account(&id, open, self.today()));
        Ok(Response::new(wire::GetAccountResponse {
            account,
            read_position: position.max(folded.position).0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn list_accounts(
        &self,
        request: Request<wire::ListAccountsRequest>,
    ) -> Result<Response<wire::ListAccountsResponse>, Status> {
        let request = request.into_inner();
        let state = match enums::member("state", request.state)? {
            wire::AccountState::Unspecified => None,
            wire::AccountState::Open => Some(AccountState::Open),
            wire::AccountState::PaidOff => Some(AccountState::PaidOff),
            wire::AccountState::ChargedOff => Some(AccountState::ChargedOff),
        };
        let filter =
            AccountFilter { product: enums::product_if_set("product", request.product)?, state };
        let asked = page::asked(&request)?;
        let listed = self
            .list(&request, request.min_position, asked, move |reader, page| {
                reader.accounts(filter, page)
            })
            .await?;
        let mut accounts = Vec::with_capacity(listed.found.len());
        for row in listed.found {
            let known_at = KnownAt::Position(listed.read_position);
            let folded = self.account(&row.account, Some(known_at)).await?;
            let account = folded.open();
            accounts.extend(account.map(|open| answers::account(&row.account, open, self.today())));
        }
        Ok(Response::new(wire::ListAccountsResponse {
            accounts,
            next_page_token: listed.next_page_token,
            read_position: listed.read_position.0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn get_balance(
        &self,
        request: Request<wire::GetBalanceRequest>,
    ) -> Result<Response<wire::GetBalanceResponse>, Status> {
        let request = request.into_inner();
        let id = ids::account_id("account_id", &request.account_id)?;
        let as_of = time::date_if_set("effective_date", request.effective_date.as_ref())?;
        let known = Known::of(request.known_position, request.known_time.as_ref())?;
        let (folded, read_position) = self.known(&id, known, request.min_position).await?;
        let open = open(&id, &folded)?;
        let as_of = as_of.unwrap_or_else(|| self.today());
        since_opening(open, as_of)?;
        Ok(Response::new(wire::GetBalanceResponse {
            account_id: id.to_string(),
            product: enums::product_to_wire(open.terms().product).into(),
            state: answers::account_state(open).into(),
            balance: Some(answers::balance(open, as_of)),
            read_position: read_position.0,
            read_time: Some(self.read_time()),
        }))
    }
}
