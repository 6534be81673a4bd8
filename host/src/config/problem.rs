//! One thing that is wrong with a configuration, and many of them together.
//!
//! A problem names keys and says what is expected. It never repeats what stands under `env`,
//! `headers` or `token`, and never what a variable holds, so its text may go to a log.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Whether a configuration with this problem can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is used; someone should look at it.
    Warning,
}

/// Where something stands in the source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// In bytes of the source text; may be empty, and may span lines.
    pub range: Range<usize>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it refuses the configuration.
    pub severity: Severity,
    /// The way to the value: `backends.github.command`, `middleware[2]`; empty for the document.
    pub path: String,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where it stands, when it comes from a file.
    pub place: Option<Place>,
    /// It is the world that is wrong: the same text may be right later.
    pub passes: bool,
}

impl Problem {
    /// A problem that refuses the configuration.
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, path, message)
    }

    /// A problem that lets the configuration pass.
    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, path, message)
    }

    fn new(severity: Severity, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity,
            path: path.into(),
            message: message.into(),
            help: None,
            place: None,
            passes: false,
        }
    }

    /// The same; where it has no place, with the plugin that finds it.
    #[must_use]
    pub fn said_by(mut self, plugin: &str) -> Self {
        if self.path.is_empty() {
            self.message = format!("plugin `{plugin}`: {}", self.message);
        }
        self
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, at `place`.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// The same, where `path` is the root of its own path.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        let step = self.path.is_empty() || self.path.starts_with('[');
        let dot = if step { "" } else { "." };
        self.path = format!("{path}{dot}{}", self.path);
        self
    }

    /// Whether it refuses the configuration.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `path: message; help`, on one line, whatever the parts hold.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", OneLine(&self.path))?;
        }
        write!(f, "{}", OneLine(&self.message))?;
        match &self.help {
            Some(help) => write!(f, "; {}", OneLine(help)),
            None => Ok(()),
        }
    }
}

/// Text with its control characters escaped: a key can hold a line break or a terminal's escape.
pub(super) struct OneLine<'a>(pub(super) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            character if character.is_control() => write!(f, "{}", character.escape_default()),
            character => write!(f, "{character}"),
        })
    }
}

/// The text that problems point into. Its `Debug` keeps the text to itself: it may hold secrets.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("bytes", &self.text.len())
            .finish()
    }
}

/// Problems in the order of the file, with the text they point into.
///
/// How they are shown is in `report.rs`: `lines()` and `Display` for logs, `pretty()` for the
/// user's own terminal.
#[derive(Clone, Debug)]
pub struct Problems {
    pub(super) source: Arc<Source>,
    pub(super) list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(source: Arc<Source>, mut list: Vec<Problem>) -> Self {
        // Stable, and what has no place goes last.
        list.sort_by_key(|problem| {
            problem
                .place
                .as_ref()
                .map_or(usize::MAX, |place| place.range.start)
        });
        Self { source, list }
    }

    /// The name of the source, as the caller gave it.
    pub fn source_name(&self) -> &str {
        &self.source.name
    }

    /// How many there are, warnings included.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one of them refuses the configuration.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Problem::is_error)
    }

    /// Whether what refuses the configuration is not in the file: it may be used later as it is.
    pub fn may_pass(&self) -> bool {
        let mut errors = self.list.iter().filter(|it| it.is_error()).peekable();
        errors.peek().is_some() && errors.all(|error| error.passes)
    }

    /// In the order of the file; those without a place come last.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_stays_on_one_line() {
        let problem = Problem::error("a\nb", "unknown\u{1b}[31m key").help("mend\tit");
        assert_eq!(
            problem.to_string(),
            r"a\nb: unknown\u{1b}[31m key; mend\tit"
        );
    }

    #[test]
    fn debug_keeps_the_source_text_to_itself() {
        let source = Arc::new(Source {
            name: "config.yaml".into(),
            text: "token: hunter2".into(),
        });
        assert!(!format!("{:?}", Problems::new(source, Vec::new())).contains("hunter2"));
    }
}
