//! What makes a figure.

use ledger::domain::account::book::explain::Figure;
use proto::payledger::v1 as wire;
use tonic::Status;

use super::Gateway;
use super::servicing::{Known, open, since_opening};
use crate::convert::{Field, FieldError, answers, enums, ids, money, time};
use crate::status::Failure;

/// Reads the figure that is asked about.
fn figure(wire: i32) -> Field<Figure> {
    let named: wire::Figure = enums::member("figure", wire)?;
    let known = Figure::ALL.iter().find(|figure| answers::figure(**figure) == named);
    known.copied().ok_or_else(|| FieldError::missing("figure"))
}

impl Gateway {
    /// Which recorded events make a figure.
    pub(super) async fn explained(
        &self,
        request: &wire::ExplainAmountRequest,
    ) -> Result<wire::ExplainAmountResponse, Status> {
        let account = ids::account_id("account_id", &request.account_id)?;
        let figure = figure(request.figure)?;
        let as_of = time::date_if_set("effective_date", request.effective_date.as_ref())?;
        let as_of = as_of.unwrap_or_else(|| self.today());
        let known = Known::of(request.known_position, request.known_time.as_ref())?;
        let head = self.log_position(request.min_position).await?;
        let known_at = known.within(head)?;
        let history = self.engine.history(&account, known_at).await.map_err(Failure::from)?;
        let missing = || Failure::account_not_found(&account, known_at);
        let history = history.ok_or_else(missing)?;
        since_opening(open(&account, &history.account)?, as_of)?;
        let explained = history.explain(figure, as_of).ok_or_else(missing)?;
        Ok(wire::ExplainAmountResponse {
            account_id: account.to_string(),
            figure: request.figure,
            effective_date: Some(time::date_to_wire(as_of)),
            amount: Some(money::to_wire(explained.amount)),
            lines: explained.lines.iter().map(answers::line).collect(),
            read_position: known.reflects(head, &history.account).0,
            read_time: Some(self.read_time()),
        })
    }
}
