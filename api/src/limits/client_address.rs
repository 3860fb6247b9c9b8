//! Whose call it is, by address, behind proxies or not.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::config::ForwardedHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a call is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Where the address of a caller is taken from.
#[derive(Debug, Clone)]
pub struct AddressSource {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
}

impl AddressSource {
    /// Believes these proxies, and what they write into this header.
    #[must_use]
    pub fn new(trusted: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { trusted, header }
    }

    /// The address of the caller: that of the peer or, if the peer is a trusted proxy, the last one
    /// in the header that is not.
    ///
    /// Each proxy adds to the right, so what stands left of the first address that is not trusted
    /// was written by a stranger. Where the header cannot be read, the last proxy that could be
    /// stands for everybody behind it.
    #[must_use]
    pub fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientAddress {
        let mut address = peer.ip().to_canonical();
        let name = match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let values: Vec<_> = headers.get_all(name).iter().collect();
        let mut hops =
            values.iter().rev().flat_map(|value| value.to_str().unwrap_or("").rsplit(','));
        while self.is_trusted(address) {
            let hop = hops.next().and_then(|hop| match self.header {
                ForwardedHeader::XForwardedFor => parse_node(hop.trim()),
                ForwardedHeader::Forwarded => parse_forwarded(hop),
            });
            match hop {
                Some(hop) => address = hop.to_canonical(),
                None => break,
            }
        }
        ClientAddress(address)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4). A comma or a semicolon within quotes, which
/// no address has, makes the element unreadable.
fn parse_forwarded(element: &str) -> Option<IpAddr> {
    let mut nodes = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let node = nodes.next().filter(|_| nodes.next().is_none())?;
    let node = match node.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => node,
    };
    parse_node(node)
}

/// An address with or without port, and with or without brackets.
fn parse_node(node: &str) -> Option<IpAddr> {
    node.parse::<IpAddr>()
        .or_else(|_| node.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .or_else(|| node.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(header: ForwardedHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        AddressSource::new(trusted.to_vec(), header).address(peer, &headers).0.to_string()
    }

    fn x_forwarded_for(peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        address(ForwardedHeader::XForwardedFor, peer, &lines)
    }

    fn forwarded(peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
        address(ForwardedHeader::Forwarded, peer, &lines)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(x_forwarded_for("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(forwarded("192.0.2.1", &["for=198.51.100.1"]), "192.0.2.1");
    }

    #[test]
    fn a_proxy_is_believed_about_whom_it_forwards_for_and_nobody_before() {
        assert_eq!(x_forwarded_for("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(x_forwarded_for("10.0.0.1", &["198.51.100.1, 192.0.2.1"]), "192.0.2.1");
        // Proxies in a row, in one line or several.
        assert_eq!(x_forwarded_for("10.0.0.1", &["1.1.1.1, 192.0.2.1, 10.9.9.9"]), "192.0.2.1");
        assert_eq!(x_forwarded_for("10.0.0.1", &["1.1.1.1, 192.0.2.1", "10.9.9.9"]), "192.0.2.1");
        assert_eq!(x_forwarded_for("::ffff:10.0.0.1", &["::ffff:192.0.2.1"]), "192.0.2.1");
        assert_eq!(x_forwarded_for("2001:db8:1::1", &["2001:db8:2::7"]), "2001:db8:2::7");
        assert_eq!(forwarded("10.0.0.1", &["for=1.1.1.1, For=192.0.2.1;proto=https"]), "192.0.2.1");
        assert_eq!(forwarded("10.0.0.1", &["for=\"[2001:db8:2::7]:80\""]), "2001:db8:2::7");
        assert_eq!(forwarded("10.0.0.1", &["by=10.0.0.1; for=\"192.0.2.1:80\""]), "192.0.2.1");
    }

    #[test]
    fn ports_and_brackets_do_not_hide_an_address() {
        for node in ["192.0.2.1:80", " 192.0.2.1 "] {
            assert_eq!(x_forwarded_for("10.0.0.1", &[node]), "192.0.2.1");
        }
        for node in ["2001:db8:2::7", "[2001:db8:2::7]", "[2001:db8:2::7]:80"] {
            assert_eq!(x_forwarded_for("10.0.0.1", &[node]), "2001:db8:2::7");
        }
    }

    #[test]
    fn what_cannot_be_read_counts_for_the_proxy() {
        for rubbish in ["", "unknown", "192.0.2.1, ", "192.0.2.1, rubbish", "300.0.0.1", "_hidden"]
        {
            assert_eq!(x_forwarded_for("10.0.0.1", &[rubbish]), "10.0.0.1", "{rubbish}");
        }
        for rubbish in ["for=unknown", "by=1.1.1.1", "for=1.1.1.1;for=2.2.2.2", "for=\"1.1.1.1"] {
            assert_eq!(forwarded("10.0.0.1", &[rubbish]), "10.0.0.1", "{rubbish}");
        }
        assert_eq!(x_forwarded_for("10.0.0.1", &[]), "10.0.0.1");
        // All of it proxies: the first.
        assert_eq!(x_forwarded_for("10.0.0.1", &["10.2.2.2, 10.3.3.3"]), "10.2.2.2");
    }

    #[test]
    fn the_header_that_the_proxy_does_not_write_is_not_looked_at() {
        let both = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(address(ForwardedHeader::XForwardedFor, "10.0.0.1", &both), "192.0.2.1");
        assert_eq!(address(ForwardedHeader::Forwarded, "10.0.0.1", &both), "1.1.1.1");
    }
}
