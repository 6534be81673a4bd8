//! `config-sync reload`: reloads the file now, and says how it ended.

use std::process::ExitCode;

use super::ending::{self, Failure};
use super::find_host::HostArgument;
use super::page::{plain, print, print_json};
use crate::manage::Reloaded;

#[derive(Debug, clap::Args)]
pub(super) struct Reload {
    #[command(flatten)]
    host: HostArgument,
    /// Write how it ended as JSON
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.reload().await)
    }

    /// Whether what the file says serves now.
    async fn reload(&self) -> Result<bool, Failure> {
        let reloaded: Reloaded = self.host.find().await?.post("/reload").await?;
        if self.json {
            print_json(&reloaded)?;
        }
        let last = match reloaded {
            Reloaded::Ended(last) => last,
            Reloaded::UnderWay => {
                let said = "it is still under way; `config-sync status` says how it ends";
                return Err(said.to_owned().into());
            }
        };
        if !self.json {
            let mut text = format!("{}; generation {} serves\n", last.outcome, last.generation);
            for reason in &last.reasons {
                text += &format!("  {}\n", plain(reason));
            }
            print(&text);
        }
        Ok(last.serves)
    }
}
