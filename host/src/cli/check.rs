//! `config-sync check`: every problem of a configuration at once, with its line.

use std::io::IsTerminal;
use std::process::ExitCode;

use super::find_config::{self, ConfigArgument};
use crate::config::{self, Load};

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
        match config::load(&name, &bytes, &|name| std::env::var(name).ok(), &[]) {
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
                    print!("{}", yaml.map_err(|error| error.to_string())?);
                } else {
                    println!("{name}: right, {} backends", config.backend_names.len());
                }
                Ok(())
            }
        }
    }
}
