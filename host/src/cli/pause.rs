//! `config-sync pause` and `config-sync resume`: whether edits of the file are followed.

use std::process::ExitCode;

use serde::Deserialize;

use super::find_host::{self, Failure, HostArgument};
use super::page::print;

#[derive(Debug, clap::Args)]
pub(super) struct Pause {
    #[command(flatten)]
    host: HostArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    #[command(flatten)]
    host: HostArgument,
}

#[derive(Deserialize)]
struct Answer {
    changed: bool,
}

impl Pause {
    pub(super) async fn run(&self) -> ExitCode {
        let told = [
            "paused: edits are not followed before `config-sync resume`; serving goes on",
            "it was paused already",
        ];
        find_host::ended(order(&self.host, "/pause", told).await)
    }
}

impl Resume {
    pub(super) async fn run(&self) -> ExitCode {
        let told = [
            "edits are followed again, and the file is reloaded now",
            "nothing was paused or stopped",
        ];
        find_host::ended(order(&self.host, "/resume", told).await)
    }
}

async fn order(host: &HostArgument, path: &str, told: [&str; 2]) -> Result<bool, Failure> {
    let Answer { changed } = host.find().await?.post(path).await?;
    let [done, nothing] = told;
    print(&format!("{}\n", if changed { done } else { nothing }));
    Ok(true)
}
