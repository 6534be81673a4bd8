//! Reads a map key by key and gathers what is wrong instead of stopping at it.
//!
//! A reader notes which keys it was asked for; `finish` reports the others. It knows no section.

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value as Json;

use super::node::{Entry, Kind, Node};
use super::problem::{Place, Problem};
use super::suggest::nearest;
use super::template::Environment;
use super::value::Value;

/// Searching what was meant takes time, and nobody reads more problems than this.
const MOST_SUGGESTIONS: usize = 200;

/// Compiling a pattern takes time too: a glob 1, an expression 8. No file in good faith has 2,000
/// of the ones or 250 of the others.
const MOST_COMPILING: usize = 2000;

/// What is shown of a longer key in a path.
const MOST_KEY_CHARACTERS: usize = 128;

/// Where readers put what they find.
pub(super) struct Findings<'a> {
    pub(super) env: Environment<'a>,
    problems: RefCell<Vec<Problem>>,
    suggestions_left: Cell<usize>,
    compiling_left: Cell<usize>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(env: Environment<'a>, problems: Vec<Problem>) -> Self {
        Self {
            env,
            problems: RefCell::new(problems),
            suggestions_left: Cell::new(MOST_SUGGESTIONS),
            compiling_left: Cell::new(MOST_COMPILING),
        }
    }

    /// ``did you mean `command`?``, if one of `known` is near enough to `word`.
    pub(super) fn did_you_mean<'k>(
        &self,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<String> {
        let left = self.suggestions_left.get().checked_sub(1)?;
        self.suggestions_left.set(left);
        nearest(word, known).map(|near| format!("did you mean `{near}`?"))
    }

    /// Whether one more pattern may be compiled, which takes so long.
    pub(super) fn may_compile(&self, cost: usize) -> bool {
        let left = self.compiling_left.get().checked_sub(cost);
        self.compiling_left.set(left.unwrap_or(0));
        left.is_some()
    }

    pub(super) fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// Reads what a plugin proposes with the reader of the file: `read` gets the value under `path`.
/// Warnings alone do not refuse it.
pub(super) fn read_json<T>(
    path: &str,
    json: &Json,
    env: Environment<'_>,
    read: impl FnOnce(&Value<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let node = Node::from_json(json);
    let findings = Findings::new(env, Vec::new());
    let read = read(&Value::new(&node, path.to_owned(), None, &findings));
    let mut problems = findings.into_problems();
    match read {
        Some(read) if !problems.iter().any(Problem::is_error) => Ok(read),
        _ => {
            if problems.is_empty() {
                problems.push(Problem::error(path, "nothing is proposed here"));
            }
            Err(problems)
        }
    }
}

/// The path of `key` in the map at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    let (key, more) = match key.char_indices().nth(MOST_KEY_CHARACTERS) {
        Some((end, _)) => (&key[..end], "…"),
        None => (key, ""),
    };
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{key}{more}")
}

/// A map that is being read. A key whose value is nothing (`key:`) counts as not given.
pub(crate) struct MapReader<'a> {
    entries: &'a [Entry],
    path: String,
    place: Option<&'a Place>,
    findings: &'a Findings<'a>,
    forgive_unset: bool,
    known: Vec<&'static str>,
}

impl<'a> MapReader<'a> {
    pub(super) fn new(
        entries: &'a [Entry],
        path: String,
        place: Option<&'a Place>,
        findings: &'a Findings<'a>,
        forgive_unset: bool,
    ) -> Self {
        Self {
            entries,
            path,
            place,
            findings,
            forgive_unset,
            known: Vec::new(),
        }
    }

    /// The value of `key`, if given. The key is known from here on.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.know(&[key]);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let value = self.value(entry);
        (entry.value.kind != Kind::Null).then_some(value)
    }

    /// Whether `key` is given; does not make it known.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.key == key && entry.value.kind != Kind::Null)
    }

    /// The keys as they are written; does not make them known.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// The value of `key`, also when it is nothing (`key:`). The key is known from here on.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.know(&[key]);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.value(entry))
    }

    /// As [`Self::get`]; a key that is not given is an error with `help`.
    pub(crate) fn require(&mut self, key: &'static str, help: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.error(format!("`{key}` is missing"), Some(help.to_owned()));
        }
        value
    }

    /// These keys are no typing slips, whether they are read or not.
    pub(super) fn know(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// What is read from here on may name variables that are not set.
    pub(super) fn forgive_unset_variables(&mut self) {
        self.forgive_unset = true;
    }

    /// Every value with its key: for maps whose keys are the user's.
    pub(crate) fn values(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries
            .iter()
            .map(move |entry| (entry.key.as_str(), self.value(entry)))
    }

    /// Seconds within `bounds`, which must be neither negative nor infinite.
    pub(crate) fn seconds(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<f64>,
        default: Duration,
    ) -> Duration {
        self.get(key)
            .and_then(|value| value.seconds(bounds))
            .unwrap_or(default)
    }

    /// A whole number within `bounds`.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        unit: &str,
        default: u64,
    ) -> u64 {
        self.get(key)
            .and_then(|value| value.integer(bounds, unit))
            .unwrap_or(default)
    }

    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        self.get(key)
            .and_then(|value| value.boolean())
            .unwrap_or(default)
    }

    /// One of the words in `choices`.
    pub(crate) fn one_of<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
        default: T,
    ) -> T {
        self.get(key)
            .and_then(|value| value.one_of(choices))
            .unwrap_or(default)
    }

    /// Text that is not blank, variables resolved.
    pub(super) fn text(&mut self, key: &'static str, default: &str) -> String {
        self.get(key)
            .and_then(|value| value.filled_text())
            .unwrap_or_else(|| default.to_owned())
    }

    /// An error about the map as a whole.
    pub(crate) fn error(&self, message: impl Into<String>, help: Option<String>) {
        let mut problem = Problem::error(self.path.as_str(), message).at(self.place.cloned());
        problem.help = help;
        self.findings.push(problem);
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self) {
        for entry in self.entries {
            if self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let help = self
                .findings
                .did_you_mean(&entry.key, self.known.iter().copied())
                .unwrap_or_else(|| format!("known keys: {}", self.known.join(", ")));
            let problem = Problem::error(join(&self.path, &entry.key), "unknown key")
                .help(help)
                .at(entry.key_place.clone());
            self.findings.push(problem);
        }
    }

    fn value(&self, entry: &'a Entry) -> Value<'a> {
        let path = join(&self.path, &entry.key);
        let mut value = Value::new(&entry.value, path, entry.key_place.as_ref(), self.findings);
        value.forgive_unset = self.forgive_unset;
        value
    }
}

#[cfg(test)]
mod tests;
