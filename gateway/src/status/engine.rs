//! What the engine could not do, as the client is told. Causes stay behind: they are for the log.

use std::fmt::Display;

use ledger::causes::with_causes;
use ledger::clock::ClockError;
use ledger::cycles::cutoff::RunRefusal;
use ledger::domain::account::refusal::Refusal;
use ledger::domain::account::terms::TermsError;
use ledger::domain::books::refusal::BooksRefusal;
use ledger::domain::recovery::refusal::RecoveryRefusal;
use ledger::engine::{EngineError, KnownAt};
use ledger::envelope::Position;
use ledger::ids::AccountId;
use ledger::store::ReadError;
use projections::error::QueryError;
use proto::payledger::v1::ErrorReason;

use super::Failure;
use crate::convert::FieldError;
use crate::convert::time::rfc3339;

impl Failure {
    /// The answer would reflect less than the client asked for, since the log does not go so far.
    pub fn log_behind(head: Position, wanted: Position) -> Self {
        let message = format!("the log ends at position {head}, before {wanted}");
        Self { message, ..Self::projection_behind(head, wanted) }
    }

    /// The account is not on the books; or was not yet, as far as the log was to be counted.
    pub fn account_not_found(id: &AccountId, known_at: Option<KnownAt>) -> Self {
        let missing = Self::from(&EngineError::AccountNotFound(id.clone()));
        let (known, (fact, value)) = match known_at {
            None => return missing,
            Some(KnownAt::Position(position)) => {
                (format!("at position {position}"), ("known_position", position.to_string()))
            }
            Some(KnownAt::Time(time)) => {
                let time = rfc3339(time);
                (format!("by what was received until {time}"), ("known_time", time))
            }
        };
        let message = format!("account {id} is not on the books {known}");
        Self { message, ..missing }.fact(fact, value)
    }
}

impl From<&EngineError> for Failure {
    fn from(error: &EngineError) -> Self {
        let named = |reason, fact: &str, value: &dyn Display| {
            Self::new(reason, error.to_string()).fact(fact, value)
        };
        match error {
            EngineError::Refused { refusal, position, replayed } => {
                Self::from(refusal).fact("position", position).fact("replayed", replayed)
            }
            EngineError::BooksRefused { refusal, position, replayed } => {
                Self::from(refusal).fact("position", position).fact("replayed", replayed)
            }
            EngineError::RecoveryRefused { refusal, position, replayed } => {
                Self::from(refusal).fact("position", position).fact("replayed", replayed)
            }
            EngineError::OriginationOnHold { loss } => Self::origination_on_hold(*loss),
            EngineError::LossNotFound(loss) => named(ErrorReason::LossNotFound, "loss", loss),
            EngineError::RequestIdReused(id) => {
                named(ErrorReason::RequestIdReused, "request_id", id)
            }
            EngineError::AccountNotFound(id) => {
                named(ErrorReason::AccountNotFound, "account_id", id)
            }
            EngineError::PaymentNotFound(id) => {
                named(ErrorReason::PaymentNotFound, "payment_id", id)
            }
            EngineError::FeeNotFound(id) => named(ErrorReason::FeeNotFound, "fee_id", id),
            EngineError::QuoteNotFound(id) => named(ErrorReason::QuoteNotFound, "quote_id", id),
            EngineError::RefundNotFound(id) => named(ErrorReason::RefundNotFound, "refund_id", id),
            EngineError::Terms(error) => Self::from(error),
            EngineError::Stale { .. } => Self::stale_request(),
            EngineError::ClockBehind { now, last } => Self::clock_behind(*now, *last),
            EngineError::Contended => Self::version_conflict(),
            EngineError::Overloaded => Self::overloaded(),
            EngineError::Unavailable(_) => Self::store_unavailable(),
            EngineError::Unwritable(_) => Self::internal_fault(),
            EngineError::Indeterminate(_) => Self::outcome_unknown(),
            EngineError::Damaged { position, account, .. } => {
                let mut damaged = Self::log_damaged(*position);
                if error.is_of_a_later_version() {
                    damaged.message = with_causes(error);
                }
                match account {
                    Some(account) => damaged.fact("account_id", account),
                    None => damaged,
                }
            }
        }
    }
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        recorded(refusal.reason(), refusal, refusal.facts())
    }
}

impl From<&BooksRefusal> for Failure {
    fn from(refusal: &BooksRefusal) -> Self {
        recorded(refusal.reason(), refusal, refusal.facts())
    }
}

impl From<&RecoveryRefusal> for Failure {
    fn from(refusal: &RecoveryRefusal) -> Self {
        recorded(refusal.reason(), refusal, refusal.facts())
    }
}

