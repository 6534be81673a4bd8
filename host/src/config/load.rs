//! The bytes of config.yaml to a [`SentinelConfig`], or to every problem at once.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::document::{Document, Parsed};
use super::node::to_object;
use super::plugins::PluginSettings;
use super::problem::{Place, Problem, Problems, Source};
use super::reader::{Findings, MapReader};
use super::sentinel::SentinelConfig;
use super::suggest::nearest;
use super::template::Environment;
use super::value::Value;
use super::{backends, conflict_resolution, middleware, plugins, server, sync, version};

pub(super) const OUR_SECTIONS: [&str; 7] = [
    "version",
    "server",
    "backends",
    "conflict_resolution",
    "middleware",
    "plugins",
    "sync",
];

/// Sections of the gateway that the file format comes from. A file may hold them; nothing here
/// reads them, unless a handler claims one.
const FOREIGN_SECTIONS: [&str; 11] = [
    "client",
    "audit",
    "optimizer",
    "telemetry",
    "secrets",
    "registries",
    "incoming_auth",
    "authorization",
    "feature_flags",
    "skills",
    "workflows",
];

/// Sections that begin so hold what others refer to by an alias; nobody reads them.
const SHELF_PREFIX: &str = "x-";

/// What became of the bytes of a file.
#[derive(Debug)]
pub enum Load {
    /// Nothing but space, comments or an explicit `null`: someone is about to write it.
    Empty,
    /// At least one error, and the warnings.
    Invalid(Problems),
    /// A configuration to use.
    Valid {
        /// The configuration.
        config: Arc<SentinelConfig>,
        /// What someone should look at.
        warnings: Problems,
        /// Finds the places of problems that are found later.
        document: Arc<Document>,
    },
}

/// What the plugins have, for those who know it.
#[derive(Clone, Copy, Default)]
pub struct Known<'a> {
    /// The top-level sections that handlers read.
    pub sections: &'a [String],
    /// The middleware of plugins; asked for where the file names some. Without it every name may
    /// be a plugin's.
    pub middleware: Option<&'a dyn Fn() -> Vec<String>>,
}

/// Reads `bytes`, up to [`MAX_BYTES`](super::MAX_BYTES) of UTF-8, and checks them.
///
/// `source_name` is what problems call the source: `config.yaml`. `env` is asked for the
/// variables of values that are used right here, and whether the others are set; what it answers
/// is in no message.
///
/// No input makes it panic or run long.
pub fn load(source_name: &str, bytes: &[u8], env: Environment<'_>, known: Known<'_>) -> Load {
    match parse(source_name, bytes) {
        Ok(draft) => draft.validate(env, known),
        Err(load) => load,
    }
}

