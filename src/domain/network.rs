//! Addresses of clients, and networks of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Bits of an IPv6 address that one customer of a provider has in common: within them a client takes
/// any address that it likes.
const IPV6_SITE_BITS: u8 = 64;

/// The address that a client is counted by: an IPv4 address, or the /64 of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let site = u128::from(address) & mask(IPV6_SITE_BITS, 128);
                Self(IpAddr::V6(Ipv6Addr::from_bits(site)))
            }
            address => Self(address),
        }
    }
}

impl ClientAddress {
    /// Whether it is one of this machine.
    pub fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

/// Addresses with a common beginning, written as `10.0.0.0/8`, `2001:db8::/32` or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError;

impl Network {
    /// Whether an address is one of the network; an IPv4 address is the same in its IPv6 form.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = mask(self.bits, 32);
                u128::from(u32::from(own)) & mask == u128::from(u32::from(other)) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = mask(self.bits, 128);
                u128::from(own) & mask == u128::from(other) & mask
            }
            _ => false,
        }
    }
}

/// Networks that the internet does not route to one machine: of this machine, of a house, of a link, of
/// carriers, for documents and tests, for many receivers (RFC 6890 and its registries).
const NOT_PUBLIC_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];
/// Of IPv6 only these are given to machines of the internet ...
const PUBLIC_V6: ([u16; 2], u8) = ([0x2000, 0], 3);
/// ... but for these, of which Teredo and 6to4 hold addresses of IPv4.
const NOT_PUBLIC_V6: [([u16; 2], u8); 4] =
    [([0x2001, 0], 23), ([0x2001, 0xdb8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];
/// Addresses of IPv4 behind a translator (RFC 6052).
const TRANSLATED_V4: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Whether an address is one that anybody on the internet can have, and not one inside a network.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|(network, bits)| {
            let mask = mask(*bits, 32);
            u128::from(u32::from(address)) & mask == u128::from(u32::from_be_bytes(*network))
        }),
        IpAddr::V6(address) if address.segments()[..6] == TRANSLATED_V4 => {
            is_public(IpAddr::V4(Ipv4Addr::from_bits(u128::from(address) as u32)))
        }
        IpAddr::V6(address) => {
            let is_in = |(network, bits): &([u16; 2], u8)| {
                let network = u128::from(network[0]) << 112 | u128::from(network[1]) << 96;
                u128::from(address) & mask(*bits, 128) == network
            };
            is_in(&PUBLIC_V6) && !NOT_PUBLIC_V6.iter().any(is_in)
        }
    }
}

/// The first `bits` of `width` bits.
const fn mask(bits: u8, width: u8) -> u128 {
    let all = u128::MAX >> (128 - width);
    match width - bits {
        128 => 0,
        rest => (all >> rest) << rest,
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let width = if address.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS };
        let width = u8::try_from(width).map_err(|_| NetworkError)?;
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| NetworkError)?,
            None => width,
        };
        if bits > width {
            return Err(NetworkError);
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.9/30", "192.0.2.11", "192.0.2.12"),
            ("0.0.0.0/0", "203.0.113.1", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("::1", "::1", "::2"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
        ] {
            let parsed: Network = network.parse().expect(network);
            assert!(parsed.contains(address(inside)), "{network} {inside}");
            assert!(!parsed.contains(address(outside)), "{network} {outside}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "host", "10.0.0.0/"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }

    #[test]
    fn who_has_a_whole_ipv6_site_is_one_client() {
        let counted = |text: &str| ClientAddress::from(address(text));

        assert_eq!(counted("2001:db8:1:2::5"), counted("2001:db8:1:2:ffff:1:2:3"));
        assert_ne!(counted("2001:db8:1:2::5"), counted("2001:db8:1:3::5"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
        assert!(counted("::1").is_loopback() && counted("127.1.2.3").is_loopback());
    }

    #[test]
    fn addresses_of_networks_that_are_not_the_internets_are_not_public() {
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "100::1",
        ] {
            assert!(!is_public(address(inside)), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.128.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(address(outside)), "{outside}");
        }
    }
}
