//! Many commands in one call: one result each, each durable by itself.

use ledger::engine::{self, Answer, Receipt};
use ledger::envelope::Position;
use ledger::ids::Actor;
use proto::payledger::v1 as wire;
use tonic::{Request, Response, Status};
use wire::batch_command::Command as Wire;
use wire::batch_result::Outcome;

use super::{Gateway, actor, failed_on, respond};
use crate::convert::FieldError;
use crate::convert::commands::{Asked, Mutation};
use crate::status::{Failure, to_message};

/// The most commands in one call.
pub(super) const BATCH_COMMANDS_MAX: usize = 8000;

/// How an answer becomes the outcome of its command.
type Conclude = fn(&Asked, &Answer) -> Result<Outcome, Status>;

macro_rules! commands {
    ($($variant:ident: $request:ident,)+) => {
        /// Reads one command.
        fn read(command: &wire::BatchCommand) -> Result<(Asked, Conclude), FieldError> {
            match &command.command {
                None => Err(FieldError::missing("command")),
                $(Some(Wire::$variant(request)) => {
                    let conclude: Conclude = |asked, answer| {
                        respond::<wire::$request>(asked, answer).map(Outcome::$variant)
                    };
                    Ok((request.asked()?, conclude))
                })+
            }
        }
    };
}

commands! {
    OpenAccount: OpenAccountRequest,
    AssessFee: AssessFeeRequest,
    WaiveFee: WaiveFeeRequest,
    SchedulePayment: SchedulePaymentRequest,
    CancelPayment: CancelPaymentRequest,
    ReceivePayment: ReceivePaymentRequest,
    ReturnPayment: ReturnPaymentRequest,
    ReinstatePayment: ReinstatePaymentRequest,
    RecordLien: RecordLienRequest,
    ReleaseLien: ReleaseLienRequest,
    RefundCredit: RefundCreditRequest,
}

impl Gateway {
    /// Carries out every command; a command that fails does not stop the others.
    pub(super) async fn carry_out_batch(
        &self,
        request: Request<wire::ExecuteBatchRequest>,
    ) -> Result<Response<wire::ExecuteBatchResponse>, Status> {
        let actor = actor(request.metadata())?;
        let commands = request.into_inner().commands;
        if commands.is_empty() {
            return Err(FieldError::missing("commands").into());
        }
        if commands.len() > BATCH_COMMANDS_MAX {
            let problem = format!("holds {}, more than {BATCH_COMMANDS_MAX}", commands.len());
            return Err(FieldError::new("commands", problem).into());
        }
        let receipt = self.engine.receive().map_err(Failure::from)?;
        let read: Vec<_> = commands.iter().map(read).collect();
        let to_engine = |(asked, _): &(Asked, Conclude)| to_engine(asked, &actor, &receipt);
        let requests = read.iter().flatten().map(to_engine).collect();
        drop(receipt);
        let asked_for: Vec<_> = read.iter().flatten().cloned().collect();
        // Each answer is turned into its result at once: it holds the whole account.
        let tell = move |place: usize, answer: Result<Answer, engine::EngineError>| {
            let recorded = recorded_at(&answer);
            let outcome = asked_for
                .get(place)
                .ok_or_else(|| Status::from(Failure::internal_fault()))
                .and_then(|(asked, conclude)| {
                    let answer = answer.map_err(|error| failed_on(&asked.account, error))?;
                    conclude(asked, &answer)
                });
            (recorded, outcome)
        };
        let told = self.engine.execute_batch_with(requests, tell).await;
        let mut told = told.map_err(Failure::from)?.into_iter();
        let mut position = Position::START;
        let results = read
            .into_iter()
            .map(|read| {
                let outcome = read.map_err(Status::from).and_then(|_| {
                    let missing = || (position, Err(Failure::internal_fault().into()));
                    let (recorded, outcome) = told.next().unwrap_or_else(missing);
                    position = position.max(recorded);
                    outcome
                });
                let outcome = outcome.unwrap_or_else(|status| Outcome::Error(to_message(&status)));
                wire::BatchResult { outcome: Some(outcome) }
            })
            .collect();
        let position = position.0;
        Ok(Response::new(wire::ExecuteBatchResponse { results, position }))
    }
}

/// Where the answer to a command is on record: a recorded refusal is an outcome, too. The start of
/// the log if nothing is recorded.
const fn recorded_at(answer: &Result<Answer, engine::EngineError>) -> Position {
    match answer {
        Ok(Answer { position, .. }) | Err(engine::EngineError::Refused { position, .. }) => {
            *position
        }
        Err(_) => Position::START,
    }
}

fn to_engine(asked: &Asked, actor: &Actor, receipt: &Receipt) -> engine::Request {
    engine::Request {
        account: asked.account.clone(),
        request_id: asked.request_id,
        actor: actor.clone(),
        receipt: receipt.clone(),
        command: asked.command.clone(),
    }
}
