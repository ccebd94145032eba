//! The accounting days behind the month: each closed by the service, with its accrual and its feed.

use ledger::domain::money::{Money, total};
use proto::payledger::v1 as wire;

use super::Demo;
use super::client::from_demo;
use super::show::{exact, grouped, weekday};
use super::stage::DemoError;

/// How many closes are shown.
const DAYS_SHOWN: usize = 7;

impl Demo<'_> {
    /// Shows the last closes.
    pub(super) async fn show_closes(&mut self) -> Result<(), DemoError> {
        let request = wire::ListAccountingDaysRequest::default();
        let days = self.client.books.list_accounting_days(from_demo(request)).await;
        let days = days.map_err(DemoError::call("the accounting days"))?.into_inner().days;
        let closed: Vec<_> = days.iter().filter(|day| day.closed_position > 0).collect();
        let mut rows = Vec::new();
        for day in closed.iter().take(DAYS_SHOWN).rev() {
            rows.push(self.show_close(day).await?);
        }
        let count = closed.len();
        self.stage.say(&format!(
            "{count} accounting days are closed, and nothing is posted to them any more. Each \
             close books what interest the payments of the day have not booked, and feeds the \
             general ledger with one journal for each product and type of event. The last of them:"
        ))?;
        let heading = ["day", "interest booked", "journals", "debits = credits", "restatements"];
        self.stage.table(heading, rows)
    }

    async fn show_close(&mut self, day: &wire::AccountingDay) -> Result<[String; 5], DemoError> {
        let gl_date = day.gl_date;
        let request = wire::GetDayCloseRequest { gl_date, min_position: 0 };
        let close = self.client.books.get_day_close(from_demo(request)).await;
        let close = close.map_err(DemoError::call("a close"))?.into_inner().close;
        let close = close.unwrap_or_default();
        let accrued = close.products.iter().flat_map(|of| &of.accrual);
        let interest = accrued.filter(|line| line.ledger_account == "1110");
        let sides =
            interest.map(|line| Ok(exact(line.debits.as_ref())? - exact(line.credits.as_ref())?));
        let interest = total(sides.collect::<Result<Vec<Money>, DemoError>>()?);
        let request = wire::GetLedgerFeedRequest { gl_date, min_position: 0 };
        let feed = self.client.books.get_ledger_feed(from_demo(request)).await;
        let feed = feed.map_err(DemoError::call("a feed"))?.into_inner();
        Ok([
            weekday(gl_date.as_ref())?,
            grouped(interest),
            feed.journals.len().to_string(),
            grouped(exact(feed.total_debits.as_ref())?),
            close.restatements.unwrap_or_default().count.to_string(),
        ])
    }
}