/// What a recorded refusal is to a client.
fn recorded(reason: &str, text: &impl Display, facts: Vec<(String, String)>) -> Failure {
    // A test holds the contract to the domain's names, so that this never falls through.
    let reason = ErrorReason::from_reason(reason).unwrap_or_default();
    let failure = Failure::new(reason, text.to_string());
    facts.into_iter().fold(failure, |failure, (name, value)| failure.fact(name, value))
}

impl From<RunRefusal> for Failure {
    fn from(refusal: RunRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            RunRefusal::NoSuchWindow { product, date, window, windows } => {
                Self::new(ErrorReason::NoSuchWindow, message)
                    .fact("product", product)
                    .fact("date", date)
                    .fact("window", window)
                    .fact("windows", windows)
            }
            RunRefusal::BeforeFirstDay { product, date, window, first_day } => {
                Self::new(ErrorReason::NoSuchWindow, message)
                    .fact("product", product)
                    .fact("date", date)
                    .fact("window", window)
                    .fact("first_gl_date", first_day)
            }
            RunRefusal::WindowNotClosed { cutoff_at, starts_at } => {
                Self::new(ErrorReason::WindowNotClosed, message)
                    .fact("cutoff_at", rfc3339(cutoff_at))
                    .fact("starts_at", rfc3339(starts_at))
            }
        }
    }
}

impl From<&TermsError> for Failure {
    fn from(error: &TermsError) -> Self {
        Self::from(match error {
            TermsError::ProductNotBookable(product) => {
                FieldError::new("product", format!("{product} accounts cannot be opened yet"))
                    .because(ErrorReason::ProductNotBookable)
                    .fact("product", product)
            }
            TermsError::Invalid { field, problem } => FieldError::new(path_of(field), problem),
        })
    }
}

