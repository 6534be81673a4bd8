//! The headers of Streamable HTTP: what a request says of itself outside of its body, and whether
//! that agrees with what the body says (2026-07-28, "Request Metadata").

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::mcp::{Members, Request, RpcError, key};

pub(super) const SESSION: &str = "mcp-session-id";
pub(super) const VERSION: &str = "mcp-protocol-version";
pub(super) const LAST_EVENT: &str = "last-event-id";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const PARAMETER: &str = "mcp-param-";
/// By this member a schema says that a parameter stands in a header too.
const ANNOTATION: &str = "x-mcp-header";

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

/// What the header says, decoded where it is encoded (`=?base64?...?=`).
fn decoded(headers: &HeaderMap, name: &str) -> Result<Option<String>, RpcError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let broken = || {
        mismatch(format!(
            "the header `{name}` has characters that it must not have"
        ))
    };
    let value = value.to_str().map_err(|_| broken())?.trim();
    let encoded = value
        .strip_prefix("=?base64?")
        .and_then(|it| it.strip_suffix("?="));
    let Some(encoded) = encoded else {
        return Ok(Some(value.to_owned()));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| broken())?;
    String::from_utf8(bytes).map(Some).map_err(|_| broken())
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
    let name = match request.method.as_str() {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        _ => None,
    };
    let said = [
        (VERSION, meta.text(key::PROTOCOL_VERSION)),
        (METHOD, Some(request.method.clone())),
        (NAME, name.and_then(|name| params.text(name))),
    ];
    for (header, body) in said {
        // What the body lacks is told as that.
        let Some(body) = body else { continue };
        match decoded(headers, header)? {
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
    tool: &str,
    params: &Members,
) -> Result<(), RpcError> {
    if !tool.contains(ANNOTATION) {
        return Ok(());
    }
    let tool: Value = serde_json::from_str(tool).unwrap_or_default();
    let arguments: Value = params.read("arguments").unwrap_or_default();
    check(headers, &tool["inputSchema"], Some(&arguments))
}

/// A schema is as deep as `serde_json` reads, so this ends.
fn check(headers: &HeaderMap, schema: &Value, value: Option<&Value>) -> Result<(), RpcError> {
    if let Some(name) = schema.get(ANNOTATION).and_then(Value::as_str) {
        let name = format!("{PARAMETER}{}", name.to_ascii_lowercase());
        let header = decoded(headers, &name)?;
        let body = value.filter(|value| !value.is_null());
        let agrees = match (&header, body) {
            (None, None) => true,
            (Some(header), Some(Value::String(body))) => header == body,
            (Some(header), Some(Value::Number(body))) => header
                .parse()
                .ok()
                .is_some_and(|it: f64| Some(it) == body.as_f64()),
            (Some(header), Some(Value::Bool(body))) => {
                header == if *body { "true" } else { "false" }
            }
            _ => false,
        };
        if !agrees {
            return Err(mismatch(match header {
                None => format!("the header `{name}` is missing"),
                Some(_) => format!("the header `{name}` differs from the argument that it is for"),
            }));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, schema) in properties.into_iter().flatten() {
        check(headers, schema, value.and_then(|value| value.get(key)))?;
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
        let version = (VERSION, "2026-07-28");
        let method = (METHOD, "tools/call");
        let all = |name| agreement(&[version, method, (NAME, name)], r#""grüße""#);
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
            (&[method, (NAME, "a")], VERSION),
            (&[version, (NAME, "a")], METHOD),
            (&[version, method], NAME),
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
