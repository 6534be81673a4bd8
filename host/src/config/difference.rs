//! How two configurations differ, leaf by leaf, as values: where, of what sort, and what stands
//! there as far as others may see it. Pure.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::shown::seen;

/// Bytes of a value: what one reads in a line. Whoever wants all of it has the file.
const LONGEST: usize = 200;

/// How two configurations differ in one place.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// Only the new one has it.
    Added,
    /// Both have it, not alike.
    Changed,
    /// Only the old one has it.
    Removed,
}

/// One difference, for people. Of its values it holds only what is known to be no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What sort.
    pub kind: DifferenceKind,
    /// As keys from the root: `backends.github`.
    pub path: String,
    /// What stood there, as JSON of 200 bytes at most (`…` where it is cut off), `[redacted]` for
    /// what may be a secret; absent where nothing stood there, or that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What stands there now, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Difference {
    /// One whose values are not known.
    pub fn at(kind: DifferenceKind, path: String) -> Self {
        Self {
            kind,
            path,
            before: None,
            after: None,
        }
    }

    /// With the values: `~ sync.debounce: 1 -> 0.5`; with one, where what differs is not shown.
    pub fn with_values(&self) -> String {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) if before != after => {
                format!("{self}: {before} -> {after}")
            }
            (Some(value), _) | (None, Some(value)) => format!("{self}: {value}"),
            (None, None) => self.to_string(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            DifferenceKind::Added => '+',
            DifferenceKind::Changed => '~',
            DifferenceKind::Removed => '-',
        };
        write!(f, "{sign} {}", self.path)
    }
}

/// Every difference between the sections of two configurations, in the order of their paths.
/// None exactly when both mean the same.
///
/// What only one side has is told once, at its root, and what both have at the leaves:
/// `+ backends.github`, `~ backends.web.url`. The order of keys means nothing, but for `backends`,
/// where it decides who is first. Items of a list go by their names where all of them have one
/// (`middleware.audit.file`), else by their places (`backends.web.args[2]`); another order of
/// named items is a change of the list. A key that would be misread in a path is quoted.
pub fn differences(before: &Map<String, Json>, after: &Map<String, Json>) -> Vec<Difference> {
    let mut found = Found::default();
    let key = "backends";
    if let (Some(Json::Object(before)), Some(Json::Object(after))) =
        (before.get(key), after.get(key))
        && reordered(before.keys(), after.keys())
    {
        let at = Position::default().key(key);
        found.order(&at, before.keys(), after.keys());
    }
    found.maps(&Position::default(), before, after);
    // Stable: the change of a list's order stays before those of its items.
    found.0.sort_by(|one, other| one.0.cmp(&other.0));
    found
        .0
        .into_iter()
        .map(|(_, difference)| difference)
        .collect()
}

/// Where one is.
#[derive(Clone, Default)]
struct Position<'a> {
    /// For people.
    path: String,
    /// Key by key, empty for an item of a list: what tells whether a value may be seen.
    steps: Vec<&'a str>,
}

impl<'a> Position<'a> {
    fn key(&self, key: &'a str) -> Self {
        self.below(join(&self.path, key), key)
    }

    fn item(&self, at: usize) -> Self {
        self.below(format!("{}[{at}]", self.path), "")
    }

    fn below(&self, path: String, step: &'a str) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { path, steps }
    }

    fn value(&self, value: &'a Json) -> String {
        cut(seen(&mut self.steps.clone(), value).to_string())
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}

/// With what they are sorted by: paths, with numbers by their worth.
#[derive(Default)]
struct Found(Vec<(Vec<Piece>, Difference)>);

/// Of a path, for the sake of order: `args[2]` is before `args[10]`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(usize),
    Text(String),
}

impl Found {
    fn push(&mut self, position: &Position<'_>, before: Option<String>, after: Option<String>) {
        let pieces = position
            .path
            .split(['.', '['])
            .map(|piece| {
                let number = piece.strip_suffix(']').and_then(|it| it.parse().ok());
                number.map_or_else(|| Piece::Text(piece.to_owned()), Piece::Number)
            })
            .collect();
        let difference = Difference {
            kind: match (&before, &after) {
                (None, _) => DifferenceKind::Added,
                (_, None) => DifferenceKind::Removed,
                _ => DifferenceKind::Changed,
            },
            path: position.path.clone(),
            before,
            after,
        };
        self.0.push((pieces, difference));
    }

