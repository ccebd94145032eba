//! The gateway: the gRPC services, and the command line of `payledger`.

pub mod absee;
pub mod bench;
pub mod cli;
pub mod convert;
pub mod cycles;
pub mod deadline;
pub mod demo;
pub mod esdb;
pub mod limit;
pub mod logging;
pub mod outlet;
pub mod page;
pub mod scrub;
pub mod serve;
pub mod server;
pub mod services;
pub mod status;
