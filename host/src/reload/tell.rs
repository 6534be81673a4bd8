//! What a reload says to people: one event, and lines of the log behind it.

use std::collections::BTreeSet;

use super::reloader::Reloader;
use super::{Outcome, outcome};
use crate::events::EventKind;
use crate::target::Digest;

impl Reloader {
    pub(super) fn tell(&self, outcome: &Outcome, digest: Option<Digest>) {
        let current = self.gateway.current();
        self.bus.set_generation(current.generation);
        let publish = |kind, details: String| match digest {
            Some(digest) => self.bus.publish_about(kind, details, digest.to_string()),
            None => self.bus.publish(kind, details),
        };
        match outcome {
            Outcome::Unchanged(note) => publish(EventKind::NoChange, note.clone()),
            Outcome::Applied {
                swapped,
                differences,
            } => publish(EventKind::Changed, outcome::applied(swapped, differences)),
            Outcome::Rejected(lines) => {
                publish(EventKind::Error, self.brief("rejected", lines));
            }
            Outcome::Failed(lines) => publish(EventKind::Error, self.brief("failed", lines)),
            Outcome::Abandoned(note) => publish(EventKind::NoChange, note.clone()),
            Outcome::Reverted { reason, .. } => publish(
                EventKind::Error,
                format!(
                    "reverted: {reason}; what served before serves again, and these bytes are not \
                     tried again before they change (`config-sync reload` or SIGHUP tries them)"
                ),
            ),
        }
        if let Outcome::Rejected(lines) | Outcome::Failed(lines) = outcome {
            for line in lines.iter().skip(1) {
                tracing::error!("{line}");
            }
        }
    }

    /// Tells of the backends that are missing, unless they were before.
    pub(super) fn tell_missing(&self, before: &BTreeSet<String>) {
        for absent in self.gateway.current().absent() {
            if !before.contains(&absent.name) {
                self.tell_absent(&absent.name, &absent.reason);
            }
        }
    }

    pub(super) fn tell_absent(&self, name: &str, reason: &str) {
        self.bus.publish(
            EventKind::Degraded,
            format!("backend `{name}` is missing: {reason}"),
        );
    }

    /// The first line, and how many more the log has.
    fn brief(&self, what: &str, lines: &[String]) -> String {
        let first = lines.first().map_or("", String::as_str);
        let rest = match lines.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more in the log)", count - 1),
        };
        let serving = match self.applied {
            None => "nothing serves yet",
            Some(_) => "the last good state serves",
        };
        format!("{what}: {first}{rest}; {serving}")
    }
}
