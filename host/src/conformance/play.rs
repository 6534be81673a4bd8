//! Plays one case: a scene, a watcher on it, the script, and reloads that read what a real one
//! would. The watcher is the host's own, from the detector to the debounce.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::verdict::{Loaded, Verdict};
use super::{Done, Halt, Pattern, Scene, Timing};
use crate::config::SyncSettings;
use crate::events::EventBus;
use crate::follow::Follower;
use crate::reload::read;
use crate::target::{Digest, LocalFile, Target};
use crate::watch::{Baseline, Detectors, Scope, Settled};

/// How often a case is played that the machine stretches.
const TRIES: usize = 5;
/// How long a script may take: the slowest pattern pauses for seconds, on a busy machine.
const SCRIPT: Duration = Duration::from_secs(120);
/// What a writer with the file open may hold a change up, and then some for a busy machine.
const SLACK: Duration = Duration::from_millis(2500);
/// How often the runner looks at the clock, to notice when the machine keeps the watcher waiting.
const BEAT: Duration = Duration::from_millis(20);
/// No watcher takes longer to take its baseline.
const START: Duration = Duration::from_secs(60);

/// Plays the case, more than once if the machine stretches it.
pub(super) async fn play(
    pattern: &'static Pattern,
    settings: &SyncSettings,
    detectors: &Arc<dyn Detectors>,
    base: &Path,
) -> Verdict {
    let mut verdict = Verdict::Stalled;
    for _ in 0..TRIES {
        verdict = play_once(pattern, settings, detectors, base)
            .await
            .unwrap_or_else(|halt| match halt {
                Halt::Skip(why) => Verdict::Skipped(why),
                other => Verdict::Failed(other.to_string()),
            });
        if verdict != Verdict::Stalled {
            break;
        }
    }
    verdict
}

async fn play_once(
    pattern: &'static Pattern,
    settings: &SyncSettings,
    detectors: &Arc<dyn Detectors>,
    base: &Path,
) -> Result<Verdict, Halt> {
    let timing = Timing {
        poll: settings.poll_interval,
        debounce: settings.debounce,
    };
    let base = base.to_owned();
    let scene = blocking(move || {
        let scene = Scene::new(&base, timing)?;
        pattern.prepare(&scene)?;
        Ok(Arc::new(scene))
    })
    .await?;
    let ended = watch(pattern, &scene, settings, detectors).await;
    // Whoever still plays stops; then the folder goes, on a thread that may block.
    scene.abandon();
    blocking(move || {
        drop(scene);
        Ok(())
    })
    .await?;
    ended
}

async fn watch(
    pattern: &'static Pattern,
    scene: &Arc<Scene>,
    settings: &SyncSettings,
    detectors: &Arc<dyn Detectors>,
) -> Result<Verdict, Halt> {
    let target: Arc<dyn Target> = Arc::new(LocalFile::new(scene.path()));
    let loaded = read(&target, None).await.ok().map(|(_, digest)| digest);
    let mut host = Host {
        scene: Arc::clone(scene),
        target,
        serves: loaded,
        takes: pattern.reload_takes,
        loaded: Vec::new(),
        late: Duration::ZERO,
    };
    let begin = || {
        let scene = Arc::clone(scene);
        tokio::task::spawn_blocking(move || pattern.save(&scene))
    };
    let early = pattern.early.then(begin);
    let baseline = loaded.map_or(Baseline::Nothing, Baseline::Content);
    let scope = vec![Scope::File(scene.path().into())];
    let detectors = Arc::clone(detectors);
    let bus = EventBus::default();
    let mut follower =
        Follower::start(scope, settings.clone(), baseline, detectors, bus).map_err(Halt::Failed)?;
    let ready = timeout_at(Instant::now() + START, follower.ready()).await;
    if !matches!(ready, Ok(Some(_))) {
        return Err(Halt::Failed("the watcher did not start".to_owned()));
    }
    scene.start();
    let script = early.unwrap_or_else(begin);
    let done = host.until_done(&mut follower, script).await?;
    host.until_quiet(&mut follower, settings, &done, pattern)
        .await;
    let stalled = done.stalled.is_some() || host.late > (settings.debounce / 3).max(BEAT);
    let verdict = Verdict::of(pattern, &settings.detection, &done.bytes, &host.loaded);
    follower.stop().await;
    Ok(match verdict {
        good if good.is_good() => good,
        _ if stalled => Verdict::Stalled,
        bad => bad,
    })
}

/// What a host does at each settled change, without a gateway behind it.
struct Host {
    scene: Arc<Scene>,
    target: Arc<dyn Target>,
    serves: Option<Digest>,
    takes: Duration,
    loaded: Vec<Loaded>,
    /// By how much a timer of the watcher's runtime was late, at worst.
    late: Duration,
}

impl Host {
    /// Reloads while the script plays.
    async fn until_done(
        &mut self,
        follower: &mut Follower,
        mut script: tokio::task::JoinHandle<Result<Done, Halt>>,
    ) -> Result<Done, Halt> {
        let deadline = Instant::now() + SCRIPT;
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                meant = beat.tick() => self.late = self.late.max(meant.elapsed()),
                done = &mut script => {
                    return done.unwrap_or_else(|error| Err(Halt::Failed(error.to_string())));
                }
                settled = timeout_at(deadline, follower.settled()) => match settled {
                    Ok(Some(settled)) => {
                        self.reload(settled).await;
                        beat.reset();
                    }
                    Ok(None) => return Err(Halt::Failed("the watcher ended".to_owned())),
                    Err(_) => return Err(Halt::Failed("the script does not end".to_owned())),
                },
            }
        }
    }

    /// Reloads until nothing more can come of the edits.
    async fn until_quiet(
        &mut self,
        follower: &mut Follower,
        settings: &SyncSettings,
        done: &Done,
        pattern: &Pattern,
    ) {
        let last = Digest::of(&done.bytes);
        let look = settings.poll_interval + settings.debounce + SLACK;
        let first = *pattern.expect.range().start() as usize;
        let mut deadline = Instant::now() + settings.safety_interval + look;
        loop {
            if self.serves == Some(last) && self.loaded.len() >= first {
                // It is as it should be. Does it stay so?
                deadline = deadline.min(Instant::now() + look + settings.poll_interval);
            }
            match timeout_at(deadline, follower.settled()).await {
                Ok(Some(settled)) => self.reload(settled).await,
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Reads what a reload would read. A file that is missing or empty loads nothing.
    async fn reload(&mut self, settled: Settled) {
        let Ok((bytes, digest)) = read(&self.target, Some(settled.digest)).await else {
            return;
        };
        self.scene.reload_began();
        if !bytes.is_empty() && self.serves != Some(digest) {
            self.serves = Some(digest);
            self.loaded.push(Loaded {
                digest,
                found_by: settled.found_by,
            });
        }
        sleep(self.takes).await;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Halt> + Send + 'static,
) -> Result<T, Halt> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Halt::Failed(error.to_string())))
}
