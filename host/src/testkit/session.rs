//! One scenario under way: the plugin, its file, and what the host keeps for it. Does what the host
//! would do at each step, and says what the plugin answered.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::beyond::Surroundings;
use super::file::{START, VirtualFile};
use super::middleware;
use super::scenario::{Action, Offered, Scenario, Step};
use super::words;
use crate::config::Problem;
use crate::events::{Fault, FaultKind};
use crate::gateway::{Entry, MiddlewarePlugin, Offer};
use crate::manage::PluginKind;
use crate::mcp::Members;
use crate::plugin::{Isolation, Limits, Opened, Prepared};
use crate::reload::{Change, Difference, Proposed, Refused, ReloadHandler};
use crate::target::Target;
use crate::watch::{Detector, Wake};

/// An answer, as scenarios write it.
pub(super) type Answer = Map<String, Value>;

pub(super) struct Session<'a> {
    isolation: &'a Isolation,
    prepare: &'a dyn Fn(&std::path::Path) -> Result<Prepared, String>,
    scenario: &'a Scenario,
    limits: Limits,
    surroundings: Surroundings,
    plugin: Plugin<'a>,
    opened: Opened,
    file: Arc<VirtualFile>,
    /// Of a detector.
    memory: Option<Vec<u8>>,
    /// It took the place of another version, and has not looked yet.
    swapped: bool,
    /// Of a handler: what serves, and what was proposed last.
    generation: u64,
    serves: Option<Value>,
    next: Value,
    /// Of a middleware: the instance that has its settings.
    configured: Option<Box<dyn MiddlewarePlugin>>,
}

enum Plugin<'a> {
    First(&'a Prepared),
    Swapped(Prepared),
}

