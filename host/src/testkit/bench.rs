//! Plays scenarios to one component, and compares what it answers with what is expected.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::difference;
use super::scenario::Scenario;
use super::session::{Answer, Session};
use crate::config::PluginLimits;
use crate::plugin::{Isolation, PluginEngine, Prepared, Used};

/// A component on the bench.
pub struct Bench {
    name: String,
    engine: PluginEngine,
    isolation: Isolation,
    plugin: Prepared,
}

/// How a scenario went.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The name of the scenario.
    pub scenario: String,
    /// One line of the scenario about itself.
    pub summary: String,
    /// Every step that was played.
    pub steps: Vec<Played>,
    /// Why it ended before its last step.
    pub broke_off: Option<String>,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Where it stands in the scenario, counted from 1.
    pub line: usize,
    /// What it is: `write`.
    pub name: &'static str,
    /// Virtual time since the beginning.
    pub at: Duration,
    /// What the plugin answered; nothing where nobody asked.
    pub answer: Option<Answer>,
    /// What is expected of the answer.
    pub expected: Option<Answer>,
    /// What the plugin used.
    pub used: Used,
}

impl Bench {
    /// A bench with the component in this file.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn open(path: &Path) -> Result<Self, String> {
        Self::cached(path, None)
    }

    /// As [`Self::open`]; compiled components are kept in the folder `cache`.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn cached(path: &Path, cache: Option<PathBuf>) -> Result<Self, String> {
        let isolation = Isolation::default();
        let limits = PluginLimits::default().into();
        let engine = PluginEngine::isolated(limits, cache, isolation.clone())
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            name: path.display().to_string(),
            plugin: prepare(&engine, path)?,
            engine,
            isolation,
        })
    }

    /// The file of the component.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Plays one scenario, from its beginning.
    pub fn play(&self, scenario: &Scenario) -> Run {
        let mut run = Run {
            scenario: scenario.name.clone(),
            summary: scenario.summary.clone(),
            steps: Vec::new(),
            broke_off: None,
        };
        // What a guest prints may block, which a thread of an async runtime must not.
        let played = std::thread::scope(|scope| {
            let playing = scope.spawn(|| self.play_into(&mut run, scenario));
            playing.join().is_ok()
        });
        if !played {
            run.broke_off = Some("a defect of the bench; its log has the place".to_owned());
        }
        run
    }

    fn play_into(&self, run: &mut Run, scenario: &Scenario) {
        let other = |path: &Path| prepare(&self.engine, path);
        let mut session = match Session::new(&self.isolation, &other, &self.plugin, scenario) {
            Ok(session) => session,
            Err(why) => {
                run.broke_off = Some(why);
                return;
            }
        };
        // What its start took is nobody's step.
        self.isolation.take();
        for step in &scenario.steps {
            let played = session.step(step);
            let used = self.isolation.take();
            let answer = match played {
                Ok(answer) => answer.map(|mut answer| {
                    if !used.lines.is_empty() {
                        answer.insert("log".to_owned(), used.lines.clone().into());
                    }
                    let asked = step.expect.as_ref();
                    let asked = asked.is_some_and(|it| it.answer.contains_key("sent"));
                    if asked || !used.sent.is_empty() {
                        answer.insert("sent".to_owned(), used.sent.clone().into());
                    }
                    answer
                }),
                Err(why) => {
                    run.broke_off = Some(format!("{}:{}: {why}", scenario.name, step.line));
                    return;
                }
            };
            run.steps.push(Played {
                line: step.line,
                name: step.name,
                at: step.at,
                answer,
                expected: step.expect.as_ref().map(|expect| expect.answer.clone()),
                used,
            });
        }
    }
}

impl Run {
    /// Whether every answer was as expected.
    pub fn is_good(&self) -> bool {
        self.broke_off.is_none() && self.steps.iter().all(Played::is_good)
    }
}

impl Played {
    /// Whether the answer was as expected.
    pub fn is_good(&self) -> bool {
        self.difference().is_empty()
    }

    /// How the answer differs from what was expected, line by line, `- ` before what was expected
    /// and `+ ` before what came; empty if it does not.
    pub fn difference(&self) -> Vec<String> {
        match (&self.expected, &self.answer) {
            (Some(expected), Some(answer)) => difference::lines(expected, answer),
            _ => Vec::new(),
        }
    }
}

fn prepare(engine: &PluginEngine, path: &Path) -> Result<Prepared, String> {
    let in_it = |why: String| format!("{}: {why}", path.display());
    let bytes = std::fs::read(path).map_err(|error| in_it(error.to_string()))?;
    let name = path.file_stem().unwrap_or(path.as_os_str());
    Prepared::new(engine, &name.to_string_lossy(), &bytes).map_err(in_it)
}
