//! A line of the journal: an attempt that has begun, or one that has ended, under its number.

use serde::{Deserialize, Serialize};

use crate::reload::{Record, Trigger};

/// Lines of reasons that are kept. Who has more problems than these mends the first ones first.
const MOST_REASONS: usize = 50;
/// Bytes of one of them.
const MOST_REASON_BYTES: usize = 2000;
/// Differences that are kept. More than these are another file, not an edit.
const MOST_DIFFERENCES: usize = 200;

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Grows over all lives of the host.
    pub id: u64,
    /// The how manieth try this is of retries in a row that ended alike.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub tries: u64,
    /// Reasons and differences beyond what an entry may hold.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// What became of it.
    #[serde(flatten)]
    pub record: Record,
}

/// An attempt that has begun. Where nothing follows it, the host did not live to see its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The number that its end will have too.
    pub id: u64,
    /// When (RFC 3339).
    pub begun: String,
    /// What asked for it.
    pub trigger: Trigger,
}

/// What one line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum JournalLine {
    /// It has ended.
    Ended(Box<Entry>),
    /// It has begun, and that is all.
    Begun(Begun),
}

impl JournalLine {
    /// Gives it the number so much later.
    pub(super) fn count_on(&mut self, later: u64) {
        match self {
            Self::Ended(entry) => entry.id += later,
            Self::Begun(begun) => begun.id += later,
        }
    }

    /// The line in the journal.
    pub(super) fn to_line(&self) -> Vec<u8> {
        // Numbers and texts under texts: there is nothing in it that JSON could not hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What a line says, unless it is damaged.
    pub(super) fn from_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// Its number.
    pub fn id(&self) -> u64 {
        match self {
            Self::Ended(entry) => entry.id,
            Self::Begun(begun) => begun.id,
        }
    }
}

impl Entry {
    /// The entry for `record`, cut to what an entry may hold.
    pub(super) fn of(mut record: Record, id: u64, tries: u64) -> Self {
        let reasons = record.reasons.len().saturating_sub(MOST_REASONS);
        let differences = record.differences.len().saturating_sub(MOST_DIFFERENCES);
        record.reasons.truncate(MOST_REASONS);
        record.differences.truncate(MOST_DIFFERENCES);
        let paths = record.differences.iter_mut().map(|it| &mut it.path);
        for text in record.reasons.iter_mut().chain(paths) {
            if text.len() > MOST_REASON_BYTES {
                text.truncate(text.floor_char_boundary(MOST_REASON_BYTES));
                text.push('…');
            }
        }
        Self {
            id,
            tries,
            left_out: reasons + differences,
            record,
        }
    }
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_one(tries: &u64) -> bool {
    *tries == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::reload::{Difference, DifferenceKind, Digests, OutcomeKind, Phase, PhaseTime};

    /// Some attempt.
    pub(in crate::memory) fn record(trigger: Trigger, outcome: OutcomeKind) -> Record {
        let json = serde_json::json!({
            "started": "2026-11-24T08:14:02.250+01:00",
            "trigger": trigger,
            "phases": [],
            "digests": {},
            "outcome": outcome,
            "generation": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_attempt_comes_back_from_its_line() {
        let mut full = record(Trigger::Detector, OutcomeKind::Applied);
        full.phases = vec![PhaseTime {
            phase: Phase::Build,
            ms: 1.234,
        }];
        full.digests = Digests {
            seen: Some("ab".into()),
            ..Digests::default()
        };
        full.differences = vec![Difference {
            before: Some("[redacted]".into()),
            ..Difference::at(DifferenceKind::Changed, "backends.\"a.b\".url\n".into())
        }];
        let attempts = [
            JournalLine::Ended(Box::new(Entry::of(full, 7, 3))),
            JournalLine::Begun(Begun {
                id: 8,
                begun: "2026".into(),
                trigger: Trigger::Start,
            }),
        ];
        for attempt in attempts {
            let line = attempt.to_line();
            assert!(!line.contains(&b'\n'));
            assert_eq!(JournalLine::from_line(&line), Some(attempt));
            for end in 0..line.len() {
                assert_eq!(JournalLine::from_line(&line[..end]), None);
            }
        }
    }

    #[test]
    fn an_entry_is_bounded_and_says_how_much_it_left_out() {
        let mut large = record(Trigger::Detector, OutcomeKind::Rejected);
        large.reasons = vec!["é".repeat(5000); 60];
        let entry = Entry::of(large, 1, 1);
        assert_eq!(entry.left_out, 10);
        assert_eq!(entry.record.reasons.len(), 50);
        assert!(entry.record.reasons[0].len() <= MOST_REASON_BYTES + 3);
    }
}
