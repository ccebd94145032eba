//! The verbs that ask a server: one file a service, and one road for all of their calls.

pub mod accounts;
pub mod audit;
pub mod batch;
pub mod books;
pub mod call;
pub mod connection;
pub mod failure;
pub mod import;
pub mod operations;
pub mod payments;
pub mod previews;
pub mod raw;
pub mod servicing;
pub mod titles;
pub mod words;

use std::io::Write;

use prost::Message as _;
use prost::bytes::Bytes;
use prost_reflect::DynamicMessage;
use tonic::Request;

use super::CliError;
use super::output::{Output, tell};
use super::render::{message, view};
use call::Call;
use connection::{Client, Connection};
use failure::CallFailure;

/// A service's verbs, and how its server is reached.
#[derive(Debug, clap::Args)]
pub struct Service<V: clap::Subcommand> {
    /// How the server is reached.
    #[command(flatten)]
    pub connection: Connection,
    /// What is asked.
    #[command(subcommand)]
    pub verb: V,
}

/// Makes one call and writes its answer. The id of a request that had none is told before the
/// request is sent, so that the caller can ask again whatever happens.
pub fn run(
    connection: &Connection,
    mut call: Call,
    form: Output,
    out: &mut impl Write,
) -> Result<(), CliError> {
    if let Some(id) = call.make_request_id() {
        tell(&format!("request id {id}: send it again with --request-id to be safe"));
    }
    let runtime = crate::cli::runtime()?;
    runtime.block_on(async {
        let mut client = connection.connect().await?;
        if call.method.is_server_streaming() {
            return audit::follow(&mut client, &call, form, connection, out).await;
        }
        let answer = unary(&mut client, &call, connection).await?;
        let answer = message::document(&answer);
        view::write(out, &answer, call.view, form).map_err(CliError::output())?;
        // A line for each item has no room for it.
        if let (Output::Jsonl | Output::Csv, Some(token)) = (form, answer.at("next_page_token")) {
            tell(&format!("there is more: go on with --page-token {}", token.cell()));
        }
        Ok(())
    })
}

/// Makes a call that has one answer.
pub(super) async fn unary(
    client: &mut Client,
    call: &Call,
    connection: &Connection,
) -> Result<DynamicMessage, CliError> {
    let failed = |status: &tonic::Status| {
        let mut failure = CallFailure::from(status);
        failure.request_id = call.request_id();
        CliError::Call(Box::new(failure))
    };
    let mut request = Request::new(Bytes::from(call.request.encode_to_vec()));
    request.set_timeout(connection.timeout());
    connection.sign(&mut request)?;
    let answer = client.unary(request, &call.path()).await.map_err(|status| failed(&status))?;
    DynamicMessage::decode(call.method.output(), answer)
        .map_err(|error| failed(&tonic::Status::internal(error.to_string())))
}

#[cfg(test)]
mod tests;
