//! `NAME.yaml` beside `NAME.wasm`: what this plugin is granted, its limits, its settings, and
//! the digest that it must have. Nothing is granted by default.

use std::path::PathBuf;

use serde_json::{Map, Value as Json};

use super::document::{Document, Parsed};
use super::host_grant::HostGrant;
use super::node::{Kind, to_object};
use super::plugins::{PluginLimits, limits};
use super::problem::Problems;
use super::reader::{Findings, MapReader};
use super::template::Environment;
use super::value::Value;

/// The most entries of one grant.
const MOST: usize = 100;

/// What stands in `NAME.yaml`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PluginFile {
    /// What it may do beyond its world.
    pub grants: PluginGrants,
    /// What it may use.
    pub limits: PluginLimits,
    /// What it is told when it asks for its settings, as written.
    pub settings: Map<String, Json>,
    /// SHA-256 of the only component that may stand here, in hex.
    pub sha256: Option<String>,
}

/// What a plugin may do beyond its world.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PluginGrants {
    /// Where it may connect to.
    pub http: Vec<HostGrant>,
    /// Folders that it may read.
    pub read: Vec<PathBuf>,
    /// Variables of the environment that it sees.
    pub env: Vec<String>,
    /// Processes that it may send a signal to.
    pub signal: Vec<SignalGrant>,
    /// The time of day, and time that passes.
    pub clock: bool,
    /// Random numbers.
    pub random: bool,
}

/// A process that may be sent a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalGrant {
    /// The one whose number stands in this file.
    Pidfile(PathBuf),
    /// The main process of this unit of systemd.
    Unit(String),
}

/// Reads `bytes`; `name` is what problems call the file, `default` holds where it does not say
/// anything about a limit. An empty file says nothing.
///
/// # Errors
/// Every problem, with its place.
pub fn plugin_file(
    name: &str,
    bytes: &[u8],
    env: Environment<'_>,
    default: PluginLimits,
) -> Result<PluginFile, Problems> {
    let (document, problems) = match Document::parse(name, bytes) {
        Parsed::Empty => {
            return Ok(PluginFile {
                limits: default,
                ..PluginFile::default()
            });
        }
        Parsed::Broken(problems) => return Err(problems),
        Parsed::Whole(document, problems) => (document, problems),
    };
    let findings = Findings::new(env, problems);
    let mut map = MapReader::new(document.sections(), String::new(), None, &findings, false);
    let file = PluginFile {
        grants: plugin_grants(&mut map),
        limits: limits(&mut map, default),
        settings: plugin_settings(&mut map),
        sha256: map.get("sha256").and_then(|value| sha256(&value)),
    };
    map.finish();
    let problems = document.locate(findings.into_problems());
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(file)
}

/// The key `settings`: a map, whatever is in it.
pub(crate) fn plugin_settings(map: &mut MapReader<'_>) -> Map<String, Json> {
    let map = map.get("settings").and_then(|value| {
        value.map()?;
        match &value.node().kind {
            Kind::Map(entries) => Some(to_object(entries)),
            _ => None,
        }
    });
    map.unwrap_or_default()
}

fn sha256(value: &Value<'_>) -> Option<String> {
    let text = value.filled_text()?;
    let text = text
        .trim()
        .trim_start_matches("sha256:")
        .to_ascii_lowercase();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        value.error("expected 64 hexadecimal digits", None);
        return None;
    }
    Some(text)
}

/// The key `grants`.
pub(crate) fn plugin_grants(map: &mut MapReader<'_>) -> PluginGrants {
    let Some(mut map) = map.get("grants").and_then(|value| value.map()) else {
        return PluginGrants::default();
    };
    let grants = PluginGrants {
        http: each(&mut map, "http", |value| {
            HostGrant::parse(&value.filled_text()?)
                .map_err(|error| value.error(error, None))
                .ok()
        }),
        read: each(&mut map, "read", path),
        env: each(&mut map, "env", |value| {
            let name = value.filled_text()?;
            if name.contains(['=', '\0']) {
                value.error("is no name of a variable", None);
                return None;
            }
            Some(name)
        }),
        signal: each(&mut map, "signal", signal),
        clock: map.boolean("clock", false),
        random: map.boolean("random", false),
    };
    map.finish();
    grants
}

