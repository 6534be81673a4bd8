//! How a watcher did in one case, judged by what reloads would have read. Pure.

use std::fmt;

use serde::Serialize;

use super::Pattern;
use crate::target::Digest;
use crate::watch::FoundBy;

/// A reload that loaded something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// What it read.
    pub digest: Digest,
    /// What had found the change.
    pub found_by: FoundBy,
}

/// How a watcher did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
pub enum Verdict {
    /// As many changes as are right, and the final bytes.
    Right,
    /// The same, by a look by content, where the detector by its very name cannot see it.
    ByContent,
    /// As `ByContent`, where the detector should have seen it.
    Late,
    /// The final bytes were never loaded.
    Missed,
    /// The final bytes in the end, after so many changes too few or too many.
    Count(usize),
    /// The machine itself stretched the case, each time: nothing can be said.
    Stalled,
    /// This machine cannot play the case.
    Skipped(String),
    /// The case itself failed, or the watcher did not start.
    Failed(String),
}

impl Verdict {
    /// Judges what was loaded since the baseline.
    pub(super) fn of(pattern: &Pattern, detector: &str, bytes: &[u8], loaded: &[Loaded]) -> Self {
        let right = pattern.expect.range();
        let count = loaded.len();
        let last = Digest::of(bytes);
        let ends_right = match loaded.last() {
            Some(loaded) => loaded.digest == last,
            None => *right.start() == 0,
        };
        let counts = u32::try_from(count).is_ok_and(|count| right.contains(&count));
        let by_content = loaded
            .iter()
            .any(|loaded| loaded.found_by == FoundBy::Content);
        match (ends_right, counts) {
            (false, _) => Self::Missed,
            (true, false) => Self::Count(count),
            (true, true) if by_content && may_miss(pattern, detector) => Self::ByContent,
            (true, true) if by_content => Self::Late,
            (true, true) => Self::Right,
        }
    }

    /// Whether a watcher with this verdict does what it is there for.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Right | Self::ByContent | Self::Skipped(_))
    }
}

/// What neither stamps nor events tell, nobody but `hash` sees by himself; what stamps alone do
/// not tell, those miss that look at nothing else.
fn may_miss(pattern: &Pattern, detector: &str) -> bool {
    match detector {
        "hash" => false,
        "inotify" | "auto" => pattern.mtime_blind.is_some() && pattern.events_blind.is_some(),
        _ => pattern.mtime_blind.is_some() || pattern.events_blind.is_some(),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::ByContent => f.write_str("by content"),
            Self::Late => f.write_str("LATE"),
            Self::Missed => f.write_str("MISSED"),
            Self::Count(count) => write!(f, "{count} CHANGES"),
            Self::Stalled => f.write_str("STALLED"),
            Self::Skipped(_) => f.write_str("skipped"),
            Self::Failed(_) => f.write_str("FAILED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::patterns;
    use super::*;

    fn verdict(pattern: &str, detector: &str, loaded: &[(&str, FoundBy)]) -> Verdict {
        let pattern = patterns::all().find(|it| it.name == pattern).unwrap();
        let loaded: Vec<_> = loaded
            .iter()
            .map(|(text, found_by)| Loaded {
                digest: Digest::of(text.as_bytes()),
                found_by: *found_by,
            })
            .collect();
        Verdict::of(pattern, detector, b"end", &loaded)
    }

    #[test]
    fn one_change_with_the_final_bytes_is_right() {
        use FoundBy::Detector;
        assert_eq!(
            verdict("append", "hash", &[("end", Detector)]),
            Verdict::Right
        );
        assert_eq!(verdict("append", "hash", &[]), Verdict::Missed);
        assert_eq!(
            verdict("append", "hash", &[("half", Detector)]),
            Verdict::Missed
        );
        let twice = [("half", Detector), ("end", Detector)];
        assert_eq!(verdict("append", "hash", &twice), Verdict::Count(2));
    }

    #[test]
    fn nothing_is_right_where_the_bytes_end_as_they_began() {
        assert_eq!(verdict("touch", "mtime", &[]), Verdict::Right);
        let undone = [("half", FoundBy::Detector), ("end", FoundBy::Detector)];
        assert_eq!(verdict("touch", "mtime", &undone), Verdict::Count(2));
    }

    #[test]
    fn a_look_by_content_excuses_only_what_a_detector_cannot_see() {
        let found = [("end", FoundBy::Content)];
        assert_eq!(
            verdict("same-size-same-time", "mtime", &found),
            Verdict::ByContent
        );
        assert_eq!(
            verdict("same-size-same-time", "inotify", &found),
            Verdict::Late
        );
        assert_eq!(verdict("append", "mtime", &found), Verdict::Late);
        assert_eq!(
            verdict("mmap-open-dirty", "auto", &found),
            Verdict::ByContent
        );
        assert_eq!(verdict("mmap-open-dirty", "hash", &found), Verdict::Late);
    }
}
