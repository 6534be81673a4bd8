//! Globs over names and regular expressions over text, compiled when they are read, so that a
//! wrong one is a problem of the file. Two are equal when the same is written. What a pattern
//! holds may be a secret: `Debug` tells how many there are.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::{Regex, RegexBuilder};

use super::value::Value;

/// Of one list; and what one may hold. Every call is compared with all of them.
const MOST_PATTERNS: usize = 256;
const LONGEST_PATTERN: usize = 1024;
/// Bytes that one compiled expression may take: a counted repetition grows without bound.
const MOST_COMPILED: usize = 1 << 18;

/// Globs over names and URIs. `*` is any run of characters, also of `/`.
#[derive(Clone)]
pub struct Globs {
    written: Vec<String>,
    set: GlobSet,
}

impl Globs {
    /// Whether one of them matches.
    pub fn matches(&self, name: &str) -> bool {
        self.set.is_match(name)
    }

    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let mut set = GlobSetBuilder::new();
        let written = each(value, "a list of globs", 1, |item, text| {
            if text.starts_with('!') {
                let help = "`allow` and `deny` say which; write it without `!`".to_owned();
                item.error("a glob cannot be turned round", Some(help));
                return None;
            }
            let glob = GlobBuilder::new(text)
                .literal_separator(false)
                .backslash_escape(true)
                .build();
            match glob {
                Ok(glob) => set.add(glob),
                Err(error) => {
                    item.error(format!("this is no glob: {}", error.kind()), None);
                    return None;
                }
            };
            Some(text.to_owned())
        })?;
        match set.build() {
            Ok(set) => Some(Self { written, set }),
            Err(error) => {
                value.error(format!("these globs are too much: {error}"), None);
                None
            }
        }
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl fmt::Debug for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.written).finish()
    }
}

/// Regular expressions, which are searched in time that grows with the text alone.
#[derive(Clone)]
pub struct Expressions(Vec<Regex>);

impl Expressions {
    /// `text` with all that one of them finds replaced, or nothing where none finds anything.
    pub fn replace(&self, text: &str, by: &str) -> Option<String> {
        let mut replaced: Option<String> = None;
        for expression in &self.0 {
            let before = replaced.as_deref().unwrap_or(text);
            if !expression.is_match(before) {
                continue;
            }
            let after = expression.replace_all(before, regex::NoExpand(by));
            replaced = Some(after.into_owned());
        }
        replaced
    }

    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let what = "a list of regular expressions";
        let compiled = each(value, what, 8, |item, text| {
            match RegexBuilder::new(text).size_limit(MOST_COMPILED).build() {
                Ok(expression) if expression.is_match("") => {
                    let help = "let it match at least one character".to_owned();
                    item.error("this expression matches nothing at all", Some(help));
                    None
                }
                Ok(expression) => Some(expression),
                Err(error) => {
                    item.error(
                        format!("this is no regular expression: {}", brief(&error)),
                        None,
                    );
                    None
                }
            }
        })?;
        Some(Self(compiled))
    }
}

/// What is wrong, without the expression itself.
fn brief(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it would take too much memory".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    }
}

impl PartialEq for Expressions {
    fn eq(&self, other: &Self) -> bool {
        let written = |all: &Self| {
            all.0
                .iter()
                .map(|it| it.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        written(self) == written(other)
    }
}

impl fmt::Debug for Expressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expressions({})", self.0.len())
    }
}

/// Every item of a list that is not empty, if all of them are right.
fn each<T>(
    value: &Value<'_>,
    what: &str,
    cost: usize,
    mut read: impl FnMut(&Value<'_>, &str) -> Option<T>,
) -> Option<Vec<T>> {
    let items = value.list(what)?;
    if items.is_empty() || items.len() > MOST_PATTERNS {
        let found = items.len();
        value.error(
            format!("expected 1 to {MOST_PATTERNS} of them, found {found}"),
            None,
        );
        return None;
    }
    let read: Vec<_> = items
        .iter()
        .map(|item| {
            let text = item.filled_text()?;
            if text.len() > LONGEST_PATTERN {
                item.error(format!("longer than {LONGEST_PATTERN} bytes"), None);
                return None;
            }
            item.may_compile(cost).then(|| read(item, &text))?
        })
        .collect();
    read.into_iter().collect()
}
