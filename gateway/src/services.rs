//! The services of the contract, method for method: convert, call, convert, map the error.

mod accounts;
mod audit;
mod batch;
mod books;
mod events;
mod explain;
mod list;
mod operations;
mod payments;
mod previews;
mod recovery;
mod respond;
mod return_rates;
mod servicing;
mod titles;
mod trial_balance;

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use ledger::domain::cutoff::eastern_date;
use ledger::engine::{self, Answer, Engine, KnownAt};
use ledger::envelope::Position;
use ledger::ids::{AccountId, Actor};
use projections::Projections;
use projections::error::QueryError;
use proto::payledger::v1 as wire;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::service::RoutesBuilder;
use tonic::{Request, Response, Status};

use crate::convert::commands::{Asked, Mutation};
use crate::convert::{FieldError, time};
use crate::cycles::Cycles;
use crate::page;
use crate::scrub::LogWatch;
use crate::server::{BATCH_MESSAGE_BYTES_MAX, Shutdown};
use crate::status::{Failure, read_failure};
use audit::Readers;
pub(crate) use batch::BATCH_COMMANDS_MAX;
use respond::Respond;

/// The header by which a caller says who asks. It is recorded in every event of the request.
pub const ACTOR_HEADER: &str = "payledger-actor";

/// How the names begin under which the service itself acts: callers must not pass for it.
const OWN_ACTORS: &str = "payledger:";

/// How long a read waits for `min_position` before it says that the read models are behind.
const MIN_POSITION_WAIT: Duration = Duration::from_secs(5);

/// What every service works with. Cheap to share.
#[derive(Debug, Clone)]
pub struct Gateway {
    engine: Engine,
    reads: Projections,
    cycles: Cycles,
    log: LogWatch,
    shutdown: Shutdown,
    readers: Readers,
}

impl Gateway {
    /// The services over an engine, its read models and its log.
    pub fn new(
        engine: Engine,
        reads: Projections,
        cycles: Cycles,
        log: LogWatch,
        shutdown: Shutdown,
    ) -> Self {
        Self { engine, reads, cycles, log, shutdown, readers: Readers::default() }
    }

    /// All services, ready to be served.
    pub fn routes(&self) -> RoutesBuilder {
        use wire::account_service_server::AccountServiceServer;
        use wire::audit_service_server::AuditServiceServer;
        use wire::books_service_server::BooksServiceServer;
        use wire::operations_service_server::OperationsServiceServer;
        use wire::payment_service_server::PaymentServiceServer;
        use wire::title_service_server::TitleServiceServer;

        let mut routes = RoutesBuilder::default();
        routes.add_service(AccountServiceServer::new(self.clone()));
        routes.add_service(
            PaymentServiceServer::new(self.clone())
                .max_decoding_message_size(BATCH_MESSAGE_BYTES_MAX),
        );
        routes.add_service(TitleServiceServer::new(self.clone()));
        // Whoever reads the whole log from afar may ask for it compressed.
        let audit = AuditServiceServer::new(self.clone());
        routes.add_service(audit.send_compressed(CompressionEncoding::Zstd));
        routes.add_service(OperationsServiceServer::new(self.clone()));
        routes.add_service(BooksServiceServer::new(self.clone()));
        routes
    }

    /// Carries out one mutating request, whole: the way of every command.
    async fn mutate<M>(&self, request: Request<M>) -> Result<Response<M::Response>, Status>
    where
        M: Mutation + Respond,
    {
        let actor = actor(request.metadata())?;
        let Asked { account, request_id, command } = request.get_ref().asked()?;
        let receipt = self.engine.receive().map_err(Failure::from)?;
        let asked = engine::Request { account, request_id, actor, receipt, command };
        let answer = self.engine.execute(asked.clone()).await;
        log(&asked, &answer);
        let answer = answer.map_err(|error| failed_on(&asked.account, error))?;
        respond::<M>(&asked, &answer).map(Response::new)
    }

    /// Checks that the log holds what the caller wants to see, and says where it ends. Accounts are
    /// read from the log itself, so that their answers are never behind it.
    async fn log_position(&self, min_position: u64) -> Result<Position, Status> {
        let head = self.engine.store().head().await.map_err(Failure::from)?;
        let wanted = Position(min_position);
        if wanted > head {
            return Err(Failure::log_behind(head, wanted).into());
        }
        Ok(head)
    }

