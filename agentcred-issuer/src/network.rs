//! Which network addresses an upstream may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The addresses that a service may be dialled at: all public ones, and what its policy adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    allowed: Vec<IpNet>,
}

impl Networks {
    pub(crate) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Every address, for servers that an operator names and no caller has a say in.
    pub(crate) fn all() -> Self {
        Self::new(vec![Ipv4Net::default().into(), Ipv6Net::default().into()])
    }

    /// Whether `address` may be dialled. An IPv4 address written as IPv6 counts as what it is.
    pub(crate) fn permit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

/// Whether an address is on the public internet, by the special-purpose registries of IANA
/// (RFC 6890). Prefixes that hide an IPv4 address in an IPv6 one are not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_UNICAST_V6.contains(&v6)
                && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&v6))
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}

const NOT_PUBLIC_V4: [Ipv4Net; 18] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Link-local, and the metadata service of most clouds in it.
    v4(169, 254, 0, 0, 16),
    // Azure's platform service, which looks public and answers virtual machines only.
    v4(168, 63, 129, 16, 32),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 31, 196, 0, 24),
    v4(192, 52, 193, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Loopback, private, link-local, multicast and NAT64 addresses are all outside of it.
const GLOBAL_UNICAST_V6: Ipv6Net = v6(0x2000, 0, 3);

const NOT_PUBLIC_V6: [Ipv6Net; 5] = [
    // Protocol assignments, with Teredo and ORCHID in them.
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    // 6to4 holds an IPv4 address.
    v6(0x2002, 0, 16),
    v6(0x2620, 0x4f, 48),
    v6(0x3fff, 0, 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(networks: &[&str], address: &str) -> bool {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        Networks::new(networks).permit(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_may_be_dialled() {
        for address in ["1.1.1.1", "54.187.174.169", "2606:4700::1111", "2a00:1450:4001::1"] {
            assert!(permitted(&[], address), "{address}");
        }
    }

    #[test]
    fn private_and_special_addresses_may_not() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2001::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!permitted(&[], address), "{address}");
        }
    }

    #[test]
    fn a_service_can_allow_a_network_and_nothing_beside_it() {
        assert!(permitted(&["127.0.0.0/8"], "127.0.0.1"));
        assert!(permitted(&["127.0.0.0/8"], "::ffff:127.0.0.1"));
        assert!(!permitted(&["127.0.0.0/8"], "10.0.0.1"));
        assert!(!permitted(&["127.0.0.0/8"], "::1"));
        assert!(permitted(&["::1/128"], "::1"));
    }
}
