//! One backend: how to reach an MCP server.
//!
//! Read from the file to check it, and from a plugin's proposal to use it, by the same reader.
//! What does not concern the connection (filters, overrides, group, enabled) is checked, and
//! left to plugins.

use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;

use super::Problem;
use super::connection;
use super::reader::{MapReader, join, read_json};
use super::template::{Environment, Template};
use super::value::Value;

const LONGEST_NAME: usize = 64;

/// What it takes to connect a backend. Equal when written alike.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendSpec {
    /// How to reach it.
    pub connection: Connection,
    /// How long to wait for it.
    pub timeouts: Timeouts,
    /// A reload in which it is new or changed fails if it does not start.
    pub required: bool,
    /// Whether clients share a connection to it.
    pub sharing: Sharing,
    /// How often it is asked whether it is there.
    pub health: HealthSettings,
    /// The newest protocol that is spoken with it.
    pub protocol: Protocol,
}

/// The newest protocol that is spoken with a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// 2026-07-28: it is asked whether it knows that, and else greeted with `initialize`.
    #[default]
    Stateless,
    /// 2025-11-25: it is greeted with `initialize` at once.
    WithSessions,
}

const PROTOCOLS: [(&str, Protocol); 2] = [
    ("2026-07-28", Protocol::Stateless),
    ("2025-11-25", Protocol::WithSessions),
];

/// Whose a connection to a backend is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All clients' together.
    #[default]
    Shared,
    /// Each client has its own.
    PerClient,
}

/// How often a backend is asked whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// Between two questions; up to 86400 seconds, 0 for never.
    pub interval: Duration,
    /// So many questions in a row without an answer, and it is taken to be down; 1 to 100.
    pub failures: u32,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            failures: 3,
        }
    }
}

/// How to reach a backend. `Debug` shows the names in `env` and `headers`, not what they are set
/// to, which may be a secret typed literally.
#[derive(Clone, PartialEq)]
pub enum Connection {
    /// A child process that speaks on its standard streams.
    Stdio {
        /// The program; not blank when resolved.
        command: Template,
        /// Its arguments.
        args: Vec<Template>,
        /// Its environment, beside what it inherits, in the order of the file.
        env: Vec<(String, Template)>,
        /// Its working folder.
        cwd: Option<Template>,
    },
    /// An HTTP server.
    StreamableHttp {
        /// `http://` or `https://` when resolved.
        url: Template,
        /// Sent with each request, in the order of the file. Names are valid, in any case.
        headers: Vec<(String, Template)>,
    },
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, Template)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        match self {
            Self::Stdio {
                command,
                args,
                env,
                cwd,
            } => f
                .debug_struct("Stdio")
                .field("command", command)
                .field("args", args)
                .field("env", &names(env))
                .field("cwd", cwd)
                .finish(),
            Self::StreamableHttp { url, headers } => f
                .debug_struct("StreamableHttp")
                .field("url", url)
                .field("headers", &names(headers))
                .finish(),
        }
    }
}

/// How long to wait for a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until it has started and said hello; 0.1 to 600 seconds.
    pub init: Duration,
    /// Until it has listed what it offers; 0.1 to 600 seconds.
    pub cap_fetch: Duration,
    /// For its last calls, when it is removed; up to an hour.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(15),
            cap_fetch: Duration::from_secs(10),
            drain: Duration::from_secs(30),
        }
    }
}

impl BackendSpec {
    /// Every text that it takes to connect it.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Template> {
        let (first, list, more, pairs) = match &self.connection {
            Connection::Stdio {
                command,
                args,
                env,
                cwd,
            } => (command, args.as_slice(), cwd.as_ref(), env),
            Connection::StreamableHttp { url, headers } => (url, [].as_slice(), None, headers),
        };
        let texts = [first].into_iter().chain(list).chain(more);
        texts.chain(pairs.iter().map(|(_, text)| text))
    }

    /// Whether one that was connected by this need not be connected anew for the other.
    pub fn connects_like(&self, other: &Self) -> bool {
        self.connection == other.connection
            && self.timeouts == other.timeouts
            && self.sharing == other.sharing
            && self.health == other.health
            && self.protocol == other.protocol
    }

    /// Reads what a plugin proposes for the backend `name`: the keys of an entry in the file. The
    /// error is every problem, under the path `backends.<name>`.
    pub fn from_json(name: &str, json: &Json, env: Environment<'_>) -> Result<Self, Vec<Problem>> {
        read_json(&join("backends", name), json, env, |value| {
            check_name(name, value);
            read(value)
        })
    }
}