impl Plugin<'_> {
    fn get(&self) -> &Prepared {
        match self {
            Self::First(prepared) => prepared,
            Self::Swapped(prepared) => prepared,
        }
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        isolation: &'a Isolation,
        prepare: &'a dyn Fn(&std::path::Path) -> Result<Prepared, String>,
        plugin: &'a Prepared,
        scenario: &'a Scenario,
    ) -> Result<Self, String> {
        isolation.set_time(START);
        let file = &scenario.file;
        let limits = file.limits.into();
        let surroundings = Surroundings::new(isolation, &scenario.beyond, &file.grants)?;
        Ok(Self {
            isolation,
            prepare,
            scenario,
            limits,
            surroundings,
            opened: plugin.open(file, limits)?,
            plugin: Plugin::First(plugin),
            file: Arc::new(VirtualFile::new(scenario.content.clone())),
            memory: None,
            swapped: false,
            generation: 0,
            serves: None,
            next: json!({}),
            configured: None,
        })
    }

    /// Does one step. There is an answer where somebody was asked.
    pub(super) fn step(&mut self, step: &Step) -> Result<Option<Answer>, String> {
        let now = START + step.at;
        self.isolation.set_time(now);
        self.file.set_time(now);
        let kind = match &self.opened {
            Opened::Detector(_) => PluginKind::Detector,
            Opened::Handler(_) => PluginKind::Handler,
            Opened::Middleware(_) => PluginKind::Middleware,
        };
        if let Some(wanted) = step.action.asks().filter(|wanted| *wanted != kind) {
            let (name, wanted, kind) = (step.name, wanted.as_str(), kind.as_str());
            return Err(format!("`{name}` is for a {wanted}; this is a {kind}"));
        }
        match (&step.action, &mut self.opened) {
            (Action::Happens(happening), _) => self.file.happen(happening),
            (Action::Beyond(beyond), _) => {
                self.surroundings.become_like(self.isolation, beyond)?;
            }
            (Action::Restart, _) => self.open()?,
            (Action::Swap(path), _) => {
                self.plugin = Plugin::Swapped((self.prepare)(&self.scenario.folder.join(path))?);
                self.open()?;
                self.swapped = true;
            }
            (Action::Forget, _) => self.memory = None,
            (Action::Look(wake, meanwhile), Opened::Detector(detector)) => {
                self.file.happen_meanwhile(meanwhile);
                let (memory, swapped) = (&mut self.memory, &mut self.swapped);
                let answer = look(detector.as_mut(), &self.file, wake, memory, swapped);
                self.file.look_ended();
                return Ok(Some(answer));
            }
            (Action::Propose(config), Opened::Handler(handler)) => {
                self.generation += 1;
                self.next = sections(config, handler.sections());
                let change = Change {
                    generation: self.generation,
                    previous: self.serves.clone(),
                    next: self.next.clone(),
                };
                return Ok(Some(propose(handler.as_mut(), &change)));
            }
            (Action::Compose(config, offers), Opened::Handler(handler)) => {
                let next = match config {
                    Some(config) => sections(config, handler.sections()),
                    None => self.next.clone(),
                };
                return Ok(Some(compose(handler.as_mut(), &next, offers)));
            }
            (Action::Finished(ending), Opened::Handler(handler)) => {
                let told = handler.finished(self.generation, *ending);
                if *ending == crate::reload::Ending::Applied {
                    self.serves = Some(self.next.clone());
                }
                return Ok(Some(match told {
                    Ok(()) => answer(json!({ "answer": "done" })),
                    Err(fault) => of_fault(&fault),
                }));
            }
            (Action::Configure(settings), Opened::Middleware(opened)) => {
                let (configured, answer) = middleware::configure(opened, settings);
                self.configured = configured;
                return Ok(Some(answer));
            }
            (Action::Request(call), Opened::Middleware(_)) => {
                return Ok(Some(middleware::request(self.configured()?, call)));
            }
            (Action::Response(call, reply), Opened::Middleware(_)) => {
                return Ok(Some(middleware::response(self.configured()?, call, reply)));
            }
            // Refused above.
            (
                Action::Look(..)
                | Action::Propose(_)
                | Action::Compose(..)
                | Action::Finished(_)
                | Action::Configure(_)
                | Action::Request(_)
                | Action::Response(..),
                _,
            ) => {}
        }
        Ok(None)
    }

    /// A fresh instance.
    fn open(&mut self) -> Result<(), String> {
        let plugin = self.plugin.get();
        self.opened = plugin.open(&self.scenario.file, self.limits)?;
        self.configured = None;
        Ok(())
    }

    fn configured(&self) -> Result<&dyn MiddlewarePlugin, String> {
        let configured = self.configured.as_deref();
        configured.ok_or_else(|| "it has no settings; `configure: {}` gives it some".to_owned())
    }
}

/// As `watch` looks: the first is a start, and nobody is woken for what he does not want.
fn look(
    detector: &mut dyn Detector,
    file: &Arc<VirtualFile>,
    wake: &Wake,
    memory: &mut Option<Vec<u8>>,
    swapped: &mut bool,
) -> Answer {
    let wakes = detector.wakes();
    let wake = match wake {
        _ if memory.is_none() => &Wake::Start,
        Wake::Tick if !wakes.tick => return answer(json!({ "verdict": words::ASLEEP })),
        Wake::Events(_) if !wakes.events => return answer(json!({ "verdict": words::ASLEEP })),
        wake => wake,
    };
    let target: Arc<dyn Target> = Arc::clone(file) as _;
    let swapped = std::mem::take(swapped) && memory.is_some();
    let seen = match detector.observe(&target, wake, memory.as_deref()) {
        // It cannot read what the one before remembered: it begins with nothing.
        Err(_) if swapped => detector.observe(&target, &Wake::Start, None),
        seen => seen,
    };
    match seen {
        Ok(seen) => {
            let text = String::from_utf8_lossy(&seen.memory).into_owned();
            *memory = Some(seen.memory);
            let verdict = words::verdict(seen.verdict);
            answer(json!({ "verdict": verdict, "note": seen.note, "memory": text }))
        }
        Err(fault) => of_fault(&fault),
    }
}

