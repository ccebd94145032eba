//! The accounting days behind the month: each closed by the service, with its accrual and its feed.

use ledger::domain::money::{Money, total};
use proto::payledger::v1 as wire;

use super::client::from_demo;
use super::show::{exact, grouped, weekday};
use super::stage::DemoError;
use super::{Demo, LOOK_EVERY, LOOKS_MAX};
use crate::convert::time;

/// How many closes are shown.
const DAYS_SHOWN: usize = 7;

impl Demo<'_> {
    /// Waits until every day before `today` is closed, and shows the last closes.
    pub(super) async fn show_closes(&mut self, today: &str) -> Result<(), DemoError> {
        let is_today = |books: &wire::GetBooksResponse| {
            let current = time::date("current_date", books.current_date.as_ref());
            current.is_ok_and(|current| current.to_string() == today)
        };
        self.books_are(is_today).await?;
        // A day is closed no earlier than six seconds after the next one was opened.
        self.at(&format!("{today}T19:00:06")).await?;
        self.books_are(|books| books.closing_dates.is_empty()).await?;
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

    /// Waits until the books are as they should be.
    async fn books_are(
        &mut self,
        so: impl Fn(&wire::GetBooksResponse) -> bool,
    ) -> Result<(), DemoError> {
        for _ in 0..LOOKS_MAX {
            let request = from_demo(wire::GetBooksRequest::default());
            let books = self.client.books.get_books(request).await;
            let books = books.map_err(DemoError::call("the books"))?.into_inner();
            if so(&books) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(DemoError::Server("the accounting days were not kept in time".to_owned()))
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
