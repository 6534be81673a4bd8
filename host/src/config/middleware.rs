//! `middleware`: what every call passes through, outermost first.
//!
//! An entry is a name, a one-key map `{name: settings}`, or a map with `name` beside its
//! settings. Read from the file to check it, and from a plugin's proposal to use it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use super::Problem;
use super::node::Kind;
use super::reader::{MapReader, join, read_json};
use super::template::Environment;
use super::value::Value;

const DEFAULT_AUDIT_FILE: &str = "audit.jsonl";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// One step that every call passes through.
#[derive(Clone, Debug, PartialEq)]
pub enum MiddlewareSpec {
    /// Writes a line for each call.
    Audit {
        /// As written, variables resolved: the caller resolves it against a folder.
        file: PathBuf,
    },
    /// Ends a call that takes too long.
    Timeout {
        /// 1 ms to a day.
        after: Duration,
    },
    /// Turns a panic into an error of the one call. It is always on, and outermost.
    Recovery,
}

#[derive(Clone, Copy, PartialEq)]
enum Kinds {
    Audit,
    Timeout,
    Recovery,
}

const NAMES: [(&str, Kinds); 3] = [
    ("audit", Kinds::Audit),
    ("timeout", Kinds::Timeout),
    ("recovery", Kinds::Recovery),
];

impl MiddlewareSpec {
    /// Reads what a plugin proposes for the middleware `name`: its settings, or null. The error is
    /// every problem, under the path `middleware.<name>`.
    pub fn from_json(name: &str, json: &Json, env: Environment<'_>) -> Result<Self, Vec<Problem>> {
        read_json(&join("middleware", name), json, env, |value| {
            read(named(name, value)?, value)
        })
    }
}

/// Checks the section.
pub(super) fn check(root: &mut MapReader<'_>) {
    let items = root
        .get("middleware")
        .and_then(|value| value.list("a list"))
        .unwrap_or_default();
    let mut seen = Vec::new();
    for item in items {
        let Some((kind, settings)) = entry(&item) else {
            continue;
        };
        if seen.contains(&kind) {
            item.error(
                "this middleware is there already",
                Some("keep one of them".into()),
            );
        }
        seen.push(kind);
        if let Some(settings) = settings {
            read(kind, &settings);
        }
    }
}

/// Which middleware an entry of the list means, and where its settings stand, if it has any.
fn entry<'a>(item: &Value<'a>) -> Option<(Kinds, Option<Value<'a>>)> {
    let entries = match &item.node().kind {
        Kind::Map(entries) => entries,
        Kind::Text(_) => return Some((item.one_of(&NAMES)?, None)),
        _ => {
            let found = item.node().kind_name();
            item.error(format!("expected a name or a map, found {found}"), None);
            return None;
        }
    };
    let mut map = item.map()?;
    if let Some(name) = map.get("name") {
        return Some((name.one_of(&NAMES)?, Some(item.clone())));
    }
    if entries.len() != 1 {
        let help = "write `- audit`, or `- name: audit` with its settings below".to_owned();
        map.error("this middleware has no `name`", Some(help));
        return None;
    }
    let (name, settings) = map.values().next()?;
    Some((named(name, &settings)?, Some(settings)))
}

fn named(name: &str, value: &Value<'_>) -> Option<Kinds> {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    if known.is_none() {
        let names = NAMES.map(|(name, _)| name);
        let help = value
            .did_you_mean_key(name, names)
            .unwrap_or_else(|| format!("known middleware: {}", names.join(", ")));
        value.key_error("unknown middleware", Some(help));
    }
    known.map(|(_, kind)| *kind)
}

/// Reads the settings; nothing at all stands for the defaults.
fn read(kind: Kinds, settings: &Value<'_>) -> Option<MiddlewareSpec> {
    let mut map = settings.map()?;
    map.know(&["name"]);
    let spec = match kind {
        Kinds::Audit => MiddlewareSpec::Audit {
            file: map.text("file", DEFAULT_AUDIT_FILE).into(),
        },
        Kinds::Timeout => MiddlewareSpec::Timeout {
            after: map.seconds("seconds", 0.001..=86_400.0, DEFAULT_TIMEOUT),
        },
        Kinds::Recovery => MiddlewareSpec::Recovery,
    };
    map.finish();
    Some(spec)
}

#[cfg(test)]
mod tests;
