//! The gRPC server: what it listens on, what stands in front of every service, and how it stops.

pub mod clarify;
mod ending;
pub(crate) mod handshakes;
mod incoming;
mod lively;
pub mod readiness;
pub mod shutdown;
mod sparingly;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tower::util::MapResponseLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyDeadlineLayer;

use crate::deadline::DeadlineLayer;
use crate::limit::LimitLayer;

use ending::UnderWay;
use incoming::incoming;

pub use readiness::Readiness;
pub use shutdown::Shutdown;

/// The largest message that a service takes, in bytes, if it takes batches. Others take four times
/// less, as tonic does unless it is told otherwise.
pub const BATCH_MESSAGE_BYTES_MAX: usize = 16 << 20;
/// How long the message of a call may take to come, unless told otherwise.
pub const MESSAGE_WAIT_MAX: Duration = Duration::from_secs(30);
/// How many calls one connection may have under way; without a limit one client could take all.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// How often a silent connection is asked whether it is alive, and how long it may take to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server's certificate and key are, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the server's own first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// Whose signature every client's certificate must bear; without it clients need none.
    pub client_ca: Option<PathBuf>,
}

/// How the server is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address to listen on; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Without it the server is in plain text, and listens on loopback only.
    pub tls: Option<TlsFiles>,
    /// How many calls may be under way at once, over all connections.
    pub calls_max: usize,
    /// How long the message of a call may take to come. Until it has, the call is under way.
    pub message_wait_max: Duration,
    /// How long calls under way may take to end when the server stops.
    pub drain_max: Duration,
}

/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain text is for the same machine only.
    #[error(
        "{0} can be reached from other machines, and no TLS certificate is given: \
         give one, or listen on a loopback address such as 127.0.0.1"
    )]
    PlaintextBeyondLoopback(SocketAddr),
    /// Who may read the whole log must show who he is.
    #[error(
        "{0} can be reached from other machines and gives out the whole log to whoever asks: \
         name the authority of its clients' certificates with --tls-client-ca, or listen on a \
         loopback address such as 127.0.0.1"
    )]
    UnguardedBeyondLoopback(SocketAddr),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate or key cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The certificate and key are not what TLS needs.
    #[error("the TLS certificate, key or client CA cannot be used")]
    Tls(#[source] tonic::transport::Error),
    /// The contract's descriptors cannot be offered by reflection.
    #[error("the descriptors for reflection are broken")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The listener failed while serving.
    #[error("the server failed")]
    Serve(#[source] tonic::transport::Error),
}

/// How the server stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every call under way ended.
    Fully,
    /// `drain_max` passed first, and what was left was cut off. What these calls had asked to be
    /// written goes on in its own task.
    CutOff,
}

/// A server that listens and does not yet answer.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<ServerTlsConfig>,
    settings: Settings,
}

