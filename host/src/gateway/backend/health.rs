//! How a backend is: asked at an interval, and when something makes one wonder. One that does not
//! answer several times in a row is taken to be down, and its connection is ended: whoever
//! restarts backends does the rest. One that has calls under way is not, for it may be at work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::life::Life;
use super::peer::{Ask, Peer};
use super::{NoticeKind, within};
use crate::config::HealthSettings;
use crate::mcp::Members;

/// Between two questions, while it does not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// How a backend is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It is started or connected, and has not said yet what it offers.
    Connecting,
    /// It answers.
    Ready,
    /// It did not answer when it was last asked; why.
    Degraded(String),
    /// It ended, or did not answer several times in a row; why.
    Down(String),
    /// It is wanted no more, and ends its last calls.
    Draining,
}

impl Health {
    /// One word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::Degraded(_) => "degraded",
            Self::Down(_) => "down",
            Self::Draining => "draining",
        }
    }

    /// Why, where there is something to say.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Connecting => Some("it is started, and has not said yet what it offers"),
            Self::Degraded(why) | Self::Down(why) => Some(why),
            Self::Draining => Some("nobody wants it any more; it ends its last calls"),
            Self::Ready => None,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Decides how it is and when it is asked next. Pure.
#[derive(Debug)]
pub(super) struct Machine {
    settings: HealthSettings,
    health: Health,
    /// Questions without an answer, in a row.
    unanswered: u32,
    /// When it is asked next; never, where it is not asked.
    next: Option<Instant>,
}

impl Machine {
    pub(super) fn new(settings: HealthSettings, now: Instant) -> Self {
        let mut machine = Self {
            settings,
            health: Health::Ready,
            unanswered: 0,
            next: None,
        };
        machine.next = machine.in_the_usual_time(now);
        machine
    }

