//! The headers of Streamable HTTP, on both sides of the gateway: their names, what a request of the
//! new era repeats in them of its body, and how what a header cannot hold is written (2026-07-28,
//! "Request metadata", "Value encoding").

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key;

/// The headers, as they stand on the wire.
pub mod header {
    /// The session that a request belongs to, in the old era.
    pub const SESSION: &str = "mcp-session-id";
    /// The version that is spoken.
    pub const VERSION: &str = "mcp-protocol-version";
    /// The last event of a stream that is taken up again (HTML, "Server-sent events").
    pub const LAST_EVENT: &str = "last-event-id";
    /// What is asked.
    pub const METHOD: &str = "mcp-method";
    /// What that names.
    pub const NAME: &str = "mcp-name";
    /// With this begins the name of each header that repeats an argument of a tool.
    pub const PARAMETER: &str = "mcp-param-";
}

/// The parameter of this method that stands in the header [`header::NAME`] as well, if one does.
pub fn named_by(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        // The extension `io.modelcontextprotocol/tasks`, "Routing headers".
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some(key::TASK),
        _ => None,
    }
}

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// The text, if a header can hold it; else, and where it could be taken for it, in base64.
pub fn encoded(text: &str) -> Cow<'_, str> {
    let visible = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    let plain = text.bytes().all(visible)
        && text.trim_matches([' ', '\t']) == text
        && !(text.starts_with(OPEN) && text.ends_with(CLOSE));
    if plain {
        return text.into();
    }
    format!("{OPEN}{}{CLOSE}", STANDARD.encode(text)).into()
}

/// What the value of a header says; nothing, if it is encoded wrongly.
pub fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim();
    let inside = value.strip_prefix(OPEN);
    let Some(encoded) = inside.and_then(|it| it.strip_suffix(CLOSE)) else {
        return Some(value.into());
    };
    let bytes = STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
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
            assert_eq!(decoded(expected).unwrap(), text);
        }
        for wrong in ["=?base64?!?=", "=?base64?/w==?="] {
            assert_eq!(decoded(wrong), None);
        }
    }
}
