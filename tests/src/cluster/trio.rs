//! Three nodes that keep one log: what the leader acknowledges is on every node that is there, and
//! if the leader goes away another one takes over.

use std::net::SocketAddr;
use std::sync::Arc;

use ledger::store::memory::Memory;
use tokio::net::TcpListener;

use super::members::Members;
use super::{Node, PATIENCE};

/// A running cluster of three.
#[derive(Debug)]
pub struct Trio {
    members: Members,
    nodes: Vec<Node>,
    /// Those that were lost, with what they held.
    lost: Vec<(SocketAddr, Arc<Memory>)>,
    /// As a client is told of them, whoever is there.
    addresses: Vec<SocketAddr>,
    led_last: SocketAddr,
}

impl Trio {
    /// Three nodes whose log is empty.
    pub async fn start() -> Self {
        let (mut listeners, mut of) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            of.push((listener.local_addr().unwrap(), Arc::<Memory>::default()));
            listeners.push(listener);
        }
        let members = Members::of(of.clone());
        let addresses: Vec<_> = of.iter().map(|(address, _)| *address).collect();
        let start = |(listener, (_, log))| Node::member(listener, log, members.clone());
        let nodes = listeners.into_iter().zip(of).map(start).collect();
        let led_last = members.leader().unwrap();
        Self { members, nodes, lost: Vec::new(), addresses, led_last }
    }

    /// How a client is told to connect: to all three, of which it finds the leader.
    pub fn connection(&self) -> String {
        let hosts: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        format!("esdb://{}?nodePreference=leader&{PATIENCE}", hosts.join(","))
    }

    /// The node that leads.
    pub fn leader(&self) -> &Node {
        let leader = self.members.leader().unwrap();
        self.nodes.iter().find(|node| node.address() == leader).unwrap()
    }

    /// The leader goes away at once. Nobody leads until somebody is elected.
    pub async fn lose_leader(&mut self) {
        let turn = self.members.turn().await;
        let leader = self.members.leader().unwrap();
        self.members.lose(leader);
        drop(turn);
        self.led_last = leader;
        let place = self.nodes.iter().position(|node| node.address() == leader).unwrap();
        let log = self.nodes.swap_remove(place).kill().await;
        self.lost.push((leader, log));
    }

    /// Another node than the last leader takes over.
    pub async fn elect(&mut self) {
        let _turn = self.members.turn().await;
        self.led_last = self.members.elect(self.led_last).await;
    }

    /// The leader hands over to another node, and follows it.
    pub async fn resign(&mut self) {
        self.led_last = self.members.leader().unwrap();
        self.elect().await;
    }

    /// Those that were lost come back with what they held, get what they lack, and follow.
    pub async fn bring_back(&mut self) {
        for (address, log) in std::mem::take(&mut self.lost) {
            let listener = TcpListener::bind(address).await.unwrap();
            let _turn = self.members.turn().await;
            self.members.join(address).await;
            self.nodes.push(Node::member(listener, log, self.members.clone()));
        }
    }
}
