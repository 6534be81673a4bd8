//! The bytes of a file to a document: a tree that remembers where everything stands.
//!
//! It does not know what a section means.

use std::fmt;
use std::sync::Arc;

use super::node::{Entry, Kind, Node};
use super::problem::{Place, Problem, Problems, Source};
use super::yaml;

/// The most bytes that a configuration may have, wherever it comes from: 20,000 backends fit in
/// 2 MiB. More than this is not a configuration that someone wrote.
pub const MAX_BYTES: u64 = 8 << 20;

/// A whole document: the source text, and the map at its root. `Debug` shows neither: they may
/// hold secrets.
pub struct Document {
    source: Arc<Source>,
    entries: Vec<Entry>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Document").field(&self.source).finish()
    }
}

/// What became of the bytes.
pub(super) enum Parsed {
    /// Nothing but space, comments, or an explicit `null`.
    Empty,
    /// No tree to speak of.
    Broken(Problems),
    /// A tree; the problems are those of single keys and numbers.
    Whole(Document, Vec<Problem>),
}

impl Document {
    /// Reads `bytes`; `name` is what problems call the source.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Parsed {
        let source = |text: String| {
            let name = name.to_owned();
            Arc::new(Source { name, text })
        };
        let broken = |source, problem| Parsed::Broken(Problems::new(source, vec![problem]));

        if bytes.len() as u64 > MAX_BYTES {
            let message = format!("{} bytes is too large: at most {MAX_BYTES}", bytes.len());
            return broken(source(String::new()), Problem::error("", message));
        }
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                // Up to the place the text is what it was, so the place is right in both.
                let lossy = String::from_utf8_lossy(bytes).into_owned();
                return broken(source(lossy), not_utf8(bytes, error.valid_up_to()));
            }
        };
        let source = source(text.to_owned());
        let (root, problems) = match yaml::parse(text) {
            Ok(parsed) => parsed,
            Err(problem) => return broken(source, problem),
        };
        match root.kind {
            Kind::Null if problems.is_empty() => Parsed::Empty,
            Kind::Map(entries) => Parsed::Whole(Self { source, entries }, problems),
            _ => {
                let message = format!("expected a map of sections, found {}", root.kind_name());
                broken(source, Problem::error("", message).at(root.place))
            }
        }
    }

    /// The top-level sections, in the order of the file.
    pub(super) fn sections(&self) -> &[Entry] {
        &self.entries
    }

    /// Where the value at `path` (`backends.github.args[0]`) stands, or its nearest ancestor
    /// that is there; `None` when not even the first key is.
    ///
    /// Keys may hold dots: at each step the longest key that fits is taken.
    pub fn place_of(&self, path: &str) -> Option<Place> {
        let mut place = None;
        let mut rest = path;
        let mut entries = self.entries.as_slice();
        while let Some(entry) = longest_fit(entries, rest) {
            rest = &rest[entry.key.len()..];
            let mut node = &entry.value;
            place = node.best_place(entry.key_place.as_ref());
            while let Some((item, after)) = indexed(node, rest) {
                place = item.best_place(item.place.as_ref());
                node = item;
                rest = after;
            }
            entries = match (&node.kind, rest.strip_prefix('.')) {
                (Kind::Map(entries), Some(after)) => {
                    rest = after;
                    entries
                }
                _ => break,
            };
        }
        place.cloned()
    }

    /// Problems of this document that were found elsewhere, by a plugin for one: each without a
    /// place gets that of its path.
    pub fn locate(&self, problems: impl IntoIterator<Item = Problem>) -> Problems {
        let list = problems
            .into_iter()
            .map(|problem| match problem.place {
                Some(_) => problem,
                None => {
                    let place = self.place_of(&problem.path);
                    problem.at(place)
                }
            })
            .collect();
        Problems::new(Arc::clone(&self.source), list)
    }
}

/// The entry with the longest key that `path` begins with, and that ends where a step may end.
fn longest_fit<'a>(entries: &'a [Entry], path: &str) -> Option<&'a Entry> {
    entries
        .iter()
        .filter(|entry| {
            path.strip_prefix(entry.key.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
        .max_by_key(|entry| entry.key.len())
}

/// The item that `path` begins with, as in `[2].name`, and what follows.
fn indexed<'a, 'p>(node: &'a Node, path: &'p str) -> Option<(&'a Node, &'p str)> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    match &node.kind {
        Kind::List(items) => Some((items.get(index.parse::<usize>().ok()?)?, rest)),
        _ => None,
    }
}

fn not_utf8(bytes: &[u8], offset: usize) -> Problem {
    let before = String::from_utf8_lossy(&bytes[..offset]);
    let start_of_line = before.rfind('\n').map_or(0, |end| end + 1);
    let place = Place {
        line: before.matches('\n').count() + 1,
        column: before[start_of_line..].chars().count() + 1,
        range: offset..offset,
    };
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let message = format!("byte 0x{byte:02x} at offset {offset} is not UTF-8");
    let help = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "this looks like UTF-16: save the file as UTF-8",
        _ => "save the file as UTF-8",
    };
    Problem::error("", message).help(help).at(Some(place))
}

#[cfg(test)]
mod tests;
