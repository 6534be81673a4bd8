//! YAML text to a tree of nodes. The only file that knows the YAML parser.
//!
//! Aliases and `<<` merges are expanded. Every duplicate key, odd key and infinite number is
//! found in one pass; only broken syntax stops it. No text makes it run long or deep: the budget
//! below counts what aliases expand to, too.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, MessageFormatter, Options, Spanned, UserMessageFormatter};

use super::node::{Entry, Kind, Node};
use super::problem::{Place, Problem};
use super::reader::join;

/// Real files are some 6 deep. The parser recurses, and an unoptimised build takes up to 64 KiB of
/// stack for a level, of the 2 MiB that a thread has.
const DEEPEST: usize = 20;

/// A file with 20,000 backends has 200,000 nodes.
const MOST_NODES: usize = 250_000;

/// What aliases and merges may add: thousands of backends that share their settings, while a
/// "billion laughs" ends within milliseconds.
const MOST_EXPANDED: usize = 100_000;

/// The tree of `text`, and what is wrong with keys and numbers in it; where something is wrong,
/// the tree goes without it. The error is the one at which the syntax breaks.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<Problem>), Problem> {
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| syntax_problem(&error, text))?;
    let mut grower = Grower {
        text,
        problems: Vec::new(),
    };
    let node = grower.node(raw, "");
    Ok((node, grower.problems))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_nodes: MOST_NODES,
            // One anchor that every backend shares is no attack.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_EXPANDED,
        },
        // Both are found by the grower, all at once.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        // `0755` and `1_000` mean different numbers to different parsers: text to us.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // A `!secret x` that is taken for the text `x` would be a nasty surprise.
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
    }
}

/// What the parser sees, before we judge keys and numbers.
enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

/// Turns what the parser saw into nodes, and gathers what cannot be one.
struct Grower<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Grower<'_> {
    fn node(&mut self, raw: Spanned<Raw>, path: &str) -> Node {
        let place = self.place(&raw.defined);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            Raw::Bool(value) => Kind::Bool(value),
            Raw::Int(value) => Kind::Int(value),
            Raw::Float(value) if value.is_finite() => Kind::Float(value),
            Raw::Float(_) => {
                let problem = Problem::error(path, "expected a finite number")
                    .help("if it is text, put it in quotes");
                self.problems.push(problem.at(place.clone()));
                Kind::Null
            }
            Raw::Text(text) => Kind::Text(text),
            Raw::List(items) => Kind::List(
                (items.into_iter().enumerate())
                    .map(|(index, item)| self.node(item, &format!("{path}[{index}]")))
                    .collect(),
            ),
            Raw::Map(entries) => Kind::Map(self.map(entries, path)),
        };
        Node { kind, place }
    }

    fn map(&mut self, raw: Vec<(Spanned<Raw>, Spanned<Raw>)>, path: &str) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(raw.len());
        let mut lines = HashMap::new();
        for (key, value) in raw {
            let line = key.defined.line();
            let key_place = self.place(&key.defined);
            let Raw::Text(key) = key.value else {
                let problem = Problem::error(path, "a key must be text")
                    .help("put the key in quotes")
                    .at(key_place);
                self.problems.push(problem);
                continue;
            };
            let path = join(path, &key);
            if let Some(first) = lines.insert(key.clone(), line) {
                lines.insert(key, first);
                let message = format!("the key is there already, in line {first}");
                let problem = Problem::error(path, message)
                    .help("keep one of them")
                    .at(key_place);
                self.problems.push(problem);
                continue;
            }
            entries.push(Entry {
                value: self.node(value, &path),
                key,
                key_place,
            });
        }
        entries
    }

    fn place(&self, location: &Location) -> Option<Place> {
        place(location, self.text)
    }
}

fn syntax_problem(error: &Error, text: &str) -> Problem {
    let cause = cause(error);
    let message = match cause {
        Error::MultipleDocuments { .. } => "a second YAML document begins here".into(),
        Error::UnknownAnchor { .. } => "no anchor of this name comes before this alias".into(),
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => format!(
            "too large or too deep: at most {MOST_NODES} values, {DEEPEST} levels, and \
             {MOST_EXPANDED} values out of aliases"
        ),
        other => UserMessageFormatter.format_message(other).into_owned(),
    };
    let place = error.location().and_then(|location| place(&location, text));
    let help = place
        .as_ref()
        .and_then(|place| syntax_help(cause, place, text));
    let problem = Problem::error("", message).at(place);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// What is wrong, when it was found on the way through an alias.
fn cause(error: &Error) -> &Error {
    match error.without_snippet() {
        Error::AliasError { error, .. } => cause(error),
        other => other,
    }
}

/// What to do about the slips that people make most.
fn syntax_help(cause: &Error, place: &Place, text: &str) -> Option<&'static str> {
    if let Error::MultipleDocuments { .. } = cause {
        return Some("keep one document in the file: remove the `---`");
    }
    let line = text
        .lines()
        .nth(place.line.saturating_sub(1))
        .unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        Some("indent with spaces")
    } else if line.contains("${") {
        Some("put text that holds `${...}` in quotes")
    } else {
        None
    }
}

/// `location` with its range of bytes; the parser leaves bytes out where it stumbles.
fn place(location: &Location, text: &str) -> Option<Place> {
    if *location == Location::UNKNOWN {
        return None;
    }
    let (line, column) = (location.line() as usize, location.column() as usize);
    let span = location.span();
    let range = match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => start as usize..(start + length) as usize,
        _ => {
            let start = byte_offset(text, span.offset() as usize);
            start..start + text[start..].chars().next().map_or(0, char::len_utf8)
        }
    };
    Some(Place {
        line,
        column,
        range,
    })
}

/// Where the character number `count` begins.
fn byte_offset(text: &str, count: usize) -> usize {
    text.char_indices()
        .nth(count)
        .map_or(text.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests;
