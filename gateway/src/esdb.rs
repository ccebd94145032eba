//! The log over the read protocol of EventStoreDB, so that any official client of it, in any
//! language, can replay the ledger. Nothing is written: appends are refused as access denied.

pub mod advertised;
pub mod filter;
pub mod messages;
pub mod reads;
pub mod scale;

use std::sync::Arc;

use ledger::store::EventStore;
use proto::event_store::client::Empty;
use proto::event_store::client::gossip::ClusterInfo;
use proto::event_store::client::gossip::gossip_server::{Gossip, GossipServer};
use proto::event_store::client::server_features::SupportedMethods;
use proto::event_store::client::server_features::server_features_server::{
    ServerFeatures, ServerFeaturesServer,
};
use proto::event_store::client::streams::streams_server::{Streams, StreamsServer};
use proto::event_store::client::streams::{
    AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq,
    TombstoneReq, TombstoneResp,
};
use tonic::service::{Routes, RoutesBuilder};
use tonic::{Request, Response, Status, Streaming};

use crate::server::Shutdown;
use advertised::Advertised;
use messages::access_denied;
use reads::{Reads, Responses};
use scale::Scale;

/// The services of a server that only reads, which tells its clients to connect to `advertised`.
pub fn routes(store: Arc<dyn EventStore>, advertised: Advertised, shutdown: Shutdown) -> Routes {
    let reads = Reads::new(store, Scale::ONE, shutdown);
    let directory = Directory(advertised);
    let mut routes = RoutesBuilder::default();
    routes.add_service(StreamsServer::new(ReadOnly(reads)));
    routes.add_service(GossipServer::new(directory.clone()));
    routes.add_service(ServerFeaturesServer::new(directory));
    routes.routes()
}

/// What clients ask first: who is in the cluster, a single node, and what the server can do.
#[derive(Debug, Clone)]
struct Directory(Advertised);

#[tonic::async_trait]
impl Gossip for Directory {
    async fn read(&self, _: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        Ok(Response::new(messages::one_leader(&self.0)))
    }
}

#[tonic::async_trait]
impl ServerFeatures for Directory {
    async fn get_supported_methods(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<SupportedMethods>, Status> {
        Ok(Response::new(messages::supported_methods()))
    }
}

/// Reads; writes nothing.
#[derive(Debug)]
struct ReadOnly(Reads);

#[tonic::async_trait]
impl Streams for ReadOnly {
    type ReadStream = Responses;
    type BatchAppendStream = tokio_stream::Empty<Result<BatchAppendResp, Status>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Responses>, Status> {
        Ok(Response::new(self.0.read(request.into_inner()).await?))
    }

    async fn append(
        &self,
        _: Request<Streaming<AppendReq>>,
    ) -> Result<Response<AppendResp>, Status> {
        Err(access_denied())
    }

    async fn delete(&self, _: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        Err(access_denied())
    }

    async fn tombstone(&self, _: Request<TombstoneReq>) -> Result<Response<TombstoneResp>, Status> {
        Err(access_denied())
    }

    async fn batch_append(
        &self,
        _: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        Err(access_denied())
    }
}
