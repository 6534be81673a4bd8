//! Bytes to a configuration that is right in itself: the phases parse and validate. Builds
//! nothing, asks no plugin what it wants.

use std::sync::Arc;

use super::course::Course;
use super::{Outcome, Phase, Refused};
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
}

impl Known<'_> {
    /// Parses and validates.
    ///
    /// # Errors
    /// The outcome of the attempt, which ends here.
    pub(super) async fn check(
        &self,
        bytes: Arc<[u8]>,
        course: &mut Course,
    ) -> Result<Checked, Outcome> {
        course.enter(Phase::Parse);
        let source = self.source.to_owned();
        let parsed = aside(move || config::parse(&source, &bytes)).await?;
        let load = match parsed {
            Err(load) => load,
            Ok(draft) => {
                course.enter(Phase::Validate);
                course.sections = Some(draft.sections());
                let sections = self.sections.to_vec();
                let plugins = Arc::clone(self.middleware);
                let secrets = Arc::clone(self.secrets);
                let validate = move || {
                    let known = config::Known {
                        sections: &sections,
                        middleware: Some(&|| plugins.names()),
                    };
                    draft.validate(&|name| secrets.value_of(name), known)
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
                self.check_detection(&checked)?;
                self.check_middleware(&checked).await?;
                Ok(checked)
            }
        }
    }

    async fn check_middleware(&self, checked: &Checked) -> Result<(), Outcome> {
        let (config, plugins) = (Arc::clone(&checked.config), Arc::clone(self.middleware));
        aside(move || check_middleware(&config.plugged, plugins.as_ref()))
            .await?
            .map_err(|refused| checked.refused(refused))
    }

    fn check_detection(&self, checked: &Checked) -> Result<(), Outcome> {
        let wanted = &checked.config.sync.detection;
        // What lies in another folder is found when that is in force.
        let dir = &checked.config.plugins.dir;
        let elsewhere = self.plugins.is_some_and(|present| present.dir != *dir);
        if wanted == AUTO || elsewhere || self.detectors.names().contains(wanted) {
            return Ok(());
        }
        match self.detectors.detector(wanted) {
            Ok(_) => Ok(()),
            Err(error) => Err(checked.rejected(vec![Problem::error("sync.detection", error)])),
        }
    }
}

/// What follows of these: where nothing but a secret is missing it is not the file that is wrong.
fn wrong(problems: &Problems) -> Outcome {
    match problems.may_pass() {
        true => Outcome::Failed(problems.lines()),
        false => Outcome::Rejected(problems.lines()),
    }
}

/// Whether the plugins take what their entries tell them.
///
/// # Errors
/// Every problem, at its place; or the fault of a plugin, which has no place.
pub fn check_middleware(
    entries: &[PluggedEntry],
    plugins: &dyn MiddlewarePlugins,
) -> Result<(), Refused> {
    let mut found = Vec::new();
    for entry in entries {
        match plugins.plugin(&entry.settings) {
            Ok(_) => {}
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
