//! The bus: publishes to the log at once and to any number of listeners, who lose the oldest
//! events (and are told how many) when they fall behind. Publishing never waits for a listener.
//! The last events are kept for those who come late.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Zoned;
use tokio::sync::broadcast;

use super::{EventKind, SyncEvent};

/// How far a listener may fall behind before it loses events. A reload makes two or three.
const BACKLOG: usize = 1024;

/// How many events are kept: what people look back on. The log has all.
pub const KEPT: usize = 500;

/// Bytes of an event's details. They are a line for people; names in it come from anywhere.
const MAX_DETAILS: usize = 4096;

/// Where events are published. Clones share the bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    listeners: broadcast::Sender<SyncEvent>,
    generation: Arc<AtomicU64>,
    kept: Arc<Mutex<Kept>>,
}

/// The last events, oldest first, and how many there have been.
#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<SyncEvent>,
    count: u64,
}

/// What has happened after some event, and what follows.
#[derive(Debug)]
pub struct Since {
    /// Oldest first.
    pub events: Vec<SyncEvent>,
    /// How many before these are no longer kept.
    pub missed: u64,
    /// Whatever is published after them.
    pub following: broadcast::Receiver<SyncEvent>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self {
            listeners: broadcast::Sender::new(BACKLOG),
            generation: Arc::default(),
            kept: Arc::default(),
        }
    }
}

impl EventBus {
    /// Publishes an event about no configuration in particular.
    pub fn publish(&self, kind: EventKind, details: impl Into<String>) {
        self.send(kind, details.into(), None);
    }

    /// Publishes an event about the configuration with this digest.
    pub fn publish_about(&self, kind: EventKind, details: impl Into<String>, digest: String) {
        self.send(kind, details.into(), Some(digest));
    }

    /// From now on events carry this generation.
    pub fn set_generation(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Everything that is published from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<SyncEvent> {
        self.listeners.subscribe()
    }

    /// What has happened after the event of this number, as far as it is kept, with no gap to
    /// what follows. A number that was not given yet is taken for the newest.
    pub fn since(&self, number: u64) -> Since {
        let kept = self.kept();
        let after = kept.events.iter().filter(|it| it.number > number);
        let events: Vec<_> = after.cloned().collect();
        let missed = kept.count.saturating_sub(number) - events.len() as u64;
        Since {
            events,
            missed,
            following: self.listeners.subscribe(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, kind: EventKind, mut details: String, digest: Option<String>) {
        if details.len() > MAX_DETAILS {
            details.truncate(details.floor_char_boundary(MAX_DETAILS));
            details.push('…');
        }
        let mut event = SyncEvent::new(&Zoned::now(), kind, details);
        event.generation = self.generation.load(Ordering::Relaxed);
        event.digest = digest;
        log(&event);
        // Under the lock, so that listeners get them in the order of their numbers.
        let mut kept = self.kept();
        kept.count += 1;
        event.number = kept.count;
        if kept.events.len() == KEPT {
            kept.events.pop_front();
        }
        kept.events.push_back(event.clone());
        // Nobody listens: the log has it.
        let _ = self.listeners.send(event);
    }
}

fn log(event: &SyncEvent) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "config_sync::event",
                r#type = event.kind.as_str(),
                generation = event.generation,
                digest = event.digest.as_deref(),
                "{}",
                event.details
            )
        };
    }
    match event.kind {
        EventKind::Error => line!(error),
        EventKind::Degraded => line!(warn),
        EventKind::Changed | EventKind::NoChange | EventKind::State | EventKind::Client => {
            line!(info);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_fell_behind_is_told_how_much_it_missed() {
        let bus = EventBus::default();
        let mut listener = bus.subscribe();
        for n in 0..=BACKLOG {
            bus.publish(EventKind::State, n.to_string());
        }
        let missed = listener.recv().await.unwrap_err();
        assert_eq!(missed, broadcast::error::RecvError::Lagged(1));
        assert_eq!(listener.recv().await.unwrap().details, "1");
    }

    #[tokio::test]
    async fn who_comes_late_gets_what_is_kept_and_is_told_how_much_is_not() {
        let bus = EventBus::default();
        for n in 1..=KEPT + 20 {
            bus.publish(EventKind::State, n.to_string());
        }
        let mut since = bus.since(5);
        assert_eq!((since.events.len(), since.missed), (KEPT, 15));
        assert_eq!(since.events[0].details, "21");
        bus.publish(EventKind::Error, "next");
        let next = since.following.recv().await.unwrap();
        assert_eq!(
            (next.number, since.events.last().unwrap().number),
            (521, 520)
        );
        assert_eq!((bus.since(521).events.len(), bus.since(521).missed), (0, 0));
        assert_eq!(bus.since(9999).missed, 0);
    }
}
