use serde_json::json;

use super::*;

fn env(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("hunter2".into()),
        "BLANK" => Some(" ".into()),
        "BROKEN" => Some("hunter2\nx: y".into()),
        _ => None,
    }
}

fn read(json: Json) -> Result<BackendSpec, String> {
    BackendSpec::from_json("it", &json, &env).map_err(|problems| {
        let lines = problems.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>().join("\n")
    })
}

fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

#[test]
fn a_stdio_backend_is_read() {
    let spec = read(json!({
        "type": "stdio", "command": "npx", "args": ["-y", "${TOKEN}"],
        "env": {"Z": "${TOKEN}", "A": "b"}, "cwd": "/x",
        "timeouts": {"init": 1, "cap_fetch": 2, "drain": 0},
    }));
    let expected = BackendSpec {
        required: true,
        sharing: Sharing::Shared,
        health: HealthSettings::default(),
        protocol: Protocol::Stateless,
        connection: Connection::Stdio {
            command: template("npx"),
            args: vec![template("-y"), template("${TOKEN}")],
            env: vec![
                ("Z".into(), template("${TOKEN}")),
                ("A".into(), template("b")),
            ],
            cwd: Some(template("/x")),
        },
        timeouts: Timeouts {
            init: Duration::from_secs(1),
            cap_fetch: Duration::from_secs(2),
            drain: Duration::ZERO,
        },
    };
    assert_eq!(spec, Ok(expected));
}

#[test]
fn an_http_backend_is_read() {
    let spec = read(json!({
        "type": "streamable-http", "url": "https://x/mcp",
        "headers": {"Authorization": "Bearer ${TOKEN}"},
    }));
    let expected = BackendSpec {
        required: true,
        sharing: Sharing::Shared,
        health: HealthSettings::default(),
        protocol: Protocol::Stateless,
        connection: Connection::StreamableHttp {
            url: template("https://x/mcp"),
            headers: vec![("Authorization".into(), template("Bearer ${TOKEN}"))],
        },
        timeouts: Timeouts::default(),
    };
    assert_eq!(spec, Ok(expected));
}

#[test]
fn one_that_shall_be_greeted_at_once_is_connected_anew_for_it() {
    let of = |protocol: &str| read(json!({"command": "x", "protocol": protocol}));
    let (old, new) = (of("2025-11-25").unwrap(), of("2026-07-28").unwrap());
    assert_eq!(old.protocol, Protocol::WithSessions);
    assert_eq!(new, read(json!({"command": "x"})).unwrap());
    assert!(!old.connects_like(&new));
    assert!(of("2024-11-05").is_err());
}

#[test]
fn the_keys_tell_the_type() {
    let stdio = read(json!({"command": "x"})).unwrap();
    assert!(matches!(stdio.connection, Connection::Stdio { .. }));
    let http = read(json!({"url": "http://x"})).unwrap();
    assert!(matches!(http.connection, Connection::StreamableHttp { .. }));
}

#[test]
fn what_belongs_to_plugins_is_accepted_and_makes_no_difference() {
    let plain = read(json!({"command": "x"}));
    let with_more = read(json!({
        "command": "x", "enabled": true, "group": "g",
        "filters": {"tools": {"allow": ["a*"], "deny": []}, "prompts": {}, "resources": {}},
        "tool_overrides": {"a": {"name": "b", "description": "costs ${5}"}},
    }));
    assert_eq!(plain, with_more);
    assert!(plain.is_ok());
}

#[test]
fn every_problem_of_an_entry_is_found() {
    let found = read(json!({
        "type": "stdio", "command": " ", "args": [1, "${NOT}"], "env": {"": "x", "B": 2},
        "url": "http://x", "headers": {}, "group": "",
        "timeouts": {"init": 0, "cap_fetch": 601, "drain": -1, "drian": 1},
        "filters": {"tool": {}, "tools": {"allow": "x", "deny": [1]}},
        "tool_overrides": {"a": {"name": "", "descripton": "x"}, "b": 1}, "comand": "x",
    }));
    assert_eq!(
        found.unwrap_err(),
        "backends.it.url: belongs to a streamable-http backend; remove it, or write \
         `type: streamable-http`\n\
         backends.it.headers: belongs to a streamable-http backend; remove it, or write \
         `type: streamable-http`\n\
         backends.it.command: expected text, found nothing in it\n\
         backends.it.args[0]: expected text, found a number; put it in quotes to make it text\n\
         backends.it.args[1]: environment variable `NOT` is not set; set it, or write \
         `${NOT:-default}`\n\
         backends.it.env.: this is no name for an environment variable\n\
         backends.it.env.B: expected text, found a number; put it in quotes to make it text\n\
         backends.it.timeouts.init: expected 0.1 to 600 seconds, found 0\n\
         backends.it.timeouts.cap_fetch: expected 0.1 to 600 seconds, found 601\n\
         backends.it.timeouts.drain: expected 0 to 3600 seconds, found -1\n\
         backends.it.timeouts.drian: unknown key; did you mean `drain`?\n\
         backends.it.group: expected text, found nothing in it\n\
         backends.it.filters.tools.allow: expected a list of names, found text\n\
         backends.it.filters.tools.deny[0]: expected text, found a number; put it in quotes to \
         make it text\n\
         backends.it.filters.tool: unknown key; did you mean `tools`?\n\
         backends.it.tool_overrides.a.name: expected text, found nothing in it\n\
         backends.it.tool_overrides.a.descripton: unknown key; did you mean `description`?\n\
         backends.it.tool_overrides.b: expected a map, found a number\n\
         backends.it.comand: unknown key; did you mean `command`?"
    );
}