    fn in_the_usual_time(&self, now: Instant) -> Option<Instant> {
        let interval = self.settings.interval;
        (!interval.is_zero()).then(|| now + interval)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// It was asked. `is_busy`: calls are under way.
    pub(super) fn asked(&mut self, answer: Result<(), String>, is_busy: bool, now: Instant) {
        let Err(why) = answer else {
            self.unanswered = 0;
            self.health = Health::Ready;
            self.next = self.in_the_usual_time(now);
            return;
        };
        self.unanswered = self.unanswered.saturating_add(1);
        let is_down = self.unanswered >= self.settings.failures && !is_busy;
        self.health = if is_down {
            Health::Down(why)
        } else {
            Health::Degraded(why)
        };
        self.next = Some(now + AGAIN);
    }
}

/// Asks the backend how it is, until its connection ends, or it is `retired`. How it is stands in
/// its `life`, if this is the connection that all share.
pub(super) async fn watch(
    peer: Arc<Peer>,
    settings: HealthSettings,
    patience: Duration,
    retired: CancellationToken,
    life: Option<Arc<Life>>,
) {
    let mut machine = Machine::new(settings, Instant::now());
    loop {
        tokio::select! {
            () = due(&machine, &peer.doubted) => {}
            () = peer.ended.cancelled() => return,
            () = retired.cancelled() => return,
        }
        let answer = tokio::select! {
            answer = ping(&peer, patience) => answer,
            () = peer.ended.cancelled() => return,
            () = retired.cancelled() => return,
        };
        machine.asked(answer, peer.is_busy(), Instant::now());
        let health = machine.health().clone();
        let down = match &health {
            Health::Down(why) => Some(why.clone()),
            _ => None,
        };
        let reason = health.reason().map(str::to_owned);
        if let Some(life) = &life
            && life.becomes(health)
        {
            let health = &life.condition().health;
            tracing::info!(backend = peer.backend, %health, reason, "its health");
            if down.is_none() {
                peer.tell_gateway(NoticeKind::HealthChanged);
            }
        }
        if let Some(why) = down {
            peer.end_since(why);
            return;
        }
    }
}

/// Whether it answers at all, within `limit`.
pub(super) async fn ping(peer: &Arc<Peer>, limit: Duration) -> Result<(), String> {
    if peer.ended.is_cancelled() {
        return Err("it ended".to_owned());
    }
    // The new era has no `ping`.
    let method = if peer.has_sessions() {
        "ping"
    } else {
        "server/discover"
    };
    let ask = Ask::own(method, Members::default());
    match within(limit, peer.request(ask)).await {
        None => Err(format!(
            "it did not answer `{method}` within {} s (timeouts.cap_fetch)",
            limit.as_secs_f64()
        )),
        // That it knows no `ping` is an answer too.
        Some(Ok(_) | Err(Failure::Error(_))) => Ok(()),
        Some(Err(failure)) => Err(failure.to_string()),
    }
}

/// Until it is to be asked. A doubt hurries nothing about one that does not answer anyway: a
/// question that nothing hears is itself a doubt.
async fn due(machine: &Machine, doubted: &Notify) {
    let next = async {
        match machine.next() {
            Some(next) => tokio::time::sleep_until(next).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = next => {}
        () = doubted.notified(), if *machine.health() == Health::Ready => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tokio::io::AsyncBufReadExt;

    use super::super::hello::Introduction;
    use super::super::outbox::Outbox;
    use super::super::owner::Whose;
    use super::super::peer::Link;
    use super::*;
    use crate::events::EventBus;
    use crate::gateway::{Gateway, NoPlugins};

    fn machine(now: Instant) -> Machine {
        let settings = HealthSettings {
            interval: Duration::from_secs(30),
            failures: 3,
        };
        Machine::new(settings, now)
    }

    fn silent() -> Result<(), String> {
        Err("it is silent".to_owned())
    }

    #[test]
    fn three_questions_without_an_answer_are_too_many() {
        let now = Instant::now();
        let mut machine = machine(now);
        assert_eq!(machine.next(), Some(now + Duration::from_secs(30)));
        for _ in 0..2 {
            machine.asked(silent(), false, now);
            assert_eq!(machine.health().as_str(), "degraded");
            assert_eq!(machine.next(), Some(now + AGAIN));
        }
        machine.asked(silent(), false, now);
        assert_eq!(machine.health(), &Health::Down("it is silent".to_owned()));
    }

    #[test]
    fn an_answer_makes_it_well_and_one_at_work_is_never_down() {
        let now = Instant::now();
        let mut machine = machine(now);
        for _ in 0..10 {
            machine.asked(silent(), true, now);
            assert_eq!(machine.health().as_str(), "degraded");
        }
        machine.asked(Ok(()), true, now);
        assert_eq!(machine.health(), &Health::Ready);
        machine.asked(silent(), false, now);
        assert_eq!(machine.health().as_str(), "degraded", "counted anew");
    }

    /// There are servers that end where a question that they have not read yet is taken back.
    #[tokio::test(start_paused = true)]
    async fn a_ping_without_an_answer_is_not_taken_back() {
        let (gateway, _notices) =
            Gateway::new(PathBuf::from("/"), Arc::new(NoPlugins), EventBus::default());
        let (me, ground) = (Introduction::own(), &gateway.ground);
        let subscriptions = ground.subscriptions.of("far", Whose::All);
        let link = Link::Lines(Outbox::into_stream());
        let peer = Peer::new("far", link, &me, &subscriptions, ground);
        let (far, near) = tokio::io::duplex(1 << 16);
        let writer = Arc::clone(&peer);
        tokio::spawn(async move {
            if let Link::Lines(outbox) = &writer.link {
                outbox.write_to(near).await;
            }
        });
        for _ in 0..2 {
            assert!(ping(&peer, Duration::from_secs(1)).await.is_err());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        peer.end();
        let mut lines = tokio::io::BufReader::new(far).lines();
        let mut sent = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            sent.push(line);
        }
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(sent.iter().all(|it| it.contains(r#""ping""#)), "{sent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubt_hurries_the_first_question_and_none_of_those_that_follow() {
        let began = Instant::now();
        let (mut machine, doubted) = (machine(began), Notify::new());
        doubted.notify_one();
        due(&machine, &doubted).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..2 {
            machine.asked(silent(), true, Instant::now());
            doubted.notify_one();
            due(&machine, &doubted).await;
        }
        assert_eq!(began.elapsed(), 2 * AGAIN);
    }
}
