//! One entry of the grant `http`: where a plugin may connect to. A name stands for the public
//! addresses behind it; a private one must be named itself, as an address or a network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `[http://]HOST[:PORT]`, where HOST is a name, `*.DOMAIN`, an address or a network
/// (`10.0.0.0/8`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostGrant {
    written: String,
    /// Without TLS.
    plain: bool,
    host: Host,
    /// Any, without one: that of the scheme.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    /// Every name below this one.
    Below(String),
    Network(IpAddr, u8),
}

impl fmt::Display for HostGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl HostGrant {
    /// Reads one entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(written: &str) -> Result<Self, String> {
        let (plain, rest) = match written.split_once("://") {
            Some(("http", rest)) => (true, rest),
            Some(("https", rest)) => (false, rest),
            Some((scheme, _)) => return Err(format!("`{scheme}` is neither http nor https")),
            None => (false, written),
        };
        let (host, port) = split_port(rest)?;
        let host = match host.split_once('/') {
            Some((address, bits)) => network(address, bits)?,
            None => match (host.parse::<IpAddr>(), host.strip_prefix("*.")) {
                (Ok(address), _) => Host::Network(address, full(address)),
                (_, Some(domain)) => Host::Below(name(domain)?),
                _ => Host::Name(name(host)?),
            },
        };
        Ok(Self {
            written: written.to_owned(),
            plain,
            host,
            port,
        })
    }

    /// Whether this lets a plugin ask this host, which may be a name or an address, at this port.
    pub fn covers(&self, tls: bool, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let named = match (&self.host, host.parse::<IpAddr>()) {
            (Host::Network(..), Ok(address)) => self.holds(address),
            (Host::Network(..), Err(_)) | (_, Ok(_)) => false,
            (Host::Name(name), Err(_)) => *name == host,
            (Host::Below(domain), Err(_)) => {
                let below = host.strip_suffix(domain.as_str());
                below.is_some_and(|below| below.len() > 1 && below.ends_with('.'))
            }
        };
        let usual = if tls { 443 } else { 80 };
        named && tls != self.plain && port == self.port.unwrap_or(usual)
    }

    /// Whether this names the address itself, so that it may be a private one.
    pub fn holds(&self, address: IpAddr) -> bool {
        let Host::Network(network, bits) = self.host else {
            return false;
        };
        let (a, b, all) = match (network, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let differ: u128 = a ^ b;
        differ.checked_shr(all - u32::from(bits)).unwrap_or(0) == 0
    }
}

/// Whether anybody on the Internet may have this address. What is not so is a machine of the
/// user's, his network, or the cloud's own services (IANA's special-purpose registries).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a, b, c) == (192, 0, 0))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is given out at all. 6to4 and Teredo lead to IPv4 addresses of any kind.
    (0x2000..0x4000).contains(&first)
        && first != 0x2002
        && !(first == 0x2001 && (second == 0 || second == 0xdb8))
        && !(first == 0x3fff && second < 0x1000)
}

fn split_port(rest: &str) -> Result<(&str, Option<u16>), String> {
    let wrong = |port: &str| format!("`{port}` is no port");
    // An IPv6 address stands in brackets where a port follows.
    let (host, port) = match rest.strip_prefix('[') {
        Some(inside) => {
            let end = "a `[` has no `]`";
            let (host, after) = inside.split_once(']').ok_or(end)?;
            (host, after.strip_prefix(':').filter(|_| !after.is_empty()))
        }
        None => match rest.split_once(':') {
            Some((_, more)) if more.contains(':') => (rest, None),
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let port = port.map(|port| port.parse().map_err(|_| wrong(port)));
    Ok((host, port.transpose()?))
}

fn network(address: &str, bits: &str) -> Result<Host, String> {
    let wrong = || format!("`{address}/{bits}` is no network; write it as 10.0.0.0/8");
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let bits: u8 = bits.parse().map_err(|_| wrong())?;
    match bits <= full(address) {
        true => Ok(Host::Network(address, bits)),
        false => Err(wrong()),
    }
}

fn full(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn name(host: &str) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if host.is_empty() || host.len() > 253 || !host.chars().all(legal) {
        return Err(format!(
            "`{host}` is no host; write a name, `*.DOMAIN`, an address or a network"
        ));
    }
    Ok(host.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(written: &str) -> HostGrant {
        HostGrant::parse(written).unwrap()
    }

    #[test]
    fn a_name_stands_for_itself_with_tls_at_its_port() {
        let api = grant("api.example.com");
        assert!(api.covers(true, "API.example.com.", 443));
        assert!(!api.covers(false, "api.example.com", 80), "not without TLS");
        assert!(!api.covers(true, "api.example.com", 8443));
        assert!(!api.covers(true, "evil.api.example.com", 443));
        assert!(!api.covers(true, "127.0.0.1", 443));
        assert!(grant("http://web:8080").covers(false, "web", 8080));
        assert!(!grant("http://web:8080").covers(true, "web", 8080));
    }

    #[test]
    fn a_star_stands_for_what_is_below() {
        let below = grant("*.example.com");
        assert!(below.covers(true, "a.b.example.com", 443));
        for other in ["example.com", ".example.com", "notexample.com"] {
            assert!(!below.covers(true, other, 443), "{other}");
        }
    }

    #[test]
    fn private_addresses_must_be_named() {
        let network = grant("10.0.0.0/8");
        assert!(network.holds("10.1.2.3".parse().unwrap()));
        assert!(network.holds("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.holds("11.0.0.1".parse().unwrap()));
        assert!(grant("http://[::1]:80").covers(false, "[::1]", 80));
        assert!(grant("0.0.0.0/0").holds("1.2.3.4".parse().unwrap()));
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.168.1.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "2606:4700::1111"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in [
            "",
            "ftp://a",
            "a b",
            "a:99999",
            "10.0.0.0/33",
            "[::1",
            "a/8",
            "http://",
        ] {
            assert!(HostGrant::parse(wrong).is_err(), "{wrong}");
        }
    }
}
