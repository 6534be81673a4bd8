//! `middleware`: what every call passes through, outermost first.
//!
//! An entry is a name, a one-key map `{name: settings}`, or a map with `name` beside its
//! settings. Where two are of one kind, `type` says which, and the name tells them apart. What is
//! none of ours is a plugin's, and its settings are for that to read. Read from the file to check
//! it, and from a plugin's proposal to use it.

mod jwt;
mod settings;

use std::collections::HashSet;

use serde_json::Value as Json;

use super::Problem;
use super::node;
use super::reader::{MapReader, join, read_json};
use super::template::Environment;
use super::value::Value;

pub use jwt::{JwtSettings, KeyPlace, SignatureAlgorithm};
pub use settings::{
    AuditSettings, AuthSettings, BreakerSettings, ConcurrencySettings, MiddlewareSettings, Names,
    OnFault, Per, PluggedSettings, RateSettings, RedactSettings, RetrySettings,
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
    Plugged,
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

const OTHERS: &str = "others go as NAME.wasm into the plugins folder";

/// Whether the host itself has a middleware of this name, so that no plugin can.
pub fn is_own_middleware(name: &str) -> bool {
    NAMES.iter().any(|(own, _)| *own == name)
}

impl Kind {
    /// Whether its name alone says all.
    fn has_defaults(self) -> bool {
        matches!(
            self,
            Self::Audit
                | Self::CircuitBreaker
                | Self::Plugged
                | Self::Recovery
                | Self::Retry
                | Self::Timeout
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
        let word = kind;
        let kind = own(word).unwrap_or(Kind::Plugged);
        let settings = read_json(&join("middleware", name), json, env, |value| {
            read(kind, word, value)
        })?;
        let name = name.to_owned();
        Ok(Self { name, settings })
    }
}

/// An entry that a plugin serves.
#[derive(Clone, Debug, PartialEq)]
pub struct PluggedEntry {
    /// Where its settings stand: `middleware[2].quota`.
    pub path: String,
    /// What the plugin can be told.
    pub settings: PluggedSettings,
}

/// What the section says beyond its own entries.
#[derive(Clone, Default)]
pub(super) struct Checked {
    /// Whether clients must show a token.
    pub(super) has_auth: bool,
    pub(super) plugged: Vec<PluggedEntry>,
}

/// The middleware that plugins have; nothing, where that is not known.
pub(super) type Plugins<'a> = Option<&'a dyn Fn() -> Vec<String>>;

/// Checks the section.
pub(super) fn check(root: &mut MapReader<'_>, plugins: Plugins<'_>) -> Checked {
    let items = root
        .get("middleware")
        .and_then(|value| value.list("a list"))
        .unwrap_or_default();
    let (mut seen, mut checked) = (HashSet::new(), Checked::default());
    for item in items {
        let Some(Entry {
            name,
            kind,
            word,
            settings,
        }) = entry(&item, plugins)
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
        match &settings {
            Some(value) => {
                let read = read(kind, &word, value);
                if let Some(MiddlewareSettings::Plugged(settings)) = read {
                    let path = value.path.clone();
                    checked.plugged.push(PluggedEntry { path, settings });
                }
            }
            None if kind == Kind::Plugged => checked.plugged.push(PluggedEntry {
                path: item.path.clone(),
                settings: PluggedSettings::new(&word),
            }),
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
    /// What says the kind.
    word: String,
    /// Where its settings stand, if it has any.
    settings: Option<Value<'a>>,
}

fn entry<'a>(item: &Value<'a>, plugins: Plugins<'_>) -> Option<Entry<'a>> {
    let entries = match &item.node().kind {
        node::Kind::Map(entries) => entries,
        node::Kind::Text(_) => {
            let (kind, word) = kind(item, plugins)?;
            return Some(Entry {
                name: word.clone(),
                kind,
                word,
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
    let (name, of_kind) = (map.get("name"), map.get("type"));
    if let Some(value) = of_kind.as_ref().or(name.as_ref()) {
        let (kind, word) = kind(value, plugins)?;
        return Some(Entry {
            name: name.as_ref().unwrap_or(value).filled_text()?,
            kind,
            word,
            settings: Some(item.clone()),
        });
    }
    if entries.len() != 1 {
        let help = "write `- audit`, or `- name: audit` with its settings below".to_owned();
        map.error("this middleware has no `name`", Some(help));
        return None;
    }
    let (name, settings) = map.values().next()?;
    let of_kind = match &settings.node().kind {
        node::Kind::Map(_) => settings.map()?.get("type"),
        _ => None,
    };
    let (kind, word) = match of_kind {
        Some(value) => kind(&value, plugins)?,
        None => {
            let kind = known(name, plugins).or_else(|| {
                let names = names(plugins);
                let help = settings.did_you_mean_key(name, names.iter().map(|it| &**it));
                let all = || format!("there are {}; {OTHERS}", names.join(", "));
                settings.key_error("unknown middleware", help.or_else(|| Some(all())));
                None
            });
            (kind?, name.to_owned())
        }
    };
    Some(Entry {
        name: name.to_owned(),
        kind,
        word,
        settings: Some(settings),
    })
}

/// The kind that a text names, and the text.
fn kind(value: &Value<'_>, plugins: Plugins<'_>) -> Option<(Kind, String)> {
    let word = value.filled_text()?;
    let kind = known(&word, plugins);
    if kind.is_none() {
        let names = names(plugins);
        let help = value.did_you_mean(names.iter().map(|it| &**it));
        let message = format!("{} is none of {}", value.quoted(), names.join(", "));
        value.error(message, help.or_else(|| Some(OTHERS.to_owned())));
    }
    Some((kind?, word))
}

fn own(word: &str) -> Option<Kind> {
    let own = NAMES.iter().find(|(name, _)| *name == word);
    own.map(|(_, kind)| *kind)
}

fn known(word: &str, plugins: Plugins<'_>) -> Option<Kind> {
    own(word).or_else(|| {
        let is_there = plugins.is_none_or(|plugins| plugins().iter().any(|name| name == word));
        is_there.then_some(Kind::Plugged)
    })
}

/// All that an entry may name.
fn names(plugins: Plugins<'_>) -> Vec<String> {
    let own = NAMES.iter().map(|(name, _)| (*name).to_owned());
    let plugins = plugins.map(|plugins| plugins()).unwrap_or_default();
    own.chain(plugins).collect()
}

/// Reads the settings; nothing at all stands for the defaults. `word` is what names the kind.
fn read(kind: Kind, word: &str, value: &Value<'_>) -> Option<MiddlewareSettings> {
    let mut map = value.map()?;
    if kind == Kind::Plugged {
        return Some(settings::plugged(word, &mut map, value.node().to_json()));
    }
    map.know(&["name", "type"]);
    let settings = settings::read(kind, &mut map);
    map.finish();
    settings
}

#[cfg(test)]
mod tests;
