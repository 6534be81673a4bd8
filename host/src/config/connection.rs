//! How to reach one backend: the keys that belong to its type, and only those.

use super::backend::Connection;
use super::reader::MapReader;
use super::template::Template;
use super::value::Value;

const STDIO_KEYS: [&str; 4] = ["command", "args", "env", "cwd"];
const HTTP_KEYS: [&str; 2] = ["url", "headers"];

#[derive(Clone, Copy)]
enum Type {
    Stdio,
    StreamableHttp,
    LegacySse,
}

const TYPES: [(&str, Type); 3] = [
    ("stdio", Type::Stdio),
    ("streamable-http", Type::StreamableHttp),
    ("sse", Type::LegacySse),
];

/// Reads `type` and the keys that go with it; where `type` says nothing, the keys tell.
pub(super) fn read(map: &mut MapReader<'_>) -> Option<Connection> {
    let written = map.get("type");
    let kind = written.as_ref().and_then(|value| value.one_of(&TYPES));
    let connection = match kind.or_else(|| told_by_keys(map)) {
        Some(Type::Stdio) => {
            refuse(map, &HTTP_KEYS, "streamable-http");
            stdio(map)
        }
        Some(Type::StreamableHttp) => {
            refuse(map, &STDIO_KEYS, "stdio");
            http(map)
        }
        Some(Type::LegacySse) => {
            if let Some(value) = written {
                let help = "most servers offer streamable-http: try `type: streamable-http`, or \
                            bridge it: `command: npx`, `args: [mcp-remote, URL]`";
                value.error("legacy SSE is not served", Some(help.into()));
            }
            http(map);
            None
        }
        None => {
            if written.is_none() {
                let help = "give it a `command` (stdio) or a `url` (streamable-http)".to_owned();
                map.error("this backend cannot be reached", Some(help));
            }
            None
        }
    };
    map.know(&STDIO_KEYS);
    map.know(&HTTP_KEYS);
    connection
}

/// The deciding keys first: whoever gives both means to start a program.
fn told_by_keys(map: &MapReader<'_>) -> Option<Type> {
    let any = |keys: &[&str]| keys.iter().any(|key| map.has(key));
    if map.has("command") {
        Some(Type::Stdio)
    } else if any(&HTTP_KEYS) {
        Some(Type::StreamableHttp)
    } else if any(&STDIO_KEYS) {
        Some(Type::Stdio)
    } else {
        None
    }
}

fn refuse(map: &mut MapReader<'_>, keys: &[&'static str], theirs: &str) {
    for key in keys.iter().copied() {
        if let Some(value) = map.get(key) {
            let help = format!("remove it, or write `type: {theirs}`");
            value.key_error(format!("belongs to a {theirs} backend"), Some(help));
        }
    }
}

fn stdio(map: &mut MapReader<'_>) -> Option<Connection> {
    let help = "name the program to start";
    let command = map.require("command", help).and_then(|it| filled(&it));
    let args = map
        .get("args")
        .and_then(|value| value.list("a list of texts"))
        .map(|items| items.iter().filter_map(Value::template).collect())
        .unwrap_or_default();
    let env = pairs(map, "env", |name, value| {
        let valid = !name.is_empty() && !name.contains(['=', '\0']);
        if !valid {
            value.key_error("this is no name for an environment variable", None);
        }
        value.template()
    });
    let cwd = map.get("cwd").and_then(|value| filled(&value));
    Some(Connection::Stdio {
        command: command?,
        args,
        env,
        cwd,
    })
}

fn http(map: &mut MapReader<'_>) -> Option<Connection> {
    let help = "say where the server listens: `https://example.com/mcp`";
    let url = map.require("url", help).and_then(|value| url(&value));
    let headers = pairs(map, "headers", header);
    Some(Connection::StreamableHttp { url: url?, headers })
}

/// A map from names to templates, in the order of the file.
fn pairs(
    map: &mut MapReader<'_>,
    key: &'static str,
    read: impl Fn(&str, &Value<'_>) -> Option<Template>,
) -> Vec<(String, Template)> {
    let Some(map) = map.get(key).and_then(|value| value.map()) else {
        return Vec::new();
    };
    map.values()
        .filter_map(|(name, value)| Some((name.to_owned(), read(name, &value)?)))
        .collect()
}

/// A template that stands for something. One with a variable that is missing passes: either that
/// is reported already, or it is forgiven.
fn filled(value: &Value<'_>) -> Option<Template> {
    let template = value.template()?;
    if let Some(text) = value.resolve(&template)
        && text.trim().is_empty()
    {
        value.error("expected text, found nothing in it", None);
    }
    Some(template)
}

fn url(value: &Value<'_>) -> Option<Template> {
    let template = value.template()?;
    if let Some(text) = value.resolve(&template) {
        let host = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let blank = |character: char| character.is_whitespace() || character.is_control();
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/') || host.contains(blank))
        {
            let help = "such as `https://example.com/mcp`".to_owned();
            value.error("expected an http:// or https:// address", Some(help));
        }
    }
    Some(template)
}

fn header(name: &str, value: &Value<'_>) -> Option<Template> {
    if !is_header_name(name) {
        value.key_error("this is no name for an HTTP header", None);
    }
    let template = value.template()?;
    let text = value.resolve(&template).unwrap_or_default();
    if text.contains(|character: char| character.is_control() && character != '\t') {
        value.error(
            "an HTTP header cannot hold a line break or another control character",
            None,
        );
    }
    Some(template)
}

/// RFC 9110, section 5.1.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