/// Reads a document that is no config.yaml with the readers of this room: `read` gets its map, and
/// reports what is wrong there. Variables stand for nothing.
///
/// # Errors
/// Every problem, if one is an error.
pub(crate) fn read_with<T>(
    source_name: &str,
    bytes: &[u8],
    read: impl FnOnce(&mut MapReader<'_>) -> T,
) -> Result<T, Problems> {
    let (document, problems) = match Document::parse(source_name, bytes) {
        Parsed::Empty => {
            let source = Arc::new(Source {
                name: source_name.to_owned(),
                text: String::new(),
            });
            let empty = Problem::error("", "it is empty");
            return Err(Problems::new(source, vec![empty]));
        }
        Parsed::Broken(problems) => return Err(problems),
        Parsed::Whole(document, problems) => (document, problems),
    };
    let findings = Findings::new(&|_| None, problems);
    let mut map = MapReader::new(document.sections(), String::new(), None, &findings, true);
    let read = read(&mut map);
    map.finish();
    let problems = document.locate(findings.into_problems());
    match problems.has_errors() {
        true => Err(problems),
        false => Ok(read),
    }
}

/// A document that has been read and not checked: the first half of [`load`].
#[derive(Debug)]
pub struct Draft {
    document: Document,
    problems: Vec<Problem>,
}

/// Reads `bytes` into a document.
///
/// # Errors
/// What became of them when there is none.
pub fn parse(source_name: &str, bytes: &[u8]) -> Result<Draft, Load> {
    match Document::parse(source_name, bytes) {
        Parsed::Empty => Err(Load::Empty),
        Parsed::Broken(problems) => Err(Load::Invalid(problems)),
        Parsed::Whole(document, problems) => Ok(Draft { document, problems }),
    }
}

impl Draft {
    /// Its sections as they are written, right or wrong, to compare with others.
    pub fn sections(&self) -> Map<String, Json> {
        to_object(self.document.sections())
    }

    /// What is wrong with it as a document: keys that stand twice, numbers without end.
    pub fn problems(&self) -> Problems {
        self.document.locate(self.problems.clone())
    }

    /// What it says of plugins, as far as that is right.
    pub fn plugins(&self, env: Environment<'_>) -> PluginSettings {
        let findings = Findings::new(env, Vec::new());
        let sections = self.document.sections();
        plugins::read(&mut MapReader::new(
            sections,
            String::new(),
            None,
            &findings,
            false,
        ))
    }

    /// As [`Document::place_of`].
    pub fn place_of(&self, path: &str) -> Option<Place> {
        self.document.place_of(path)
    }

    /// Checks it: the second half of [`load`].
    pub fn validate(self, env: Environment<'_>, known: Known<'_>) -> Load {
        let Self { document, problems } = self;
        let findings = Findings::new(env, problems);
        let config = check(&document, &findings, known);
        let problems = document.locate(findings.into_problems());
        if problems.has_errors() {
            return Load::Invalid(problems);
        }
        Load::Valid {
            config: Arc::new(config),
            warnings: problems,
            document: Arc::new(document),
        }
    }
}

fn check(document: &Document, findings: &Findings<'_>, known: Known<'_>) -> SentinelConfig {
    let mut map = MapReader::new(document.sections(), String::new(), None, findings, false);
    version::check(&mut map, findings);
    let backend_names = backends::check(&mut map);
    conflict_resolution::check(&mut map, &backend_names);
    let middleware = middleware::check(&mut map, known.middleware);
    let config = SentinelConfig {
        server: server::read(&mut map, middleware.has_auth),
        plugins: plugins::read(&mut map),
        sync: sync::read(&mut map),
        sections: to_object(document.sections()),
        backend_names,
        plugged: middleware.plugged,
    };
    for (name, value) in map.values() {
        check_section_name(name, &value, known.sections, &config.sections);
    }
    config
}

/// A section that nobody reads is no error, for it may belong to a plugin that comes later; unless
/// it is nearly one of ours that the file lacks: `backend:` would take every backend away.
fn check_section_name(
    name: &str,
    value: &Value<'_>,
    claimed_sections: &[String],
    present: &Map<String, Json>,
) {
    let claimed = claimed_sections.iter().any(|claimed| claimed == name);
    if claimed || OUR_SECTIONS.contains(&name) || name.starts_with(SHELF_PREFIX) {
        return;
    }
    let problem = if FOREIGN_SECTIONS.contains(&name) {
        Problem::warning(value.path.as_str(), "is not used by Config Sync")
    } else {
        let known = OUR_SECTIONS.into_iter().chain(FOREIGN_SECTIONS);
        let known = known.chain(claimed_sections.iter().map(String::as_str));
        let absent = OUR_SECTIONS
            .into_iter()
            .filter(|section| !present.contains_key(*section));
        let mut problem = match nearest(name, absent) {
            Some(_) => Problem::error(value.path.as_str(), "unknown section"),
            None => Problem::warning(value.path.as_str(), "unknown section"),
        };
        problem.help = value.did_you_mean_key(name, known);
        problem
    };
    value.push_at_key(problem);
}

#[cfg(test)]
mod tests;
