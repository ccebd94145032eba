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
pub(crate) const BATCH_COMMANDS_MAX: u16 = 8000;

/// How an answer becomes the outcome of its command.
type Conclude = fn(&engine::Request, &Answer) -> Result<Outcome, Status>;

/// What came of a command.
type Answered = Result<Answer, engine::EngineError>;

/// The same, where it is on record, and what the client is told.
type Told = (Came, Position, Outcome);

/// The same, for the count of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    CarriedOut,
    Replayed,
    Refused,
    /// Not carried out, and not on record.
    Failed,
}

macro_rules! commands {
    ($($variant:ident: $request:ident,)+) => {
        /// Reads one command.
        fn read(command: &wire::BatchCommand) -> Result<(Asked, Conclude), FieldError> {
            match &command.command {
                None => Err(FieldError::missing("command")),
                $(Some(Wire::$variant(request)) => {
                    let conclude: Conclude = |asked, answer| {
                        let response = respond::<wire::$request>(asked, answer)?;
                        Ok(Outcome::$variant(Box::new(response)))
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
    ReturnRefund: ReturnRefundRequest,
    ChangeRate: ChangeRateRequest,
    AdjustPrincipal: AdjustPrincipalRequest,
    GrantExtension: GrantExtensionRequest,
    ChangeDueDate: ChangeDueDateRequest,
    ChargeOff: ChargeOffRequest,
    ReturnVehicle: ReturnVehicleRequest,
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
        if commands.len() > usize::from(BATCH_COMMANDS_MAX) {
            let problem = format!("holds {}, more than {BATCH_COMMANDS_MAX}", commands.len());
            return Err(FieldError::new("commands", problem).into());
        }
        let mut readable = Vec::with_capacity(commands.len());
        // Of each command why it cannot be read, or none if it is carried out.
        let unread: Vec<Option<FieldError>> = commands
            .iter()
            .map(|command| read(command).map(|it| readable.push(it)).err())
            .collect();
        drop(commands);
        let mut carried_out = self.carry_out_in_parts(readable, &actor).await?.into_iter();
        let mut next = || carried_out.next().unwrap_or_else(|| failed(&internal_fault()));
        let told: Vec<Told> = unread
            .into_iter()
            .map(|unread| unread.map_or_else(&mut next, |error| failed(&error.into())))
            .collect();
        let position = told.iter().map(|(_, recorded, _)| recorded.0).max().unwrap_or_default();
        log(&told, position);
        let result = |(_, _, outcome)| wire::BatchResult { outcome: Some(outcome) };
        let results = told.into_iter().map(result).collect();
        Ok(Response::new(wire::ExecuteBatchResponse { results, position }))
    }

    /// Carries out commands in as many parts as they are to be received in.
    async fn carry_out_in_parts(
        &self,
        mut commands: Vec<(Asked, Conclude)>,
        actor: &Actor,
    ) -> Result<Vec<Told>, Failure> {
        let mut told = Vec::with_capacity(commands.len());
        while !commands.is_empty() {
            let count = commands.len().min(self.engine.commands_at_once());
            let rest = commands.split_off(count);
            let part = std::mem::replace(&mut commands, rest);
            match self.carry_out_part(part, actor).await {
                Ok(part) => told.extend(part),
                Err(failure) if told.is_empty() => return Err(failure),
                // What came of the parts before it is on record, and is told.
                Err(failure) => {
                    let status = failure.into();
                    told.extend(std::iter::repeat_with(|| failed(&status)).take(count));
                }
            }
        }
        Ok(told)
    }

    async fn carry_out_part(
        &self,
        commands: Vec<(Asked, Conclude)>,
        actor: &Actor,
    ) -> Result<Vec<Told>, Failure> {
        let receipt = self.engine.receive()?;
        let (requests, conclusions): (Vec<_>, Vec<_>) = commands
            .into_iter()
            .map(|(asked, conclude)| (to_engine(asked, actor, &receipt), conclude))
            .unzip();
        drop(receipt);
        // Each answer is turned into its result at once: it holds the whole account.
        let tell = move |place: usize, asked: &engine::Request, answer: Answered| {
            let (came, recorded) = recorded_at(&answer);
            let answer = answer.map_err(|error| Status::from(failed_on(&asked.account, error)));
            let conclude = conclusions.get(place).ok_or_else(internal_fault);
            let outcome = answer.and_then(|answer| conclude?(asked, &answer));
            (came, recorded, outcome.unwrap_or_else(|status| error(&status)))
        };
        Ok(self.engine.execute_batch_with(requests, tell).await?)
    }
}

fn internal_fault() -> Status {
    Failure::internal_fault().into()
}

fn error(status: &Status) -> Outcome {
    Outcome::Error(Box::new(to_message(status)))
}

/// A command that was not carried out, and is not on record.
fn failed(status: &Status) -> Told {
    (Came::Failed, Position::START, error(status))
}

/// One line a batch, with how many of its commands came to what.
fn log(told: &[Told], position: u64) {
    let count = |wanted| told.iter().filter(|(came, _, _)| *came == wanted).count();
    let (carried_out, replayed) = (count(Came::CarriedOut), count(Came::Replayed));
    let (refused, failed) = (count(Came::Refused), count(Came::Failed));
    tracing::info!(
        commands = told.len(),
        carried_out,
        replayed,
        refused,
        failed,
        position,
        "a batch"
    );
}

/// What came of a command, and where its answer is on record: a recorded refusal is an outcome,
/// too. The start of the log if nothing is recorded.
const fn recorded_at(answer: &Answered) -> (Came, Position) {
    match answer {
        Ok(Answer { position, replayed: false, .. }) => (Came::CarriedOut, *position),
        Ok(Answer { position, replayed: true, .. }) => (Came::Replayed, *position),
        Err(engine::EngineError::Refused { position, .. }) => (Came::Refused, *position),
        Err(_) => (Came::Failed, Position::START),
    }
}

fn to_engine(asked: Asked, actor: &Actor, receipt: &Receipt) -> engine::Request {
    let Asked { account, request_id, command } = asked;
    let (actor, receipt) = (actor.clone(), receipt.clone());
    engine::Request { account, request_id, actor, receipt, command }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn one_line_tells_what_came_of_a_batch() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = Arc::new(file.reopen().unwrap());
        let lines = tracing_subscriber::fmt().with_writer(out).with_ansi(false).finish();
        let came = [Came::CarriedOut, Came::Refused, Came::CarriedOut, Came::Failed];
        let unsaid = || Outcome::Error(Box::default());
        let batch = came.map(|came| (came, Position::START, unsaid()));
        tracing::subscriber::with_default(lines, || log(&batch, 7));
        let told = std::fs::read_to_string(file.path()).unwrap();
        let counts = "commands=4 carried_out=2 replayed=0 refused=1 failed=1 position=7";
        assert!(told.contains(counts), "{told}");
        assert_eq!(told.lines().count(), 1);
    }
}
