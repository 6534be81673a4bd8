//! `config-sync plugin list`: the plugins that a host with this configuration would have, and
//! why one cannot be used.

use std::process::ExitCode;

use crate::cli::find_config::{self, ConfigArgument};
use crate::cli::find_host::{self, Failure};
use crate::cli::page::{plain, print, print_json};
use crate::cli::plugins_of::Plugins;
use crate::plugin::{Listed, ListedState};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    config: ConfigArgument,
    /// Write them as JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self) -> ExitCode {
        find_host::ended(self.show().await)
    }

    /// Whether all of them can be used.
    async fn show(&self) -> Result<bool, Failure> {
        let path = self.config.find()?;
        let plugins = Plugins::of(&path, &find_config::read(&path)?).await?;
        let listed = plugins.library.list();
        if self.json {
            print_json(&listed)?;
        } else {
            print(&table(&listed));
        }
        Ok(listed.iter().all(|it| it.state == ListedState::Ready))
    }
}

fn table(plugins: &[Listed]) -> String {
    let width = plugins.iter().map(|it| it.name.chars().count());
    let width = width.max().unwrap_or_default().max(4);
    let mut text = format!(
        "{:<width$}  {:<10}  {:<11}  {:<8}  {:<12}  WHAT\n",
        "NAME", "KIND", "STATE", "SHA256", "GRANTS"
    );
    for plugin in plugins {
        let kind = plugin.kind.as_deref().unwrap_or("?");
        let digest = plugin.digest.as_ref().and_then(|it| it.get(..8));
        let grants = match plugin.grants.is_empty() {
            true => "-".to_owned(),
            false => plugin.grants.join(","),
        };
        let what = match (&plugin.reason, &plugin.path) {
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
