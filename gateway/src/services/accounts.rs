//! `AccountService`: what is owed, and the terms it follows.

use projections::queries::accounts::{AccountFilter, AccountState};
use proto::payledger::v1 as wire;
use tonic::{Request, Response, Status};
use wire::account_service_server::AccountService;

use super::{Gateway, above_head};
use crate::convert::{FieldError, answers, enums, ids, schedule, time};
use crate::page;
use crate::status::Failure;

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
            let folded = self.account(&row.account, Some(listed.read_position)).await?;
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
        let head = self.log_position(request.min_position).await?;
        let known_at = ids::position_if_set(request.known_position);
        if let Some(position) = known_at.filter(|position| *position > head) {
            return Err(above_head("known_position", position, head).into());
        }
        let folded = self.account(&id, known_at).await?;
        let open = folded.open().ok_or_else(|| {
            Failure::from(ledger::engine::EngineError::AccountNotFound(id.clone()))
        })?;
        let as_of = as_of.unwrap_or_else(|| self.today());
        let opened = open.terms().opened_date;
        if as_of < opened {
            let error =
                FieldError::new("effective_date", format!("is before the opening, {opened}"));
            return Err(error.fact("opened_date", opened).into());
        }
        Ok(Response::new(wire::GetBalanceResponse {
            account_id: id.to_string(),
            product: enums::product_to_wire(open.terms().product).into(),
            state: answers::account_state(open).into(),
            balance: Some(answers::balance(open, as_of)),
            read_position: known_at.unwrap_or(head.max(folded.position)).0,
            read_time: Some(self.read_time()),
        }))
    }
}
