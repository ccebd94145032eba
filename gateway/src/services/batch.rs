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
type Conclude = fn(&engine::Request, &Answer) -> Result<Outcome, Status>;

/// What came of a command.
type Answered = Result<Answer, engine::EngineError>;

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
    SettlePayment: SettlePaymentRequest,
    SettleRefund: SettleRefundRequest,
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
        let mut requests = Vec::with_capacity(commands.len());
        let mut conclusions = Vec::with_capacity(commands.len());
        // Of each command why it cannot be read, or none if it is carried out.
        let unread: Vec<Option<FieldError>> = commands
            .iter()
            .map(|command| {
                let (asked, conclude) = match read(command) {
                    Ok(read) => read,
                    Err(error) => return Some(error),
                };
                requests.push(to_engine(asked, &actor, &receipt));
                conclusions.push(conclude);
                None
            })
            .collect();
        drop((commands, receipt));
        // Each answer is turned into its result at once: it holds the whole account.
        let tell = move |place: usize, asked: &engine::Request, answer: Answered| {
            let recorded = recorded_at(&answer);
            let answer = answer.map_err(|error| Status::from(failed_on(&asked.account, error)));
            let conclude =
                conclusions.get(place).ok_or_else(|| Status::from(Failure::internal_fault()));
            let outcome = answer.and_then(|answer| conclude?(asked, &answer));
            (recorded, outcome.unwrap_or_else(|status| Outcome::Error(to_message(&status))))
        };
        let told = self.engine.execute_batch_with(requests, tell).await;
        let mut told = told.map_err(Failure::from)?.into_iter();
        let mut position = Position::START;
        let mut results = Vec::with_capacity(unread.len());
        for unread in unread {
            let outcome = if let Some(error) = unread {
                Outcome::Error(to_message(&error.into()))
            } else {
                let missing = || Outcome::Error(to_message(&Failure::internal_fault().into()));
                let (recorded, outcome) = told.next().unwrap_or_else(|| (position, missing()));
                position = position.max(recorded);
                outcome
            };
            results.push(wire::BatchResult { outcome: Some(outcome) });
        }
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

fn to_engine(asked: Asked, actor: &Actor, receipt: &Receipt) -> engine::Request {
    let Asked { account, request_id, command } = asked;
    let (actor, receipt) = (actor.clone(), receipt.clone());
    engine::Request { account, request_id, actor, receipt, command }
}
