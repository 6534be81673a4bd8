//! `config-sync check`: every problem of a configuration at once, with its line.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::find_config::{self, ConfigArgument};
use super::page::{count, has_colours, print, print_json};
use super::plugins_of::Plugins;
use crate::config::{self, Known, Load, Problem};
use crate::gateway::MiddlewarePlugins;
use crate::reload::{Handlers, Refused, check_plugins};
use crate::secrets::value_of;

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArgument,
    /// Warnings count: exit code 1 if there is any
    #[arg(long)]
    strict: bool,
    /// Print the configuration as the host understands it
    #[arg(long)]
    show: bool,
    /// Write what was found as JSON
    #[arg(long, conflicts_with = "show")]
    json: bool,
}

impl Check {
    pub(super) async fn run(&self) -> ExitCode {
        let right = match self.json {
            true => self.found().await,
            false => self.check().await.map(|()| true),
        };
        match right {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            // With places, over many lines.
            Err(report) => {
                eprintln!("{report}");
                ExitCode::FAILURE
            }
        }
    }

    /// What is to be checked, by its name, and what became of it, with the plugins that a host on
    /// it would have.
    async fn load(&self) -> Result<(String, Load), String> {
        let path = self.config.find()?;
        let bytes = find_config::read(&path)?;
        let name = path.display().to_string();
        let library = Plugins::library(&path, &bytes)?;
        let handlers = Handlers::new(library.dropped_in_handlers());
        let (sections, names) = (handlers.sections(), || MiddlewarePlugins::names(&library));
        let known = Known {
            sections: &sections,
            middleware: Some(&names),
        };
        let load = config::load(&name, &bytes, &value_of, known);
        if let Load::Valid {
            config, document, ..
        } = &load
        {
            match check_plugins(config, &library, &library, &handlers).await {
                Ok(()) => {}
                Err(Refused::Fault(fault)) => return Err(fault.to_string()),
                Err(Refused::Problems(problems)) => {
                    return Ok((name, Load::Invalid(document.locate(problems))));
                }
            }
        }
        Ok((name, load))
    }

    /// Whether it is right.
    async fn found(&self) -> Result<bool, String> {
        let (name, load) = self.load().await?;
        let (valid, problems) = match &load {
            Load::Empty => (false, Vec::new()),
            Load::Invalid(problems) => (false, problems.iter().map(shown).collect()),
            Load::Valid { warnings, .. } => (
                !self.strict || warnings.is_empty(),
                warnings.iter().map(shown).collect::<Vec<_>>(),
            ),
        };
        let found = json!({
            "file": name,
            "valid": valid,
            "empty": matches!(load, Load::Empty),
            "problems": problems,
        });
        print_json(&found)?;
        Ok(valid)
    }

    async fn check(&self) -> Result<(), String> {
        let (name, load) = self.load().await?;
        let colours = has_colours(&std::io::stderr());
        match load {
            Load::Empty => Err(format!(
                "{name}: it is empty; a configuration has at least `version` and `backends`"
            )),
            Load::Invalid(problems) => Err(problems.pretty(colours)),
            Load::Valid {
                config, warnings, ..
            } => {
                if !warnings.is_empty() {
                    let report = warnings.pretty(colours);
                    if self.strict {
                        return Err(report);
                    }
                    eprintln!("{report}");
                }
                if self.show {
                    let yaml = serde_yaml::to_string(&config.sections);
                    print(&yaml.map_err(|error| error.to_string())?);
                } else {
                    let backends = count(config.backend_names.len(), "backend");
                    print(&format!("{name}: right, {backends}\n"));
                }
                Ok(())
            }
        }
    }
}

fn shown(problem: &Problem) -> Value {
    let place = problem.place.as_ref();
    json!({
        "severity": if problem.is_error() { "error" } else { "warning" },
        "path": problem.path,
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "message": problem.message,
        "help": problem.help,
    })
}
