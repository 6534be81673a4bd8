//! One attempt at a reload, phase by phase. Every way out before the swap leaves what serves as
//! it is: the candidate is dropped, and with it whatever it started.

use std::sync::Arc;

use serde_json::Value;

use super::{Difference, DifferenceKind, Handlers, Outcome, Proposed, Refused};
use crate::config::{self, BackendSpec, Document, Load, MiddlewareSpec, Problem, SentinelConfig};
use crate::gateway::{Gateway, Wanted};
use crate::target::Digest;
use crate::watch::{AUTO, Detectors};

/// What an attempt needs of the world around it.
pub(super) struct Attempt<'a> {
    pub(super) source: &'a str,
    pub(super) gateway: &'a Arc<Gateway>,
    pub(super) handlers: &'a Handlers,
    /// What `sync.detection` may name.
    pub(super) detectors: &'a dyn Detectors,
    pub(super) applied: Option<&'a Applied>,
    pub(super) aim: Aim,
}

/// What an attempt is for, and so what it may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Serve for the first time: backends that do not start are left out.
    Start,
    /// Follow the file: what is new or changed must start.
    Follow,
    /// Make whole what serves: when nothing comes back, nothing is swapped.
    Repair,
}

/// What serves: where it came from and what it was made of.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    pub(super) digest: Digest,
    pub(super) checked: Checked,
    pub(super) wanted: Wanted,
}

/// A configuration that is right in itself, and the text it stands in.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) config: Arc<SentinelConfig>,
    document: Arc<Document>,
}

impl Checked {
    /// What was found wrong later, one line each, with the places in the text.
    fn lines(&self, problems: Vec<Problem>) -> Vec<String> {
        self.document.locate(problems).lines()
    }

    fn rejected(&self, problems: Vec<Problem>) -> Outcome {
        Outcome::Rejected(self.lines(problems))
    }

    fn failed(&self, problems: Vec<Problem>) -> Outcome {
        Outcome::Failed(self.lines(problems))
    }

    fn refused(&self, refused: Refused) -> Outcome {
        match refused {
            Refused::Problems(problems) => self.rejected(problems),
            Refused::Fault(fault) => Outcome::Failed(vec![fault.to_string()]),
        }
    }
}

/// An attempt's end, and what serves from now on if that changed.
pub(super) type Ended = (Outcome, Option<Applied>);

