//! One value of `sync` changed in the text of a config.yaml, and nothing else: every other byte
//! stays, which is verified and not believed. The text is edited by a crate that keeps what it
//! does not understand; then both parsers must find every other value as it was, and all bytes
//! outside of the value must be the same. Else it is refused, with the difference. Pure.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value};
use yaml_edit::{Document, Mapping, ScalarValue, YamlValue};

use super::key::Key;
use super::layers::is_same;
use crate::config::{self, Environment, Load};

/// Larger files are not written by hand, and not edited by one value.
const MOST_BYTES: usize = 1 << 20;
const SECTION: &str = "sync";

/// Why a text is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEdited {
    /// What is in the way, and what to do.
    pub why: String,
    /// What would have become of which lines; empty where it did not come to that.
    pub difference: String,
}

impl fmt::Display for NotEdited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        match self.difference.is_empty() {
            true => Ok(()),
            false => write!(f, "; it would have become:\n{}", self.difference),
        }
    }
}

impl From<String> for NotEdited {
    fn from(why: String) -> Self {
        Self {
            why,
            difference: String::new(),
        }
    }
}

/// The text with these values in its section `sync`; a value may hold placeholders. `name` is
/// what messages call the file, `env` is asked for the variables of placeholders.
///
/// # Errors
/// Why it is left alone, all of it.
pub fn edit(
    name: &str,
    text: &[u8],
    values: &[(&'static Key, Value)],
    env: Environment<'_>,
) -> Result<String, NotEdited> {
    if text.len() > MOST_BYTES {
        let why = format!("{name} has more than {MOST_BYTES} bytes; edit it by hand");
        return Err(why.into());
    }
    let before = std::str::from_utf8(text).map_err(|_| format!("{name} is not UTF-8"))?;
    let mut after = before.to_owned();
    for (key, value) in values {
        after = edit_one(name, &after, key, value)?;
    }
    check_whole(name, before, &after, env)?;
    Ok(after)
}

/// What was right before is right after.
fn check_whole(
    name: &str,
    before: &str,
    after: &str,
    env: Environment<'_>,
) -> Result<(), NotEdited> {
    let load = |text: &str| config::load(name, text.as_bytes(), env, &[]);
    match (load(before), load(after)) {
        (Load::Valid { .. }, Load::Invalid(problems)) => Err(problems.lines().join("; ").into()),
        _ => Ok(()),
    }
}

fn edit_one(name: &str, before: &str, key: &Key, value: &Value) -> Result<String, NotEdited> {
    let old = Reading::of(name, before)?;
    let present = old.section().and_then(|section| section.get(key.name));
    if present.is_some_and(|present| is_same(present, value)) {
        return Ok(before.to_owned());
    }
    let quoted = old.quotes(before, key);
    // What it makes of texts that nobody has tried is checked below, also that it says nothing.
    let edited = catch_unwind(AssertUnwindSafe(|| put(before, key, value, quoted)));
    let after = edited.unwrap_or_else(|_| Err("the text is too odd to be edited".to_owned()))?;
    let after = with_line_ends_of(before, after);
    verify(name, &old, before, &after, (key, value)).map_err(|why| NotEdited {
        why: format!("{name} is left alone: {why}; edit it by hand"),
        difference: difference(before, &after),
    })?;
    Ok(after)
}

/// Edits, without any promise.
fn put(text: &str, key: &Key, value: &Value, quoted: Option<char>) -> Result<String, String> {
    let document: Document = text.parse().map_err(|error| format!("{error}"))?;
    let root = document
        .as_mapping()
        .ok_or("it is no map of sections; edit it by hand")?;
    match root.get_mapping(SECTION) {
        Some(section) => set(&section, key, value, quoted),
        None => {
            let section = Document::new_mapping();
            let inner = section.as_mapping().ok_or("no section can be made")?;
            set(&inner, key, value, quoted);
            root.set(SECTION, &inner);
        }
    }
    Ok(document.to_string())
}

fn set(section: &Mapping, key: &Key, value: &Value, quoted: Option<char>) {
    let number = value.as_f64().filter(|it| it.fract() == 0.0);
    match (value, number) {
        (Value::Bool(value), _) => section.set(key.name, *value),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole, and no setting is large"
        )]
        (_, Some(whole)) => section.set(key.name, whole as i64),
        (Value::Number(number), None) => section.set(key.name, number.as_f64().unwrap_or_default()),
        (value, _) => {
            let text = value.as_str().unwrap_or_default();
            match quoted {
                Some('\'') => section.set(key.name, scalar(ScalarValue::single_quoted(text))),
                Some('"') => section.set(key.name, scalar(ScalarValue::double_quoted(text))),
                _ => section.set(key.name, text),
            }
        }
    };
}

fn scalar(scalar: ScalarValue) -> YamlValue {
    YamlValue::Scalar(scalar)
}

