//! Nodes of a cluster that keep their events in memory and speak the protocol of EventStoreDB over
//! real connections, alone or three together. They do what the real server does and clients have to
//! bear: commit positions with gaps, events of their own among the others, appends that are taken
//! for repeats by their ids; and on demand they fail.

mod appends;
mod faults;
mod members;
mod trio;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway::esdb::reads::{Reads, Responses};
use gateway::esdb::scale::Scale;
use gateway::server::Shutdown;
use ledger::store::memory::Memory;
use proto::event_store::client::gossip::gossip_server::GossipServer;
use proto::event_store::client::server_features::server_features_server::ServerFeaturesServer;
use proto::event_store::client::streams::read_req::options::{
    AllOptions, StreamOption, all_options::AllOption,
};
use proto::event_store::client::streams::streams_server::{Streams, StreamsServer};
use proto::event_store::client::streams::{
    AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq,
    TombstoneReq, TombstoneResp,
};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tonic::metadata::MetadataValue;
use tonic::service::RoutesBuilder;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use appends::Appending;
pub use faults::{Fault, Faults, HeldRead};
use members::{Directory, Members};
pub use trio::Trio;

/// How commit positions stand: with gaps, as a real log has them.
const SCALE: Scale = Scale { step: 137, shift: 4096 };

/// The largest message that is taken: an append may bring a thousand events, one by one.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// The patience that a client is told to have.
const PATIENCE: &str = "tls=false&discoveryInterval=1&gossipTimeout=2000&defaultDeadline=2000";

/// A running node.
#[derive(Debug)]
pub struct Node {
    address: SocketAddr,
    log: Arc<Memory>,
    faults: Faults,
    read: ReadOf,
    log_read_from: Arc<AtomicU64>,
    shutdown: Shutdown,
    running: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.ask();
        self.running.abort();
    }
}

impl Node {
    /// A node on a free port, whose log is empty.
    pub async fn start() -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::default())
    }

    /// A node that listens where it is told and has this log.
    pub fn start_on(listener: TcpListener, log: Arc<Memory>) -> Self {
        let address = listener.local_addr().unwrap();
        let members = Members::of(vec![(address, log.clone())]);
        Self::member(listener, log, members)
    }

    /// A node among others.
    fn member(listener: TcpListener, log: Arc<Memory>, members: Members) -> Self {
        let address = listener.local_addr().unwrap();
        let (faults, shutdown) = (Faults::default(), Shutdown::default());
        let reads = Reads::new(log.clone(), SCALE, shutdown.clone());
        let appending = Arc::new(Mutex::new(Appending::new(log.clone())));
        let directory = Directory { members: members.clone(), address };
        let (deleted, read) = (Mutex::default(), ReadOf::default());
        let log_read_from = Arc::<AtomicU64>::default();
        let writable = Writable {
            reads,
            appending,
            faults: faults.clone(),
            read: Arc::clone(&read),
            log_read_from: Arc::clone(&log_read_from),
            members,
            address,
            deleted,
        };
        let streams = StreamsServer::new(writable);
        let streams = streams
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let mut routes = RoutesBuilder::default();
        routes.add_service(streams);
        routes.add_service(GossipServer::new(directory.clone()));
        routes.add_service(ServerFeaturesServer::new(directory));
        let routes = routes.routes();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let stop = shutdown.clone();
        let running = tokio::spawn(async move {
            let server = Server::builder().add_routes(routes);
            let asked = async move { stop.asked().await };
            server.serve_with_incoming_shutdown(incoming, asked).await.unwrap();
        });
        Self { address, log, faults, read, log_read_from, shutdown, running }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How a client is told to connect: at once, and with a short patience.
    pub fn connection(&self) -> String {
        connection(self.address)
    }

    /// What its log holds, events of its own among it.
    pub const fn log(&self) -> &Arc<Memory> {
        &self.log
    }

    /// What is to go wrong.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How often a stream was read so far, by whomever.
    pub async fn reads_of(&self, stream: &str) -> u64 {
        self.read.lock().await.get(stream.as_bytes()).copied().unwrap_or_default()
    }

    /// How often the whole log was read so far, forwards or backwards, by whomever.
    pub async fn reads_of_log(&self) -> u64 {
        self.reads_of(LOG).await
    }

    /// At which commit position the last read of the whole log forwards began.
    pub fn log_read_from(&self) -> u64 {
        self.log_read_from.load(Ordering::SeqCst)
    }

    /// Ends it at once, with every connection; its log stays.
    pub async fn kill(mut self) -> Arc<Memory> {
        self.running.abort();
        // It was told to end.
        let _ended = (&mut self.running).await;
        self.log.clone()
    }
}

/// How a client is told to connect to a node that listens there.
pub fn connection(address: SocketAddr) -> String {
    format!("esdb://{address}?{PATIENCE}")
}

/// What the whole log is called among the streams.
const LOG: &str = "$all";

/// How often each stream was read, by its name.
type ReadOf = Arc<Mutex<BTreeMap<Vec<u8>, u64>>>;

