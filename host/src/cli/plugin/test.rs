//! `config-sync plugin test`: a component on the isolation bench.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::ending::{self, Failure};
use crate::cli::{folders, page};
use crate::testkit::{Bench, Report, Scenario, bless};

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Test {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    component: PathBuf,
    /// What is played to it, each from its beginning
    #[arg(required = true, value_name = "SCENARIO.yaml")]
    scenarios: Vec<PathBuf>,
    /// Show each step of every scenario, with what it took
    #[arg(long)]
    steps: bool,
    /// The report as JSON
    #[arg(long, conflicts_with = "steps")]
    json: bool,
    /// The report as JUnit's XML
    #[arg(long, conflicts_with_all = ["steps", "json"])]
    junit: bool,
    /// Write what is answered into the scenarios, as what is expected from now on
    #[arg(long)]
    bless: bool,
}

const HELP: &str = "\
The real component runs within the real limits; the file it watches and the clock are virtual, so
it answers the same on every machine, to the last instruction. The exit code is 0 if every answer
is as expected, 1 if not, 2 if something cannot be read. plugins/README.md has every step that a
scenario may have.";

impl Test {
    pub(super) fn run(&self) -> ExitCode {
        ending::told(self.play().map_err(Failure::from))
    }

    fn play(&self) -> Result<bool, String> {
        if self.component.extension().is_some_and(|it| it == "yaml") {
            return Err(format!(
                "{}: the component comes first: config-sync plugin test FILE.wasm SCENARIO.yaml...",
                self.component.display()
            ));
        }
        let scenarios = self.scenarios.iter().map(|path| Scenario::read(path));
        let mut wrong = Vec::new();
        let scenarios: Vec<_> = scenarios
            .filter_map(|read| read.map_err(|error| wrong.push(error)).ok())
            .collect();
        if !wrong.is_empty() {
            return Err(wrong.join("\nconfig-sync: "));
        }
        let bench = Bench::cached(&self.component, folders::cache())?;
        let mut runs = Vec::new();
        for (scenario, path) in scenarios.iter().zip(&self.scenarios) {
            let mut run = bench.play(scenario);
            if self.bless
                && run.broke_off.is_none()
                && let Some(text) = bless(scenario, &run)?
            {
                std::fs::write(path, text)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                eprintln!("config-sync: {} is blessed", path.display());
                run = bench.play(&Scenario::read(path)?);
            }
            runs.push(run);
        }
        let report = Report::of(&bench, runs);
        let text = match (self.json, self.junit, self.steps) {
            (true, ..) => format!("{:#}\n", report.json()),
            (_, true, _) => report.junit(),
            (.., true) => report.steps(),
            _ => report.text(),
        };
        page::print(&text);
        Ok(report.is_good())
    }
}
