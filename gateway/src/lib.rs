//! The gateway: the gRPC services, and the command line of `payledger`.

pub mod cli;
