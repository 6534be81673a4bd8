//! How the host is, from what the other rooms tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::Managed;
use crate::events::timestamp;
use crate::gateway::{self, Capability, Condition, Life};
use crate::manage::{
    Backend, BackendState, Breaker, BreakerState, Detection, Health, LastReload, Latency, Load,
    OnDisk, Serves, Status, Tool, Watching,
};
use crate::reload::Last;
use crate::service::State;
use crate::target::Target;
use crate::watch::{AUTO, Hearing, Orders};

/// What a circuit breaker does, in words.
fn left_alone(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil();
    match time.is_zero() {
        true => "it gave no answer lately; one call may try it (circuit-breaker)".to_owned(),
        false => format!(
            "it gave no answer lately, and its calls are refused for {seconds} s more \
             (circuit-breaker)"
        ),
    }
}

fn breaker(time: Duration) -> Breaker {
    Breaker {
        state: match time.is_zero() {
            true => BreakerState::HalfOpen,
            false => BreakerState::Open,
        },
        tries_in: time.as_secs_f64(),
    }
}

impl Managed {
    /// Those that should serve, then those on their way in or out.
    pub(super) fn all_backends(&self) -> Vec<Backend> {
        let mut apart = self.gateway.apart();
        let snapshot = self.gateway.current();
        let tools = snapshot.counts(Capability::Tool);
        let ended: Vec<_> = snapshot.ended().collect();
        let mut all = Vec::new();
        for (name, process) in snapshot.backends() {
            let Some(mut condition) = snapshot.condition(name) else {
                continue;
            };
            if ended.contains(&name) && !matches!(condition.health, gateway::Health::Down(_)) {
                // A moment later it will be known how.
                let health = gateway::Health::Down("it ended".to_owned());
                condition = Arc::new(Condition {
                    health,
                    since: Zoned::now(),
                });
            }
            let (state, process, alone) = match condition.health {
                gateway::Health::Down(_) => (BackendState::Ended, None, None),
                _ => (BackendState::Serving, process, snapshot.left_alone(name)),
            };
            let reason = alone.map(left_alone);
            all.push(Backend {
                state,
                process,
                tools: tools.get(name).copied().unwrap_or_default(),
                reason: reason.or_else(|| condition.health.reason().map(str::to_owned)),
                breaker: alone.map(breaker),
                ..self.backend(name, &condition)
            });
        }
        for absent in snapshot.absent() {
            let condition = Condition {
                health: gateway::Health::Down(absent.reason.clone()),
                since: absent.since.clone(),
            };
            all.push(Backend {
                state: BackendState::Missing,
                ..self.backend(&absent.name, &condition)
            });
        }
        // What is started again takes the place of what ended.
        for backend in &mut all {
            let starts = |life: &Arc<Life>| {
                backend.health == Health::Down
                    && life.name == backend.name
                    && life.condition().health == gateway::Health::Connecting
            };
            if let Some(at) = apart.iter().position(starts) {
                let life = apart.remove(at);
                backend.health = Health::Connecting;
                backend.since = timestamp(&life.condition().since);
            }
        }
        all.extend(apart.iter().map(|life| Backend {
            process: life.process(),
            ..self.backend(&life.name, &life.condition())
        }));
        all
    }

    /// What a condition tells, of one that does not serve.
    fn backend(&self, name: &str, condition: &Condition) -> Backend {
        Backend {
            name: name.to_owned(),
            state: BackendState::Apart,
            process: None,
            tools: 0,
            reason: condition.health.reason().map(str::to_owned),
            health: match condition.health {
                gateway::Health::Connecting => Health::Connecting,
                gateway::Health::Ready => Health::Ready,
                gateway::Health::Degraded(_) => Health::Degraded,
                gateway::Health::Down(_) => Health::Down,
                gateway::Health::Draining => Health::Draining,
            },
            since: timestamp(&condition.since),
            breaker: None,
            load: self.load(name),
        }
    }

