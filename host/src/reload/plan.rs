//! What a reload would do, found out the way a reload finds it out (parse, validate, propose) up
//! to the point where something would be touched. Without the backends' answers it knows of tools
//! only what the files say of them: what filters and overrides name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::check::{Checked, Known};
use super::course::Course;
use super::wanted::wanted;
use super::{Handlers, OtherPlugins, Outcome, OutcomeKind};
use crate::config::{self, BackendSpec, PluginSettings};
use crate::events::EventBus;
use crate::gateway::{Capability, Entry, Gateway, MiddlewarePlugins, Offer, Terms, Wanted};
use crate::manage::{Plan, PlannedTool, Renamed};
use crate::secrets::Secrets;
use crate::watch::Detectors;

/// How long backends that were started only to be asked have to leave.
const LEAVE: Duration = Duration::from_secs(5);

/// Plans reloads, as a host with these plugins would make them.
pub struct Planner<'a> {
    /// What messages call the file.
    pub source: &'a str,
    /// Who says what a change means.
    pub handlers: &'a Handlers,
    /// What `sync.detection` may name.
    pub detectors: &'a dyn Detectors,
    /// What `middleware` may name beside the host's own.
    pub middleware: &'a Arc<dyn MiddlewarePlugins>,
    /// What plugins there would be if the file said something else of them.
    pub others: &'a Arc<dyn OtherPlugins>,
    /// The folder that relative paths start from, if new and changed backends shall be started
    /// and asked.
    pub connect_in: Option<PathBuf>,
}

/// A configuration with what the handlers want for it.
struct Side {
    checked: Checked,
    wanted: Wanted,
}

