//! `config-sync backends`: the backends of the running host, and why one does not serve.

use std::process::ExitCode;

use super::ending::{self, Failure};
use super::find_host::HostArgument;
use super::page::{plain, print, print_json, time};
use crate::manage::{Backend, BackendState};

#[derive(Debug, clap::Args)]
pub(super) struct Backends {
    #[command(flatten)]
    host: HostArgument,
    /// Write them as JSON
    #[arg(long)]
    json: bool,
}

impl Backends {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.show().await)
    }

    /// Whether all of them serve.
    async fn show(&self) -> Result<bool, Failure> {
        let backends: Vec<Backend> = self.host.find().await?.get("/backends").await?;
        if self.json {
            print_json(&backends)?;
        } else {
            print(&table(&backends));
        }
        let serves = |backend: &Backend| backend.state == BackendState::Serving;
        let mut should = backends.iter().filter(|it| it.should_serve());
        Ok(should.all(serves))
    }
}

fn table(backends: &[Backend]) -> String {
    let width = backends.iter().map(|it| it.name.chars().count());
    let width = width.max().unwrap_or_default().max(4);
    let mut text = format!(
        "{:<width$}  {:<10}  {:<19}  {:>8}  TOOLS\n",
        "NAME", "STATE", "SINCE", "PROCESS"
    );
    for backend in backends {
        let process = backend
            .process
            .map_or_else(String::new, |it| it.to_string());
        let (name, tools, state) = (plain(&backend.name), backend.tools, backend.word());
        let since = time(&backend.since);
        text += &format!("{name:<width$}  {state:<10}  {since:<19}  {process:>8}  {tools:>5}");
        if let Some(reason) = &backend.reason {
            text += &format!("  {}", plain(reason));
        }
        text.push('\n');
    }
    text
}
