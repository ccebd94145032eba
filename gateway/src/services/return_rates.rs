//! Return rates: which part of the debits came back, beside the levels of the network's rules.

use chrono::{Datelike as _, NaiveDate};
use ledger::domain::rulebook::ReturnClass;
use projections::queries::return_rates::{ReturnPeriod, ReturnRateRow};
use proto::payledger::v1 as wire;
use tonic::Status;

use super::{Gateway, read_failed};
use crate::convert::{Field, FieldError, time};

impl Gateway {
    /// The return rates as of a day, by default the last accounting day.
    pub(super) async fn return_rates(
        &self,
        request: wire::GetReturnRatesRequest,
    ) -> Result<wire::GetReturnRatesResponse, Status> {
        let as_of = time::date_if_set("as_of_date", request.as_of_date.as_ref())?;
        let as_of = as_of.map(within_years).transpose()?;
        self.wait_for(request.min_position).await?;
        let today = self.today();
        let answer = self.reads.read(None, move |reader| reader.return_rates(as_of, today)).await;
        let answer = answer.map_err(read_failed)?;
        let rows = &answer.value;
        Ok(wire::GetReturnRatesResponse {
            as_of_date: rows.first().map(|row| time::date_to_wire(row.as_of_date)),
            rates: rows.iter().map(to_wire).collect(),
            read_position: answer.read_position.0,
            read_time: Some(self.read_time()),
        })
    }
}

/// A day from which the periods before it can be told.
fn within_years(date: NaiveDate) -> Field<NaiveDate> {
    if (2..=9997).contains(&date.year()) {
        return Ok(date);
    }
    let error = FieldError::new("as_of_date", "is not of a year from 2 to 9997");
    Err(error.because(wire::ErrorReason::InvalidDate).fact("date", date))
}

fn to_wire(row: &ReturnRateRow) -> wire::ReturnRate {
    let period = match row.period {
        ReturnPeriod::RollingDays => wire::ReturnPeriod::RollingDays,
        ReturnPeriod::CalendarMonths => wire::ReturnPeriod::CalendarMonths,
    };
    let class = match row.class {
        ReturnClass::Unauthorised => wire::ReturnClass::Unauthorised,
        ReturnClass::Administrative => wire::ReturnClass::Administrative,
        ReturnClass::Overall => wire::ReturnClass::Overall,
    };
    wire::ReturnRate {
        period: period.into(),
        from_date: Some(time::date_to_wire(row.from_date)),
        through_date: Some(time::date_to_wire(row.through_date)),
        return_class: class.into(),
        debit_count: row.debits,
        return_count: row.returns,
        rate: row.rate.clone().unwrap_or_default(),
        level: row.level.to_string(),
        above: row.is_above,
    }
}
