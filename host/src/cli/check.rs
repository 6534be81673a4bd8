//! `config-sync check`: every problem of a configuration at once, with its line.

use std::cell::OnceCell;
use std::io::IsTerminal;
use std::process::ExitCode;

use super::find_config::{self, ConfigArgument};
use super::plugins_of::Plugins;
use crate::config::{self, Known, Load};
use crate::gateway::MiddlewarePlugins;
use crate::reload::{Refused, check_middleware};
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
}

impl Check {
    pub(super) fn run(&self) -> ExitCode {
        match self.check() {
            Ok(()) => ExitCode::SUCCESS,
            Err(report) => {
                eprintln!("{report}");
                ExitCode::FAILURE
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let path = self.config.find()?;
        let bytes = find_config::read(&path)?;
        let name = path.display().to_string();
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let library = OnceCell::new();
        let library = || library.get_or_init(|| Plugins::library(&path, &bytes));
        let names = || {
            let library = library().as_ref().map(|it| MiddlewarePlugins::names(it));
            library.unwrap_or_default()
        };
        let known = Known {
            sections: &[],
            middleware: Some(&names),
        };
        match config::load(&name, &bytes, &value_of, known) {
            Load::Empty => Err(format!(
                "{name}: it is empty; a configuration has at least `version` and `backends`"
            )),
            Load::Invalid(problems) => Err(problems.pretty(colours)),
            Load::Valid {
                config,
                warnings,
                document,
            } => {
                if !config.plugged.is_empty() {
                    let library = library().as_ref().map_err(Clone::clone)?;
                    let checked = check_middleware(&config.plugged, library);
                    checked.map_err(|refused| match refused {
                        Refused::Problems(problems) => document.locate(problems).pretty(colours),
                        Refused::Fault(fault) => fault.to_string(),
                    })?;
                }
                if !warnings.is_empty() {
                    let report = warnings.pretty(colours);
                    if self.strict {
                        return Err(report);
                    }
                    eprintln!("{report}");
                }
                if self.show {
                    let yaml = serde_yaml::to_string(&config.sections);
                    print!("{}", yaml.map_err(|error| error.to_string())?);
                } else {
                    println!("{name}: right, {} backends", config.backend_names.len());
                }
                Ok(())
            }
        }
    }
}
