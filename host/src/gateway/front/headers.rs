//! The headers of Streamable HTTP: what a request says of itself outside of its body, and whether
//! that agrees with what the body says (2026-07-28, "Request Metadata").

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::value::RawValue;

use crate::gateway::mirrored::{self, mirrored};
use crate::mcp::{self, Members, Request, RpcError, header, key};

/// The header, if it is there and is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the client takes an answer of this type. One that does not say takes any.
pub(super) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let mut all = headers.get_all(ACCEPT).iter().peekable();
    if all.peek().is_none() {
        return true;
    }
    let family = wanted.split_once('/').map_or(wanted, |(family, _)| family);
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .map(str::trim)
        .any(|range| {
            range == "*/*"
                || range.eq_ignore_ascii_case(wanted)
                || range
                    .strip_suffix("/*")
                    .is_some_and(|it| it.eq_ignore_ascii_case(family))
        })
}

/// Whether the body calls itself JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.and_then(|it| it.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn mismatch(message: String) -> RpcError {
    RpcError::new(RpcError::HEADER_MISMATCH, message)
}

/// What the header says.
fn decoded(headers: &HeaderMap, name: &str) -> Result<Option<String>, RpcError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let said = value.to_str().ok().and_then(mcp::decoded);
    let broken = || {
        mismatch(format!(
            "the header `{name}` has characters that it must not have"
        ))
    };
    said.map(|it| Some(it.into_owned())).ok_or_else(broken)
}

/// Whether the headers of a request of the new era say what its body says.
///
/// # Errors
/// -32020, with what differs.
pub(super) fn agree(
    headers: &HeaderMap,
    request: &Request,
    params: &Members,
) -> Result<(), RpcError> {
    let meta = params.object(key::META).unwrap_or_default();
    let name = mcp::named_by(&request.method);
    let said = [
        (header::VERSION, meta.text(key::PROTOCOL_VERSION)),
        (header::METHOD, Some(request.method.clone())),
        (header::NAME, name.and_then(|name| params.text(name))),
    ];
    for (header, body) in said {
        // What the body lacks is told as that.
        let Some(body) = body else { continue };
        match decoded(headers, header)? {
            // Only what belongs to the protocol itself is asked for.
            None if header == header::NAME && name == Some(key::TASK) => {}
            None => return Err(mismatch(format!("the header `{header}` is missing"))),
            Some(value) if value != body => {
                return Err(mismatch(format!(
                    "the header `{header}` says `{value}`, the body `{body}`"
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whether the headers say the same as those arguments of a tool that its schema wants in headers.
///
/// # Errors
/// -32020, with what differs.
pub(super) fn arguments_agree(
    headers: &HeaderMap,
    tool: &RawValue,
    params: &Members,
) -> Result<(), RpcError> {
    // Most say nothing of it, and this is asked at each call.
    let tool = Some(tool).filter(|it| it.get().contains(mirrored::KEY));
    let Some(tool) = tool.and_then(Members::of) else {
        return Ok(());
    };
    let arguments = params.object("arguments").unwrap_or_default();
    // A tool that says wrongly what it wants there is used by nobody who reads it.
    for wanted in mirrored(&tool).unwrap_or_default() {
        let name = wanted.header.to_ascii_lowercase();
        let number = |text: &str| text.parse::<f64>().ok();
        match (decoded(headers, &name)?, wanted.value(&arguments)) {
            (None, None) => {}
            (Some(said), Some(body)) if said == body => {}
            // 42 and 42.0
            (Some(said), Some(body))
                if number(&said).is_some_and(|it| Some(it) == number(&body)) => {}
            (None, Some(_)) => return Err(mismatch(format!("the header `{name}` is missing"))),
            (Some(_), _) => {
                return Err(mismatch(format!(
                    "the header `{name}` differs from the argument that it is for"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                axum::http::HeaderName::from_static(name),
                axum::http::HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn a_client_takes_what_it_says_and_anything_if_it_says_nothing() {
        let sse = "text/event-stream";
        for (accept, takes) in [
            ("application/json, text/event-stream", true),
            ("application/json,Text/Event-Stream;q=0.5", true),
            ("text/*", true),
            ("*/*", true),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(
                accepts(&headers(&[("accept", accept)]), sse),
                takes,
                "{accept}"
            );
        }
        assert!(accepts(&HeaderMap::new(), sse));
    }

    fn agreement(pairs: &[(&'static str, &'static str)], name: &str) -> Result<(), String> {
        let params = format!(
            r#"{{"name":{name},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}}"#
        );
        let request = Request {
            id: 1.into(),
            method: "tools/call".into(),
            params: None,
        };
        let params = Members::parse(&params).unwrap();
        agree(&headers(pairs), &request, &params).map_err(|error| error.to_string())
    }

    #[test]
    fn headers_agree_with_the_body_or_are_refused() {
        let version = (header::VERSION, "2026-07-28");
        let method = (header::METHOD, "tools/call");
        let all = |name| agreement(&[version, method, (header::NAME, name)], r#""grüße""#);
        assert_eq!(all("=?base64?Z3LDvMOfZQ==?="), Ok(()));
        for (name, say) in [
            ("other", "says `other`, the body `grüße`"),
            ("=?base64?!?=", "has characters that it must not have"),
            ("=?base64?/w==?=", "has characters that it must not have"),
        ] {
            let error = all(name).unwrap_err();
            assert!(error.contains(say) && error.contains("-32020"), "{error}");
        }
        for (pairs, missing) in [
            (&[method, (header::NAME, "a")], header::VERSION),
            (&[version, (header::NAME, "a")], header::METHOD),
            (&[version, method], header::NAME),
        ] {
            let error = agreement(pairs, r#""a""#).unwrap_err();
            assert!(
                error.contains(&format!("`{missing}` is missing")),
                "{error}"
            );
        }
    }

    #[test]
    fn arguments_that_a_schema_wants_in_headers_must_stand_there() {
        let tool = r#"{"inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"properties":{"n":{"type":"integer","x-mcp-header":"N"}}},
            "on":{"type":"boolean","x-mcp-header":"On"}}}}"#;
        let check = |pairs: &[(&'static str, &'static str)], arguments: &str| {
            let params = Members::parse(&format!(r#"{{"arguments":{arguments}}}"#)).unwrap();
            let tool: &RawValue = serde_json::from_str(tool).unwrap();
            arguments_agree(&headers(pairs), tool, &params).is_ok()
        };
        let region = ("mcp-param-region", "us");
        assert!(check(&[], "{}"));
        assert!(check(&[], r#"{"region":null}"#));
        assert!(check(&[region], r#"{"region":"us"}"#));
        assert!(!check(&[], r#"{"region":"us"}"#));
        assert!(!check(&[region], r#"{"region":"eu"}"#));
        assert!(!check(&[region], "{}"));
        let n = ("mcp-param-n", "42.0");
        assert!(check(&[n], r#"{"deep":{"n":42}}"#));
        assert!(!check(&[n], r#"{"deep":{"n":43}}"#));
        assert!(check(&[("mcp-param-on", "true")], r#"{"on":true}"#));
        assert!(!check(&[("mcp-param-on", "True")], r#"{"on":true}"#));
    }
}
