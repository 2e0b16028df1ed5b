//! The verdict on one address: a table of what is never public, and a list of what is allowed all the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address may not be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind}, which webhooks must not reach; an operator can allow it by its network")]
pub struct Refused {
    /// The address as it was given.
    pub address: IpAddr,
    /// What it is: `a loopback address`.
    pub kind: &'static str,
}

/// Which addresses may be called.
///
/// The default allows public unicast addresses only. Networks that are allowed besides win over everything else; this
/// is how internal receivers are reached.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// Public addresses, and these networks besides.
    #[must_use]
    pub fn allowing(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allowed: networks.into_iter().collect() }
    }

    /// Judges an address. An IPv4 address inside an IPv6 one (IPv4-mapped, NAT64) is judged as itself.
    ///
    /// # Errors
    /// [`Refused`] with what the address is.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let inner = unwrapped(address);
        if self.allowed.iter().any(|network| network.contains(&inner) || network.contains(&address)) {
            return Ok(());
        }
        let kind = match inner {
            IpAddr::V4(v4) => kind_of_v4(v4),
            IpAddr::V6(v6) => kind_of_v6(v6),
        };
        kind.map_or(Ok(()), |kind| Err(Refused { address, kind }))
    }
}

/// The IPv4 address that packets to this one end at, where a gateway or the system would unwrap it.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(mapped) = v6.to_ipv4_mapped() {
        return mapped.into();
    }
    if NAT64.contains(&v6) {
        let [.., a, b, c, d] = v6.octets();
        return Ipv4Addr::new(a, b, c, d).into();
    }
    address
}

fn kind_of_v4(address: Ipv4Addr) -> Option<&'static str> {
    NOT_PUBLIC_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, kind)| *kind)
}

fn kind_of_v6(address: Ipv6Addr) -> Option<&'static str> {
    let named = NOT_PUBLIC_V6.iter().find(|(network, _)| network.contains(&address)).map(|(_, kind)| *kind);
    // Everything public so far is in one eighth of the space; the rest is not assigned.
    named.or_else(|| (!GLOBAL_UNICAST.contains(&address)).then_some("a reserved address"))
}

const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// From the registry of special-purpose IPv4 addresses. The first network that contains an address names it.
const NOT_PUBLIC_V4: [(Ipv4Net, &str); 19] = [
    (v4([0, 0, 0, 0], 32), "the unspecified address"),
    (v4([0, 0, 0, 0], 8), "an address of this network"),
    (v4([10, 0, 0, 0], 8), "a private address"),
    (v4([100, 64, 0, 0], 10), "an address behind a carrier's NAT"),
    (v4([127, 0, 0, 0], 8), "a loopback address"),
    (v4([168, 63, 129, 16], 32), "a metadata address"), // Azure's, in public space
    (v4([169, 254, 169, 254], 32), "a metadata address"),
    (v4([169, 254, 170, 2], 32), "a metadata address"),
    (v4([169, 254, 0, 0], 16), "a link-local address"),
    (v4([172, 16, 0, 0], 12), "a private address"),
    (v4([192, 0, 0, 0], 24), "a reserved address"),
    (v4([192, 0, 2, 0], 24), "a documentation address"),
    (v4([192, 88, 99, 0], 24), "a 6to4 relay"),
    (v4([192, 168, 0, 0], 16), "a private address"),
    (v4([198, 18, 0, 0], 15), "a benchmarking address"),
    (v4([198, 51, 100, 0], 24), "a documentation address"),
    (v4([203, 0, 113, 0], 24), "a documentation address"),
    (v4([224, 0, 0, 0], 4), "a multicast address"),
    (v4([240, 0, 0, 0], 4), "a reserved address"), // the broadcast address is in it
];

