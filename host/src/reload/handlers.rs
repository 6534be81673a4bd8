//! All handlers together, called off the async threads: a guest may use its whole time limit.
//! Others may take their place between two reloads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::composed::Composed;
use super::{Change, Difference, Ending, Proposed, Refused, ReloadHandler};
use crate::config::SentinelConfig;
use crate::events::{Fault, FaultKind};
use crate::gateway::Offer;

/// Each guest ends with its time, a minute at most, and so does what the host does for it. When all
/// of them have not come back by now, one stands in the host, most likely on a file system that is
/// gone.
const LOST: Duration = Duration::from_secs(600);

/// The handlers, in the order in which they are asked.
#[derive(Clone)]
pub struct Handlers {
    now: Arc<Mutex<Now>>,
    /// Those that take over before the next reload.
    next: Arc<Mutex<Option<Next>>>,
    replaced: Arc<Notify>,
}

/// Those that are asked. Others stand here when they take over, so that nobody waits for one that
/// is lost.
#[derive(Clone)]
struct Now {
    /// Every section that some of them read.
    sections: Vec<String>,
    all: Arc<Mutex<Vec<Box<dyn ReloadHandler>>>>,
    /// Who is asked just now, or was last, and by which call.
    asking: Asking,
}

/// For whoever has to say it of one that does not come back.
#[derive(Clone, Default)]
struct Asking(Arc<Mutex<(String, &'static str)>>);

impl Asking {
    fn ask(&self, handler: &dyn ReloadHandler, call: &'static str) {
        *lock(&self.0) = (handler.name().to_owned(), call);
    }
}

struct Next {
    all: Vec<Box<dyn ReloadHandler>>,
    /// What those read that come, change or go.
    concerned: Vec<String>,
}

impl Handlers {
    /// These handlers. For the catalog, the first that has an answer is heard.
    pub fn new(all: Vec<Box<dyn ReloadHandler>>) -> Self {
        Self {
            now: Arc::new(Mutex::new(Now::new(all))),
            next: Arc::default(),
            replaced: Arc::default(),
        }
    }

    /// These handlers take over before the next reload, which comes at once where that is of
    /// concern: those that were not there, are others, or are gone read the sections `concerned`;
    /// or the file names a plugin that was not there.
    pub fn replace(&self, all: Vec<Box<dyn ReloadHandler>>, concerned: Vec<String>) {
        let mut next = lock(&self.next);
        let mut before = next.take().map_or_else(Vec::new, |next| next.concerned);
        before.extend(concerned);
        *next = Some(Next {
            all,
            concerned: before,
        });
        drop(next);
        self.replaced.notify_one();
    }

    /// Comes back when others are to take over. Cancel safe.
    pub(super) async fn replaced(&self) {
        self.replaced.notified().await;
    }

    /// The sections that concern those handlers which take over now; nothing, where none do.
    pub(super) fn renew(&self) -> Option<Vec<String>> {
        let next = lock(&self.next).take()?;
        *lock(&self.now) = Now::new(next.all);
        Some(next.concerned)
    }

    /// Every section that some handler reads.
    pub fn sections(&self) -> Vec<String> {
        lock(&self.now).sections.clone()
    }

    /// What all of them want for `next`.
    pub(super) async fn propose(
        &self,
        generation: u64,
        previous: Option<Arc<SentinelConfig>>,
        next: Arc<SentinelConfig>,
    ) -> Result<(Vec<Proposed>, Vec<Difference>), Refused> {
        self.with(move |handlers, asking| {
            let (mut wanted, mut differences, mut problems) = (Vec::new(), Vec::new(), Vec::new());
            for handler in handlers {
                let sections = handler.sections();
                let change = Change {
                    generation,
                    previous: previous
                        .as_ref()
                        .map(|config| config.section_json(sections)),
                    next: next.section_json(sections),
                };
                asking.ask(handler.as_ref(), "propose");
                match handler.propose(&change) {
                    Ok(proposal) => {
                        wanted.push(proposal.wanted);
                        differences.extend(proposal.differences);
                    }
                    Err(_) if has_no_say(handler.as_ref(), &change.next) => {}
                    Err(Refused::Problems(found)) => {
                        problems.extend(found.into_iter().map(|it| it.said_by(handler.name())));
                    }
                    Err(fault) => return Err(fault),
                }
            }
            if problems.is_empty() {
                Ok((wanted, differences))
            } else {
                Err(Refused::Problems(problems))
            }
        })
        .await
    }

    /// The catalog, from the first handler that composes one.
    pub(super) async fn compose(
        &self,
        config: Arc<SentinelConfig>,
        offers: Vec<Offer>,
    ) -> Result<(Option<Composed>, Vec<Offer>), Refused> {
        self.with(move |handlers, asking| {
            for handler in handlers {
                asking.ask(handler.as_ref(), "compose");
                let next: Value = config.section_json(handler.sections());
                match handler.compose(&next, &offers) {
                    Ok(Some(entries)) => {
                        let by = handler.name().to_owned();
                        return Ok((Some(Composed { by, entries }), offers));
                    }
                    Ok(None) => {}
                    Err(_) if has_no_say(handler.as_ref(), &next) => {}
                    Err(refused) => return Err(refused),
                }
            }
            Ok((None, offers))
        })
        .await
    }

    /// Tells all of them how it ended. A fault is no longer anybody's business but the log's.
    pub(super) async fn finished(&self, generation: u64, ending: Ending) -> Vec<Fault> {
        let told = self.with(move |handlers, asking| {
            let told = handlers.iter_mut().filter_map(|handler| {
                asking.ask(handler.as_ref(), "finished");
                handler.finished(generation, ending).err()
            });
            Ok(told.collect())
        });
        match told.await {
            Ok(faults) => faults,
            Err(Refused::Fault(fault)) => vec![fault],
            Err(Refused::Problems(_)) => Vec::new(),
        }
    }

    async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Vec<Box<dyn ReloadHandler>>, &Asking) -> Result<T, Refused>
        + Send
        + 'static,
    ) -> Result<T, Refused> {
        let Now { all, asking, .. } = lock(&self.now).clone();
        let whom = asking.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&mut lock(&all), &whom));
        let fault = |kind, message| {
            let (plugin, call) = lock(&asking.0).clone();
            Err(Refused::Fault(Fault {
                plugin,
                call,
                kind,
                message,
            }))
        };
        match timeout(LOST, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => fault(
                FaultKind::Trap,
                format!(
                    "the host failed while it asked it: {error}; this is an error of Config Sync: please report it"
                ),
            ),
            Err(_elapsed) => fault(
                FaultKind::Deadline,
                format!(
                    "it has not come back for {} s, most likely from a folder that does not answer; \
                     see to the folders it is granted, or take its file out of the plugins folder, \
                     and restart the host",
                    LOST.as_secs()
                ),
            ),
        }
    }
}

