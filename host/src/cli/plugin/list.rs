//! `config-sync plugin list`: the plugins of the running host; where none runs, those that a host
//! with this configuration would have. And why one cannot be used.

use std::process::ExitCode;

use crate::cli::ending::{self, Failure};
use crate::cli::find_config;
use crate::cli::find_host::HostArgument;
use crate::cli::page::{plain, print, print_json};
use crate::cli::plugins_of::Plugins;
use crate::manage::{Plugin, PluginState};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    host: HostArgument,
    /// Write them as JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.show().await)
    }

    /// Whether all of them can be used.
    async fn show(&self) -> Result<bool, Failure> {
        let listed: Vec<Plugin> = match self.host.find().await {
            Ok(host) => host.get("/plugins").await?,
            Err(failure) if failure.is_no_host() => {
                let path = self.host.config()?;
                let plugins = Plugins::quietly(&path, &find_config::read(&path)?).await?;
                plugins.library.list()
            }
            Err(failure) => return Err(failure),
        };
        if self.json {
            print_json(&listed)?;
        } else {
            print(&table(&listed));
        }
        Ok(listed.iter().all(|it| it.state == PluginState::Ready))
    }
}

fn table(plugins: &[Plugin]) -> String {
    let width = plugins.iter().map(|it| it.name.chars().count());
    let width = width.max().unwrap_or_default().max(4);
    let mut text = format!(
        "{:<width$}  {:<10}  {:<11}  {:<8}  {:<12}  WHAT\n",
        "NAME", "KIND", "STATE", "SHA256", "GRANTS"
    );
    for plugin in plugins {
        let kind = plugin.kind.map_or("?", |kind| kind.as_str());
        let digest = plugin.digest.as_ref().and_then(|it| it.get(..8));
        let grants = match plugin.grants.is_empty() {
            true => "-".to_owned(),
            false => plugin.grants.join(","),
        };
        let what = match (&plugin.refused, &plugin.path) {
            (Some(reason), _) => reason.clone(),
            (None, Some(path)) => path.clone(),
            (None, None) => "built in".to_owned(),
        };
        text += &format!(
            "{:<width$}  {kind:<10}  {:<11}  {:<8}  {grants:<12}  {}\n",
            plain(&plugin.name),
            plugin.state.as_str(),
            digest.unwrap_or("-"),
            plain(&what)
        );
    }
    text
}
