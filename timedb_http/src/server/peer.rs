//! Who is at the other end: the connection's peer, or whom a proxy speaks for, if it is one of those that are believed.

use std::{net::IpAddr, str::FromStr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// None at a socket of this machine.
    pub address: Option<IpAddr>,
    pub is_encrypted: bool,
}

/// Who sends a request, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub address: Option<IpAddr>,
    /// The client's own connection, to this server or to the proxy, is encrypted.
    pub is_encrypted: bool,
}

/// A proxy that is believed when it says whom it speaks for, as an operator writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Those with an address of a network: `10.0.0.0/8`, or of one: `127.0.0.1`.
    Network(IpNet),
    /// Whoever connects to the socket: `unix`.
    Unix,
}

/// A text that names no proxy.
#[derive(Debug, thiserror::Error)]
#[error(
    "a proxy is an address or a network, such as 10.1.2.3 or 10.0.0.0/8, or unix for those at --unix-socket"
)]
pub struct NoProxy;

impl FromStr for TrustedProxy {
    type Err = NoProxy;

    fn from_str(text: &str) -> Result<Self, NoProxy> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| address());
        network.map(Self::Network).map_err(|_| NoProxy)
    }
}

impl TrustedProxy {
    fn is(self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Unix, None) => true,
            _ => false,
        }
    }
}

impl Peer {
    /// Who sends a request with these headers. Of a chain of proxies the last one that is not believed counts: what it
    /// says of those before it is its invention, for all one knows.
    pub(crate) fn client(self, headers: &HeaderMap, believed: &[TrustedProxy]) -> Client {
        let is_believed = |address| believed.iter().any(|proxy| proxy.is(address));
        let mut client = Client {
            address: self.address,
            is_encrypted: self.is_encrypted,
        };
        if !is_believed(self.address) {
            return client;
        }
        let list = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = list.flat_map(|value| value.to_str().unwrap_or("").rsplit(','));
        for hop in hops {
            // What is no address says nothing of those before it either.
            let Some(address) = address(hop.trim()) else {
                break;
            };
            client.address = Some(address);
            if !is_believed(client.address) {
                break;
            }
        }
        let mut protocols = headers.get_all(FORWARDED_PROTO).iter();
        if let (Some(protocol), None) = (protocols.next(), protocols.next()) {
            client.is_encrypted = protocol.as_bytes().eq_ignore_ascii_case(b"https");
        }
        client
    }
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = plain.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|at| at.ip());
    address
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: Option<&str>, believed: &[&str], lines: &[&str]) -> Option<String> {
        let believed: Vec<_> = believed.iter().map(|text| text.parse().unwrap()).collect();
        let peer = Peer {
            address: peer.map(|text| text.parse().unwrap()),
            is_encrypted: false,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let found = peer.client(&headers, &believed).address;
        found.map(|address| address.to_string())
    }

    #[test]
    fn only_named_proxies_are_believed_and_each_only_of_its_own_client() {
        let found =
            |peer, believed: &[&str], lines: &[&str]| client(Some(peer), believed, lines).unwrap();
        assert_eq!(found("10.0.0.1", &[], &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(found("10.0.0.1", &["10.0.0.0/8"], &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(found("11.0.0.1", &["10.0.0.0/8"], &["1.2.3.4"]), "11.0.0.1");
        // The first is what the client itself has sent.
        assert_eq!(
            found("10.0.0.1", &["10.0.0.0/8"], &["9.9.9.9, 1.2.3.4"]),
            "1.2.3.4"
        );
        assert_eq!(
            found("10.0.0.1", &["10.0.0.0/8"], &["9.9.9.9, 1.2.3.4, 10.0.0.2"]),
            "1.2.3.4"
        );
        assert_eq!(
            found(
                "10.0.0.1",
                &["10.0.0.0/8"],
                &["9.9.9.9", "1.2.3.4", "10.0.0.2"]
            ),
            "1.2.3.4"
        );
        assert_eq!(
            found("10.0.0.1", &["10.0.0.1"], &["1.2.3.4, nonsense"]),
            "10.0.0.1"
        );
        assert_eq!(found("10.0.0.1", &["10.0.0.1"], &[]), "10.0.0.1");
        assert_eq!(
            found("::1", &["::1"], &["[2001:db8::1]:4711"]),
            "2001:db8::1"
        );
        assert_eq!(found("::1", &["::1"], &["1.2.3.4:80"]), "1.2.3.4");
        assert_eq!(client(None, &["unix"], &["1.2.3.4"]).unwrap(), "1.2.3.4");
        assert_eq!(client(None, &["0.0.0.0/0"], &["1.2.3.4"]), None);
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for text in ["", "proxy.example", "10.0.0.0/33", "10.0.0.1:80", "*"] {
            assert!(text.parse::<TrustedProxy>().is_err(), "{text}");
        }
    }
}
