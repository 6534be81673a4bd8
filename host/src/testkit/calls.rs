//! The calls that a scenario plays to middleware, as they are written.

use serde_json::{Map, Value as Json};

use crate::config::{MapReader, Value};

/// A call of a client, as the middleware is asked about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) name: String,
    pub(super) backend: String,
    pub(super) client: String,
    pub(super) caller: Option<String>,
    pub(super) params: Json,
}

/// What came back: a result, or an error of JSON-RPC.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Result(Json),
    Error {
        code: i32,
        message: String,
        data: Option<Json>,
    },
}

const METHODS: [(&str, &str); 3] = [
    ("tools/call", "tools/call"),
    ("prompts/get", "prompts/get"),
    ("resources/read", "resources/read"),
];

/// The settings of a middleware.
pub(super) fn settings(value: &Value<'_>) -> Option<Map<String, Json>> {
    value.map()?;
    Some(match value.json() {
        Json::Object(settings) => settings,
        _ => Map::new(),
    })
}

/// A call that goes on to a backend.
pub(super) fn request(value: &Value<'_>) -> Option<Call> {
    let mut map = value.map()?;
    let call = call(&mut map);
    map.finish();
    call
}

/// A call that comes back with a reply.
pub(super) fn response(value: &Value<'_>) -> Option<(Call, Reply)> {
    let mut map = value.map()?;
    let call = call(&mut map);
    let reply = match (map.get("result"), map.get("error")) {
        (Some(result), None) => Some(Reply::Result(object(&result)?)),
        (None, Some(error)) => failure(&error),
        _ => {
            let help =
                "write what the backend answered: `result: {...}` or `error: {code: -32000}`";
            map.error(
                "one of `result` and `error` is needed",
                Some(help.to_owned()),
            );
            None
        }
    };
    map.finish();
    Some((call?, reply?))
}

fn call(map: &mut MapReader<'_>) -> Option<Call> {
    let text = |map: &mut MapReader<'_>, key| Some(map.get(key)?.written_text()?.to_owned());
    let method = map.one_of("method", &METHODS, "tools/call");
    let name = map.require("name", "as clients know it")?.written_text()?;
    let params = match map.get("params") {
        Some(params) => object(&params)?,
        // What names the thing stands in them as well.
        None if method == "resources/read" => serde_json::json!({ "uri": name }),
        None => serde_json::json!({ "name": name, "arguments": {} }),
    };
    Some(Call {
        method,
        name: name.to_owned(),
        backend: text(map, "backend").unwrap_or_else(|| "backend".to_owned()),
        client: text(map, "client").unwrap_or_else(|| "bench/1".to_owned()),
        caller: text(map, "caller"),
        params,
    })
}

fn failure(value: &Value<'_>) -> Option<Reply> {
    let mut map = value.map()?;
    let code = map.require("code", "as in JSON-RPC: -32000")?.json();
    let code = code.as_i64().and_then(|code| i32::try_from(code).ok());
    if code.is_none() {
        value.error("`code` must be a whole number of 32 bits", None);
    }
    let message = map.get("message").and_then(|it| it.written_text());
    let data = map.get("data").map(|data| data.json());
    map.finish();
    Some(Reply::Error {
        code: code?,
        message: message.unwrap_or_default().to_owned(),
        data,
    })
}

fn object(value: &Value<'_>) -> Option<Json> {
    value.map()?;
    Some(value.json())
}
