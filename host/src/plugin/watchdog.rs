//! Wakes guests whose time is over. One thread, asleep until the earliest deadline, so an idle
//! host stays idle. It only advances the engine's epoch; each store then looks at its own clock.

#![expect(
    clippy::disallowed_types,
    reason = "guests burn real time, which no test can pause"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use wasmtime::Engine;

pub(super) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    agenda: Mutex<Agenda>,
    changed: Condvar,
}

#[derive(Default)]
struct Agenda {
    deadlines: BinaryHeap<Reverse<Instant>>,
    closed: bool,
}

impl Watchdog {
    /// A watchdog of this engine's guests, until dropped.
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let watched = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("plugin-watchdog".to_owned())
            .spawn(move || watched.run(&engine))?;
        Ok(Self { shared })
    }

    /// The epoch will have advanced once `deadline` is over.
    pub(super) fn at(&self, deadline: Instant) {
        let mut agenda = self
            .shared
            .agenda
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let earliest = agenda
            .deadlines
            .peek()
            .is_none_or(|Reverse(first)| deadline < *first);
        agenda.deadlines.push(Reverse(deadline));
        drop(agenda);
        if earliest {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared
            .agenda
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn run(&self, engine: &Engine) {
        let mut agenda = self.agenda.lock().unwrap_or_else(PoisonError::into_inner);
        while !agenda.closed {
            let now = Instant::now();
            let mut due = false;
            while agenda
                .deadlines
                .peek()
                .is_some_and(|Reverse(first)| *first <= now)
            {
                agenda.deadlines.pop();
                due = true;
            }
            if due {
                engine.increment_epoch();
            }
            agenda = match agenda.deadlines.peek() {
                None => self
                    .changed
                    .wait(agenda)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Reverse(first)) => {
                    let left = first.saturating_duration_since(now);
                    self.changed
                        .wait_timeout(agenda, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}
