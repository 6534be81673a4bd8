//! What stands in headers: what the configuration wants there, and what 2026-07-28 wants there of
//! the body ("Request metadata").

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::peer::{Ask, Peer};
use crate::config::Template;
use crate::mcp::{Version, encoded, header, named_by};

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
        headers.insert(header::VERSION, HeaderValue::from_static(version.as_str()));
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
    let value = |text: &str| HeaderValue::try_from(&*encoded(text));
    if let Ok(method) = value(&ask.method) {
        headers.insert(header::METHOD, method);
    }
    let name = named_by(&ask.method).and_then(|it| ask.params.text(it));
    if let Some(Ok(name)) = name.map(|it| value(&it)) {
        headers.insert(header::NAME, name);
    }
    for (name, said) in &ask.headers {
        if let (Ok(name), Ok(said)) = (HeaderName::try_from(name), value(said)) {
            headers.insert(name, said);
        }
    }
}
