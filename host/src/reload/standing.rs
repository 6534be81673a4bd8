//! Where reloading stands, for whoever asks: which bytes serve, what is under way, how the last
//! attempt ended and when the next one comes.

use std::fmt;
use std::sync::Arc;

use jiff::Zoned;
use tokio::time::Instant;

use super::course::Course;
use super::reloader::Reloader;
use super::{Outcome, OutcomeKind, Trigger};
use crate::config::SentinelConfig;
use crate::events::timestamp;
use crate::target::Digest;

/// Where reloading stands.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// What serves.
    pub applied: Option<Serving>,
    /// What asked for the attempt that runs.
    pub under_way: Option<Trigger>,
    /// The one that ended last.
    pub last: Option<Last>,
    /// When what failed is tried again.
    pub retry_at: Option<Instant>,
    /// So many attempts that somebody asked for have ended.
    pub asked: u64,
}

/// What serves, and the bytes that it comes from. `Debug` shows neither: they may hold secrets.
#[derive(Clone)]
pub struct Serving {
    /// Of the bytes.
    pub digest: Digest,
    /// As they stood in the file.
    pub bytes: Arc<[u8]>,
    /// What they mean.
    pub config: Arc<SentinelConfig>,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serving({})", self.digest)
    }
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub struct Last {
    /// When it began (RFC 3339).
    pub started: String,
    /// When it ended.
    pub ended: String,
    /// What asked for it.
    pub trigger: Trigger,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Another one follows at once, since the file holds newer bytes.
    pub superseded: bool,
    /// Why, one line each.
    pub reasons: Vec<String>,
    /// Of the bytes that it was about.
    pub digest: Option<Digest>,
    /// They serve.
    pub serves: bool,
    /// What serves since then.
    pub generation: u64,
}

impl Reloader {
    fn serving(&self) -> Option<Serving> {
        self.applied.as_ref().map(|applied| Serving {
            digest: applied.digest,
            bytes: Arc::clone(&applied.bytes),
            config: Arc::clone(&applied.checked.config),
        })
    }

    /// An attempt begins.
    pub(super) fn stands_in(&self, trigger: Trigger) {
        self.standing.send_modify(|standing| {
            standing.under_way = Some(trigger);
            standing.retry_at = None;
        });
    }

    /// It has ended like this. Before anybody is told of it.
    pub(super) fn stands_after(
        &self,
        trigger: Trigger,
        course: &Course,
        outcome: &Outcome,
        digest: Option<Digest>,
    ) {
        let last = Last {
            started: course.started.clone(),
            ended: timestamp(&Zoned::now()),
            trigger,
            outcome: outcome.kind(),
            superseded: matches!(outcome, Outcome::Abandoned(_)),
            reasons: outcome.reasons(),
            digest,
            serves: digest.is_some() && digest == self.applied.as_ref().map(|it| it.digest),
            generation: self.gateway.current().generation,
        };
        let applied = self.serving();
        self.standing.send_modify(|standing| {
            standing.applied = applied;
            standing.last = Some(last);
            standing.asked += u64::from(trigger.is_asked());
        });
    }

    /// Nothing is under way any more.
    pub(super) fn stands_still(&self) {
        let applied = self.serving();
        self.standing.send_modify(|standing| {
            standing.applied = applied;
            standing.under_way = None;
            standing.retry_at = self.retry_at;
        });
    }
}
