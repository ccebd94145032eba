//! How a server is reached: its address, who asks, how long to wait, and whom to trust.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::uri::PathAndQuery;
use ledger::causes::with_causes;
use ledger::ids::Actor;
use prost::bytes::Bytes;
use tonic::client::Grpc;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status, Streaming};

use super::raw::RawCodec;
use crate::cli::CliError;
use crate::services::ACTOR_HEADER;

/// How a server is reached.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The server's address; https:// needs --tls-ca.
    #[arg(
        long,
        global = true,
        env = "PAYLEDGER_SERVER",
        default_value = "http://127.0.0.1:7400",
        value_name = "URL"
    )]
    pub server: String,
    /// Who asks, as it is recorded: 1 to 64 letters, digits or . _ - : / @ characters. Default:
    /// unnamed.
    #[arg(long, global = true, env = "PAYLEDGER_ACTOR")]
    pub actor: Option<Actor>,
    /// How many seconds to wait for the connection, and for an answer.
    #[arg(
        long = "timeout",
        global = true,
        default_value_t = 10,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub timeout_seconds: u64,
    /// The certificate authority that the server's certificate must come from, in PEM.
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Our own certificate, in PEM, for a server that asks for one.
    #[arg(long, global = true, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of our own certificate, in PEM.
    #[arg(long, global = true, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

impl Connection {
    /// How long to wait.
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// Names who asks, in the request.
    pub fn sign<T>(&self, request: &mut Request<T>) -> Result<(), CliError> {
        let Some(actor) = &self.actor else { return Ok(()) };
        let value = AsciiMetadataValue::try_from(actor.as_str());
        let value = value.map_err(|error| CliError::Usage(format!("--actor: {error}")))?;
        request.metadata_mut().insert(ACTOR_HEADER, value);
        Ok(())
    }

    /// Connects.
    pub async fn connect(&self) -> Result<Client, CliError> {
        if !["http://", "https://"].iter().any(|scheme| self.server.starts_with(scheme)) {
            let message = "does not begin with http:// or https://";
            return Err(CliError::Usage(format!("--server {} {message}", self.server)));
        }
        let usage = |error: &tonic::transport::Error| {
            CliError::Usage(format!("--server {}: {}", self.server, with_causes(error)))
        };
        let endpoint = Endpoint::from_shared(self.server.clone()).map_err(|error| usage(&error))?;
        let mut endpoint = endpoint.connect_timeout(self.timeout()).tcp_nodelay(true);
        if let Some(tls) = self.tls()? {
            endpoint = endpoint.tls_config(tls).map_err(|error| usage(&error))?;
        }
        let channel = endpoint.connect().await.map_err(|error| CliError::Unreachable {
            server: self.server.clone(),
            cause: with_causes(&error),
        })?;
        // Our own server's answers are as large as what was asked for.
        Ok(Client(Grpc::new(channel).max_decoding_message_size(usize::MAX)))
    }

    fn tls(&self) -> Result<Option<ClientTlsConfig>, CliError> {
        let is_https = self.server.starts_with("https://");
        let Some(authority) = &self.tls_ca else {
            if is_https {
                let message = "an https:// server needs --tls-ca, the authority to trust";
                return Err(CliError::Usage(message.to_owned()));
            }
            return Ok(None);
        };
        if !is_https {
            let message = "--tls-ca is given, but the server's address is not https://";
            return Err(CliError::Usage(message.to_owned()));
        }
        let mut tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(authority)?));
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(Some(tls))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(CliError::io(&path.display().to_string()))
}

/// A connected client of all services.
#[derive(Debug)]
pub struct Client(Grpc<Channel>);

impl Client {
    /// Makes a call that has one answer.
    pub(super) async fn unary(
        &mut self,
        request: Request<Bytes>,
        path: &str,
    ) -> Result<Bytes, Status> {
        let path = self.ready(path).await?;
        self.0.unary(request, path, RawCodec).await.map(tonic::Response::into_inner)
    }

    /// Makes a call that has a stream of answers.
    pub(super) async fn streaming(
        &mut self,
        request: Request<Bytes>,
        path: &str,
    ) -> Result<Streaming<Bytes>, Status> {
        let path = self.ready(path).await?;
        self.0.server_streaming(request, path, RawCodec).await.map(tonic::Response::into_inner)
    }

    async fn ready(&mut self, path: &str) -> Result<PathAndQuery, Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(with_causes(&error)))?;
        path.parse().map_err(|_| Status::internal(format!("{path} is no path of a method")))
    }
}