fn each<T>(
    map: &mut MapReader<'_>,
    key: &'static str,
    read: impl Fn(&Value<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(value) = map.get(key) else {
        return Vec::new();
    };
    let list = value.list("a list").unwrap_or_default();
    if list.len() > MOST {
        value.error(format!("at most {MOST} entries"), None);
        return Vec::new();
    }
    list.iter().filter_map(read).collect()
}

/// An absolute path: what a relative one would start from, nobody could tell from the file.
fn path(value: &Value<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(value.filled_text()?);
    if path.is_absolute() {
        return Some(path);
    }
    value.error("expected an absolute path", None);
    None
}

fn signal(value: &Value<'_>) -> Option<SignalGrant> {
    let text = value.filled_text()?;
    if text.starts_with('/') {
        return Some(SignalGrant::Pidfile(text.into()));
    }
    let legal = |letter: char| letter.is_ascii_alphanumeric() || ":-_.@\\".contains(letter);
    let is_unit = text.ends_with(".service") && !text.starts_with('-') && text.chars().all(legal);
    if is_unit {
        return Some(SignalGrant::Unit(text));
    }
    let help = "/run/nginx.pid, or nginx.service".to_owned();
    value.error(
        "expected the absolute path of a pidfile, or a unit of systemd",
        Some(help),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PluginFile, Vec<String>> {
        let file = plugin_file(
            "p.yaml",
            text.as_bytes(),
            &|_| None,
            PluginLimits::default(),
        );
        file.map_err(|problems| problems.lines())
    }

    #[test]
    fn nothing_is_granted_by_default() {
        for text in ["", "# nothing\n", "limits: {memory: 8}\n", "grants: {}\n"] {
            assert_eq!(read(text).unwrap().grants, PluginGrants::default());
        }
    }

    #[test]
    fn a_whole_file_is_read() {
        let digest = "ab".repeat(32);
        let file = read(&format!(
            "grants:\n  http: [api.example.com, \"http://10.0.0.1:8080\"]\n  read: [/etc/ssl]\n  \
             env: [HOME]\n  signal: [/run/nginx.pid, prometheus.service]\n  clock: true\n  \
             random: true\nlimits: {{time: 0.5, memory: 8, log: 0}}\n\
             settings: {{url: \"https://x/${{TOKEN}}\"}}\nsha256: {digest}\n"
        ))
        .unwrap();
        assert_eq!(file.grants.http.len(), 2);
        assert_eq!(file.grants.read, [PathBuf::from("/etc/ssl")]);
        assert_eq!(
            file.grants.signal,
            [
                SignalGrant::Pidfile("/run/nginx.pid".into()),
                SignalGrant::Unit("prometheus.service".to_owned())
            ]
        );
        assert!(file.grants.clock && file.grants.random);
        assert_eq!((file.limits.memory_mib, file.limits.log), (8, 0));
        assert_eq!(file.limits.size_mib, PluginLimits::default().size_mib);
        assert_eq!(file.settings["url"], "https://x/${TOKEN}");
        assert_eq!(file.sha256, Some(digest));
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let problems = read(
            "grant: {http: []}\ngrants: {http: [\"ftp://x\"], read: [here], signal: [nginx], \
             clok: true}\nlimits: {memory: 0}\nsha256: abc\n",
        )
        .unwrap_err();
        assert_eq!(problems.len(), 7, "{problems:#?}");
        assert!(problems[0].starts_with("p.yaml:1:1: grant: unknown key; did you mean `grants`?"));
    }
}
