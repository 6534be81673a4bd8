//! `config-sync pause` and `config-sync resume`: whether edits of the file are followed.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::ending::{self, Failure};
use super::find_host::HostArgument;
use super::page::{print, print_json};

#[derive(Debug, clap::Args)]
pub(super) struct Pause {
    #[command(flatten)]
    host: HostArgument,
    /// Write what became of it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    #[command(flatten)]
    host: HostArgument,
    /// Write what became of it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize, Serialize)]
struct Answer {
    paused: bool,
    changed: bool,
}

impl Pause {
    pub(super) async fn run(&self) -> ExitCode {
        let told = [
            "paused: edits are not followed before `config-sync resume`; serving goes on",
            "it was paused already",
        ];
        ending::told(order(&self.host, "/pause", told, self.json).await)
    }
}

impl Resume {
    pub(super) async fn run(&self) -> ExitCode {
        let told = [
            "edits are followed again, and the file is reloaded now",
            "nothing was paused or stopped",
        ];
        ending::told(order(&self.host, "/resume", told, self.json).await)
    }
}

async fn order(
    host: &HostArgument,
    path: &str,
    [done, nothing]: [&str; 2],
    json: bool,
) -> Result<bool, Failure> {
    let answer: Answer = host.find().await?.post(path).await?;
    match (json, answer.changed) {
        (true, _) => print_json(&answer)?,
        (false, true) => drop(print(&format!("{done}\n"))),
        (false, false) => drop(print(&format!("{nothing}\n"))),
    }
    Ok(true)
}
