//! `config-sync plan`: what a reload of a file would do to the running host, without doing it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::ending::{self, Failure};
use super::find_config::{self, ConfigArgument};
use super::find_state::StateArgument;
use super::page::{print, print_json};
use super::plugins_of::Plugins;
use crate::gateway::MiddlewarePlugins;
use crate::manage::{Plan as Planned, PlannedTool, Renamed};
use crate::memory;
use crate::reload::Planner;

#[derive(Debug, clap::Args)]
pub(super) struct Plan {
    /// The file that would be reloaded [default: the configuration file as it stands]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
    /// What serves now [default: what was applied last, from the state folder]
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Start the backends that are new or changed, to ask them for their tools, and stop them
    #[arg(long)]
    connect: bool,
    /// Write the plan as JSON
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.plan().await.map_err(Failure::from))
    }

    /// Whether the file would be accepted.
    async fn plan(&self) -> Result<bool, String> {
        let watched = match (&self.file, self.config.find()) {
            (_, Ok(path)) => path,
            // With both files named, none needs to be found.
            (Some(file), Err(_)) if self.against.is_some() => file.clone(),
            (_, Err(error)) => return Err(error),
        };
        let file = self.file.clone().unwrap_or_else(|| watched.clone());
        let next = find_config::read(&file)?;
        let (serving, origin) = self.serving(&watched)?;
        let plugins = Plugins::of(&watched, &serving).await?;
        let source = file.display().to_string();
        let middleware: Arc<dyn MiddlewarePlugins> = plugins.library.clone();
        let planner = Planner {
            source: &source,
            handlers: &plugins.handlers,
            detectors: plugins.library.as_ref(),
            middleware: &middleware,
            others: &plugins.others(&watched),
            connect_in: self
                .connect
                .then(|| watched.parent().map(PathBuf::from).unwrap_or_default()),
        };
        let plan = planner.plan(serving, next).await.map_err(|lines| {
            format!(
                "{origin} would not be accepted itself: {}",
                lines.join("; ")
            )
        })?;
        if self.json {
            print_json(&plan)?;
        } else {
            print(&told(&source, &origin, &plan));
        }
        Ok(plan.is_accepted())
    }

    /// The bytes that serve, and what to call them.
    fn serving(&self, watched: &Path) -> Result<(Vec<u8>, String), String> {
        if let Some(path) = &self.against {
            return Ok((find_config::read(path)?, path.display().to_string()));
        }
        let root = self.state.must_find()?;
        match memory::last_good(&root, watched) {
            Some(good) => Ok((good.bytes, format!("generation {}", good.generation))),
            None => Err(format!(
                "nothing was applied yet to {} by a host that keeps its memory in {}; name what \
                 serves with --against FILE",
                watched.display(),
                root.display()
            )),
        }
    }
}

fn told(source: &str, origin: &str, plan: &Planned) -> String {
    let mut lines = Vec::new();
    let outcome = plan.outcome.as_deref().unwrap_or("unknown");
    lines.push(format!("{source} against {origin}: would be {outcome}"));
    lines.extend(plan.reasons.iter().map(|reason| format!("  {reason}")));
    lines.extend(plan.warnings.iter().map(|line| format!("  {line}")));
    lines.extend(
        plan.differences
            .iter()
            .map(|it| format!("  {}", it.with_values())),
    );
    let backends = [
        ("start", &plan.start),
        ("replace", &plan.replace),
        ("stop", &plan.stop),
        ("keep", &plan.keep),
    ];
    for (what, names) in backends.into_iter().filter(|(_, names)| !names.is_empty()) {
        lines.push(format!("{what:<8} {}", shortened(names)));
    }
    let tool = |sign: &'static str| {
        move |PlannedTool { name, backend }: &PlannedTool| {
            format!("tool {sign} {name} (of {backend})")
        }
    };
    lines.extend(plan.come.iter().map(tool("+")));
    lines.extend(plan.go.iter().map(tool("-")));
    lines.extend(plan.replaced_offer.iter().map(tool("=")));
    lines.extend(
        plan.rename
            .iter()
            .map(|Renamed { backend, from, to }| format!("tool ~ {from} -> {to} (of {backend})")),
    );
    let unasked = plan.start.len() + plan.replace.len();
    if plan.is_accepted() && !plan.connected && unasked > 0 {
        lines.push(
            "Tools are known only where filters and overrides name them, and whether a backend \
             starts is not known at all: --connect starts those that are new or changed, and asks."
                .to_owned(),
        );
    }
    lines.join("\n") + "\n"
}

/// Two hundred names are a wall of text.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    shown.join(", ")
}