/// Where the request has what the terms call by one name.
fn path_of(field: &'static str) -> &'static str {
    match field {
        "principal" => "loan.principal",
        "annual_rate" => "loan.annual_rate",
        "unpaid_interest" => "loan.unpaid_interest",
        "interest_paid_through_date" => "loan.interest_paid_through_date",
        "unpaid_fees" => "fees_due",
        "interest_carry" => "loan.interest_carry",
        "shortfall_tolerance" => "shortfall_tolerance.amount",
        "instalments.tax" => "lease.tax",
        "instalments.amount" => "instalment_plan.amount",
        "instalments.count" => "instalment_plan.instalment_count",
        "instalments.first_due_date" => "instalment_plan.first_due_date",
        "instalments.day_of_month" => "instalment_plan.day_of_month",
        "instalments.first_amount_due" => "instalment_plan.first_amount_due",
        other => other,
    }
}

impl From<EngineError> for Failure {
    /// Says it to the client, and its causes to the log.
    fn from(error: EngineError) -> Self {
        let is_fault = matches!(
            &error,
            EngineError::Unavailable(_)
                | EngineError::Unwritable(_)
                | EngineError::Indeterminate(_)
                | EngineError::ClockBehind { .. }
                | EngineError::Damaged { .. }
        );
        if is_fault {
            tracing::error!(error = with_causes(&error), "a request could not be carried out");
        }
        Self::from(&error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ClockError> for Failure {
    fn from(error: ClockError) -> Self {
        let message = error.to_string();
        let failure = match error {
            ClockError::OutsideCalendar(_) => return FieldError::new("now_time", message).into(),
            ClockError::NotSettable => Self::new(ErrorReason::ClockNotSettable, message),
            ClockError::MovesForwardOnly { now } => {
                Self::new(ErrorReason::ClockMovesForwardOnly, message).fact("now", rfc3339(now))
            }
        };
        failure.about("clock")
    }
}

impl Failure {
    /// The failure to read something after a part of what was asked for was written: not that
    /// nothing was.
    #[must_use]
    pub fn once_written(self) -> Self {
        let is_read =
            matches!(self.reason(), ErrorReason::StoreUnavailable | ErrorReason::ProjectionBehind);
        if is_read { Self::outcome_unknown() } else { self }
    }
}

/// What the read models' errors are on the wire.
pub fn read_failure(error: &QueryError) -> Failure {
    match error {
        QueryError::Stopped { position, wanted } => Failure::projection_behind(*position, *wanted),
        // That is told once, where they are built anew for it.
        QueryError::Database(_) if error.is_damage() => Failure::store_unavailable(),
        QueryError::Database(_) | QueryError::Ended => {
            tracing::error!(error = with_causes(error), "the read models failed");
            Failure::store_unavailable()
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use ledger::codec::CodecError;
    use ledger::domain::account::terms::Terms;
    use ledger::domain::money::{Amount, Money};
    use ledger::domain::product::Product;
    use ledger::envelope::Position;
    use ledger::store::AppendShapeError;
    use tonic::{Code, Status};
    use tonic_types::StatusExt;

    use super::*;

    /// A cent over what one amount can be, and more.
    const TOO_MUCH: &str = "100000000.00";

    #[test]
    fn what_a_later_version_wrote_is_not_told_as_damage() {
        let cause = CodecError::UnknownKind("FromLater".to_owned()).into();
        let position = Position(7);
        let status =
            Status::from(Failure::from(&EngineError::Damaged { position, account: None, cause }));
        let told = "the log cannot be read at position 7: event type \"FromLater\" is of a later \
                    version of payledger: use that version for this log";
        assert_eq!((status.code(), status.message()), (Code::DataLoss, told));
    }

    #[test]
    fn every_refusal_of_the_domain_is_a_reason_of_the_contract() {
        let schemas = [
            schemars::schema_for!(Refusal),
            schemars::schema_for!(BooksRefusal),
            schemars::schema_for!(RecoveryRefusal),
        ];
        for schema in schemas {
            let variants = schema.get("oneOf").unwrap().as_array().unwrap();
            assert!(!variants.is_empty());
            for variant in variants {
                let name = variant["properties"]["reason"]["const"].as_str().unwrap();
                assert!(ErrorReason::from_reason(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn a_recorded_refusal_tells_its_facts_and_where_it_is_recorded() {
        let refusal = Refusal::CutoffPassed {
            requested: "2026-03-03".parse().unwrap(),
            earliest_date: "2026-03-04".parse().unwrap(),
        };
        let error = EngineError::Refused { refusal, position: Position(9), replayed: true };
        let status = Status::from(Failure::from(&error));
        assert_eq!(status.code(), Code::FailedPrecondition);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, "CUTOFF_PASSED");
        assert_eq!(info.metadata["earliest_date"], "2026-03-04");
        assert_eq!(info.metadata["position"], "9");
        assert_eq!(info.metadata["replayed"], "true");
    }

    #[test]
    fn a_lost_answer_is_unknown_and_its_cause_stays_here() {
        let error = EngineError::Indeterminate("disk /var/secret gone".into());
        let status = Status::from(Failure::from(&error));
        assert_eq!(status.code(), Code::Unknown);
        assert_eq!(status.message(), "outcome unknown: retry with the same request_id");
    }

    #[test]
    fn what_no_store_takes_is_a_fault_that_nobody_is_asked_to_retry() {
        let error = EngineError::from(AppendShapeError::TooManyEvents { events: 1025 });
        let status = Status::from(Failure::from(&error));
        assert_eq!(status.code(), Code::Internal);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "INTERNAL_FAULT");
        assert!(details.retry_info().is_none() && !status.message().contains("1025"));
    }

    type Change = fn(&mut Terms);

    fn auto_loan() -> Terms {
        serde_json::from_value(serde_json::json!({
            "product": "auto", "opened_date": "2026-03-01", "principal": "10000.00",
            "annual_rate": "0.073", "interest_paid_through": "2026-03-01",
            "instalments": {
                "amount": "310.00", "first_due_date": "2026-04-01", "day_of_month": 1, "count": 36
            },
        }))
        .unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn dollars(text: &str) -> Money {
        text.parse::<Amount>().unwrap().money()
    }

    #[test]
    fn impossible_terms_are_told_by_the_path_in_the_request() {
        let cases: [(&str, Change); 12] = [
            ("loan.principal", |terms| terms.principal = Money::ZERO),
            ("loan.unpaid_interest", |terms| terms.unpaid_interest = dollars(TOO_MUCH)),
            ("fees_due", |terms| terms.unpaid_fees = dollars(TOO_MUCH)),
            ("instalment_plan.amount", |terms| {
                terms.instalments.amount = TOO_MUCH.parse().unwrap();
            }),
            ("returned_item_fee", |terms| {
                terms.returned_item_fee = Some(TOO_MUCH.parse().unwrap());
            }),
            ("loan.annual_rate", |terms| {
                (terms.product, terms.principal) = (Product::Lease, Money::ZERO);
            }),
            ("loan.interest_paid_through_date", |terms| {
                terms.interest_paid_through = day("2026-03-02");
            }),
            ("lease.tax", |terms| terms.instalments.tax = dollars("27.00")),
            ("instalment_plan.instalment_count", |terms| terms.instalments.count = 0),
            ("instalment_plan.first_due_date", |terms| {
                terms.instalments.first_due_date = day("9999-02-01");
            }),
            ("instalment_plan.day_of_month", |terms| terms.instalments.day_of_month = 2),
            ("instalment_plan.first_amount_due", |terms| {
                terms.instalments.first_amount_due = Some("310.01".parse().unwrap());
            }),
        ];
        auto_loan().check().unwrap();
        for (path, change) in cases {
            let mut terms = auto_loan();
            change(&mut terms);
            let error = terms.check().unwrap_err();
            let details = Status::from(Failure::from(&error)).get_error_details();
            assert_eq!(details.bad_request().unwrap().field_violations[0].field, path, "{error}");
        }
    }
}
