//! One event or one attempt, line by line: what is shown when it is opened, and copied. Pure.

use crate::config::Difference;
use crate::events::SyncEvent;
use crate::manage::{Attempt, Tool};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Line {
    /// What it says something about; empty, where it goes on from the line before.
    pub(in crate::tui) name: &'static str,
    /// What it says.
    pub(in crate::tui) text: String,
}

#[derive(Default)]
struct Page(Vec<Line>);

impl Page {
    fn line(&mut self, name: &'static str, text: impl Into<String>) {
        let text = text.into();
        self.0.push(Line { name, text });
    }

    fn lines(&mut self, name: &'static str, texts: impl IntoIterator<Item = String>) {
        let mut name = name;
        for text in texts {
            self.line(std::mem::take(&mut name), text);
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        if let Some(writer) = &attempt.writer {
            self.line("writer", writer.clone());
        }
        let ending = match attempt.tries {
            0 | 1 => attempt.ending().to_owned(),
            tries => format!("{}, try {tries} in a row", attempt.ending()),
        };
        let (id, cause) = (attempt.id, attempt.cause());
        self.line("attempt", format!("{id}, by {cause}: {ending}"));
        self.lines("reason", attempt.reasons.iter().cloned());
        let differences = attempt.differences.iter();
        let differences = differences.map(Difference::with_values);
        self.lines("difference", differences);
        if attempt.left_out > 0 {
            let more = format!("and {} more that are not kept", attempt.left_out);
            self.line("", more);
        }
        for (name, backends) in [
            ("started", &attempt.backends_started),
            ("stopped", &attempt.backends_stopped),
        ] {
            if !backends.is_empty() {
                self.line(name, backends.join(", "));
            }
        }
        if !attempt.phases.is_empty() {
            let phases = attempt.phases.iter();
            let told: Vec<_> = phases
                .clone()
                .map(|it| format!("{} {:.2}", it.phase, it.ms))
                .collect();
            let total: f64 = phases.map(|it| it.ms).sum();
            self.line("took", format!("{total:.2} ms: {}", told.join(", ")));
        }
    }
}

/// An event, with the attempt that it tells the end of.
pub(in crate::tui) fn of_event(event: &SyncEvent, attempt: Option<&Attempt>) -> Vec<Line> {
    let mut page = Page::default();
    page.line("time", event.timestamp.clone());
    page.line("type", event.kind.as_str());
    page.line("details", event.details.clone());
    if let Some(attempt) = attempt {
        page.attempt(attempt);
    }
    page.line("generation", event.generation.to_string());
    if let Some(digest) = &event.digest {
        page.line("about", digest.clone());
    }
    page.0
}

/// An attempt.
pub(in crate::tui) fn of_attempt(attempt: &Attempt) -> Vec<Line> {
    let mut page = Page::default();
    page.line("time", attempt.started.clone());
    page.attempt(attempt);
    page.line("generation", attempt.generation.to_string());
    for (name, digest) in [
        ("read", &attempt.digests.seen),
        ("serves", &attempt.digests.applied),
    ] {
        if let Some(digest) = digest {
            page.line(name, digest.clone());
        }
    }
    page.0
}

/// A tool, with what it takes.
pub(in crate::tui) fn of_tool(tool: &Tool) -> Vec<Line> {
    let mut page = Page::default();
    page.line("tool", tool.name.clone());
    let of = match tool.original == tool.name {
        true => tool.backend.clone(),
        false => format!("{}, which calls it {}", tool.backend, tool.original),
    };
    page.line("backend", of);
    let what = tool.description.as_deref().unwrap_or("it does not say");
    page.lines("what", what.lines().map(str::to_owned));
    // A value that was read as JSON can be written as JSON.
    let schema = serde_json::to_string_pretty(&tool.input_schema).unwrap_or_default();
    page.lines("takes", schema.lines().map(str::to_owned));
    page.0
}

/// The lines as text.
pub(in crate::tui) fn text(lines: &[Line]) -> String {
    let lines = lines
        .iter()
        .map(|it| format!("{:<10} {}\n", it.name, it.text));
    lines.collect()
}
