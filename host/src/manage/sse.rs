//! The stream of events (server-sent events): what is kept after `Last-Event-ID`, then whatever
//! happens. A reader that falls behind is told how many events it has missed, and goes on with
//! those that are left; nobody waits for it.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::query::Filter;
use crate::events::{EventBus, SyncEvent};

/// What tells the lives of a host apart: numbers of events begin anew in each.
#[derive(Debug, Clone)]
pub(super) struct Life(String);

/// What a reader has got already.
pub(super) enum Got {
    /// It does not say.
    Nothing,
    /// Everything up to this event.
    UpTo(u64),
    /// What another life of the host has told.
    OfAnother,
}

impl Life {
    pub(super) fn begin() -> Self {
        let moment = jiff::Timestamp::now().as_millisecond();
        Self(format!("{moment:x}.{:x}", std::process::id()))
    }

    /// The id of an event, the same in each answer.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.0)
    }

    /// What an id says.
    pub(super) fn got(&self, id: Option<&str>) -> Got {
        let Some(id) = id else { return Got::Nothing };
        let number = id.rsplit_once('-').filter(|(life, _)| *life == self.0);
        match number.and_then(|(_, number)| number.parse().ok()) {
            Some(number) => Got::UpTo(number),
            None => Got::OfAnother,
        }
    }
}

struct Reader {
    life: Life,
    filter: Filter,
    /// It comes from another life of the host, and does not know yet.
    anew: bool,
    missed: u64,
    kept: VecDeque<SyncEvent>,
    following: Receiver<SyncEvent>,
    /// The host stops.
    cancel: CancellationToken,
}

/// The stream for one reader.
pub(super) fn stream(
    bus: &EventBus,
    life: Life,
    got: &Got,
    filter: Filter,
    cancel: CancellationToken,
) -> Response {
    let since = bus.since(match got {
        // From now on.
        Got::Nothing => u64::MAX,
        Got::UpTo(number) => *number,
        Got::OfAnother => 0,
    });
    let reader = Reader {
        life,
        filter,
        anew: matches!(got, Got::OfAnother),
        missed: since.missed,
        kept: since.events.into(),
        following: since.following,
        cancel,
    };
    let events = futures::stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.anew) {
            return Some(Event::default().event("restarted").data("{}"));
        }
        loop {
            if self.missed > 0 {
                let missed = std::mem::take(&mut self.missed);
                let data = json!({ "missed": missed }).to_string();
                return Some(Event::default().event("missed").data(data));
            }
            let event = match self.kept.pop_front() {
                Some(event) => event,
                None => tokio::select! {
                    () = self.cancel.cancelled() => return None,
                    heard = self.following.recv() => match heard {
                        Ok(event) => event,
                        Err(RecvError::Lagged(missed)) => {
                            self.missed = missed;
                            continue;
                        }
                        Err(RecvError::Closed) => return None,
                    },
                },
            };
            if self.filter.wants(event.kind) {
                // Texts and numbers: there is nothing in it that JSON could not hold.
                let data = serde_json::to_string(&event).unwrap_or_default();
                let id = self.life.id(event.number);
                let kind = event.kind.as_str();
                return Some(Event::default().id(id).event(kind).data(data));
            }
        }
    }
}
