//! One attempt at a reload, phase by phase. Every way out before the swap, and being dropped
//! half way is one, leaves what serves as it is: the candidate goes, and with it whatever it
//! started. After the swap nothing is awaited any more.

use std::sync::Arc;

use super::check::{Checked, Known};
use super::composed;
use super::course::Course;
use super::wanted::{own_differences, wanted};
use super::{Difference, Handlers, OtherPlugins, Outcome, Phase};
use crate::gateway::{Before, Gateway, MiddlewarePlugins, Terms, Wanted};
use crate::secrets::Secrets;
use crate::target::Digest;
use crate::watch::Detectors;

/// What an attempt needs of the world around it.
pub(super) struct Attempt<'a> {
    pub(super) source: &'a str,
    pub(super) gateway: &'a Arc<Gateway>,
    pub(super) handlers: &'a Handlers,
    pub(super) detectors: &'a dyn Detectors,
    /// As in [`Ports`](super::Ports).
    pub(super) others: Option<&'a Arc<dyn OtherPlugins>>,
    /// What serves; nothing does at the start, when backends that do not start are left out.
    pub(super) applied: Option<&'a Applied>,
    /// What served before that and is kept warm.
    pub(super) warm: Option<&'a Before>,
    /// The same configuration may mean something else: other handlers read it, or secrets have
    /// changed.
    pub(super) anew: bool,
    /// What was made of other secrets than these is made anew.
    pub(super) renew: bool,
    /// What placeholders stand for.
    pub(super) secrets: Arc<Secrets>,
}

/// What serves: where it came from and what it was made of.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    pub(super) digest: Digest,
    pub(super) bytes: Arc<[u8]>,
    pub(super) checked: Checked,
    pub(super) wanted: Wanted,
}

impl Applied {
    /// The names of the backends, in the order in which their offers rank.
    pub(super) fn order(&self) -> Vec<String> {
        let names = self.wanted.backends.iter().map(|(name, _)| name.clone());
        names.collect()
    }
}

/// An attempt's end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// What serves from now on, if that changed.
    pub(super) applied: Option<Applied>,
    /// What served until now, if something was swapped.
    pub(super) before: Option<Before>,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            applied: None,
            before: None,
        }
    }
}

impl Attempt<'_> {
    /// Takes these bytes all the way, or leaves everything as it is.
    pub(super) async fn run(&self, bytes: Arc<[u8]>, digest: Digest, course: &mut Course) -> Ended {
        match self.run_until_refused(bytes, digest, course).await {
            Ok(ended) => ended,
            Err(outcome) => outcome.into(),
        }
    }

    async fn run_until_refused(
        &self,
        bytes: Arc<[u8]>,
        digest: Digest,
        course: &mut Course,
    ) -> Result<Ended, Outcome> {
        let sections = self.handlers.sections();
        let known = Known {
            source: self.source,
            sections: &sections,
            detectors: self.detectors,
            plugins: self.applied.map(|applied| &applied.checked.config.plugins),
            middleware: self.gateway.plugins(),
            secrets: &self.secrets,
            others: self.others,
        };
        let checked = known.check(Arc::clone(&bytes), course).await;
        if let Some(applied) = self.applied {
            course.compare(&applied.checked.config.sections);
        }
        let (checked, there) = checked?;
        for line in &checked.warnings {
            tracing::warn!("{line}");
        }
        let config = &checked.config;
        if let Some(applied) = self.applied
            && applied.checked.config == *config
            && !self.anew
        {
            let note = "only comments or formatting changed".to_owned();
            return Ok(Ended {
                outcome: Outcome::Unchanged(note),
                applied: Some(Applied {
                    digest,
                    bytes,
                    checked,
                    wanted: applied.wanted.clone(),
                }),
                before: None,
            });
        }
        course.enter(Phase::Propose);
        let previous = self.applied.map(|applied| &applied.checked.config);
        let generation = self.gateway.current().generation + 1;
        let (proposed, mut differences) = self
            .handlers
            .propose(generation, previous.cloned(), Arc::clone(config))
            .await
            .map_err(|refused| checked.refused(refused))?;
        if let Some(previous) = previous {
            differences.extend(own_differences(previous, config, &sections));
        }
        let wanted =
            wanted(proposed, &self.secrets).map_err(|problems| checked.rejected(problems))?;
        let plugins = there.as_ref().map(|there| &there.middleware);
        let (outcome, before) = self
            .build(&checked, &wanted, plugins, differences, course)
            .await?;
        Ok(Ended {
            outcome,
            applied: Some(Applied {
                digest,
                bytes,
                checked,
                wanted,
            }),
            before: Some(before),
        })
    }

    /// Builds what is wanted, composes the catalog, swaps.
    async fn build(
        &self,
        checked: &Checked,
        wanted: &Wanted,
        plugins: Option<&Arc<dyn MiddlewarePlugins>>,
        differences: Vec<Difference>,
        course: &mut Course,
    ) -> Result<(Outcome, Before), Outcome> {
        course.enter(Phase::Build);
        let opened = self
            .gateway
            .open(&checked.config.server)
            .await
            .map_err(|problem| checked.failed(vec![problem]))?;
        let terms = Terms {
            warm: self.warm,
            lenient: self.applied.is_none(),
            secrets: Arc::clone(&self.secrets),
            renew: self.renew,
            plugins,
        };
        let mut candidate = self
            .gateway
            .build(wanted, terms)
            .await
            .map_err(|problems| checked.failed(problems))?;
        course.enter(Phase::Compose);
        let (composed, offers) = self
            .handlers
            .compose(Arc::clone(&checked.config), candidate.offers())
            .await
            .map_err(|refused| checked.refused(refused))?;
        composed::serve(&mut candidate, composed, &offers)
            .map_err(|error| Outcome::Failed(vec![error]))?;
        course.enter(Phase::Swap);
        let (swapped, before) = self.gateway.swap(candidate);
        self.gateway.serve(opened);
        let outcome = Outcome::Applied {
            swapped,
            differences,
        };
        Ok((outcome, before))
    }
}

#[cfg(test)]
mod tests;
