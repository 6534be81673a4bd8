//! What the reloader tells others to do since it has read or applied something: the watcher, and
//! whoever keeps the plugins.

use serde_json::Value;

use super::attempt::Applied;
use super::reloader::Reloader;
use super::{InForce, Trigger};
use crate::config::SyncSettings;
use crate::events::EventKind;
use crate::watch::{Baseline, Orders};

impl Reloader {
    /// The watcher compares by content with what was read.
    pub(super) fn tell_read(&mut self, baseline: Baseline) {
        self.baseline = baseline;
        self.reads += 1;
        let reads = self.reads;
        self.orders.send_modify(|orders| {
            if let Some(orders) = orders {
                (orders.baseline, orders.reads) = (baseline, reads);
            }
        });
    }

    /// Hands the settings of what serves to the watcher. `by_hand`: somebody has edited the file.
    pub(super) fn command(&self, applied: &Applied, by_hand: bool) {
        let sync = applied.checked.config.sections.get("sync");
        let section = sync.and_then(Value::as_object).cloned();
        self.settings.follow(&section.unwrap_or_default(), by_hand);
        let orders = Orders {
            settings: SyncSettings::default(),
            stopped: false,
            paused: false,
            resumed: 0,
            baseline: self.baseline,
            reads: self.reads,
        };
        // What somebody orders meanwhile is not lost.
        self.orders.send_modify(|present| {
            let paused = present.as_ref().is_some_and(|present| present.paused);
            let resumed = present.as_ref().map_or(0, |present| present.resumed);
            // In here, so that whoever changes them meanwhile is not undone.
            let settings = self.settings.current();
            *present = Some(Orders {
                settings,
                paused,
                resumed,
                ..orders
            });
        });
        let config = &applied.checked.config;
        let in_force = InForce {
            plugins: config.plugins.clone(),
            sections: config.sections.keys().cloned().collect(),
        };
        self.in_force.send_if_modified(|present| {
            let other = *present != in_force;
            *present = in_force;
            other
        });
    }

    /// Whether somebody has paused watching: until they end it, no edit is followed.
    pub(super) fn is_paused(&self) -> bool {
        self.orders.borrow().as_ref().is_some_and(|it| it.paused)
    }

    /// Ends what `on_failure: stop` has stopped, here or in the watcher itself, where somebody asks;
    /// SIGHUP ends a pause, too.
    pub(super) fn watch_again(&self, trigger: Trigger) {
        if trigger == Trigger::Plugins {
            return;
        }
        let mut resumed = false;
        self.orders.send_modify(|orders| {
            if let Some(orders) = orders {
                orders.stopped = false;
                orders.resumed += 1;
                resumed = orders.paused && trigger == Trigger::Hangup;
                orders.paused &= !resumed;
            }
        });
        if resumed {
            self.bus
                .publish(EventKind::State, "watching goes on after a pause");
        }
    }
}
