//! The service and its command line, as one binary.

fn main() {}
