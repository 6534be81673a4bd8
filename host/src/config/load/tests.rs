use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::*;

mod hostile;

fn env(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("9001".into()),
        "TOKEN" => Some("hunter2-hunter2-hunter2".into()),
        _ => None,
    }
}

fn load_text(text: &str) -> Load {
    let known = Known {
        sections: &["mine".into()],
        middleware: Some(&|| vec!["quota".to_owned()]),
    };
    load("config.yaml", text.as_bytes(), &env, known)
}

/// The configuration, and its warnings.
fn valid(text: &str) -> (Arc<SentinelConfig>, String) {
    match load_text(text) {
        Load::Valid {
            config, warnings, ..
        } => (config, warnings.to_string()),
        other => panic!("{other:?}"),
    }
}

/// All problems, one a line, without the name of the file.
fn invalid(text: &str) -> String {
    match load_text(text) {
        Load::Invalid(problems) => problems.to_string().replace("config.yaml:", ""),
        other => panic!("{other:?}"),
    }
}

const FULL: &str = r#"
version: "1"
x-common: &common
  timeouts: {init: 5}
server:
  host: localhost
  port: "${PORT}"
  management: {enabled: true, token: "${TOKEN}"}
backends:
  github:
    <<: *common
    command: npx
    args: [-y, "@mcp/github"]
    env: {GITHUB_TOKEN: "${TOKEN}"}
  my.remote:
    type: streamable-http
    url: https://example.com/mcp
  off:
    enabled: false
    command: ${NOT}
conflict_resolution: {strategy: prefix, separator: "__", order: [github, my.remote]}
middleware: [recovery, audit, {timeout: {seconds: 5}}]
plugins: {dir: more, limits: {time: 0.5, memory: 32}}
sync: {poll_interval: 0.5, detection: hash}
mine: {a: "${NOT}"}
"#;

#[test]
fn a_full_file_is_valid() {
    let (config, warnings) = valid(FULL);
    assert_eq!(warnings, "");
    assert!(config.server.management.enabled);
    let address = config.server.management.address.to_string();
    assert_eq!(address, "127.0.0.1:9001");
    assert_eq!(config.server.address().to_string(), "127.0.0.1:9001");
    let token = config.server.management.token.clone().unwrap();
    assert_eq!(token.0.as_written(), "${TOKEN}");
    assert_eq!(config.plugins.dir, PathBuf::from("more"));
    assert_eq!(config.plugins.limits.memory_mib, 32);
    assert_eq!(config.plugins.limits.time, Duration::from_millis(500));
    assert_eq!(config.sync.detection, "hash");
    assert_eq!(config.backend_names, ["github", "my.remote", "off"]);
}

#[test]
fn the_management_api_is_for_others_with_a_token_alone() {
    let of = |management: &str| {
        let head = "version: \"1\"\nbackends: {}\nserver: {management: ";
        format!("{head}{{enabled: true, {management}}}}}\n")
    };
    let error = invalid(&of("host: 0.0.0.0"));
    assert!(
        error.contains("server.management.host: anyone who reaches"),
        "{error}"
    );
    assert!(error.contains("token: \"${MANAGE_TOKEN}\""), "{error}");
    let (config, warnings) = valid(&of("host: 0.0.0.0, port: 1234, token: \"${TOKEN}\""));
    assert_eq!(config.server.management.address.to_string(), "0.0.0.0:1234");
    assert_eq!(warnings, "");
    assert!(invalid(&of("token: short")).contains("at least 16 characters"));
    assert!(invalid(&of("token: \"${NOT}\"")).contains("NOT"));
    assert!(invalid(&of("host: here")).contains("neither an IP address"));
    assert!(invalid(&of("prot: 1")).contains("did you mean `port`?"));
    let (config, _) = valid(&of("port: 0"));
    assert_eq!(config.server.management.token, None);
}

#[test]
fn handlers_get_their_sections_with_placeholders_as_written() {
    let (config, _) = valid(FULL);
    assert_eq!(
        config.section_json(&["mine".into(), "middleware".into(), "absent".into()]),
        json!({
            "mine": {"a": "${NOT}"},
            "middleware": ["recovery", "audit", {"timeout": {"seconds": 5}}],
        })
    );
    let github = &config.sections["backends"]["github"];
    assert_eq!(github["env"]["GITHUB_TOKEN"], "${TOKEN}");
    assert_eq!(github["timeouts"]["init"], 5);
}

