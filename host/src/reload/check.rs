//! Bytes to a configuration that is right in itself: the phases parse and validate. Builds
//! nothing, asks no plugin what it wants.

use std::sync::Arc;

use super::course::Course;
use super::{Handlers, Outcome, Phase, Refused};
use crate::config::{
    self, Document, Load, PluggedEntry, PluginSettings, Problem, Problems, SentinelConfig,
};
use crate::gateway::{MiddlewarePlugins, Unusable};
use crate::secrets::Secrets;
use crate::watch::{AUTO, Detectors};

/// A configuration that is right in itself, and the text it stands in.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) config: Arc<SentinelConfig>,
    /// What someone should look at, one line each.
    pub(super) warnings: Vec<String>,
    document: Arc<Document>,
}

impl Checked {
    /// What was found wrong later, one line each, with the places in the text.
    fn lines(&self, problems: Vec<Problem>) -> Vec<String> {
        self.document.locate(problems).lines()
    }

    /// The configuration cannot be used as it stands.
    pub(super) fn rejected(&self, problems: Vec<Problem>) -> Outcome {
        wrong(&self.document.locate(problems))
    }

    pub(super) fn failed(&self, problems: Vec<Problem>) -> Outcome {
        Outcome::Failed(self.lines(problems))
    }

    pub(super) fn refused(&self, refused: Refused) -> Outcome {
        match refused {
            Refused::Problems(problems) => self.rejected(problems),
            Refused::Fault(fault) => Outcome::Failed(vec![fault.to_string()]),
        }
    }
}

/// What the check knows of the host.
pub(super) struct Known<'a> {
    /// What messages call the file.
    pub(super) source: &'a str,
    /// The sections that handlers read.
    pub(super) sections: &'a [String],
    /// What `sync.detection` may name.
    pub(super) detectors: &'a dyn Detectors,
    /// With which these were found; absent, where with those of the file that is checked.
    pub(super) plugins: Option<&'a PluginSettings>,
    /// What `middleware` may name beside the host's own.
    pub(super) middleware: &'a Arc<dyn MiddlewarePlugins>,
    /// What placeholders stand for, in this attempt.
    pub(super) secrets: &'a Arc<Secrets>,
    /// Where the file says something else of plugins, what there would be.
    pub(super) others: Option<&'a Arc<dyn OtherPlugins>>,
}

/// Finds the plugins that there would be if the section `plugins` said something else.
pub trait OtherPlugins: Send + Sync + 'static {
    /// What would be at hand. Blocks.
    fn under(&self, settings: &PluginSettings) -> AtHand;
}

/// Plugins that a configuration may name.
pub struct AtHand {
    /// In `sync.detection`.
    pub detectors: Arc<dyn Detectors>,
    /// In `middleware`.
    pub middleware: Arc<dyn MiddlewarePlugins>,
}

impl Known<'_> {
    /// Parses and validates. Where the file says something else of plugins, what it names is looked
    /// for among those that there would be, which come along.
    ///
    /// # Errors
    /// The outcome of the attempt, which ends here.
    pub(super) async fn check(
        &self,
        bytes: Arc<[u8]>,
        course: &mut Course,
    ) -> Result<(Checked, Option<AtHand>), Outcome> {
        course.enter(Phase::Parse);
        let source = self.source.to_owned();
        let parsed = aside(move || config::parse(&source, &bytes)).await?;
        let (load, there) = match parsed {
            Err(load) => (load, None),
            Ok(draft) => {
                course.enter(Phase::Validate);
                course.sections = Some(draft.sections());
                let sections = self.sections.to_vec();
                let secrets = Arc::clone(self.secrets);
                let here = Arc::clone(self.middleware);
                let others = self.plugins.cloned().zip(self.others.cloned());
                let validate = move || {
                    let there = others.and_then(|(present, others)| {
                        let wanted = draft.plugins(&|name| secrets.value_of(name));
                        (wanted != present).then(|| others.under(&wanted))
                    });
                    let plugins = there.as_ref().map_or(&here, |it| &it.middleware);
                    let known = config::Known {
                        sections: &sections,
                        middleware: Some(&|| plugins.names()),
                    };
                    (draft.validate(&|name| secrets.value_of(name), known), there)
                };
                aside(validate).await?
            }
        };
        match load {
            Load::Empty => Err(Outcome::Unchanged(format!(
                "{} is empty; the last good configuration serves",
                self.source
            ))),
            Load::Invalid(problems) => Err(wrong(&problems)),
            Load::Valid {
                config,
                warnings,
                document,
            } => {
                let checked = Checked {
                    config,
                    warnings: warnings.lines(),
                    document,
                };
                let (detectors, middleware) = match &there {
                    Some(there) => (there.detectors.as_ref(), &there.middleware),
                    None => (self.detectors, self.middleware),
                };
                if let Some(problem) = detection(&checked.config, detectors) {
                    return Err(checked.rejected(vec![problem]));
                }
                let (config, plugins) = (Arc::clone(&checked.config), Arc::clone(middleware));
                aside(move || check_middleware(&config.plugged, plugins.as_ref()))
                    .await?
                    .map_err(|refused| checked.refused(refused))?;
                Ok((checked, there))
            }
        }
    }
}

/// Whether the plugins that the configuration names are there, and take what it tells them. For who
/// only checks: nothing is built.
///
/// # Errors
/// Every problem, at its place; or the fault of a plugin, which has no place.
pub async fn check_plugins(
    config: &Arc<SentinelConfig>,
    detectors: &dyn Detectors,
    middleware: &dyn MiddlewarePlugins,
    handlers: &Handlers,
) -> Result<(), Refused> {
    let mut found: Vec<_> = detection(config, detectors).into_iter().collect();
    let mut gather = |checked| match checked {
        Err(Refused::Problems(problems)) => {
            found.extend(problems);
            Ok(())
        }
        checked => checked,
    };
    gather(check_middleware(&config.plugged, middleware))?;
    let proposed = handlers.propose(0, None, Arc::clone(config)).await;
    gather(proposed.map(|_| ()))?;
    match found.is_empty() {
        true => Ok(()),
        false => Err(Refused::Problems(found)),
    }
}

/// What is wrong with the detector that is named.
fn detection(config: &SentinelConfig, detectors: &dyn Detectors) -> Option<Problem> {
    let wanted = &config.sync.detection;
    if wanted == AUTO || detectors.names().contains(wanted) {
        return None;
    }
    let error = detectors.detector(wanted).err()?;
    Some(Problem::error("sync.detection", error))
}

/// What follows of these: where nothing but a secret is missing it is not the file that is wrong.
fn wrong(problems: &Problems) -> Outcome {
    match problems.may_pass() {
        true => Outcome::Failed(problems.lines()),
        false => Outcome::Rejected(problems.lines()),
    }
}

/// Whether the plugins take what their entries tell them.
fn check_middleware(
    entries: &[PluggedEntry],
    plugins: &dyn MiddlewarePlugins,
) -> Result<(), Refused> {
    let mut found = Vec::new();
    for entry in entries {
        match plugins.try_out(&entry.settings) {
            Ok(()) => {}
            Err(Unusable::Problems(problems)) => {
                found.extend(
                    problems
                        .into_iter()
                        .map(|problem| problem.below(&entry.path)),
                );
            }
            Err(Unusable::Fault(fault)) => return Err(Refused::Fault(fault)),
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(Refused::Problems(found))
    }
}

/// Off the async threads: a large file takes its time.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Outcome> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Outcome::Failed(vec![format!("the check was cut short: {error}")]))
}