/// Reads as the gateway does, and takes appends, one after another.
#[derive(Debug)]
struct Writable {
    reads: Reads,
    appending: Arc<Mutex<Appending>>,
    faults: Faults,
    read: ReadOf,
    log_read_from: Arc<AtomicU64>,
    members: Members,
    address: SocketAddr,
    /// The streams that were deleted for good.
    deleted: Mutex<BTreeSet<Vec<u8>>>,
}

impl Writable {
    /// What is deleted for good can neither be read nor written.
    async fn refuse_deleted(&self, stream: &[u8]) -> Result<(), Status> {
        if !self.deleted.lock().await.contains(stream) {
            return Ok(());
        }
        let mut status = Status::failed_precondition("the stream is deleted");
        status.metadata_mut().insert("exception", MetadataValue::from_static("stream-deleted"));
        Err(status)
    }
}

/// The stream that a read asks for, or the whole log.
fn stream_of(request: &ReadReq) -> Option<&[u8]> {
    match request.options.as_ref()?.stream_option.as_ref()? {
        StreamOption::Stream(stream) => Some(&stream.stream_identifier.as_ref()?.stream_name),
        StreamOption::All(_) => Some(LOG.as_bytes()),
    }
}

/// Where a read of the whole log begins, if that is at an event: one backwards begins at the end.
fn log_from(request: &ReadReq) -> Option<u64> {
    match request.options.as_ref()?.stream_option.as_ref()? {
        StreamOption::All(AllOptions { all_option: Some(AllOption::Position(from)) }) => {
            Some(from.commit_position)
        }
        StreamOption::All(_) | StreamOption::Stream(_) => None,
    }
}

type Answers = tokio_stream::wrappers::ReceiverStream<Result<BatchAppendResp, Status>>;

#[tonic::async_trait]
impl Streams for Writable {
    type ReadStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Read> + Send>>;
    type BatchAppendStream = Answers;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        self.members.answers(self.address, request.metadata())?;
        if let Some(stream) = stream_of(request.get_ref()) {
            let mut read = self.read.lock().await;
            let count = read.entry(stream.to_vec()).or_default();
            *count = count.saturating_add(1);
            drop(read);
            self.refuse_deleted(stream).await?;
            self.faults.wait_to_read(stream).await;
        }
        if let Some(from) = log_from(request.get_ref()) {
            self.log_read_from.store(from, Ordering::SeqCst);
        }
        let answers: Responses = self.reads.read(request.into_inner()).await?;
        match self.faults.next_read() {
            None => Ok(Response::new(Box::pin(answers))),
            Some(Fault::Ends { after }) => Ok(Response::new(Box::pin(answers.take(after)))),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Slow) => {
                self.faults.pass_the_gate().await;
                Ok(Response::new(Box::pin(answers)))
            }
            Some(fault) => Err(fault.status(self.address)),
        }
    }

    async fn append(
        &self,
        request: Request<Streaming<AppendReq>>,
    ) -> Result<Response<AppendResp>, Status> {
        self.members.only_the_leader(self.address)?;
        let asked = appends::Asked::receive(request.into_inner()).await?;
        self.refuse_deleted(asked.stream().as_bytes()).await?;
        let fault = self.faults.next_append(&asked.kinds());
        if let Some(Fault::WrongLeader | Fault::RequestLost) = fault {
            return Err(fault.unwrap_or(Fault::RequestLost).status(self.address));
        }
        if matches!(fault, Some(Fault::Slow)) {
            self.faults.pass_the_gate().await;
        }
        // Committed in a task of its own: a caller who gives up does not undo it.
        let (appending, members) = (Arc::clone(&self.appending), self.members.clone());
        let address = self.address;
        let commit = tokio::spawn(async move {
            let _turn = members.turn().await;
            // It may have waited for its turn, and no longer lead.
            members.only_the_leader(address)?;
            if !members.has_majority() {
                return Err(Status::unavailable("Server Is Not Ready"));
            }
            let answer = appending.lock().await.append(asked).await;
            members.replicate(appending.lock().await.log()).await;
            answer
        });
        let answer = commit.await.map_err(|fault| Status::internal(fault.to_string()))??;
        match fault {
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::AnswerLost) => Err(Fault::AnswerLost.status(self.address)),
            Some(_) | None => Ok(Response::new(answer)),
        }
    }

    async fn delete(&self, _: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        Err(Status::unimplemented("streams are deleted for good, or not"))
    }

    async fn tombstone(
        &self,
        request: Request<TombstoneReq>,
    ) -> Result<Response<TombstoneResp>, Status> {
        let options = request.into_inner().options;
        let stream = options.and_then(|options| options.stream_identifier);
        let stream = stream.ok_or_else(|| Status::invalid_argument("no stream"))?.stream_name;
        self.appending.lock().await.end_for_good(&String::from_utf8_lossy(&stream)).await;
        self.deleted.lock().await.insert(stream);
        Ok(Response::new(TombstoneResp::default()))
    }

    async fn batch_append(
        &self,
        _: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Answers>, Status> {
        Err(Status::unimplemented("the adapter does not use it"))
    }
}

type Read = Result<proto::event_store::client::streams::ReadResp, Status>;
