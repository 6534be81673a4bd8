//! All handlers together, called off the async threads: a guest may use its whole time limit.
//! Others may take their place between two reloads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use super::{Change, Difference, Ending, Proposed, Refused, ReloadHandler};
use crate::config::SentinelConfig;
use crate::events::{Fault, FaultKind};
use crate::gateway::{Entry, Offer};

/// The handlers, in the order in which they are asked.
#[derive(Clone)]
pub struct Handlers {
    all: Arc<Mutex<Vec<Box<dyn ReloadHandler>>>>,
    /// Those that take over before the next reload.
    next: Arc<Mutex<Option<Next>>>,
    replaced: Arc<Notify>,
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
            all: Arc::new(Mutex::new(all)),
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
        *lock(&self.all) = next.all;
        Some(next.concerned)
    }

    /// Every section that some handler reads.
    pub(super) fn sections(&self) -> Vec<String> {
        let all = lock(&self.all);
        let sections = all.iter().flat_map(|handler| handler.sections().to_vec());
        sections.collect()
    }

    /// What all of them want for `next`.
    pub(super) async fn propose(
        &self,
        generation: u64,
        previous: Option<Arc<SentinelConfig>>,
        next: Arc<SentinelConfig>,
    ) -> Result<(Vec<Proposed>, Vec<Difference>), Refused> {
        self.with(move |handlers| {
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
                match handler.propose(&change) {
                    Ok(proposal) => {
                        wanted.push(proposal.wanted);
                        differences.extend(proposal.differences);
                    }
                    Err(Refused::Problems(found)) => problems.extend(found),
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
    ) -> Result<(Option<Vec<Entry>>, Vec<Offer>), Refused> {
        self.with(move |handlers| {
            for handler in handlers {
                let next: Value = config.section_json(handler.sections());
                if let Some(entries) = handler.compose(&next, &offers)? {
                    return Ok((Some(entries), offers));
                }
            }
            Ok((None, offers))
        })
        .await
    }

    /// Tells all of them how it ended. A fault is no longer anybody's business but the log's.
    pub(super) async fn finished(&self, generation: u64, ending: Ending) -> Vec<Fault> {
        let told = self.with(move |handlers| {
            Ok(handlers
                .iter_mut()
                .filter_map(|handler| handler.finished(generation, ending).err())
                .collect())
        });
        match told.await {
            Ok(faults) => faults,
            Err(Refused::Fault(fault)) => vec![fault],
            Err(Refused::Problems(_)) => Vec::new(),
        }
    }

    async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Vec<Box<dyn ReloadHandler>>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let all = Arc::clone(&self.all);
        let asked = move || ask(&mut lock(&all));
        tokio::task::spawn_blocking(asked)
            .await
            .unwrap_or_else(|error| {
                Err(Refused::Fault(Fault {
                    plugin: "handlers".to_owned(),
                    call: "any",
                    kind: FaultKind::Trap,
                    message: error.to_string(),
                }))
            })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
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
    }
}
