//! Connection strings: why one is not taken, and how one is shown.

/// Why a connection string is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionStringError {
    /// It says nothing.
    #[error("not a connection string such as esdb://user:password@host:2113?tls=true: {0}")]
    Malformed(String),
    /// It asks for a node that may not have got yet what was acknowledged.
    #[error(
        "nodePreference must be leader, which it is if it is left out: another node may lack what \
         was acknowledged"
    )]
    NotTheLeader,
}

/// The connection string as it may be shown.
pub(super) fn without_credentials(connection: &str) -> String {
    match (connection.split_once("://"), connection.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, hosts))) => format!("{scheme}://{hosts}"),
        _ => connection.to_owned(),
    }
}
