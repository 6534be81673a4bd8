//! What a look at the folders leads to: a file is taken, or refused, or is gone. One that cannot be
//! used leaves the plugin of its name as it was.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::middleware::not_our_own;
use super::{Change, Changed, Edition, Library};
use crate::manage::PluginKind;
use crate::plugin::load::{self, Unusable};
use crate::plugin::shelf::{Shelf, Step};

impl Library {
    /// Does what a look found to be done.
    pub(super) fn follow(
        &self,
        step: Step,
        is_wanted: &dyn Fn(&str) -> bool,
        shelf: &mut Shelf,
        now: Instant,
    ) -> Option<Change> {
        match step {
            Step::Take(name, path) => self.take(name, path, is_wanted, shelf, now),
            Step::Gone(name) => self.gone(name, is_wanted),
        }
    }

    fn take(
        &self,
        name: String,
        path: PathBuf,
        is_wanted: &dyn Fn(&str) -> bool,
        shelf: &mut Shelf,
        at: Instant,
    ) -> Option<Change> {
        let now = self.read();
        let engine = now.engine.clone();
        let here = now.dropped_in.get(&name);
        let needed =
            here.and_then(|it| it.is_needed(is_wanted).then_some(it.edition.as_ref()?.kind));
        let before = here.and_then(|it| it.edition.clone());
        drop(now);
        // The lock is not held meanwhile: a component of Python takes seconds to compile.
        let loaded = load::name_of(&path)
            .map_err(Unusable::from)
            .and_then(|name| load::edition(&name, &path, &engine, before.as_deref()))
            .and_then(|edition| Ok(not_our_own(edition)?))
            .and_then(|edition| of_the_kind_in_use(edition, needed));
        let mut sections = before.as_ref().map_or(&[][..], |it| it.sections()).to_vec();
        let mut now = self.write();
        let here = now.dropped_in.entry(name.clone()).or_default();
        here.path.clone_from(&path);
        here.removed = false;
        if let Some(before) = &before {
            before.set_leaving(false);
        }
        let what = match loaded {
            Ok(None) => {
                here.wrong = None;
                let edition = before.as_ref().filter(|it| it.withdraw(None))?;
                Changed::Loaded {
                    kind: edition.kind,
                    path,
                    replaces: false,
                }
            }
            Ok(Some(edition)) => {
                tracing::info!(plugin = name, path = %path.display(), "plugin loaded");
                here.wrong = None;
                sections.extend_from_slice(edition.sections());
                let kind = edition.kind;
                here.edition = Some(edition);
                Changed::Loaded {
                    kind,
                    path,
                    replaces: before.is_some(),
                }
            }
            Err(Unusable {
                reason,
                may_pass,
                withdrawn,
            }) => {
                if withdrawn && let Some(before) = &before {
                    before.withdraw(Some(reason.clone()));
                }
                let told = here.wrong.as_ref() == Some(&reason);
                here.wrong = Some(reason.clone());
                if may_pass && shelf.try_again(&name, at) && told {
                    return None;
                }
                Changed::Refused {
                    path,
                    reason,
                    goes_on: before.as_ref().is_some_and(|it| it.withdrawn().is_none()),
                }
            }
        };
        Some(Change {
            name,
            what,
            sections,
        })
    }

    fn gone(&self, name: String, is_wanted: &dyn Fn(&str) -> bool) -> Option<Change> {
        let mut now = self.write();
        let here = now.dropped_in.get_mut(&name)?;
        let edition = here.edition.clone();
        let sections = edition
            .as_ref()
            .map_or(&[][..], |it| it.sections())
            .to_vec();
        if let Some(edition) = &edition {
            edition.set_leaving(true);
        }
        drop(edition);
        let goes_on = here.is_needed(is_wanted);
        here.removed = true;
        here.wrong = None;
        if !goes_on {
            now.dropped_in.remove(&name);
        }
        Some(Change {
            name,
            what: Changed::Removed { goes_on },
            sections,
        })
    }

    /// Forgets what is gone and no longer in use.
    pub(super) fn forget_removed(&self, is_wanted: &dyn Fn(&str) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        // Nobody need wait for this look where nothing is to be forgotten.
        if !self.read().dropped_in.values().any(|it| it.removed) {
            return changes;
        }
        self.write().dropped_in.retain(|name, here| {
            let keep = !here.removed || here.is_needed(is_wanted);
            if !keep {
                let sections = here.edition.as_ref().map_or(&[][..], |it| it.sections());
                changes.push(Change {
                    name: name.clone(),
                    what: Changed::Removed { goes_on: false },
                    sections: sections.to_vec(),
                });
            }
            keep
        });
        changes
    }

    /// Notes down what is wrong with folders, and says what was not before.
    pub(super) fn wrong_folders(&self, wrong: Vec<(PathBuf, String)>) -> Vec<Change> {
        if self.read().wrong_folders == wrong {
            return Vec::new();
        }
        let before = std::mem::replace(&mut self.write().wrong_folders, wrong.clone());
        let new = wrong.into_iter().filter(|it| !before.contains(it));
        let told = new.map(|(path, reason)| Change {
            name: String::new(),
            what: Changed::Refused {
                path,
                reason,
                goes_on: false,
            },
            sections: Vec::new(),
        });
        told.collect()
    }
}

/// What is in use is not replaced by something that does another thing.
fn of_the_kind_in_use(
    edition: Option<Arc<Edition>>,
    needed: Option<PluginKind>,
) -> Result<Option<Arc<Edition>>, Unusable> {
    match (edition, needed) {
        (Some(edition), Some(needed)) if edition.kind != needed => Err(Unusable {
            reason: format!(
                "it is a {}, and the {} of this name is in use; give the file another name",
                edition.kind.as_str(),
                needed.as_str()
            ),
            may_pass: true,
            withdrawn: false,
        }),
        (edition, _) => Ok(edition),
    }
}
