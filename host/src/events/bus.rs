//! The bus: publishes to the log at once and to any number of listeners, who lose the oldest
//! events (and are told how many) when they fall behind. Publishing never blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Zoned;
use tokio::sync::broadcast;

use super::{EventKind, SyncEvent};

/// How far a listener may fall behind before it loses events. A reload makes two or three.
const BACKLOG: usize = 1024;

/// Bytes of an event's details. They are a line for people; names in it come from anywhere.
const MAX_DETAILS: usize = 4096;

/// Where events are published. Clones share the bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    listeners: broadcast::Sender<SyncEvent>,
    generation: Arc<AtomicU64>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self {
            listeners: broadcast::Sender::new(BACKLOG),
            generation: Arc::default(),
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

    fn send(&self, kind: EventKind, mut details: String, digest: Option<String>) {
        if details.len() > MAX_DETAILS {
            details.truncate(details.floor_char_boundary(MAX_DETAILS));
            details.push('…');
        }
        let mut event = SyncEvent::new(&Zoned::now(), kind, details);
        event.generation = self.generation.load(Ordering::Relaxed);
        event.digest = digest;
        log(&event);
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
        EventKind::Changed | EventKind::NoChange | EventKind::State => line!(info),
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
}
