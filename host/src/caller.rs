//! What whoever comes in over HTTP says of itself, read alike at every door: the token that it
//! shows, and whether the names by which it asks are of this machine. A page in a browser can give
//! any name to this machine (DNS rebinding), but not one of those.

use std::net::IpAddr;

/// The token in an `Authorization` header.
pub fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer ");
    is_bearer.then(|| token.trim_ascii())
}

/// `NAME` or `NAME:PORT`, in an `Origin` that is a page's.
pub fn site_of(origin: &str) -> Option<&str> {
    let of = |scheme| origin.strip_prefix(scheme);
    of("http://").or_else(|| of("https://"))
}

/// The name in `NAME` or `NAME:PORT`; none, where a bracket is not closed.
pub fn name_of(authority: &str) -> Option<&str> {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None => authority.split(':').next(),
    }
}

/// Whether `NAME` or `NAME:PORT` is of this machine, and means nothing else anywhere.
pub fn is_this_machine(authority: &str) -> bool {
    name_of(authority).is_some_and(|name| {
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_in_any_case_and_nothing_else_is_one() {
        assert_eq!(bearer(b"Bearer one"), Some(&b"one"[..]));
        assert_eq!(bearer(b"bearer  one "), Some(&b"one"[..]));
        for other in [&b""[..], b"Bearer", b"Basic one", b"one"] {
            assert_eq!(bearer(other), None, "{other:?}");
        }
    }

    #[test]
    fn this_machine_has_few_names() {
        for here in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]",
            "[::1]:9",
        ] {
            assert!(is_this_machine(here), "{here}");
        }
        for there in [
            "",
            "[::1",
            "::1]",
            "localhost.evil.example",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "10.0.0.1",
        ] {
            assert!(!is_this_machine(there), "{there}");
        }
    }

    #[test]
    fn a_page_has_come_over_http() {
        assert_eq!(site_of("http://localhost:1"), Some("localhost:1"));
        assert_eq!(site_of("https://a.example"), Some("a.example"));
        for other in ["x://localhost", "null", "localhost", "file://localhost"] {
            assert_eq!(site_of(other), None, "{other}");
        }
    }
}
