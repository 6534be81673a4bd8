//! What the journal says, in the words of the management API.

use crate::manage::{Attempt, Digests, PhaseTime};
use crate::{memory, reload};

/// An attempt as the journal has it.
pub(super) fn attempt(attempt: memory::JournalLine) -> Attempt {
    let entry = match attempt {
        memory::JournalLine::Ended(entry) => *entry,
        memory::JournalLine::Begun(begun) => {
            return Attempt {
                id: begun.id,
                started: begun.begun,
                trigger: begun.trigger.to_string(),
                ..Attempt::default()
            };
        }
    };
    let record = entry.record;
    let phase = |it: reload::PhaseTime| PhaseTime {
        phase: it.phase.to_string(),
        ms: it.ms,
    };
    Attempt {
        id: entry.id,
        tries: entry.tries,
        started: record.started,
        trigger: record.trigger.to_string(),
        detector: record.detector,
        writer: record.writer,
        phases: record.phases.into_iter().map(phase).collect(),
        digests: Digests {
            seen: record.digests.seen,
            applied: record.digests.applied,
            rejected: record.digests.rejected,
        },
        differences: record.differences,
        outcome: Some(record.outcome.to_string()),
        reasons: record.reasons,
        generation: record.generation,
        backends_started: record.backends_started,
        backends_stopped: record.backends_stopped,
        left_out: entry.left_out,
    }
}
