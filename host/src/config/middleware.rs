//! `middleware`: what every call passes through, outermost first.
//!
//! An entry is a name, a one-key map `{name: settings}`, or a map with `name` beside its
//! settings. Where two are of one kind, `type` says which, and the name tells them apart. Read
//! from the file to check it, and from a plugin's proposal to use it.

mod settings;

use std::collections::HashSet;

use serde_json::Value as Json;

use super::Problem;
use super::node;
use super::reader::{MapReader, join, read_json};
use super::template::Environment;
use super::value::Value;

pub use settings::{
    AuditSettings, AuthSettings, BreakerSettings, ConcurrencySettings, MiddlewareSettings, Names,
    OnFault, Per, RateSettings, RedactSettings, RetrySettings,
};

/// One step that every call passes through.
#[derive(Clone, Debug, PartialEq)]
pub struct MiddlewareSpec {
    /// No two have the same.
    pub name: String,
    /// What it does.
    pub settings: MiddlewareSettings,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Allow,
    Deny,
    Audit,
    Auth,
    CircuitBreaker,
    ConcurrencyLimit,
    RateLimit,
    Recovery,
    Redact,
    Retry,
    Timeout,
}

const NAMES: [(&str, Kind); 11] = [
    ("audit", Kind::Audit),
    ("auth", Kind::Auth),
    ("allow", Kind::Allow),
    ("deny", Kind::Deny),
    ("rate-limit", Kind::RateLimit),
    ("concurrency-limit", Kind::ConcurrencyLimit),
    ("timeout", Kind::Timeout),
    ("retry", Kind::Retry),
    ("circuit-breaker", Kind::CircuitBreaker),
    ("redact", Kind::Redact),
    ("recovery", Kind::Recovery),
];

impl Kind {
    /// Whether its name alone says all.
    fn has_defaults(self) -> bool {
        matches!(
            self,
            Self::Audit | Self::Recovery | Self::Timeout | Self::Retry | Self::CircuitBreaker
        )
    }
}

impl MiddlewareSpec {
    /// Reads what a plugin proposes for the middleware `name` of the kind `kind`: its settings,
    /// or null. The error is every problem, under the path `middleware.<name>`.
    pub fn from_json(
        name: &str,
        kind: &str,
        json: &Json,
        env: Environment<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let settings = read_json(&join("middleware", name), json, env, |value| {
            read(named(kind, value)?, value)
        })?;
        let name = name.to_owned();
        Ok(Self { name, settings })
    }
}

/// What the section says beyond its own entries.
#[derive(Clone, Copy, Default)]
pub(super) struct Checked {
    /// Whether clients must show a token.
    pub(super) has_auth: bool,
}

/// Checks the section.
pub(super) fn check(root: &mut MapReader<'_>) -> Checked {
    let items = root
        .get("middleware")
        .and_then(|value| value.list("a list"))
        .unwrap_or_default();
    let (mut seen, mut checked) = (HashSet::new(), Checked::default());
    for item in items {
        let Some(Entry {
            name,
            kind,
            settings,
        }) = entry(&item)
        else {
            continue;
        };
        if kind == Kind::Auth && checked.has_auth {
            let help = "put all tokens into one, under `tokens`".to_owned();
            item.error("there can be one `auth` only", Some(help));
        }
        checked.has_auth |= kind == Kind::Auth;
        if !seen.insert(name) {
            item.error(
                "this middleware is there already",
                Some("keep one of them, or give one a `name` of its own beside its `type`".into()),
            );
        }
        match settings {
            Some(settings) => {
                read(kind, &settings);
            }
            None if kind.has_defaults() => {}
            None => {
                let help = "write them below it, as `- NAME: {...}`".to_owned();
                item.error("this middleware needs settings", Some(help));
            }
        }
    }
    checked
}

/// An entry of the list.
struct Entry<'a> {
    name: String,
    kind: Kind,
    /// Where its settings stand, if it has any.
    settings: Option<Value<'a>>,
}

fn entry<'a>(item: &Value<'a>) -> Option<Entry<'a>> {
    let entries = match &item.node().kind {
        node::Kind::Map(entries) => entries,
        node::Kind::Text(name) => {
            return Some(Entry {
                name: name.clone(),
                kind: item.one_of(&NAMES)?,
                settings: None,
            });
        }
        _ => {
            let found = item.node().kind_name();
            item.error(format!("expected a name or a map, found {found}"), None);
            return None;
        }
    };
    let mut map = item.map()?;
    let (name, kind) = (map.get("name"), map.get("type"));
    if let Some(kind_value) = kind.as_ref().or(name.as_ref()) {
        let kind = kind_value.one_of(&NAMES)?;
        return Some(Entry {
            name: name.as_ref().unwrap_or(kind_value).filled_text()?,
            kind,
            settings: Some(item.clone()),
        });
    }
    if entries.len() != 1 {
        let help = "write `- audit`, or `- name: audit` with its settings below".to_owned();
        map.error("this middleware has no `name`", Some(help));
        return None;
    }
    let (name, settings) = map.values().next()?;
    let kind = match &settings.node().kind {
        node::Kind::Map(_) => settings.map()?.get("type"),
        _ => None,
    };
    let kind = match kind {
        Some(kind) => kind.one_of(&NAMES)?,
        None => named(name, &settings)?,
    };
    Some(Entry {
        name: name.to_owned(),
        kind,
        settings: Some(settings),
    })
}

fn named(name: &str, value: &Value<'_>) -> Option<Kind> {
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
fn read(kind: Kind, value: &Value<'_>) -> Option<MiddlewareSettings> {
    let mut map = value.map()?;
    map.know(&["name", "type"]);
    let settings = settings::read(kind, &mut map);
    map.finish();
    settings
}

#[cfg(test)]
mod tests;
