//! Where something listens: an address and a port, or a Unix socket.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::settings::Wrong;

/// Longest path of a Unix socket that every kernel takes, in bytes.
const MAX_PATH: usize = 100;

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Reads `127.0.0.1:9910`, `[::1]:9910`, `localhost:9910` or `unix:/path`.
    ///
    /// # Errors
    ///
    /// Where it is none of them. Names are not looked up: an agent that starts before its pod's DNS would not start.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let remedy = "write an address and a port such as \"127.0.0.1:9910\", or \"unix:/path\"";
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.len() {
                0 => Err(Wrong::new("has no path", remedy)),
                1..=MAX_PATH if path.starts_with('/') => Ok(Self::Unix(path.into())),
                1..=MAX_PATH => Err(Wrong::new("has a path that does not begin with \"/\"", "write the whole path")),
                _ => Err(Wrong::new("has too long a path for a socket", "write one of at most 100 bytes")),
            };
        }
        if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return Ok(Self::Tcp(SocketAddr::from(([127, 0, 0, 1], port))));
        }
        text.parse().map(Self::Tcp).map_err(|_| Wrong::new("is not an address", remedy))
    }

    /// Reads one that only this pod can reach.
    ///
    /// # Errors
    ///
    /// Where it is none, or others can reach it; `why` says why they must not.
    pub fn parse_local(text: &str, why: &str) -> Result<Self, Wrong> {
        match Self::parse(text)? {
            Self::Tcp(addr) if !is_loopback(addr.ip()) => Err(Wrong::new(
                format!("can be reached from outside of the pod, and {why}"),
                "write a loopback address such as \"127.0.0.1\" with the port, or \"unix:/path\"",
            )),
            address => Ok(address),
        }
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    // ::ffff:127.0.0.1 is 127.0.0.1.
    ip.to_canonical().is_loopback()
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sockets_are_read_and_written_the_same() {
        for text in ["127.0.0.1:9910", "[::1]:9910", "0.0.0.0:1", "unix:/run/helius/agent.sock"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("localhost:80").unwrap().to_string(), "127.0.0.1:80");
    }

    #[test]
    fn what_is_no_address_is_told_with_the_remedy() {
        for text in ["", "9910", "example.com:80", "127.0.0.1", "127.0.0.1:70000", "unix:", "unix:run", "localhost:x"] {
            assert!(!Address::parse(text).unwrap_err().remedy.is_empty(), "{text}");
        }
        assert!(Address::parse(&format!("unix:/{}", "a".repeat(100))).is_err());
        assert!(Address::parse(&format!("unix:/{}", "a".repeat(99))).is_ok());
    }

    #[test]
    fn only_loopback_is_local() {
        for text in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/a"] {
            assert!(Address::parse_local(text, "x").is_ok(), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(Address::parse_local(text, "x").unwrap_err().rule.contains("from outside"), "{text}");
        }
    }
}