#[test]
fn a_file_that_says_little_gets_the_defaults() {
    let (config, warnings) = valid("version: 1\nbackends:\nserver:\n");
    assert_eq!(warnings, "");
    assert_eq!(config.server, server::ServerSettings::default());
    assert_eq!(config.server.address().to_string(), "127.0.0.1:9000");
    assert_eq!(config.plugins, plugins::PluginSettings::default());
    assert_eq!(config.sync, sync::SyncSettings::default());
}

#[test]
fn a_file_without_a_value_is_empty() {
    assert!(matches!(load_text("# soon\n"), Load::Empty));
}

#[test]
fn problems_of_all_sections_arrive_together_in_the_order_of_the_file() {
    let text = "\
version: 2
server:
  host: 0.0.0.0
  hots: 1
backends:
  github:
    comand: npx
    args: [é, 5]
    env: {A: \"${NOT}\"}
  bad name: {url: ftp://x}
conflict_resolution: {strategy: prioritty}
middleware: [audti]
plugins: {limits: {time: 0}}
sync:
  poll_interval: 0
  poll_interval: 1
  enabled: yes
telemetri: 1
";
    assert_eq!(
        invalid(text),
        "1:10: version: 2 is not supported; write `version: \"1\"`\n\
         3:9: server.host: anyone who reaches this address could call every tool; put `- auth: \
         {token: \"${MCP_TOKEN}\"}` into `middleware`, or listen on 127.0.0.1\n\
         4:3: server.hots: unknown key; did you mean `host`?\n\
         6:3: backends.github: `command` is missing; name the program to start\n\
         7:5: backends.github.comand: unknown key; did you mean `command`?\n\
         8:15: backends.github.args[1]: expected text, found a number; put it in quotes to make it \
         text\n\
         9:14: backends.github.env.A: environment variable `NOT` is not set; set it, or write \
         `${NOT:-default}`\n\
         10:3: backends.bad name: this is no name for a backend; take 1 to 64 letters, digits, \
         `_`, `.` and `-`\n\
         10:19: backends.bad name.url: expected an http:// or https:// address; such as \
         `https://example.com/mcp`\n\
         11:33: conflict_resolution.strategy: `prioritty` is none of first-wins, prefix, priority, \
         error; did you mean `priority`?\n\
         12:14: middleware[0]: `audti` is none of audit, auth, allow, deny, rate-limit, \
         concurrency-limit, timeout, retry, circuit-breaker, redact, recovery, quota; did you mean `audit`?\n\
         13:26: plugins.limits.time: expected 0.01 to 60 seconds, found 0\n\
         15:18: sync.poll_interval: expected 0.01 to 86400 seconds, found 0\n\
         16:3: sync.poll_interval: the key is there already, in line 15; keep one of them\n\
         17:12: sync.enabled: expected true or false, found text; write `true`, without quotes\n\
         18:1: warning: telemetri: unknown section; did you mean `telemetry`?"
    );
}

#[test]
fn what_can_be_lived_with_is_a_warning() {
    let text = "\
server: {transport: sse}
backends: {a: {command: x, timeouts: {sse_startup: 1}}}
conflict_resolution: {strategy: priority}
telemetry: {}
backend: {}
x-shelf: {}
";
    let (_, warnings) = valid(text);
    assert_eq!(
        warnings.replace("config.yaml:", ""),
        "1:21: warning: server.transport: sse is not served; leave it out: clients find MCP over \
         streamable-http at /mcp\n\
         2:52: warning: backends.a.timeouts.sse_startup: is not used: legacy SSE is not served\n\
         3:33: warning: conflict_resolution.strategy: without an `order`, this is the same as \
         first-wins; list the backends under `order`, the first one wins\n\
         4:1: warning: telemetry: is not used by Config Sync\n\
         5:1: warning: backend: unknown section; did you mean `backends`?\n \
         warning: version: not given; taken for \"1\"; begin the file with `version: \"1\"`"
    );
}

#[test]
fn a_misspelt_section_takes_nothing_away() {
    let problems = invalid("version: 1\nbackend: {a: {command: x}}\n");
    assert_eq!(
        problems,
        "2:1: backend: unknown section; did you mean `backends`?"
    );
}

#[test]
fn an_order_of_backends_names_backends() {
    let text = "version: 1\nbackends: {github: {command: x}}\n\
                conflict_resolution: {strategy: priority, order: [github, gihub]}\n";
    let (_, warnings) = valid(text);
    assert!(
        warnings.contains("order[1]: there is no backend `gihub`; did you mean `github`?"),
        "{warnings}"
    );
}

#[test]
fn each_single_mistake_is_named() {
    for (text, message) in [
        (
            "server: {port: 65536}",
            "1:16: server.port: expected a whole number, 0 to 65535",
        ),
        (
            "server: {port: 80.5}",
            "1:16: server.port: expected a whole number, 0 to 65535",
        ),
        (
            "server: {port: -1}",
            "1:16: server.port: expected a whole number",
        ),
        (
            "server: {port: 99999999999999999999}",
            "1:16: server.port: expected a whole number",
        ),
        (
            "server: {host: exmple}",
            "1:16: server.host: `exmple` is neither an IP address nor",
        ),
        (
            "server: {host: \"::\"}",
            "1:16: server.host: anyone who reaches this address could call",
        ),
        (
            "server: {limits: {body: 0}}",
            "1:25: server.limits.body: expected a whole number, 1 to 64 MiB, found 0",
        ),
        (
            "server: {limits: {sesions: 9}}",
            "1:19: server.limits.sesions: unknown key; did you mean `sessions`?",
        ),
        ("server: {transport: pigeon}", "1:21: server.transport: "),
        (
            "server: {management: {tokn: x}}",
            "1:23: server.management.tokn: unknown key; did you",
        ),
        ("server: []", "1:1: server: expected a map, found a list"),
        (
            "conflict_resolution: {separator: \"\"}",
            "1:34: conflict_resolution.separator: expected",
        ),
        (
            "conflict_resolution: {separator: \"a b\"}",
            "1:34: conflict_resolution.separator: exp",
        ),
        (
            "conflict_resolution: {order: x}",
            "1:30: conflict_resolution.order: expected a list of",
        ),
        (
            "plugins: {limits: {memory: 0}}",
            "1:28: plugins.limits.memory: expected a whole number, 1 to 4096 MiB",
        ),
        (
            "plugins: {dir: ''}",
            "1:16: plugins.dir: expected text, found nothing in it",
        ),
        (
            "sync: {on_failure: stopp}",
            "1:20: sync.on_failure: `stopp` is none of backoff, fixed",
        ),
        (
            "sync: {probation: 1e999}",
            "1:19: sync.probation: expected a finite number",
        ),
        ("version: 1.0", "1:10: version: 1.0 is not supported"),
        ("mine: {a: .nan}", "1:11: mine.a: expected a finite number"),
        ("7: x", "1:1: a key must be text; put the key in quotes"),
    ] {
        let found = invalid(text);
        assert!(
            found.lines().any(|line| line.starts_with(message)),
            "{text}\n{found}"
        );
    }
}

#[test]
fn files_are_equal_when_they_mean_the_same() {
    let file = |text: &str| valid(text).0;
    let first =
        file("version: '1'\nbackends:\n  a: {command: x, args: []}\n  b: {url: http://x}\n");
    let second = file(
        "# hello\nbackends:\n  a:\n    args: []\n    command: \"x\"\n  b:\n    url: 'http://x'\nversion: \"1\"\n",
    );
    assert_eq!(first, second);
    let swapped =
        file("version: '1'\nbackends:\n  b: {url: http://x}\n  a: {command: x, args: []}\n");
    assert_ne!(first, swapped);
}

#[test]
fn no_form_of_a_problem_or_a_config_shows_what_variables_hold() {
    let text = format!("{FULL}broken: 1\n").replace("port: \"${PORT}\"", "port: \"${TOKEN}\"");
    let Load::Invalid(problems) = load_text(&text) else {
        panic!("valid")
    };
    assert!(problems.to_string().contains("server.port"));
    let shown = format!("{problems} {problems:?} {}", problems.pretty(true));
    let shown = format!("{shown} {:?}", load_text(FULL));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn lines_and_debug_do_not_show_a_secret_that_is_typed_literally() {
    let text = "\
server: {management: {token: hunter2}}
backends:
  a: {command: x, env: {A: hunter2, B: [hunter2], C: \"hunter2${\", D: {hunter2x: 1}}}
  b: {url: http://x, headers: {A: \"hunter2\\n\"}}
";
    let Load::Invalid(problems) = load_text(text) else {
        panic!("valid")
    };
    assert!(problems.len() > 3);
    let shown = format!("{problems} {problems:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let valid = load_text("server: {management: {token: hunter2}}\nmine: hunter2\n");
    assert!(!format!("{valid:?}").contains("hunter2"));
}

#[test]
fn problems_of_plugins_find_their_places() {
    let Load::Valid { document, .. } = load_text(FULL) else {
        panic!("invalid")
    };
    let problems = document.locate([Problem::error("backends.my.remote.url", "no answer")]);
    assert_eq!(
        problems.to_string(),
        "config.yaml:17:10: backends.my.remote.url: no answer"
    );
}
