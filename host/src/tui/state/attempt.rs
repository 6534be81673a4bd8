//! An attempt at a reload in words, and which one an event speaks of. Pure.

use jiff::Timestamp;

use crate::events::{EventKind, SyncEvent};
use crate::manage::Attempt;

impl Attempt {
    /// Why it began; for the watcher, by which strategy.
    pub(in crate::tui) fn cause(&self) -> String {
        match &self.detector {
            Some(detector) => format!("{} {detector}", self.trigger),
            None => self.trigger.clone(),
        }
    }

    /// How it ended, in one word.
    pub(in crate::tui) fn ending(&self) -> &str {
        self.outcome.as_deref().unwrap_or("unfinished")
    }

    /// What it was about, in one line.
    pub(in crate::tui) fn about(&self) -> String {
        let what = match self.reasons.split_first() {
            Some((first, [])) => first.clone(),
            Some((first, rest)) => format!("{first} (and {} more)", rest.len()),
            None if self.outcome.is_none() => "it runs still, or the host was killed".to_owned(),
            None if self.differences.is_empty() => "no difference".to_owned(),
            None => {
                let all = self.differences.iter();
                let all: Vec<_> = all.map(ToString::to_string).collect();
                all.join(", ")
            }
        };
        match self.tries {
            0 | 1 => what,
            tries => format!("try {tries}: {what}"),
        }
    }
}

/// The attempt that this event tells the end of: the last one that had begun by then, about the
/// same bytes.
pub(in crate::tui) fn attempt_of<'a>(
    history: &'a [Attempt],
    event: &SyncEvent,
) -> Option<&'a Attempt> {
    let told = matches!(
        event.kind,
        EventKind::Changed | EventKind::Error | EventKind::NoChange
    );
    let digest = event.digest.as_ref().filter(|_| told)?;
    let at: Timestamp = event.timestamp.parse().ok()?;
    let begun = |attempt: &&Attempt| {
        let started: Result<Timestamp, _> = attempt.started.parse();
        started.is_ok_and(|started| started <= at)
    };
    let attempt = history.iter().rev().find(begun)?;
    let about = [&attempt.digests.seen, &attempt.digests.applied];
    about.contains(&&Some(digest.clone())).then_some(attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_at_the_end_of_its_attempt() {
        let history: Vec<Attempt> = serde_json::from_value(serde_json::json!([
            {"id": 1, "started": "2026-11-24T14:32:00.000+00:00", "outcome": "applied",
             "digests": {"seen": "aa", "applied": "aa"}},
            {"id": 2, "started": "2026-11-24T14:33:00.000+00:00", "outcome": "rejected",
             "digests": {"seen": "bb", "applied": "aa"}, "reasons": ["no", "nor"], "tries": 2},
            {"id": 3, "started": "2026-11-24T14:34:00.000+00:00", "trigger": "hangup"},
        ]))
        .unwrap();
        let event = |time: &str, digest: &str| {
            let at = format!("2026-11-24T{time}+00:00[UTC]").parse().unwrap();
            let mut event = SyncEvent::new(&at, EventKind::Error, "");
            event.digest = Some(digest.to_owned());
            attempt_of(&history, &event).map(|attempt| attempt.id)
        };
        assert_eq!(event("14:32:01", "aa"), Some(1));
        assert_eq!(event("14:33:01", "bb"), Some(2));
        assert_eq!(event("14:33:01", "cc"), None);
        assert_eq!(event("14:31:01", "aa"), None);
        assert_eq!(history[1].about(), "try 2: no (and 1 more)");
        assert_eq!(history[2].ending(), "unfinished");
    }
}
