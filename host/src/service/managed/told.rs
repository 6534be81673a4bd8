//! What the journal and a planner say, in the words of the management API.

use crate::manage::{Attempt, Digests, PhaseTime, Plan, PlannedTool, Renamed};
use crate::{memory, reload};

/// An attempt as the journal has it.
pub(super) fn attempt(attempt: memory::Attempt) -> Attempt {
    let entry = match attempt {
        memory::Attempt::Ended(entry) => *entry,
        memory::Attempt::Begun(begun) => {
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

/// A plan as the planner makes it.
pub(super) fn plan(plan: reload::Plan) -> Plan {
    let tools = |tools: Vec<reload::Tool>| -> Vec<_> {
        let tools = tools.into_iter();
        tools
            .map(|reload::Tool { name, backend }| PlannedTool { name, backend })
            .collect()
    };
    let renamed = |it: reload::Renamed| Renamed {
        backend: it.backend,
        from: it.from,
        to: it.to,
    };
    Plan {
        outcome: plan.outcome.map(|it| it.to_string()),
        reasons: plan.reasons,
        warnings: plan.warnings,
        differences: plan.differences,
        start: plan.start,
        replace: plan.replace,
        stop: plan.stop,
        keep: plan.keep,
        come: tools(plan.come),
        go: tools(plan.go),
        rename: plan.rename.into_iter().map(renamed).collect(),
        replaced_offer: tools(plan.replaced_offer),
        connected: plan.connected,
    }
}