#[test]
fn a_backend_that_cannot_be_reached_is_refused() {
    for (json, message) in [
        (json!({}), "backends.it: this backend cannot be reached"),
        (json!(null), "backends.it: this backend cannot be reached"),
        (json!([]), "backends.it: expected a map, found a list"),
        (json!({"args": []}), "backends.it: `command` is missing"),
        (
            json!({"type": "stdio"}),
            "backends.it: `command` is missing",
        ),
        (
            json!({"type": "streamable-http"}),
            "backends.it: `url` is missing",
        ),
        (
            json!({"type": "sse", "url": "http://x"}),
            "backends.it.type: legacy SSE is not served",
        ),
        (
            json!({"type": "http", "url": "http://x"}),
            "backends.it.type: `http` is none of stdio, streamable-http, sse; did you mean \
             `streamable-http`?",
        ),
        (
            json!({"command": "${BLANK}"}),
            "backends.it.command: expected text",
        ),
    ] {
        let found = read(json).unwrap_err();
        assert!(found.starts_with(message), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn a_url_is_an_http_address() {
    for url in [
        "ftp://x",
        "x",
        "http://",
        "https:///x",
        "http://a b",
        "http://${BLANK}",
        "HTTP",
    ] {
        let found = read(json!({ "url": url })).unwrap_err();
        assert!(
            found.starts_with("backends.it.url: expected an http://"),
            "{url}: {found}"
        );
    }
}

#[test]
fn headers_are_what_http_allows_and_their_values_stay_secret() {
    let found = read(json!({
        "url": "http://x",
        "headers": {"a b": "x", "": "y", "Auth": "hunter2\n", "Auth2": "${BROKEN}", "N": 5},
    }));
    let found = found.unwrap_err();
    assert_eq!(
        found,
        "backends.it.headers.a b: this is no name for an HTTP header\n\
         backends.it.headers.: this is no name for an HTTP header\n\
         backends.it.headers.Auth: an HTTP header cannot hold a line break or another control \
         character\n\
         backends.it.headers.Auth2: an HTTP header cannot hold a line break or another control \
         character\n\
         backends.it.headers.N: expected text, found a number; put it in quotes to make it text"
    );
}

#[test]
fn a_backend_that_is_off_needs_no_variables() {
    assert!(read(json!({"enabled": false, "url": "${NOT}", "headers": {"A": "${NOT}"}})).is_ok());
    assert!(read(json!({"url": "${NOT}"})).is_err());
    assert!(read(json!({"enabled": false, "url": "${"})).is_err());
}

#[test]
fn the_unused_sse_timeout_is_no_error() {
    assert!(read(json!({"command": "x", "timeouts": {"sse_startup": 5}})).is_ok());
}

#[test]
fn a_name_is_short_and_simple() {
    let read = |name: &str| BackendSpec::from_json(name, &json!({"command": "x"}), &env);
    for name in ["a", "A.b-c_9", &"x".repeat(64)] {
        assert!(read(name).is_ok(), "{name}");
    }
    for name in ["", "a b", "a/b", "é", &"x".repeat(65)] {
        assert!(read(name).is_err(), "{name}");
    }
}

#[test]
fn debug_does_not_show_what_env_and_headers_hold() {
    let stdio = read(json!({"command": "x", "env": {"KEY": "hunter2"}})).unwrap();
    let http = read(json!({"url": "http://x", "headers": {"Key": "hunter2"}})).unwrap();
    let text = format!("{stdio:?} {http:?}");
    assert!(
        text.contains("KEY") && text.contains("Key") && !text.contains("hunter2"),
        "{text}"
    );
}