    /// Checks that the log holds what the first page of a list was read from. It is not asked about
    /// what the read models hold, as in [`wait_for`](Self::wait_for).
    async fn check_first_page<K>(&self, resume: Option<&page::Resume<K>>) -> Result<(), Status> {
        let first = resume.map(|resume| resume.position);
        let Some(first) = first.filter(|first| *first > self.reads.position()) else {
            return Ok(());
        };
        let head = self.engine.store().head().await.map_err(Failure::from)?;
        if first > head { Err(page::beyond_the_log().into()) } else { Ok(()) }
    }

    /// Waits until the read models hold what the caller wants to see. What the log does not hold
    /// is not waited for; the log is not asked about what they hold, since it may be out of reach.
    async fn wait_for(&self, min_position: u64) -> Result<(), Status> {
        let wanted = Position(min_position);
        if wanted > self.reads.position() {
            self.log_position(min_position).await?;
        }
        match tokio::time::timeout(MIN_POSITION_WAIT, self.reads.wait_for(wanted)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(read_failed(error)),
            Err(_) => {
                let wanted = wanted.max(self.reads.least_position());
                let position = self.reads.position();
                if position < wanted {
                    return Err(Failure::projection_behind(position, wanted).into());
                }
                // Their pages are still being looked at.
                Err(Failure::store_unavailable().into())
            }
        }
    }

    /// The account, as it is or as it was known at `known_at`.
    async fn account(
        &self,
        id: &AccountId,
        known_at: Option<KnownAt>,
    ) -> Result<Arc<engine::Folded>, Status> {
        let folded = self.engine.account(id, known_at).await.map_err(Failure::from)?;
        folded.ok_or_else(|| Failure::account_not_found(id, known_at).into())
    }

    /// Today in Eastern time.
    fn today(&self) -> NaiveDate {
        eastern_date(self.engine.clock().now())
    }

    fn read_time(&self) -> prost_types::Timestamp {
        time::instant_to_wire(self.engine.clock().now())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn read_failed(error: QueryError) -> Status {
    read_failure(&error).into()
}

/// Why a position that a caller names in `field` is refused: the log does not reach it.
fn above_head(field: &'static str, position: Position, head: Position) -> FieldError {
    let error = FieldError::new(field, format!("is above the head of the log, {head}"));
    error.fact(field, position).fact("head", head)
}

/// Why a command on an account failed: a refusal names the account as what stood in the way.
fn failed_on(account: &AccountId, error: engine::EngineError) -> Failure {
    Failure::from(error).about(format!("accounts/{account}"))
}

/// One line a command. Never an amount, and no name but the account's opaque one.
fn log(asked: &engine::Request, answer: &Result<Answer, engine::EngineError>) {
    let (request, account, command) = (asked.request_id, &asked.account, asked.command.name());
    match answer {
        Ok(answer) => {
            let (position, replayed) = (answer.position.0, answer.replayed);
            tracing::info!(%request, %account, command, position, replayed, "carried out");
        }
        Err(engine::EngineError::Refused { refusal, position, replayed }) => {
            let (reason, position) = (refusal.reason(), position.0);
            tracing::info!(%request, %account, command, position, replayed, reason, "refused");
        }
        Err(error) => tracing::info!(%request, %account, command, %error, "not carried out"),
    }
}

/// The response that an answer makes.
fn respond<M: Respond>(asked: &engine::Request, answer: &Answer) -> Result<M::Response, Status> {
    let missing = || {
        tracing::error!(request = %asked.request_id, "an answer lacks what was asked for");
        Failure::internal_fault().into()
    };
    M::respond(asked, answer).ok_or_else(missing)
}

/// Who asks, as the caller says.
fn actor(metadata: &MetadataMap) -> Result<Actor, Status> {
    let Some(value) = metadata.get(ACTOR_HEADER) else { return Ok(Actor::unnamed()) };
    let text = value.to_str().unwrap_or_default();
    if text.starts_with(OWN_ACTORS) {
        let problem = format!("starts with {OWN_ACTORS:?}, which is for the service itself");
        return Err(FieldError::new(ACTOR_HEADER, problem).into());
    }
    let refused = |error: ledger::ids::IdError| FieldError::new(ACTOR_HEADER, error.to_string());
    Ok(text.parse().map_err(refused)?)
}