fn propose(handler: &mut dyn ReloadHandler, change: &Change) -> Answer {
    match handler.propose(change) {
        Ok(proposal) => {
            let all = |desired: Vec<(String, Value)>| {
                let entries = desired.into_iter();
                Value::Array(entries.map(|(name, spec)| json!({ name: spec })).collect())
            };
            let wanted = match proposal.wanted {
                Proposed::Backends(desired) => json!({ "backends": all(desired) }),
                Proposed::Middleware(desired) => json!({ "middleware": all(desired) }),
                Proposed::Nothing => json!("nothing"),
            };
            let differences = proposal.differences.iter().map(Difference::to_string);
            let differences: Vec<_> = differences.collect();
            answer(json!({ "answer": "proposal", "wanted": wanted, "differences": differences }))
        }
        Err(refused) => of_refused(refused),
    }
}

fn compose(handler: &mut dyn ReloadHandler, next: &Value, offers: &[Offered]) -> Answer {
    let offers: Vec<_> = offers.iter().map(offer).collect();
    match handler.compose(next, &offers) {
        Ok(Some(entries)) => {
            let catalog: Vec<_> = entries.iter().map(entry).collect();
            answer(json!({ "answer": "catalog", "catalog": catalog }))
        }
        Ok(None) => answer(json!({ "answer": "no catalog" })),
        Err(refused) => of_refused(refused),
    }
}

fn offer(offered: &Offered) -> Offer {
    let mut item = json!({ "name": offered.name });
    if let Some(description) = &offered.description {
        item["description"] = json!(description);
    }
    Offer {
        backend: offered.backend.clone(),
        kind: words::capability(offered.kind),
        name: offered.name.clone(),
        item: Arc::new(Members::parse(&item.to_string()).unwrap_or_default()),
    }
}

/// `search of web`, and what is not as the backend has it.
fn entry(entry: &Entry) -> Value {
    let mut shown = json!({
        "backend": entry.backend,
        "kind": words::of_capability(entry.kind),
        "name": entry.name,
    });
    if entry.shown_as != entry.name {
        shown["shown_as"] = json!(entry.shown_as);
    }
    if let Some(description) = &entry.description {
        shown["description"] = json!(description);
    }
    shown
}

/// Those of a configuration that the handler reads.
fn sections(config: &Value, names: &[String]) -> Value {
    let sections = names.iter().filter_map(|name| {
        let section = config.get(name)?;
        Some((name.clone(), section.clone()))
    });
    Value::Object(sections.collect())
}

pub(super) fn of_problems(problems: &[Problem]) -> Answer {
    let line = |problem: &Problem| match problem.is_error() {
        true => problem.to_string(),
        false => format!("warning: {problem}"),
    };
    let problems: Vec<_> = problems.iter().map(line).collect();
    answer(json!({ "answer": "problems", "problems": problems }))
}

fn of_refused(refused: Refused) -> Answer {
    match refused {
        Refused::Problems(problems) => of_problems(&problems),
        Refused::Fault(fault) => of_fault(&fault),
    }
}

pub(super) fn of_fault(fault: &Fault) -> Answer {
    let kind = match fault.kind {
        FaultKind::Trap => "trap",
        FaultKind::Deadline => "deadline",
        FaultKind::Memory => "memory",
        FaultKind::Output => "output",
        FaultKind::Refusal => "refusal",
        FaultKind::BadAnswer => "bad-answer",
        FaultKind::NotReady => "not-ready",
    };
    answer(json!({ "fault": kind, "message": fault.message }))
}

pub(super) fn answer(json: Value) -> Answer {
    match json {
        Value::Object(answer) => answer,
        other => Map::from_iter([("answer".to_owned(), other)]),
    }
}