impl Bound {
    /// Checks the settings and takes the address. Connections wait until [`serve`](Self::serve).
    pub async fn new(settings: Settings) -> Result<Self, ServeError> {
        choose_cryptography();
        let address = settings.listen;
        if settings.tls.is_none() && !address.ip().is_loopback() {
            return Err(ServeError::PlaintextBeyondLoopback(address));
        }
        let tls = settings.tls.as_ref().map(tls_config).transpose()?;
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, tls, settings })
    }

    /// The same for a protocol that looks at no credentials: beyond loopback the certificates of
    /// clients are what guards it.
    pub async fn guarded(settings: Settings) -> Result<Self, ServeError> {
        let address = settings.listen;
        let unguarded = settings.tls.as_ref().is_some_and(|files| files.client_ca.is_none());
        if unguarded && !address.ip().is_loopback() {
            return Err(ServeError::UnguardedBeyondLoopback(address));
        }
        Self::new(settings).await
    }

    /// The address that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers calls until `shutdown` is asked for; then, in this order: says that it is not
    /// ready, takes no new connection, ends streams that would not end by themselves, and lets the
    /// other calls end. The store is the caller's to close after that.
    pub async fn serve(
        self,
        services: RoutesBuilder,
        readiness: Readiness,
        shutdown: Shutdown,
    ) -> Result<Drained, ServeError> {
        // However this ends, servers of other protocols and streams do not outlive it.
        let _ending = shutdown.streams_guard();
        let routes = with_standard_services(services, &readiness)?;
        let server = builder(self.tls)?;
        let under_way = UnderWay::new(shutdown.clone());
        let incoming = incoming(self.listener, under_way.clone());
        let streams = shutdown.clone();
        let mut serving = Box::pin(
            server
                .layer(under_way.clone())
                .layer(LimitLayer::new(self.settings.calls_max))
                .layer(DeadlineLayer)
                .layer(MapResponseLayer::new(clarify::clarified))
                .layer(CatchPanicLayer::custom(clarify::panicked))
                .layer(RequestBodyDeadlineLayer::new(self.settings.message_wait_max))
                .add_routes(routes)
                .serve_with_incoming_shutdown(incoming, async move { streams.streams_end().await }),
        );
        tokio::select! {
            stopped = &mut serving => {
                return stopped.map(|()| Drained::Fully).map_err(ServeError::Serve);
            }
            () = shutdown.asked() => {}
        }
        readiness.drain().await;
        shutdown.end_streams();
        under_way.drain(serving, self.settings.drain_max).await.map_err(ServeError::Serve)
    }

    /// Answers calls of another protocol until `shutdown` ends streams: with the limit on calls,
    /// and nothing else of ours in front of it.
    pub async fn serve_plain(self, routes: Routes, shutdown: Shutdown) -> Result<(), ServeError> {
        let under_way = UnderWay::new(shutdown.clone());
        let incoming = incoming(self.listener, under_way.clone());
        let ends = shutdown.clone();
        let serving = builder(self.tls)?
            .layer(under_way.clone())
            .layer(LimitLayer::new(self.settings.calls_max))
            .layer(CatchPanicLayer::custom(clarify::panicked))
            .layer(RequestBodyDeadlineLayer::new(self.settings.message_wait_max))
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, async move { ends.streams_end().await });
        let mut serving = pin!(serving);
        tokio::select! {
            stopped = &mut serving => return stopped.map_err(ServeError::Serve),
            () = shutdown.streams_end() => {}
        }
        let drained = under_way.drain(serving, self.settings.drain_max).await;
        drained.map(|_| ()).map_err(ServeError::Serve)
    }
}

fn builder(tls: Option<ServerTlsConfig>) -> Result<Server, ServeError> {
    let server = Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT));
    match tls {
        Some(tls) => server.tls_config(tls).map_err(ServeError::Tls),
        None => Ok(server),
    }
}

/// Adds what generic clients and probes look for: health, and reflection in both of its versions.
fn with_standard_services(
    mut services: RoutesBuilder,
    readiness: &Readiness,
) -> Result<Routes, ServeError> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    services.add_service(readiness.service());
    services.add_service(reflection().build_v1().map_err(ServeError::Reflection)?);
    services.add_service(reflection().build_v1alpha().map_err(ServeError::Reflection)?);
    Ok(services.routes())
}

/// Makes `ring` what TLS is done with in this process, before the client of a cluster chooses
/// another one: with two of them linked and none chosen, there is no TLS at all.
pub fn choose_cryptography() {
    // Somebody may have chosen already, which is as good.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
}

fn tls_config(files: &TlsFiles) -> Result<ServerTlsConfig, ServeError> {
    let identity = Identity::from_pem(read(&files.certificate)?, read(&files.key)?);
    let config = ServerTlsConfig::new().identity(identity);
    let config = match &files.client_ca {
        Some(path) => config.client_ca_root(Certificate::from_pem(read(path)?)),
        None => config,
    };
    // Tried here, so that a wrong key is told before the server says that it listens.
    Server::builder().tls_config(config.clone()).map_err(ServeError::Tls)?;
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, ServeError> {
    std::fs::read(path).map_err(|source| ServeError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
