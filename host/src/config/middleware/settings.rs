//! What each middleware can be told, with its bounds and defaults.

use std::path::PathBuf;
use std::time::Duration;

use super::super::patterns::{Expressions, Globs};
use super::super::reader::MapReader;
use super::super::token::{self, Token};
use super::super::value::Value;
use serde_json::{Map, Value as Json};

use super::Kind;
use super::jwt::{self, JwtSettings};

const DEFAULT_AUDIT_FILE: &str = "audit.jsonl";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// What a middleware does, and how.
#[derive(Clone, Debug, PartialEq)]
pub enum MiddlewareSettings {
    /// Only what these match is shown and can be called.
    Allow(Names),
    /// What these match is neither shown nor can be called.
    Deny(Names),
    /// Writes a line for each call.
    Audit(AuditSettings),
    /// Who may talk to the host at all.
    Auth(AuthSettings),
    /// Spares a backend that does not answer.
    CircuitBreaker(BreakerSettings),
    /// So many calls at the same time.
    ConcurrencyLimit(ConcurrencySettings),
    /// So many calls in a time.
    RateLimit(RateSettings),
    /// What a plugin makes of it.
    Plugged(PluggedSettings),
    /// Turns a panic into an error of the one call. It is always on, and outermost.
    Recovery,
    /// Takes secrets out of what passes.
    Redact(RedactSettings),
    /// Calls again what may be called again.
    Retry(RetrySettings),
    /// Ends a call that takes too long.
    Timeout {
        /// 1 ms to a day.
        after: Duration,
    },
}

/// Names as clients see them. A list that is not given says nothing about its kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// Of tools.
    pub tools: Option<Globs>,
    /// Of prompts.
    pub prompts: Option<Globs>,
    /// URIs of resources.
    pub resources: Option<Globs>,
}

/// What happens to a call when a middleware cannot do its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// The call is refused.
    Closed,
    /// The call goes on without it.
    Open,
}

/// `audit`.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditSettings {
    /// As written, variables resolved: the caller resolves it against a folder.
    pub file: PathBuf,
    /// Bytes after which a new file is begun.
    pub max_size: u64,
    /// How many there are, the newest included.
    pub files: u64,
    /// Whether a line has the arguments of its call.
    pub arguments: bool,
    /// What is taken out of those, besides what is named like a secret, and out of names.
    pub redact: Option<Expressions>,
    /// `open`, unless the file says otherwise.
    pub fail: OnFault,
}

/// `auth`.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthSettings {
    /// By the name of who has it.
    pub tokens: Vec<(String, Token)>,
    /// Tokens that somebody else issues.
    pub jwt: Option<JwtSettings>,
}

/// `circuit-breaker`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSettings {
    /// So many calls without an answer open it.
    pub failures: u64,
    /// In this time; otherwise in a row.
    pub within: Option<Duration>,
    /// How long it stays open before one call may try.
    pub open: Duration,
}

/// `concurrency-limit`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConcurrencySettings {
    /// At the same time.
    pub calls: u64,
    /// How long one more may wait for its turn; 0 refuses it at once.
    pub wait: Duration,
    /// How many may wait.
    pub queue: u64,
    /// Who shares the limit.
    pub per: Per,
    /// The tools it is about, if not everything.
    pub tools: Option<Globs>,
}

/// An entry that a plugin serves.
#[derive(Clone, Debug, PartialEq)]
pub struct PluggedSettings {
    /// The plugin's name.
    pub plugin: String,
    /// What it is told, placeholders as written.
    pub settings: Map<String, Json>,
    /// `closed`, unless the file says otherwise.
    pub fail: OnFault,
}

impl PluggedSettings {
    /// With no settings.
    pub(super) fn new(plugin: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            settings: Map::new(),
            fail: OnFault::Closed,
        }
    }
}

/// `rate-limit`.
#[derive(Clone, Debug, PartialEq)]
pub struct RateSettings {
    /// So many,
    pub calls: u64,
    /// in this time,
    pub time: Duration,
    /// and so many at once.
    pub burst: u64,
    /// Who shares the limit.
    pub per: Per,
    /// The tools it is about, if not everything.
    pub tools: Option<Globs>,
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Calls of one client to one tool.
    ClientAndTool,
    /// Calls of one client.
    Client,
    /// Calls to one tool.
    Tool,
    /// Calls to one backend.
    Backend,
    /// All calls.
    All,
}