    /// The same names in another order.
    fn order<'n>(
        &mut self,
        position: &Position<'_>,
        before: impl Iterator<Item = &'n String>,
        after: impl Iterator<Item = &'n String>,
    ) {
        let list =
            |names: Vec<&String>| cut(Json::from_iter(names.into_iter().cloned()).to_string());
        self.push(
            position,
            Some(list(before.collect())),
            Some(list(after.collect())),
        );
    }

    fn maps<'a>(
        &mut self,
        position: &Position<'a>,
        before: &'a Map<String, Json>,
        after: &'a Map<String, Json>,
    ) {
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            self.either(&position.key(key), before.get(key), after.get(key));
        }
    }

    fn either<'a>(
        &mut self,
        position: &Position<'a>,
        before: Option<&'a Json>,
        after: Option<&'a Json>,
    ) {
        match (before, after) {
            (Some(before), Some(after)) => self.both(position, before, after),
            (None, None) => {}
            (before, after) => {
                let value = |it: Option<&'a Json>| it.map(|it| position.value(it));
                self.push(position, value(before), value(after));
            }
        }
    }

    fn both<'a>(&mut self, position: &Position<'a>, before: &'a Json, after: &'a Json) {
        match (before, after) {
            (Json::Object(before), Json::Object(after)) => self.maps(position, before, after),
            (Json::Array(before), Json::Array(after)) => match (names(before), names(after)) {
                (Some(old), Some(new)) => self.named(position, (&old, before), (&new, after)),
                _ => self.places(position, before, after),
            },
            _ if before != after => {
                self.push(
                    position,
                    Some(position.value(before)),
                    Some(position.value(after)),
                );
            }
            _ => {}
        }
    }

    /// Items by their names.
    fn named<'a>(
        &mut self,
        position: &Position<'a>,
        old: (&[String], &'a [Json]),
        new: (&[String], &'a [Json]),
    ) {
        let item = |side: (&[String], &'a [Json]), name| {
            let at = side.0.iter().position(|other| other == name)?;
            side.1.get(at)
        };
        if reordered(old.0.iter(), new.0.iter()) {
            self.order(position, old.0.iter(), new.0.iter());
        }
        let all: BTreeSet<_> = old.0.iter().chain(new.0).collect();
        for name in all {
            let (before, after) = (item(old, name), item(new, name));
            let position = position.below(join(&position.path, name), "");
            match (before.and_then(only), after.and_then(only)) {
                // The one key is the name, and stands in the path already.
                (Some((key, before)), Some((_, after))) => {
                    self.both(&position.below(position.path.clone(), key), before, after);
                }
                _ => self.either(&position, before, after),
            }
        }
    }

    /// Items by their places, without what both begin and end with.
    fn places<'a>(&mut self, position: &Position<'a>, before: &'a [Json], after: &'a [Json]) {
        let same = |(one, other): &(&Json, &Json)| one == other;
        let head = before.iter().zip(after).take_while(same).count();
        let (before, after) = (&before[head..], &after[head..]);
        let ends = before.iter().rev().zip(after.iter().rev());
        let tail = ends.take_while(same).count();
        let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
        for at in 0..before.len().max(after.len()) {
            self.either(&position.item(head + at), before.get(at), after.get(at));
        }
    }
}

/// The names of all items, when each has one of its own.
fn names(items: &[Json]) -> Option<Vec<String>> {
    let names: Vec<_> = items.iter().map(name).collect::<Option<_>>()?;
    let different: BTreeSet<_> = names.iter().collect();
    (different.len() == names.len()).then_some(names)
}

/// What an item is called: by its `name`, else by its `id`, else by its only key. A bare text is
/// no name: it may be a secret.
fn name(item: &Json) -> Option<String> {
    let item_map = item.as_object()?;
    let said = ["name", "id"]
        .iter()
        .find_map(|key| item_map.get(*key)?.as_str());
    match said {
        Some(name) => Some(name.to_owned()),
        None => only(item).map(|(key, _)| key.to_owned()),
    }
}

/// The only key of a map, and its value.
fn only(item: &Json) -> Option<(&str, &Json)> {
    let mut entries = item.as_object()?.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) if key != "name" && key != "id" => Some((key, value)),
        _ => None,
    }
}

/// Whether what both have comes in another order.
fn reordered<'a>(
    before: impl Iterator<Item = &'a String> + Clone,
    after: impl Iterator<Item = &'a String> + Clone,
) -> bool {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) =
        (before.clone().collect(), after.clone().collect());
    let before = before.filter(|key| new.contains(key));
    !before.eq(after.filter(|key| old.contains(key)))
}

/// The path with one more key.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "_-/@:$ ".contains(letter);
    let readable = !key.is_empty() && key.trim() == key && key.chars().all(plain);
    let key = if readable {
        key.to_owned()
    } else {
        Json::from(key).to_string()
    };
    match path {
        "" => key,
        path => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests;
