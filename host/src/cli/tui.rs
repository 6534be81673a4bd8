//! `config-sync tui`: the terminal UI of the running host. It ends when somebody leaves it or a
//! signal ends it; the host goes on.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use super::ending::{self, Failure};
use super::find_host::HostArgument;
use super::signals::Signals;
use crate::tui;

#[derive(Debug, clap::Args)]
pub(super) struct Tui {
    #[command(flatten)]
    host: HostArgument,
}

impl Tui {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.show().await.map(|()| true))
    }

    async fn show(&self) -> Result<(), Failure> {
        needs_terminal()?;
        let mut signals = Signals::listen()?;
        let place = self.host.place()?;
        // Once it is shown it waits for hosts; before that, whoever has none is told so.
        self.host.find().await?;
        let host = self.host.clone();
        let place_of = Box::new(move |file: &str| host.place_of(Path::new(file)));
        let options = tui::Options {
            place,
            place_of,
            owns_host: false,
        };
        tokio::select! {
            ended = tui::run(options) => Ok(ended.map_err(|error| failed(&error))?),
            // The one that ends hosts, and SIGHUP: the terminal is gone.
            _ = signals.next() => Ok(()),
        }
    }
}

/// The UI needs a terminal at both ends.
pub(super) fn needs_terminal() -> Result<(), String> {
    match std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        true => Ok(()),
        false => Err(
            "the terminal UI needs a terminal; for a script there are `config-sync status` and \
             `config-sync events`, both with --json"
                .to_owned(),
        ),
    }
}

/// What is told when the terminal fails.
pub(super) fn failed(error: &std::io::Error) -> String {
    format!("the terminal failed: {error}")
}