    pub(super) fn all_tools(&self) -> Vec<Tool> {
        let snapshot = self.gateway.current();
        let schema = |item: &RawValue| {
            let item: Value = serde_json::from_str(item.get()).ok()?;
            item.get("inputSchema").cloned()
        };
        let mut schemas: HashMap<_, _> = snapshot
            .told(Capability::Tool)
            .filter_map(|(name, item)| Some((name.to_owned(), schema(item)?)))
            .collect();
        let tools = snapshot.entries(Capability::Tool).into_iter();
        let tools = tools.map(|entry| Tool {
            input_schema: schemas.remove(&entry.shown_as).unwrap_or_default(),
            name: entry.shown_as,
            backend: entry.backend,
            original: entry.name,
            description: entry.description,
        });
        tools.collect()
    }

    fn load(&self, backend: &str) -> Load {
        let measured = self.gateway.measured(backend);
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        Load {
            calls: measured.calls,
            unanswered: measured.unanswered,
            under_way: measured.under_way,
            per_second: measured.per_second,
            latency: measured.latency.map(|[p50, p95, max]| Latency {
                p50: ms(p50),
                p95: ms(p95),
                max: ms(max),
            }),
            restarts: measured.restarts,
        }
    }

    pub(super) fn status_but_for_the_file(&self) -> Status {
        let (state, standing) = (*self.state.borrow(), self.standing.borrow().clone());
        let (orders, hearing) = (self.orders.borrow().clone(), self.hearing.borrow().clone());
        let watching = watching(orders.as_ref(), hearing.as_ref());
        let snapshot = self.gateway.current();
        let count = |kind| snapshot.count(kind);
        let serves = standing.applied.map(|applied| Serves {
            generation: snapshot.generation,
            digest: applied.digest.to_string(),
            tools: count(Capability::Tool),
            prompts: count(Capability::Prompt),
            resources: count(Capability::Resource),
            clients: self.gateway.clients(),
        });
        let wanted = orders.map(|orders| orders.settings.detection);
        let detection = wanted.zip(hearing).map(|(wanted, hearing)| Detection {
            stands_in: wanted != AUTO && wanted != hearing.detector,
            wanted,
            detector: hearing.detector,
            by: hearing.by.as_str().to_owned(),
            degraded: hearing.degraded,
            since: hearing.since,
        });
        let retry_at = standing
            .retry_at
            .filter(|_| watching != Watching::Paused && standing.under_way.is_none());
        let settles_at = self.settling.borrow().filter(|_| watching == Watching::On);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            state: state.to_string(),
            started: self.started.clone(),
            config: self.watched.path().display().to_string(),
            address: self.gateway.address().map(|address| address.to_string()),
            management: self.over_tcp.borrow().map(|address| address.to_string()),
            live: state == State::Running && watching == Watching::On,
            watching,
            serves,
            on_disk: OnDisk::default(),
            reloading: standing.under_way.map(|trigger| trigger.to_string()),
            last_reload: standing.last.as_ref().map(last_reload),
            retry_in: retry_at.map(seconds_until),
            settles_in: settles_at.map(seconds_until),
            detection,
            backends: self.all_backends(),
            troubles: Vec::new(),
        }
    }
}

fn seconds_until(at: Instant) -> f64 {
    at.saturating_duration_since(Instant::now()).as_secs_f64()
}

fn watching(orders: Option<&Orders>, hearing: Option<&Hearing>) -> Watching {
    match (orders, hearing) {
        (Some(orders), _) if !orders.settings.enabled => Watching::Off,
        (Some(orders), _) if orders.paused => Watching::Paused,
        (Some(orders), _) if orders.stopped => Watching::Stopped,
        (Some(_), Some(hearing)) if hearing.given_up => Watching::Stopped,
        (Some(_), Some(_)) => Watching::On,
        _ => Watching::NotYet,
    }
}

pub(super) fn last_reload(last: &Last) -> LastReload {
    LastReload {
        started: last.started.clone(),
        ended: last.ended.clone(),
        trigger: last.trigger.to_string(),
        outcome: last.outcome.to_string(),
        reasons: last.reasons.clone(),
        digest: last.digest.map(|digest| digest.to_string()),
        serves: last.serves,
        generation: last.generation,
    }
}