impl Now {
    fn new(all: Vec<Box<dyn ReloadHandler>>) -> Self {
        let sections = all.iter().flat_map(|handler| handler.sections().to_vec());
        Self {
            sections: sections.collect(),
            all: Arc::new(Mutex::new(all)),
            asking: Asking::default(),
        }
    }
}

/// Whether it is about to go with the last of its sections: if it cannot answer, it must not hold
/// up the very reload that rids everybody of it.
fn has_no_say(handler: &dyn ReloadHandler, next: &Value) -> bool {
    handler.is_leaving() && next.as_object().is_some_and(Map::is_empty)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use tokio::sync::Notify;

    use super::*;
    use crate::config::{self, Load};
    use crate::gateway::Entry;
    use crate::reload::Proposal;

    /// The host itself panics while it asks this one.
    struct Panics;

    impl ReloadHandler for Panics {
        fn name(&self) -> &str {
            "panics"
        }

        fn sections(&self) -> &[String] {
            &[]
        }

        fn propose(&mut self, _change: &Change) -> Result<Proposal, Refused> {
            panic!("on purpose")
        }

        fn compose(&mut self, _: &Value, _: &[Offer]) -> Result<Option<Vec<Entry>>, Refused> {
            panic!("on purpose")
        }

        fn finished(&mut self, _generation: u64, _ending: Ending) -> Result<(), Fault> {
            panic!("on purpose")
        }
    }

    #[tokio::test]
    async fn a_panic_after_the_swap_is_told_as_well() {
        let handlers = Handlers::new(vec![Box::new(Panics)]);
        let faults = handlers.finished(1, Ending::Applied).await;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].message.contains("panicked"), "{faults:?}");
        assert_eq!((&*faults[0].plugin, faults[0].call), ("panics", "finished"));
    }

    /// Stands in the host until somebody sends it a word; says that it does.
    struct Stands(Mutex<std::sync::mpsc::Receiver<()>>, Arc<Notify>);

    impl ReloadHandler for Stands {
        fn name(&self) -> &str {
            "stands"
        }

        fn sections(&self) -> &[String] {
            &[]
        }

        fn propose(&mut self, _change: &Change) -> Result<Proposal, Refused> {
            Err(Refused::Problems(Vec::new()))
        }

        fn compose(&mut self, _: &Value, _: &[Offer]) -> Result<Option<Vec<Entry>>, Refused> {
            Ok(None)
        }

        fn finished(&mut self, _generation: u64, _ending: Ending) -> Result<(), Fault> {
            self.1.notify_one();
            let _ = lock(&self.0).recv();
            Ok(())
        }
    }

    /// Its file is gone, and whatever it is asked, it traps.
    struct Leaves;

    fn trap() -> Refused {
        Refused::Fault(Fault {
            plugin: "leaves".to_owned(),
            call: "any",
            kind: FaultKind::Trap,
            message: "on purpose".to_owned(),
        })
    }

    impl ReloadHandler for Leaves {
        fn name(&self) -> &str {
            "leaves"
        }

        fn sections(&self) -> &[String] {
            static SECTIONS: LazyLock<[String; 1]> = LazyLock::new(|| ["tools".to_owned()]);
            &*SECTIONS
        }

        fn is_leaving(&self) -> bool {
            true
        }

        fn propose(&mut self, _change: &Change) -> Result<Proposal, Refused> {
            Err(trap())
        }

        fn compose(&mut self, _: &Value, _: &[Offer]) -> Result<Option<Vec<Entry>>, Refused> {
            Err(trap())
        }

        fn finished(&mut self, _generation: u64, _ending: Ending) -> Result<(), Fault> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn one_that_leaves_does_not_hold_up_the_reload_that_takes_its_section_away() {
        let handlers = Handlers::new(vec![Box::new(Leaves)]);
        for (section, fails) in [("tools: {}\n", true), ("", false)] {
            let text = format!("version: \"1\"\nbackends: {{}}\n{section}");
            let known = config::Known::default();
            let loaded = config::load("config.yaml", text.as_bytes(), &|_| None, known);
            let Load::Valid { config, .. } = loaded else {
                panic!("{loaded:?}");
            };
            let proposed = handlers.propose(2, None, Arc::clone(&config)).await;
            assert_eq!(proposed.is_err(), fails);
            let composed = handlers.compose(config, Vec::new()).await;
            assert_eq!(composed.is_err(), fails);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_come_back_is_given_up_and_others_take_over() {
        let (end, stands) = std::sync::mpsc::channel();
        let asked = Arc::new(Notify::new());
        let stands = Stands(Mutex::new(stands), Arc::clone(&asked));
        let handlers = Handlers::new(vec![Box::new(stands)]);
        let (faults, ()) = tokio::join!(handlers.finished(1, Ending::Applied), async {
            asked.notified().await;
            tokio::time::advance(LOST).await;
        });
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].kind, FaultKind::Deadline);
        assert_eq!((&*faults[0].plugin, faults[0].call), ("stands", "finished"));
        assert!(faults[0].message.contains("restart the host"), "{faults:?}");
        handlers.replace(Vec::new(), Vec::new());
        assert_eq!(handlers.renew(), Some(Vec::new()));
        assert_eq!(handlers.sections(), Vec::<String>::new());
        assert!(handlers.finished(2, Ending::Applied).await.is_empty());
        drop(end);
    }
}