/// A name is 1 to 64 of `A-Z a-z 0-9 _ . -`: it becomes part of tool names and of log lines.
pub(super) fn check_name(name: &str, value: &Value<'_>) {
    let valid = (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if !valid {
        let message = "this is no name for a backend";
        let help = format!("take 1 to {LONGEST_NAME} letters, digits, `_`, `.` and `-`");
        value.key_error(message, Some(help));
    }
}

/// Reads one entry; `None` when it cannot be connected to, which is reported.
pub(super) fn read(value: &Value<'_>) -> Option<BackendSpec> {
    let mut map = value.map()?;
    if !map.boolean("enabled", true) {
        // Whoever turns a backend off should not have to set its variables.
        map.forgive_unset_variables();
    }
    let connection = connection::read(&mut map);
    let timeouts = timeouts(&mut map);
    let required = map.boolean("required", true);
    let sharing = map.one_of("sharing", &SHARINGS, Sharing::default());
    let health = health(&mut map);
    let protocol = map.one_of("protocol", &PROTOCOLS, Protocol::default());
    if let Some(group) = map.get("group") {
        group.filled_text();
    }
    check_filters(&mut map);
    check_overrides(&mut map);
    map.finish();
    Some(BackendSpec {
        connection: connection?,
        timeouts,
        required,
        sharing,
        health,
        protocol,
    })
}

const SHARINGS: [(&str, Sharing); 2] = [
    ("shared", Sharing::Shared),
    ("per-client", Sharing::PerClient),
];

fn health(map: &mut MapReader<'_>) -> HealthSettings {
    let default = HealthSettings::default();
    let Some(mut map) = map.get("health").and_then(|value| value.map()) else {
        return default;
    };
    let failures = map.integer("failures", 1..=100, "", u64::from(default.failures));
    let health = HealthSettings {
        interval: map.seconds("interval", 0.0..=86_400.0, default.interval),
        failures: u32::try_from(failures).unwrap_or(default.failures),
    };
    map.finish();
    health
}

fn timeouts(map: &mut MapReader<'_>) -> Timeouts {
    let default = Timeouts::default();
    let Some(mut map) = map.get("timeouts").and_then(|value| value.map()) else {
        return default;
    };
    let timeouts = Timeouts {
        init: map.seconds("init", 0.1..=600.0, default.init),
        cap_fetch: map.seconds("cap_fetch", 0.1..=600.0, default.cap_fetch),
        drain: map.seconds("drain", 0.0..=3600.0, default.drain),
    };
    if let Some(value) = map.get("sse_startup") {
        value.warn("is not used: legacy SSE is not served", None);
    }
    map.finish();
    timeouts
}

fn check_filters(map: &mut MapReader<'_>) {
    let Some(mut map) = map.get("filters").and_then(|value| value.map()) else {
        return;
    };
    for kind in ["tools", "resources", "prompts"] {
        let Some(mut filter) = map.get(kind).and_then(|value| value.map()) else {
            continue;
        };
        for side in ["allow", "deny"] {
            let patterns = filter
                .get(side)
                .and_then(|value| value.list("a list of names"));
            for pattern in patterns.unwrap_or_default() {
                pattern.written_text();
            }
        }
        filter.finish();
    }
    map.finish();
}

fn check_overrides(map: &mut MapReader<'_>) {
    let Some(map) = map.get("tool_overrides").and_then(|value| value.map()) else {
        return;
    };
    for (_, value) in map.values() {
        let Some(mut tool) = value.map() else {
            continue;
        };
        if let Some(name) = tool.get("name")
            && name
                .written_text()
                .is_some_and(|name| name.trim().is_empty())
        {
            name.error("expected text, found nothing in it", None);
        }
        if let Some(description) = tool.get("description") {
            description.written_text();
        }
        tool.finish();
    }
}

#[cfg(test)]
mod tests;
