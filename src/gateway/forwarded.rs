//! For whom a reverse proxy asks.
//!
//! A proxy adds the address that it was asked from at the end of the header, so what stands there is
//! read from the right: behind the connection itself, each hop was written by the one before it, and
//! is worth as much as that one is trusted. The first that is no proxy of ours is the client, and what
//! stands further left is only what the client wrote.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use crate::config::ForwardedHeader;
use crate::domain::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies before the main address.
#[derive(Clone, Debug)]
pub struct Proxies {
    /// Where they are.
    pub trusted: Vec<Network>,
    /// Where they write who asks.
    pub header: ForwardedHeader,
}

impl Proxies {
    /// Whether an address is that of a proxy.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Who asks, when a proxy at `peer` sends these headers; `None` when it does not say.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.trust(peer) {
            return Some(peer);
        }
        let mut nearest = None;
        for hop in self.hops(headers) {
            // A hop that cannot be read may be anybody: whoever named it is the last that is known.
            let Some(address) = hop else { break };
            nearest = Some(address);
            if !self.trust(address) {
                break;
            }
        }
        nearest
    }

    /// The hops, the nearest first; one that names no address is `None`.
    fn hops<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + 'h {
        let (name, address_of): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR, address),
            ForwardedHeader::Forwarded => (header::FORWARDED, forwarded_for),
        };
        let lines = headers.get_all(name).iter().collect::<Vec<_>>().into_iter().rev();
        lines
            .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
            // Each by itself: a hop that is no text spoils no other.
            .map(move |hop| address_of(std::str::from_utf8(hop).ok()?.trim()))
    }
}

/// The address of an element of `Forwarded`, such as `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let node = element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    let bare = node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node);
    address(bare)
}

/// An address, with a port or without; one of IPv6 may stand in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address: IpAddr = text.parse().ok().or_else(bracketed).or_else(with_port)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(
        trusted: &str,
        header: ForwardedHeader,
        peer: &str,
        lines: &[(&'static str, &str)],
    ) -> Option<String> {
        let trusted = trusted.split(' ').filter(|text| !text.is_empty());
        let proxies = Proxies {
            trusted: trusted.map(|text| text.parse().expect("a network")).collect(),
            header,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        let client = proxies.client(peer.parse().expect("an address"), &headers);
        client.map(|address| address.to_string())
    }

    #[test]
    fn the_first_hop_from_the_right_that_is_no_proxy_is_the_client() {
        const XFF: &str = "x-forwarded-for";
        let seen = |peer, lines: &[(&'static str, &str)]| {
            client("10.0.0.0/8 ::1", ForwardedHeader::XForwardedFor, peer, lines)
        };
        let is = |text: &str| Some(text.to_owned());

        assert_eq!(seen("10.0.0.1", &[(XFF, "203.0.113.7")]), is("203.0.113.7"));
        // What the client wrote itself stands to the left of what the proxy added.
        assert_eq!(seen("10.0.0.1", &[(XFF, "1.2.3.4, 203.0.113.7")]), is("203.0.113.7"));
        assert_eq!(seen("10.0.0.1", &[(XFF, "203.0.113.7, 10.2.2.2")]), is("203.0.113.7"));
        assert_eq!(seen("::1", &[(XFF, "203.0.113.7"), (XFF, "10.9.9.9")]), is("203.0.113.7"));
        assert_eq!(seen("10.0.0.1", &[(XFF, "203.0.113.7:4711")]), is("203.0.113.7"));
        assert_eq!(seen("::1", &[(XFF, "[2001:db8::5]:4711")]), is("2001:db8::5"));
        assert_eq!(seen("10.0.0.1", &[(XFF, "::ffff:203.0.113.7")]), is("203.0.113.7"));
        assert_eq!(seen("10.0.0.1", &[(XFF, "10.1.1.1, 10.2.2.2")]), is("10.1.1.1"));
        assert_eq!(seen("10.0.0.1", &[(XFF, "203.0.113.7, unknown, 10.2.2.2")]), is("10.2.2.2"));
        assert_eq!(seen("10.0.0.1", &[(XFF, "unknown")]), None);
        assert_eq!(seen("10.0.0.1", &[(XFF, "")]), None);
        assert_eq!(seen("10.0.0.1", &[]), None);
    }

    #[test]
    fn a_header_of_somebody_who_is_no_proxy_and_a_header_of_the_other_kind_are_ignored() {
        let lines = [("x-forwarded-for", "198.51.100.9"), ("forwarded", "for=198.51.100.8")];
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            let direct = client("10.0.0.0/8", header, "203.0.113.7", &lines);
            assert_eq!(direct.as_deref(), Some("203.0.113.7"));
            assert_eq!(client("", header, "10.0.0.1", &lines).as_deref(), Some("10.0.0.1"));
        }
        let by =
            |header, line: usize| client("10.0.0.0/8", header, "10.0.0.1", &lines[line..=line]);
        assert_eq!(by(ForwardedHeader::Forwarded, 0), None);
        assert_eq!(by(ForwardedHeader::XForwardedFor, 1), None);
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let seen = |value: &str| {
            client("10.0.0.0/8", ForwardedHeader::Forwarded, "10.0.0.1", &[("forwarded", value)])
        };
        let is = |text: &str| Some(text.to_owned());

        assert_eq!(seen("for=203.0.113.7;proto=https;by=10.0.0.1"), is("203.0.113.7"));
        assert_eq!(seen("proto=https; For=\"203.0.113.7:47\""), is("203.0.113.7"));
        assert_eq!(seen("for=1.2.3.4, for=\"[2001:db8:cafe::17]:4711\""), is("2001:db8:cafe::17"));
        assert_eq!(seen("for=_hidden, for=10.3.3.3"), is("10.3.3.3"));
        assert_eq!(seen("for=unknown"), None);
        assert_eq!(seen("proto=https"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic_or_names_who_was_not_written(value in "[ -~]{0,60}") {
            for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
                let lines = [("x-forwarded-for", value.as_str()), ("forwarded", value.as_str())];
                let _ = client("10.0.0.0/8", header, "10.0.0.1", &lines);
            }
        }
    }
}
