//! The nodes of a cluster as each of them knows them: who lives, who leads, what each one holds.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::esdb::messages;
use ledger::envelope::NewEvent;
use ledger::store::memory::Memory;
use ledger::store::{Append, EventStore, Expected};
use proto::event_store::client::Empty;
use proto::event_store::client::gossip::gossip_server::Gossip;
use proto::event_store::client::gossip::member_info::VNodeState;
use proto::event_store::client::gossip::{ClusterInfo, EndPoint, MemberInfo};
use proto::event_store::client::server_features::SupportedMethods;
use proto::event_store::client::server_features::server_features_server::ServerFeatures;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

/// What all nodes of one cluster share.
#[derive(Debug, Clone)]
pub(super) struct Members {
    table: Arc<Mutex<Table>>,
    /// Held by whoever appends or changes the leader.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Table {
    nodes: Vec<Member>,
    leader: Option<SocketAddr>,
}

#[derive(Debug, Clone)]
struct Member {
    address: SocketAddr,
    log: Arc<Memory>,
    lives: bool,
}

impl Members {
    /// Nodes at these addresses with these logs, of which the first one leads.
    pub(super) fn of(nodes: Vec<(SocketAddr, Arc<Memory>)>) -> Self {
        let leader = nodes.first().map(|(address, _)| *address);
        let member = |(address, log)| Member { address, log, lives: true };
        let nodes = nodes.into_iter().map(member).collect();
        Self { table: Arc::new(Mutex::new(Table { nodes, leader })), turn: Arc::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else appends or changes the leader.
    pub(super) async fn turn(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Who leads.
    pub(super) fn leader(&self) -> Option<SocketAddr> {
        self.table().leader
    }

    /// Why the node at `address` does not answer itself what only the leader answers.
    pub(super) fn only_the_leader(&self, address: SocketAddr) -> Result<(), Status> {
        let table = self.table();
        let lives = |at: SocketAddr| table.nodes.iter().any(|it| it.address == at && it.lives);
        match table.leader {
            _ if !lives(address) => Err(Status::unavailable("the node is gone")),
            Some(leader) if leader == address => Ok(()),
            Some(leader) => Err(not_leader(leader)),
            None => Err(Status::unavailable("Server Is Not Ready")),
        }
    }

    /// The same for a question, which any node may answer unless it asks for the leader.
    pub(super) fn answers(&self, address: SocketAddr, asked: &MetadataMap) -> Result<(), Status> {
        match asked.get("requires-leader") {
            Some(required) if required == "true" => self.only_the_leader(address),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives all who follow what the leader's `log` has beyond theirs: in turn, and before the
    /// append that wrote it is acknowledged.
    pub(super) async fn replicate(&self, log: &Arc<Memory>) {
        let followers: Vec<_> = {
            let table = self.table();
            let living = table.nodes.iter().filter(|node| node.lives);
            living.map(|node| Arc::clone(&node.log)).collect()
        };
        for follower in followers {
            if !Arc::ptr_eq(&follower, log) {
                catch_up(&follower, log).await;
            }
        }
    }

    /// Can anything be committed: are more than half of the nodes there?
    pub(super) fn has_majority(&self) -> bool {
        let table = self.table();
        let living = table.nodes.iter().filter(|node| node.lives).count();
        living.saturating_mul(2) > table.nodes.len()
    }

    /// The node at `address` is gone. If it led, nobody leads now.
    pub(super) fn lose(&self, address: SocketAddr) {
        let mut table = self.table();
        table.nodes.iter_mut().filter(|it| it.address == address).for_each(|it| it.lives = false);
        table.leader = table.leader.filter(|leader| *leader != address);
    }

    /// Another node than the last leader leads: of those that live and have the longest log, the
    /// first one after it.
    pub(super) async fn elect(&self, after: SocketAddr) -> SocketAddr {
        let nodes = self.table().nodes.clone();
        let place = nodes.iter().position(|node| node.address == after).unwrap();
        let (before, behind) = nodes.split_at(place.saturating_add(1));
        let mut best: Option<(u64, SocketAddr)> = None;
        for node in behind.iter().chain(before).filter(|it| it.lives && it.address != after) {
            let head = node.log.head().await.unwrap().0;
            if best.is_none_or(|(longest, _)| head > longest) {
                best = Some((head, node.address));
            }
        }
        let (_, elected) = best.unwrap();
        self.table().leader = Some(elected);
        elected
    }

    /// The node at `address` is there again: it gets what it lacks, and follows.
    pub(super) async fn join(&self, address: SocketAddr) {
        let nodes = self.table().nodes.clone();
        let log = |at: SocketAddr| nodes.iter().find(|it| it.address == at).unwrap().log.clone();
        if let Some(leader) = self.leader() {
            catch_up(&log(address), &log(leader)).await;
        }
        let mut table = self.table();
        table.nodes.iter_mut().filter(|it| it.address == address).for_each(|it| it.lives = true);
    }
}

async fn catch_up(follower: &Memory, leader: &Memory) {
    let head = follower.head().await.unwrap();
    for event in leader.read_all(head, usize::MAX).await.unwrap() {
        let before = Expected::after(event.version.before());
        let (id, kind, data, metadata) = (event.id, event.kind, event.data, event.metadata);
        let copied = NewEvent { id, kind, data, metadata };
        follower.append(Append::new(event.stream, before, vec![copied]).unwrap()).await.unwrap();
    }
}

/// The refusal of a node that does not lead.
pub(super) fn not_leader(leader: SocketAddr) -> Status {
    let mut status = Status::not_found("Leader info available");
    let metadata = status.metadata_mut();
    metadata.insert("exception", MetadataValue::from_static("not-leader"));
    let (host, port) = (leader.ip().to_string(), leader.port().to_string());
    metadata.insert("leader-endpoint-host", host.parse().unwrap());
    metadata.insert("leader-endpoint-port", port.parse().unwrap());
    status
}

/// What one node says of the cluster and of itself.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) members: Members,
    pub(super) address: SocketAddr,
}

impl Directory {
    fn lives(&self) -> Result<(), Status> {
        let table = self.members.table();
        let lives = table.nodes.iter().any(|it| it.address == self.address && it.lives);
        if lives { Ok(()) } else { Err(Status::unavailable("the node is gone")) }
    }
}

#[tonic::async_trait]
impl Gossip for Directory {
    async fn read(&self, _: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        self.lives()?;
        let table = self.members.table();
        let info = |node: &Member| {
            let state = match table.leader {
                _ if !node.lives => VNodeState::Unknown,
                Some(leader) if leader == node.address => VNodeState::Leader,
                Some(_) => VNodeState::Follower,
                None => VNodeState::Unknown,
            };
            let (host, port) = (node.address.ip().to_string(), node.address.port().into());
            MemberInfo {
                instance_id: None,
                time_stamp: 0,
                state: state.into(),
                is_alive: node.lives,
                http_end_point: Some(EndPoint { address: host, port }),
            }
        };
        Ok(Response::new(ClusterInfo { members: table.nodes.iter().map(info).collect() }))
    }
}

#[tonic::async_trait]
impl ServerFeatures for Directory {
    async fn get_supported_methods(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<SupportedMethods>, Status> {
        self.lives()?;
        Ok(Response::new(messages::supported_methods()))
    }
}
