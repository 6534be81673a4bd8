//! A detector has failed: everybody is told, and after too many faults another looks in its place.

use tokio::time::Instant;

use super::ConfigWatcher;
use crate::events::{EventKind, Fault};
use crate::watch::detection::Fallen;
use crate::watch::due::Due;

impl ConfigWatcher {
    pub(super) fn strike(&mut self, name: &str, fault: &Fault, counts: bool) {
        self.bus.publish(
            EventKind::Error,
            format!("{fault}; the last good state serves"),
        );
        if !counts {
            return;
        }
        match self.detection.failed(name, &self.settings, Instant::now()) {
            None => {}
            Some(Fallen::Resort(detector)) => {
                let next = detector.name().to_owned();
                self.bus.publish(
                    EventKind::Degraded,
                    format!("`{name}` keeps failing; `{next}` looks in its place"),
                );
                if let Some(look) = &mut self.look {
                    self.by_events = detector.wakes().events;
                    look.replace(detector);
                    self.all = Due::from_scratch();
                }
            }
            Some(Fallen::Stop) => {
                self.ears.given_up = true;
                self.bus.publish(
                    EventKind::Degraded,
                    format!("`{name}` keeps failing, watching has stopped (on_failure: stop); serving goes on; `config-sync resume` or SIGHUP reloads and watches again"),
                );
            }
        }
    }
}