impl Attempt<'_> {
    /// Takes these bytes all the way, or leaves everything as it is.
    pub(super) async fn run(&self, bytes: Vec<u8>, digest: Digest) -> Ended {
        let checked = match self.check(bytes).await {
            Ok(checked) => checked,
            Err(outcome) => return (outcome, None),
        };
        let config = Arc::clone(&checked.config);
        if let Some(applied) = self
            .applied
            .filter(|applied| applied.checked.config == config)
        {
            let note = "only comments or formatting changed".to_owned();
            let wanted = applied.wanted.clone();
            return (
                Outcome::Unchanged(note),
                Some(Applied {
                    digest,
                    checked,
                    wanted,
                }),
            );
        }
        let previous = self
            .applied
            .map(|applied| Arc::clone(&applied.checked.config));
        let generation = self.gateway.current().generation + 1;
        let proposed = self
            .handlers
            .propose(generation, previous.clone(), Arc::clone(&config))
            .await;
        let (proposed, mut differences) = match proposed {
            Ok(proposed) => proposed,
            Err(refused) => return (checked.refused(refused), None),
        };
        differences.extend(self.own_differences(previous.as_deref(), &config));
        let wanted = match wanted(proposed) {
            Ok(wanted) => wanted,
            Err(problems) => return (checked.rejected(problems), None),
        };
        if previous.is_some_and(|previous| previous.plugins != config.plugins) {
            tracing::warn!("`plugins` takes effect at the next start");
        }
        let outcome = self.build(&checked, &wanted, differences).await;
        let applied = matches!(outcome, Outcome::Applied { .. }).then_some(Applied {
            digest,
            checked,
            wanted,
        });
        (outcome, applied)
    }

    /// Builds what is wanted, composes the catalog, swaps.
    pub(super) async fn build(
        &self,
        checked: &Checked,
        wanted: &Wanted,
        differences: Vec<Difference>,
    ) -> Outcome {
        let opened = match self.gateway.open(&checked.config.server).await {
            Ok(opened) => opened,
            Err(problem) => return checked.failed(vec![problem]),
        };
        let mut candidate = match self.gateway.build(wanted, self.aim != Aim::Follow).await {
            Ok(candidate) => candidate,
            Err(problems) => return checked.failed(problems),
        };
        if self.aim == Aim::Repair && self.gateway.brings_nothing(&candidate) {
            let missing: Vec<_> = candidate
                .absent()
                .iter()
                .map(|absent| absent.name.as_str())
                .collect();
            return Outcome::Unchanged(format!("still missing: {}", missing.join(", ")));
        }
        let composed = self
            .handlers
            .compose(Arc::clone(&checked.config), candidate.offers())
            .await;
        let (entries, offers) = match composed {
            Ok(composed) => composed,
            Err(refused) => return checked.refused(refused),
        };
        if let Err(error) = candidate.compose(entries, &offers) {
            return Outcome::Failed(vec![format!(
                "a handler composed a catalog that leads astray: {error}"
            )]);
        }
        let swapped = self.gateway.swap(candidate);
        self.gateway.serve(opened);
        Outcome::Applied {
            swapped,
            differences,
        }
    }

    /// Parses and validates.
    async fn check(&self, bytes: Vec<u8>) -> Result<Checked, Outcome> {
        let (source, claimed) = (self.source.to_owned(), self.handlers.sections().to_vec());
        let load =
            move || config::load(&source, &bytes, &|name| std::env::var(name).ok(), &claimed);
        let loaded = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| Outcome::Failed(vec![format!("the check was cut short: {error}")]))?;
        match loaded {
            Load::Empty => {
                let note = format!(
                    "{} is empty; the last good configuration serves",
                    self.source
                );
                Err(Outcome::Unchanged(note))
            }
            Load::Invalid(problems) => Err(Outcome::Rejected(problems.lines())),
            Load::Valid {
                config,
                warnings,
                document,
            } => {
                for line in warnings.lines() {
                    tracing::warn!("{line}");
                }
                let checked = Checked { config, document };
                self.check_detection(&checked)?;
                Ok(checked)
            }
        }
    }

    fn check_detection(&self, checked: &Checked) -> Result<(), Outcome> {
        let wanted = &checked.config.sync.detection;
        if wanted == AUTO || self.detectors.names().contains(wanted) {
            return Ok(());
        }
        match self.detectors.detector(wanted) {
            Ok(_) => Ok(()),
            Err(error) => Err(checked.rejected(vec![Problem::error("sync.detection", error)])),
        }
    }

    /// Differences in sections that no handler reads: the host's own.
    fn own_differences(
        &self,
        previous: Option<&SentinelConfig>,
        next: &SentinelConfig,
    ) -> Vec<Difference> {
        let Some(previous) = previous else {
            return Vec::new();
        };
        let (before, after) = (&previous.sections, &next.sections);
        let kind = |section: &String| match (before.get(section), after.get(section)) {
            (None, Some(_)) => Some(DifferenceKind::Added),
            (Some(_), None) => Some(DifferenceKind::Removed),
            (old, new) if old != new => Some(DifferenceKind::Changed),
            _ => None,
        };
        let mut sections: Vec<_> = before.keys().chain(after.keys()).collect();
        sections.sort();
        sections.dedup();
        sections
            .into_iter()
            .filter(|section| !self.handlers.sections().contains(section))
            .filter_map(|section| {
                Some(Difference {
                    kind: kind(section)?,
                    path: section.clone(),
                })
            })
            .collect()
    }
}

/// What the handlers want, read into types by the same rules as the file itself.
fn wanted(proposed: Vec<Proposed>) -> Result<Wanted, Vec<Problem>> {
    let env = |name: &str| std::env::var(name).ok();
    let (mut wanted, mut problems) = (Wanted::default(), Vec::new());
    let mut add_backend =
        |name: String, spec: &Value| match BackendSpec::from_json(&name, spec, &env) {
            Ok(spec) if wanted.backends.iter().any(|(other, _)| *other == name) => {
                drop(spec);
                problems.push(Problem::error(
                    format!("backends.{name}"),
                    "two handlers propose a backend of this name",
                ));
            }
            Ok(spec) => wanted.backends.push((name, spec)),
            Err(found) => problems.extend(found),
        };
    let mut middleware = Vec::new();
    for proposal in proposed {
        match proposal {
            Proposed::Backends(backends) => {
                for (name, spec) in backends {
                    add_backend(name, &spec);
                }
            }
            Proposed::Middleware(links) => middleware.extend(links),
            Proposed::Nothing => {}
        }
    }
    for (name, mut settings) in middleware {
        // What it is stands in `type`, if it is not what it is called.
        let kind = settings
            .as_object_mut()
            .and_then(|settings| settings.shift_remove("type"));
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or(&name);
        match MiddlewareSpec::from_json(kind, &settings, &env) {
            Ok(spec) => wanted.middleware.push(spec),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(wanted)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests;