/// `redact`.
#[derive(Clone, Debug, PartialEq)]
pub struct RedactSettings {
    /// What is taken out,
    pub patterns: Expressions,
    /// and put in its place.
    pub replacement: String,
    /// Of what clients send.
    pub arguments: bool,
    /// Of what backends answer.
    pub results: bool,
    /// Bytes of text in one message that are searched at the most.
    pub max_size: u64,
    /// What becomes of a longer one.
    pub fail: OnFault,
}

/// `retry`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrySettings {
    /// The first included.
    pub attempts: u64,
    /// Before the second; each next wait is twice as long,
    pub backoff: Duration,
    /// but no longer than this.
    pub max_backoff: Duration,
}

const PER: [(&str, Per); 5] = [
    ("client-and-tool", Per::ClientAndTool),
    ("client", Per::Client),
    ("tool", Per::Tool),
    ("backend", Per::Backend),
    ("all", Per::All),
];

const ON_FAULT: [(&str, OnFault); 2] = [("closed", OnFault::Closed), ("open", OnFault::Open)];

const DAY: f64 = 86_400.0;

/// What a plugin is told: everything but the keys that are the host's.
pub(super) fn plugged(plugin: &str, map: &mut MapReader<'_>, json: Json) -> MiddlewareSettings {
    let mut settings = match json {
        Json::Object(settings) => settings,
        _ => Map::new(),
    };
    settings.retain(|key, _| !["name", "type", "fail"].contains(&key.as_str()));
    MiddlewareSettings::Plugged(PluggedSettings {
        settings,
        fail: map.one_of("fail", &ON_FAULT, OnFault::Closed),
        ..PluggedSettings::new(plugin)
    })
}

/// Reads the keys of `kind`, which is one of the host's own. Without a result there is a problem
/// that says why.
pub(super) fn read(kind: Kind, map: &mut MapReader<'_>) -> Option<MiddlewareSettings> {
    Some(match kind {
        Kind::Plugged => return None,
        Kind::Allow => MiddlewareSettings::Allow(names(map)?),
        Kind::Deny => MiddlewareSettings::Deny(names(map)?),
        Kind::Audit => MiddlewareSettings::Audit(audit(map)),
        Kind::Auth => MiddlewareSettings::Auth(auth(map)?),
        Kind::CircuitBreaker => MiddlewareSettings::CircuitBreaker(BreakerSettings {
            failures: map.integer("failures", 1..=1000, " calls", 5),
            within: map.get("within").and_then(|it| it.seconds(0.1..=DAY)),
            open: map.seconds("open", 0.1..=3600.0, Duration::from_secs(30)),
        }),
        Kind::ConcurrencyLimit => MiddlewareSettings::ConcurrencyLimit(concurrency(map)?),
        Kind::RateLimit => MiddlewareSettings::RateLimit(rate(map)?),
        Kind::Recovery => MiddlewareSettings::Recovery,
        Kind::Redact => MiddlewareSettings::Redact(redact(map)?),
        Kind::Retry => MiddlewareSettings::Retry(retry(map)),
        Kind::Timeout => MiddlewareSettings::Timeout {
            after: map.seconds("seconds", 0.001..=DAY, DEFAULT_TIMEOUT),
        },
    })
}

fn names(map: &mut MapReader<'_>) -> Option<Names> {
    let keys = ["tools", "prompts", "resources"];
    let given = keys.iter().any(|key| map.has(key));
    let mut globs = |key| map.get(key).and_then(|value| Globs::read(&value));
    let names = Names {
        tools: globs("tools"),
        prompts: globs("prompts"),
        resources: globs("resources"),
    };
    if !given {
        let help = "write `tools: [\"read_*\"]`, or `prompts` or `resources`".to_owned();
        map.error("nothing is named", Some(help));
    }
    given.then_some(names)
}

fn audit(map: &mut MapReader<'_>) -> AuditSettings {
    AuditSettings {
        file: map.text("file", DEFAULT_AUDIT_FILE).into(),
        max_size: MIB * map.integer("max_size", 1..=1024, " MiB", 10),
        files: map.integer("files", 1..=100, " files", 5),
        arguments: map.boolean("arguments", false),
        redact: map.get("redact").and_then(|it| Expressions::read(&it)),
        fail: map.one_of("fail", &ON_FAULT, OnFault::Closed),
    }
}