impl Planner<'_> {
    /// What a reload of `next` would do where `serving` serves.
    ///
    /// # Errors
    /// When `serving` itself would not be accepted, so that nothing can be told.
    pub async fn plan(&self, serving: Vec<u8>, next: Vec<u8>) -> Result<Plan, Vec<String>> {
        let (mut course, secrets) = (Course::begin(), Arc::new(Secrets::default()));
        let old = match self.check(serving, None, &secrets, &mut course).await {
            Ok(checked) => self.propose(None, checked, &secrets).await,
            Err(outcome) => Err(outcome),
        };
        let old = old.map_err(|outcome| outcome.reasons())?;
        let mut plan = Plan::default();
        let plugins = old.checked.config.plugins.clone();
        let checked = self.check(next, Some(&plugins), &secrets, &mut course);
        let outcome = match checked.await {
            Ok(checked) => self.compare(&old, checked, secrets, &mut plan).await,
            Err(outcome) => Err(outcome),
        };
        if let Err(outcome) = outcome {
            plan.outcome = Some(outcome.kind().to_string());
            plan.reasons = outcome.reasons();
        }
        Ok(plan)
    }

    async fn check(
        &self,
        bytes: Vec<u8>,
        plugins: Option<&PluginSettings>,
        secrets: &Arc<Secrets>,
        course: &mut Course,
    ) -> Result<Checked, Outcome> {
        let sections = self.handlers.sections();
        let known = Known {
            source: self.source,
            sections: &sections,
            detectors: self.detectors,
            plugins,
            middleware: self.middleware,
            secrets,
            others: Some(self.others),
        };
        let (checked, _there) = known.check(bytes.into(), course).await?;
        Ok(checked)
    }

    async fn propose(
        &self,
        previous: Option<&Side>,
        checked: Checked,
        secrets: &Secrets,
    ) -> Result<Side, Outcome> {
        let before = previous.map(|side| &side.checked.config);
        let (proposed, _differences) = self
            .handlers
            .propose(1, before.cloned(), Arc::clone(&checked.config))
            .await
            .map_err(|refused| checked.refused(refused))?;
        let wanted = wanted(proposed, secrets).map_err(|problems| checked.rejected(problems))?;
        Ok(Side { checked, wanted })
    }

    async fn compare(
        &self,
        old: &Side,
        checked: Checked,
        secrets: Arc<Secrets>,
        plan: &mut Plan,
    ) -> Result<(), Outcome> {
        plan.warnings = checked.warnings.clone();
        if old.checked.config == checked.config {
            plan.outcome = Some(OutcomeKind::Unchanged.to_string());
            plan.keep = names(&old.wanted.backends);
            return Ok(());
        }
        let (before, after) = (&old.checked.config, &checked.config);
        plan.differences = config::differences(&before.sections, &after.sections);
        let new = self.propose(Some(old), checked, &secrets).await?;
        let find = |side: &Side, name: &str| {
            let mut backends = side.wanted.backends.iter();
            backends.find(|(other, _)| other == name).cloned()
        };
        for (name, spec) in &new.wanted.backends {
            let list = match find(old, name) {
                None => &mut plan.start,
                Some((_, before)) if before.connects_like(spec) => &mut plan.keep,
                Some(_) => &mut plan.replace,
            };
            list.push(name.clone());
        }
        let gone = old.wanted.backends.iter();
        let gone = gone.filter(|(name, _)| find(&new, name).is_none());
        plan.stop = gone.map(|(name, _)| name.clone()).collect();
        let asked = self.ask(&new, secrets, plan).await?;
        self.compare_tools(old, &new, asked, plan).await?;
        plan.outcome = Some(OutcomeKind::Applied.to_string());
        Ok(())
    }

    /// What new and changed backends offer, if they shall be asked.
    async fn ask(
        &self,
        new: &Side,
        secrets: Arc<Secrets>,
        plan: &mut Plan,
    ) -> Result<Vec<Offer>, Outcome> {
        let Some(base) = self.connect_in.clone() else {
            return Ok(Vec::new());
        };
        let mut wanted = Wanted::default();
        for (name, spec) in &new.wanted.backends {
            if plan.start.contains(name) || plan.replace.contains(name) {
                wanted.backends.push((name.clone(), spec.clone()));
            }
        }
        let (gateway, _notices) =
            Gateway::new(base, Arc::clone(self.middleware), EventBus::default());
        let terms = Terms {
            secrets,
            ..Terms::default()
        };
        let built = gateway.build(&wanted, terms).await;
        let offers = built.map(|candidate| {
            for absent in candidate.absent() {
                let (name, reason) = (&absent.name, &absent.reason);
                plan.warnings.push(format!(
                    "warning: backends.{name}: it does not start, and is not required: {reason}"
                ));
            }
            candidate.offers()
        });
        gateway.shut_down(LEAVE).await;
        plan.connected = true;
        offers.map_err(|problems| new.checked.failed(problems))
    }

    async fn compare_tools(
        &self,
        old: &Side,
        new: &Side,
        asked: Vec<Offer>,
        plan: &mut Plan,
    ) -> Result<(), Outcome> {
        let answered: BTreeSet<_> = asked.iter().map(|offer| offer.backend.clone()).collect();
        let mut named = named(old);
        named.extend(self::named(new));
        let of = |side: &Side, asked: &[Offer]| {
            let backends = side.wanted.backends.iter().map(|(name, _)| name);
            backends
                .flat_map(|backend| {
                    let known = named.iter().filter(move |(other, _)| other == backend);
                    let known = known.filter(|_| asked.is_empty() || !answered.contains(backend));
                    let known = known.map(|(backend, tool)| offer(backend, tool));
                    let asked = asked.iter().filter(move |it| it.backend == *backend);
                    known.chain(asked.cloned()).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        let before = self.shown(old, of(old, &[])).await?;
        let after = self.shown(new, of(new, &asked)).await?;
        let tool = |(backend, _): &(String, String), name: &String| PlannedTool {
            name: name.clone(),
            backend: backend.clone(),
        };
        for (key, name) in &after {
            match before.get(key) {
                _ if plan.replace.contains(&key.0) && answered.contains(&key.0) => {
                    plan.replaced_offer.push(tool(key, name));
                }
                None => plan.come.push(tool(key, name)),
                Some(from) if from != name => plan.rename.push(Renamed {
                    backend: key.0.clone(),
                    from: from.clone(),
                    to: name.clone(),
                }),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|(key, _)| !after.contains_key(*key));
        plan.go = gone.map(|(key, name)| tool(key, name)).collect();
        Ok(())
    }

    /// Under which name clients see the tools, by backend and the backend's own name.
    async fn shown(
        &self,
        side: &Side,
        offers: Vec<Offer>,
    ) -> Result<BTreeMap<(String, String), String>, Outcome> {
        let config = Arc::clone(&side.checked.config);
        let (composed, offers) = self
            .handlers
            .compose(config, offers)
            .await
            .map_err(|refused| side.checked.refused(refused))?;
        let as_offered = || {
            let entry = |offer: &Offer| Entry {
                backend: offer.backend.clone(),
                kind: offer.kind,
                name: offer.name.clone(),
                shown_as: offer.name.clone(),
                description: None,
            };
            offers.iter().map(entry).collect::<Vec<_>>()
        };
        let entries = composed
            .map_or_else(as_offered, |it| it.entries)
            .into_iter();
        Ok(entries
            .filter(|entry| entry.kind == Capability::Tool)
            .map(|entry| ((entry.backend, entry.name), entry.shown_as))
            .collect())
    }
}

fn names(backends: &[(String, BackendSpec)]) -> Vec<String> {
    backends.iter().map(|(name, _)| name.clone()).collect()
}

fn offer(backend: &str, tool: &str) -> Offer {
    Offer {
        backend: backend.to_owned(),
        kind: Capability::Tool,
        name: tool.to_owned(),
        item: Arc::default(),
    }
}

/// The tools that filters and overrides of this side name, with their backends.
fn named(side: &Side) -> BTreeSet<(String, String)> {
    let backends = side.checked.config.sections.get("backends");
    let backends = backends.and_then(Value::as_object).into_iter().flatten();
    let mut named = BTreeSet::new();
    for (backend, entry) in backends {
        let filters = ["allow", "deny"].into_iter().filter_map(|list| {
            let list = entry.get("filters")?.get("tools")?.get(list)?;
            list.as_array()
        });
        let literal = filters.flatten().filter_map(Value::as_str);
        // A pattern names no tool.
        let literal = literal.filter(|name| !name.contains(['*', '?', '[', ']', '{', '}', '!']));
        let overrides = entry.get("tool_overrides").and_then(Value::as_object);
        let overridden = overrides.into_iter().flat_map(Map::keys);
        for tool in literal.chain(overridden.map(String::as_str)) {
            named.insert((backend.clone(), tool.to_owned()));
        }
    }
    named
}