/// What was put in ends its lines as the rest does.
fn with_line_ends_of(before: &str, after: String) -> String {
    let bare = |text: &str| text.replace("\r\n", "").contains('\n');
    if !before.contains("\r\n") || bare(before) {
        return after;
    }
    after.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// A text as both parsers read it.
struct Reading {
    draft: config::Draft,
    sections: Map<String, Value>,
    other: serde_yaml::Value,
}

impl Reading {
    fn of(name: &str, text: &str) -> Result<Self, String> {
        let draft = match config::parse(name, text.as_bytes()) {
            Ok(draft) => draft,
            Err(Load::Invalid(problems)) => return Err(problems.lines().join("; ")),
            Err(_) => return Err(format!("{name} is empty")),
        };
        let problems = draft.problems();
        if problems.has_errors() {
            return Err(problems.lines().join("; "));
        }
        let mut other: serde_yaml::Value =
            serde_yaml::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        other
            .apply_merge()
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(Self {
            sections: draft.sections(),
            draft,
            other,
        })
    }

    fn section(&self) -> Option<&Map<String, Value>> {
        self.sections.get(SECTION)?.as_object()
    }

    /// Where the value of this key is written, if it is more than nothing.
    fn place(&self, key: &Key) -> Option<Range<usize>> {
        let value = self.section()?.get(key.name)?;
        let place = self.draft.place_of(&format!("{SECTION}.{}", key.name))?;
        (!value.is_null()).then_some(place.range)
    }

    /// The quotes that it stands in.
    fn quotes(&self, text: &str, key: &Key) -> Option<char> {
        let first = text.get(self.place(key)?)?.chars().next()?;
        matches!(first, '"' | '\'').then_some(first)
    }

    /// All but the value of this key, by both parsers.
    fn without(&self, key: &Key) -> (Map<String, Value>, serde_yaml::Value) {
        let (mut sections, mut other) = (self.sections.clone(), self.other.clone());
        if let Some(Value::Object(section)) = sections.get_mut(SECTION) {
            section.shift_remove(key.name);
        }
        if let Some(serde_yaml::Value::Mapping(section)) = other.get_mut(SECTION) {
            section.shift_remove(key.name);
        }
        // An empty section is as good as none.
        let empty =
            |section: &Value| section.is_null() || section.as_object().is_some_and(Map::is_empty);
        if sections.get(SECTION).is_some_and(empty) {
            sections.shift_remove(SECTION);
            if let serde_yaml::Value::Mapping(all) = &mut other {
                all.shift_remove(SECTION);
            }
        }
        (sections, other)
    }
}

fn verify(
    name: &str,
    old: &Reading,
    before: &str,
    after: &str,
    (key, value): (&Key, &Value),
) -> Result<(), String> {
    let new = Reading::of(name, after)?;
    let ours = new.section().and_then(|section| section.get(key.name));
    let theirs = new.other.get(SECTION).and_then(|it| it.get(key.name));
    let theirs = theirs.and_then(|theirs| serde_json::to_value(theirs).ok());
    if !ours.is_some_and(|ours| is_same(ours, value))
        || !theirs.is_some_and(|theirs| is_same(&theirs, value))
    {
        return Err(format!("sync.{} would not be what it should", key.name));
    }
    if new.without(key) != old.without(key) {
        return Err("other values would change with it".to_owned());
    }
    check_bytes(old.place(key), before, after)
}

/// All that went is the value, or a part of it, or nothing.
fn check_bytes(place: Option<Range<usize>>, before: &str, after: &str) -> Result<(), String> {
    let (gone, _) = changed(before, after);
    let token = token_at(before, &gone);
    let nothing = ["", "~", "null", "Null", "NULL"];
    let within = match place {
        // An alias is replaced where it stands; its anchor is somewhere else.
        _ if token.starts_with('*') => true,
        Some(place) => place.start <= gone.start && gone.end <= place.end,
        None => gone.is_empty() || nothing.contains(&token),
    };
    match within || gone.is_empty() {
        true => Ok(()),
        false => Err("bytes beside the value would change".to_owned()),
    }
}

/// What one has and the other has not, between what both begin and end with.
fn changed(before: &str, after: &str) -> (Range<usize>, Range<usize>) {
    let (one, other) = (before.as_bytes(), after.as_bytes());
    let same = |(one, other): &(&u8, &u8)| one == other;
    let head = one.iter().zip(other).take_while(same).count();
    let (rest_one, rest_other) = (&one[head..], &other[head..]);
    let ends = rest_one.iter().rev().zip(rest_other.iter().rev());
    let tail = ends.take_while(same).count();
    (head..one.len() - tail, head..other.len() - tail)
}

/// The word that these bytes are a part of.
fn token_at<'a>(text: &'a str, part: &Range<usize>) -> &'a str {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",[]{}".contains(byte);
    let bytes = text.as_bytes();
    let start = bytes[..part.start].iter().rposition(ends);
    let start = start.map_or(0, |at| at + 1);
    let end = bytes[part.end..].iter().position(ends);
    let end = end.map_or(bytes.len(), |length| part.end + length);
    text.get(start..end).unwrap_or_default()
}

/// The lines that differ.
pub(super) fn difference(before: &str, after: &str) -> String {
    let (one, other) = (
        before.lines().collect::<Vec<_>>(),
        after.lines().collect::<Vec<_>>(),
    );
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = one.iter().zip(&other).take_while(same).count();
    let (one, other) = (&one[head..], &other[head..]);
    let tail = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(same)
        .count();
    let gone = one[..one.len() - tail]
        .iter()
        .map(|line| format!("- {line}"));
    let come = other[..other.len() - tail]
        .iter()
        .map(|line| format!("+ {line}"));
    gone.chain(come).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
