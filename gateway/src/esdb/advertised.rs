//! Where clients of the read protocol are told to connect, whatever address the server has itself.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A host, by name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Why a text says nothing that a client could connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdvertisedError {
    /// It is no host and port.
    #[error("not a host and a port, such as ledger.example:2113 or [2001:db8::1]:2113")]
    Malformed,
    /// It stands for every address of the machine, which is none to a client.
    #[error("no client elsewhere can connect to an unspecified address")]
    Unspecified,
}

impl From<SocketAddr> for Advertised {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Advertised {
    type Err = AdvertisedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(AdvertisedError::Malformed)?;
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or(AdvertisedError::Malformed)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // Colons are those of an address, which is in brackets beside a port.
        let address: Option<IpAddr> = match bare {
            Some(bare) => Some(bare.parse().map_err(|_| AdvertisedError::Malformed)?),
            None => host.parse().ok().filter(IpAddr::is_ipv4),
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        match address {
            Some(address) if address.is_unspecified() => Err(AdvertisedError::Unspecified),
            Some(address) => Ok(Self { host: address.to_string(), port }),
            None if !host.is_empty() && host.chars().all(is_name) => {
                Ok(Self { host: host.to_owned(), port })
            }
            None => Err(AdvertisedError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_never_all_of_them() {
        let read = |text: &str| text.parse::<Advertised>();
        for (text, host) in [
            ("ledger.example:2113", "ledger.example"),
            ("ledger-1_a:2113", "ledger-1_a"),
            ("10.0.0.7:2113", "10.0.0.7"),
            ("[2001:db8::1]:2113", "2001:db8::1"),
        ] {
            assert_eq!(read(text), Ok(Advertised { host: host.to_owned(), port: 2113 }), "{text}");
        }
        for text in [
            "",
            "host",
            "host:",
            ":2113",
            "host:0",
            "host:65536",
            "a b:1",
            "2001:db8::1",
            "[host]:1",
            "http://host:1",
            "user@host:1",
        ] {
            assert_eq!(read(text), Err(AdvertisedError::Malformed), "{text}");
        }
        for text in ["0.0.0.0:2113", "[::]:2113"] {
            assert_eq!(read(text), Err(AdvertisedError::Unspecified), "{text}");
        }
    }
}