fn auth(map: &mut MapReader<'_>) -> Option<AuthSettings> {
    let mut tokens = Vec::new();
    let one = map.get("token");
    let many = map.get("tokens").and_then(|value| value.map());
    let jwt = map.get("jwt").map(|value| jwt::read(&value));
    if one.is_none() && many.is_none() && jwt.is_none() {
        let help = "write `token: \"${MCP_TOKEN}\"`, or `tokens:` with a name for each, or `jwt:`";
        map.error("nobody is let in", Some(help.to_owned()));
        return None;
    }
    let read = |name: &str, value: &Value<'_>| Some((name.to_owned(), token::read(value)?));
    tokens.extend(one.map(|value| read("client", &value)));
    tokens.extend(
        many.into_iter()
            .flat_map(MapReader::values)
            .map(|(name, value)| read(name, &value)),
    );
    let tokens: Vec<_> = tokens.into_iter().collect::<Option<_>>()?;
    if tokens.is_empty() && jwt.is_none() {
        map.error("`tokens` is empty: nobody is let in", None);
        return None;
    }
    let jwt = match jwt {
        Some(read) => Some(read?),
        None => None,
    };
    Some(AuthSettings { tokens, jwt })
}

fn calls(map: &mut MapReader<'_>, most: u64, help: &str) -> Option<u64> {
    map.require("calls", help)?.integer(1..=most, " calls")
}

fn tools(map: &mut MapReader<'_>) -> Option<Globs> {
    map.get("tools").and_then(|value| Globs::read(&value))
}

fn concurrency(map: &mut MapReader<'_>) -> Option<ConcurrencySettings> {
    let calls = calls(map, 10_000, "write `calls: 8` for eight at the same time");
    let wait = map
        .get("wait")
        .and_then(|it| it.seconds_or_off(0.001..=3600.0));
    let settings = ConcurrencySettings {
        calls: calls.unwrap_or(1),
        wait: wait.unwrap_or(Duration::from_secs(5)),
        queue: map.integer("queue", 1..=10_000, " calls", 100),
        per: map.one_of("per", &PER, Per::All),
        tools: tools(map),
    };
    calls.map(|_| settings)
}

fn rate(map: &mut MapReader<'_>) -> Option<RateSettings> {
    let most = 1_000_000;
    let calls = calls(
        map,
        most,
        "write `calls: 60, seconds: 60` for sixty in a minute",
    );
    let settings = RateSettings {
        calls: calls.unwrap_or(1),
        time: map.seconds("seconds", 0.01..=DAY, Duration::from_secs(60)),
        burst: map.integer("burst", 1..=most, " calls", calls.unwrap_or(1)),
        per: map.one_of("per", &PER, Per::ClientAndTool),
        tools: tools(map),
    };
    calls.map(|_| settings)
}

fn redact(map: &mut MapReader<'_>) -> Option<RedactSettings> {
    let patterns = map
        .require("patterns", "write `patterns: [\"sk-[A-Za-z0-9]+\"]`")
        .and_then(|value| Expressions::read(&value));
    let replacement = map.text("replacement", "[redacted]");
    let (arguments, results) = (map.boolean("arguments", true), map.boolean("results", true));
    let max_size = MIB * map.integer("max_size", 1..=64, " MiB", 4);
    let fail = map.one_of("fail", &ON_FAULT, OnFault::Closed);
    if !arguments && !results {
        map.error("neither arguments nor results are searched", None);
    }
    Some(RedactSettings {
        patterns: patterns?,
        replacement,
        arguments,
        results,
        max_size,
        fail,
    })
}

fn retry(map: &mut MapReader<'_>) -> RetrySettings {
    let backoff = map.seconds("backoff", 0.001..=60.0, Duration::from_millis(200));
    RetrySettings {
        attempts: map.integer("attempts", 2..=10, " attempts", 3),
        backoff,
        max_backoff: map
            .seconds("max_backoff", 0.001..=300.0, Duration::from_secs(5))
            .max(backoff),
    }
}