/// Of 6to4, Teredo and IPv4-compatible addresses all are refused, whatever they wrap: the transitions are over, and
/// no receiver is found there any more.
const NOT_PUBLIC_V6: [(Ipv6Net, &str); 17] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "the unspecified address"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "a loopback address"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "an IPv4-compatible address"),
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), "an IPv4-translated address"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "an address of a local NAT64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "a discarded address"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "a Teredo address"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "a benchmarking address"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "a documentation address"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "a reserved address"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "a 6to4 address"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "a documentation address"),
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), "a metadata address"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "a unique local address"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "a link-local address"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "a site-local address"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "a multicast address"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(address: &str) -> Option<&'static str> {
        AddressPolicy::default().check(address.parse().unwrap()).err().map(|refused| refused.kind)
    }

    #[test]
    fn what_is_not_public_is_refused_by_its_name() {
        let table = [
            ("a loopback address", &["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"][..]),
            ("a private address", &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::ffff:10.1.2.3"]),
            ("a metadata address", &["169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"]),
            ("a metadata address", &["168.63.129.16", "169.254.170.2"]),
            ("a link-local address", &["169.254.0.1", "fe80::1", "febf::1"]),
            ("an address behind a carrier's NAT", &["100.64.0.1", "100.100.100.200", "100.127.255.255"]),
            ("a multicast address", &["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"]),
            ("a reserved address", &["240.0.0.1", "255.255.255.255", "192.0.0.192", "4000::1", "2001:100::1"]),
            ("a documentation address", &["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1"]),
            ("a benchmarking address", &["198.18.0.1", "198.19.255.255", "2001:2::1"]),
            ("the unspecified address", &["0.0.0.0", "::", "::ffff:0.0.0.0"]),
            ("an address of this network", &["0.1.2.3"]),
            ("a unique local address", &["fc00::1", "fdff::1"]),
            ("a site-local address", &["fec0::1"]),
            ("an IPv4-compatible address", &["::7f00:1", "::8.8.8.8"]),
            ("an IPv4-translated address", &["::ffff:0:127.0.0.1"]),
            ("an address of a local NAT64", &["64:ff9b:1::7f00:1", "64:ff9b:1:ffff::8.8.8.8"]),
            ("a 6to4 address", &["2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1"]),
            ("a Teredo address", &["2001:0:7f00:1::", "2001::f5ff:fffe"]),
        ];
        for (expected, addresses) in table {
            for address in addresses {
                assert_eq!(kind(address), Some(expected), "{address}");
            }
        }
    }

    #[test]
    fn public_addresses_and_their_neighbours_are_allowed() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert_eq!(kind(address), None, "{address}");
        }
    }

    #[test]
    fn an_allowed_network_is_allowed_and_nothing_beside_it() {
        let policy = AddressPolicy::allowing(["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()]);
        let allowed = |address: &str| policy.check(address.parse().unwrap()).is_ok();
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00:1::1", "8.8.8.8"] {
            assert!(allowed(address), "{address}");
        }
        for address in ["10.2.0.1", "127.0.0.1", "fd00:2::1", "2002:a01:203::1", "::10.1.2.3"] {
            assert!(!allowed(address), "{address}");
        }
    }

    proptest! {
        /// What the standard library knows of an address agrees with the table, wrapped or not.
        #[test]
        fn no_address_that_is_private_by_the_standard_library_passes(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let not_public = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_documentation() || address.is_broadcast()
                || address.is_unspecified();
            let policy = AddressPolicy::default();
            let verdict = policy.check(address.into()).is_ok();
            prop_assert!(!(not_public && verdict));
            prop_assert_eq!(policy.check(address.to_ipv6_mapped().into()).is_ok(), verdict);
            let nat64 = Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(policy.check(nat64.into()).is_ok(), verdict);
            for wrapped in [
                (0x2002_u128 << 112) | (u128::from(bits) << 80),
                (0x2001_0000_u128 << 96) | u128::from(!bits),
                u128::from(bits),
            ] {
                prop_assert!(policy.check(Ipv6Addr::from_bits(wrapped).into()).is_err());
            }
        }

        #[test]
        fn no_ipv6_address_outside_of_global_unicast_passes(bits in any::<u128>()) {
            let address = Ipv6Addr::from_bits(bits);
            if AddressPolicy::default().check(address.into()).is_ok() {
                prop_assert!(bits >> 125 == 1 || matches!(unwrapped(address.into()), IpAddr::V4(_)));
            }
        }
    }
}
