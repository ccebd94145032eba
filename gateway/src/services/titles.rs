//! `TitleService`: the lien, the hold after a payoff, and the release.

use ledger::domain::account::state::TitleState;
use proto::payledger::v1 as wire;
use tonic::{Request, Response, Status};
use wire::title_service_server::TitleService;

use super::Gateway;
use crate::convert::time::{date_to_wire, instant_to_wire};
use crate::convert::{answers, enums, ids};
use crate::page;
use crate::status::Failure;

#[tonic::async_trait]
impl TitleService for Gateway {
    async fn record_lien(
        &self,
        request: Request<wire::RecordLienRequest>,
    ) -> Result<Response<wire::RecordLienResponse>, Status> {
        self.mutate(request).await
    }

    async fn release_lien(
        &self,
        request: Request<wire::ReleaseLienRequest>,
    ) -> Result<Response<wire::ReleaseLienResponse>, Status> {
        self.mutate(request).await
    }

    async fn get_title(
        &self,
        request: Request<wire::GetTitleRequest>,
    ) -> Result<Response<wire::GetTitleResponse>, Status> {
        let request = request.into_inner();
        let id = ids::account_id("account_id", &request.account_id)?;
        let position = self.log_position(request.min_position).await?;
        let folded = self.account(&id, None).await?;
        let title = folded.open().and_then(|open| answers::title(&id, open));
        let title = title.ok_or_else(|| Failure::title_not_found(&id))?;
        Ok(Response::new(wire::GetTitleResponse {
            title: Some(title),
            read_position: position.max(folded.position).0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn list_titles(
        &self,
        request: Request<wire::ListTitlesRequest>,
    ) -> Result<Response<wire::ListTitlesResponse>, Status> {
        let request = request.into_inner();
        let state = match enums::member("state", request.state)? {
            wire::TitleState::Unspecified => None,
            wire::TitleState::LienHeld => Some(TitleState::LienHeld),
            wire::TitleState::PaidOffOnHold => Some(TitleState::PaidOffOnHold),
            wire::TitleState::Released => Some(TitleState::Released),
            wire::TitleState::PayoffReturnedAfterRelease => {
                Some(TitleState::PayoffReturnedAfterRelease)
            }
        };
        let asked = page::asked(&request)?;
        let listed = self
            .list(&request, request.min_position, asked, move |reader, page| {
                reader.titles(state, page)
            })
            .await?;
        let titles = listed.found.into_iter().map(|row| wire::Title {
            account_id: row.account.to_string(),
            state: answers::title_state(row.state).into(),
            title_state: row.title_state,
            vin: row.vin,
            lienholder: row.lienholder,
            paid_off_date: row.paid_off_date.map(date_to_wire),
            release_date: row.release_date.map(date_to_wire),
            statutory_date: row.statutory_date.map(date_to_wire),
            released_time: row.released_at.map(instant_to_wire),
        });
        Ok(Response::new(wire::ListTitlesResponse {
            titles: titles.collect(),
            next_page_token: listed.next_page_token,
            read_position: listed.read_position.0,
            read_time: Some(self.read_time()),
        }))
    }
}
