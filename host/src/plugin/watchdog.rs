//! Wakes guests whose time is over. One thread, asleep until the earliest deadline, so an idle
//! host stays idle. It only advances the engine's epoch, again and again while an overdue call
//! has not ended; each store then looks at its own clock.

#![expect(
    clippy::disallowed_types,
    reason = "guests burn real time, which no test can pause"
)]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Engine;

/// Between two wakings of a guest that is overdue. One may miss it, just before it sets its epoch.
const AGAIN: Duration = Duration::from_millis(20);

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
    /// Calls under way, each with the moment of its next waking. Few at any time.
    calls: Vec<(u64, Instant)>,
    next_call: u64,
    /// When the thread wakes by itself; never, while there was nothing to watch.
    wakes_at: Option<Instant>,
    closed: bool,
}

/// A call that is watched until this is dropped.
pub(super) struct Watched {
    call: u64,
    shared: Arc<Shared>,
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

    /// The epoch advances from `deadline` on, until the call has ended.
    pub(super) fn watch(&self, deadline: Instant) -> Watched {
        let mut agenda = self.shared.lock();
        let call = agenda.next_call;
        agenda.next_call += 1;
        agenda.calls.push((call, deadline));
        // A thread that wakes in time sees the call then: waking it now would cost the call more
        // than all else that is done for it.
        let in_time = agenda.wakes_at.is_some_and(|wakes_at| wakes_at <= deadline);
        drop(agenda);
        if !in_time {
            self.shared.changed.notify_one();
        }
        Watched {
            call,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared
            .lock()
            .calls
            .retain(|(call, _)| *call != self.call);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, engine: &Engine) {
        let mut agenda = self.lock();
        while !agenda.closed {
            let now = Instant::now();
            let mut due = false;
            for (_, waking) in &mut agenda.calls {
                if *waking <= now {
                    *waking = now + AGAIN;
                    due = true;
                }
            }
            if due {
                engine.increment_epoch();
            }
            let next = agenda.calls.iter().map(|(_, waking)| *waking).min();
            agenda.wakes_at = next;
            agenda = match next {
                None => self
                    .changed
                    .wait(agenda)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(waking) => {
                    let left = waking.saturating_duration_since(now);
                    self.changed
                        .wait_timeout(agenda, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}
