//! How two configurations differ, leaf by leaf, as values: where, and of what sort, never what
//! stands there. Pure.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// How two configurations differ in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// Only the new one has it.
    Added,
    /// Both have it, not alike.
    Changed,
    /// Only the old one has it.
    Removed,
}

/// One difference, for people. Holds no value, so no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What sort.
    pub kind: DifferenceKind,
    /// As keys from the root: `backends.github`.
    pub path: String,
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
        found.push(DifferenceKind::Changed, key.to_owned());
    }
    found.maps("", before, after);
    // Stable: the change of a list's order stays before those of its items.
    found.0.sort_by(|one, other| one.0.cmp(&other.0));
    found
        .0
        .into_iter()
        .map(|(_, difference)| difference)
        .collect()
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
    fn push(&mut self, kind: DifferenceKind, path: String) {
        let pieces = path
            .split(['.', '['])
            .map(|piece| {
                let number = piece.strip_suffix(']').and_then(|it| it.parse().ok());
                number.map_or_else(|| Piece::Text(piece.to_owned()), Piece::Number)
            })
            .collect();
        self.0.push((pieces, Difference { kind, path }));
    }

    fn maps(&mut self, path: &str, before: &Map<String, Json>, after: &Map<String, Json>) {
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            self.either(join(path, key), before.get(key), after.get(key));
        }
    }

    fn either(&mut self, path: String, before: Option<&Json>, after: Option<&Json>) {
        match (before, after) {
            (None, None) => {}
            (None, Some(_)) => self.push(DifferenceKind::Added, path),
            (Some(_), None) => self.push(DifferenceKind::Removed, path),
            (Some(before), Some(after)) => self.both(path, before, after),
        }
    }

    fn both(&mut self, path: String, before: &Json, after: &Json) {
        match (before, after) {
            (Json::Object(before), Json::Object(after)) => self.maps(&path, before, after),
            (Json::Array(before), Json::Array(after)) => match (names(before), names(after)) {
                (Some(old), Some(new)) => self.named(&path, (&old, before), (&new, after)),
                _ => self.places(&path, before, after),
            },
            _ if before != after => self.push(DifferenceKind::Changed, path),
            _ => {}
        }
    }

    /// Items by their names.
    fn named(&mut self, path: &str, old: (&[String], &[Json]), new: (&[String], &[Json])) {
        let item = |side: (&[String], &[Json]), name| {
            let at = side.0.iter().position(|other| other == name)?;
            side.1.get(at).cloned()
        };
        if reordered(old.0.iter(), new.0.iter()) {
            self.push(DifferenceKind::Changed, path.to_owned());
        }
        let all: BTreeSet<_> = old.0.iter().chain(new.0).collect();
        for name in all {
            let (before, after) = (item(old, name), item(new, name));
            let path = join(path, name);
            match (
                before.as_ref().and_then(only),
                after.as_ref().and_then(only),
            ) {
                // The one key is the name, and stands in the path already.
                (Some((_, before)), Some((_, after))) => self.both(path, before, after),
                _ => self.either(path, before.as_ref(), after.as_ref()),
            }
        }
    }

    /// Items by their places, without what both begin and end with.
    fn places(&mut self, path: &str, before: &[Json], after: &[Json]) {
        let same = |(one, other): &(&Json, &Json)| one == other;
        let head = before.iter().zip(after).take_while(same).count();
        let (before, after) = (&before[head..], &after[head..]);
        let ends = before.iter().rev().zip(after.iter().rev());
        let tail = ends.take_while(same).count();
        let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
        for at in 0..before.len().max(after.len()) {
            let path = format!("{path}[{}]", head + at);
            self.either(path, before.get(at), after.get(at));
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
