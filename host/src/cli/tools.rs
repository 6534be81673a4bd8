//! `config-sync tools`: the tools that clients of the running host see, and where each leads.

use std::process::ExitCode;

use super::ending::{self, Failure};
use super::find_host::HostArgument;
use super::page::{plain, print, print_json};
use crate::manage::Tool;

#[derive(Debug, clap::Args)]
pub(super) struct Tools {
    #[command(flatten)]
    host: HostArgument,
    /// Write them as JSON
    #[arg(long)]
    json: bool,
}

impl Tools {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.show().await)
    }

    async fn show(&self) -> Result<bool, Failure> {
        let tools: Vec<Tool> = self.host.find().await?.get("/tools").await?;
        if self.json {
            print_json(&tools)?;
        } else {
            print(&table(&tools));
        }
        Ok(true)
    }
}

fn table(tools: &[Tool]) -> String {
    let widest = |text: fn(&Tool) -> &str, title: &str| {
        let widths = tools.iter().map(|tool| text(tool).chars().count());
        widths.max().unwrap_or_default().max(title.len())
    };
    let name = widest(|tool| &tool.name, "NAME");
    let backend = widest(|tool| &tool.backend, "BACKEND");
    let mut text = format!("{:<name$}  {:<backend$}  WHAT\n", "NAME", "BACKEND");
    for tool in tools {
        let mut what = plain(tool.description.as_deref().unwrap_or_default());
        if tool.original != tool.name {
            what = format!("(`{}` there) {what}", plain(&tool.original));
        }
        let (shown, of) = (plain(&tool.name), plain(&tool.backend));
        let line = format!("{shown:<name$}  {of:<backend$}  {what}");
        text += line.trim_end();
        text.push('\n');
    }
    text
}
