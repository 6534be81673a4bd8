//! `config-sync plugin inspect`: what a component is and wants, and whether this host would take
//! it, before anybody lays it into the plugins folder.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::ending::{self, Failure};
use crate::cli::folders;
use crate::cli::page::{plain, print, print_json};
use crate::config::PluginLimits;
use crate::plugin::{Inspected, PluginEngine, inspect};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Inspect {
    /// The component; a NAME.yaml beside it counts
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(&self) -> ExitCode {
        ending::told(self.show())
    }

    /// Whether this host would take it.
    fn show(&self) -> Result<bool, Failure> {
        let inspected = PluginEngine::new(PluginLimits::default().into(), folders::cache())
            .map_err(|error| format!("{error:#}"))
            .and_then(|engine| inspect(&self.file, &engine))
            .map_err(|error| format!("{}: {error}", self.file.display()))?;
        if self.json {
            print_json(&inspected)?;
        } else {
            print(&page(&inspected));
        }
        Ok(inspected.refused.is_none())
    }
}

fn page(it: &Inspected) -> String {
    let mut page = String::new();
    let mut row = |title: &str, text: &str| {
        let _ = writeln!(page, "{title:<10} {}", plain(text));
    };
    row("name", &it.name);
    let of = it.built_for.as_deref().unwrap_or("none");
    let kind = it.kind.as_deref().unwrap_or("nothing of ours");
    row(
        "kind",
        &format!(
            "{kind}, for version {of} of config-sync:plugin; this host has {}",
            it.host_has
        ),
    );
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let kib = it.size as f64 / 1024.0;
    row("size", &format!("{kib:.0} KiB ({} bytes)", it.size));
    row("sha256", &it.digest);
    let mut title = "imports";
    for import in &it.imports {
        row(title, import);
        title = "";
    }
    row("wants", &list(&it.wants));
    if !it.lacks.is_empty() {
        row("lacks", &list(&it.lacks));
    }
    let limits = &it.limits;
    row(
        "limits",
        &format!(
            "time {} s, memory {} MiB, table {}, stack {} KiB, output {} KiB, log {} lines, size {} MiB",
            limits.time,
            limits.memory,
            limits.table,
            limits.stack,
            limits.output,
            limits.log,
            limits.size
        ),
    );
    match &it.refused {
        None => row("usable", "yes"),
        Some(why) => row("usable", &format!("NO: {why}")),
    }
    page
}

fn list(keys: &[String]) -> String {
    match keys.is_empty() {
        true => "no grant".to_owned(),
        false => keys.join(", "),
    }
}
