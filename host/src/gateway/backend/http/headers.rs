//! What stands in headers: what the configuration wants there, and what 2026-07-28 wants there of
//! the body ("Request metadata").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::peer::{Ask, Peer};
use crate::config::Template;
use crate::mcp::Version;

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

pub(super) fn configured(
    pairs: &[(String, Template)],
    resolve: impl Fn(&Template) -> Result<String, String>,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let header = HeaderName::try_from(name)
            .map_err(|_| format!("`{name}` is not the name of a header"))?;
        let mut value = HeaderValue::try_from(resolve(value)?).map_err(|_| {
            format!("the value of the header `{name}` has characters that headers cannot hold")
        })?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

pub(super) fn say_version(headers: &mut HeaderMap, version: Version) {
    // Before 2025-06-18 nobody knew this header.
    if version >= Version::V20250618 {
        headers.insert(VERSION, HeaderValue::from_static(version.as_str()));
    }
}

/// What a request of the new era repeats of its body.
pub(super) fn of_request(headers: &mut HeaderMap, peer: &Peer, ask: &Ask) {
    let modern = match peer.hello.get() {
        Some(hello) => !hello.version.has_sessions(),
        None => ask.method == "server/discover",
    };
    if !modern {
        return;
    }
    if peer.hello.get().is_none() {
        say_version(headers, Version::LATEST);
    }
    if let Ok(method) = HeaderValue::try_from(encoded(&ask.method)) {
        headers.insert(METHOD, method);
    }
    let name = match &*ask.method {
        "tools/call" | "prompts/get" => ask.params.text("name"),
        "resources/read" => ask.params.text("uri"),
        _ => None,
    };
    if let Some(value) = name.and_then(|name| HeaderValue::try_from(encoded(&name)).ok()) {
        headers.insert(NAME, value);
    }
    for (name, value) in &ask.headers {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(encoded(value))) {
            headers.insert(name, value);
        }
    }
}

/// The text, if a header can hold it; else, and where it could be taken for it, in base64.
fn encoded(text: &str) -> String {
    const OPEN: &str = "=?base64?";
    const CLOSE: &str = "?=";
    let visible = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    let plain = text.bytes().all(visible)
        && text.trim_matches([' ', '\t']) == text
        && !(text.starts_with(OPEN) && text.ends_with(CLOSE));
    if plain {
        return text.to_owned();
    }
    format!("{OPEN}{}{CLOSE}", STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of 2026-07-28, "Value encoding".
    #[test]
    fn what_a_header_cannot_hold_is_in_base64() {
        for (text, expected) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ] {
            assert_eq!(encoded(text), expected);
        }
    }
}
