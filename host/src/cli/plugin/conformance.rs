//! `config-sync plugin conformance`: the save-pattern suite, for the built-in detectors or for
//! one of the user's.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::page::{print, print_json};
use crate::cli::seconds::Seconds;
use crate::cli::signals::Ends;
use crate::cli::{ending, folders};
use crate::config::PluginLimits;
use crate::conformance::Suite;
use crate::plugin::{Library, PluginEngine};
use crate::watch::{AUTO, Detectors};

/// Played when no detector is named.
const BUILT_IN: [&str; 4] = ["mtime", "hash", "inotify", AUTO];

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Conformance {
    /// Detectors by name, or components as FILE.wasm [default: mtime hash inotify auto]
    #[arg(value_name = "DETECTOR|FILE.wasm")]
    detectors: Vec<String>,
    /// Only patterns whose names contain this; may be given more than once
    #[arg(long, value_name = "TEXT")]
    pattern: Vec<String>,
    #[command(flatten)]
    seconds: Seconds,
    /// The folder, and so the file system, to play on [default: the temporary folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Cases at once
    #[arg(long, value_name = "N", default_value_t = 24)]
    jobs: usize,
    /// The report as JSON
    #[arg(long)]
    json: bool,
    /// The report as a Markdown page
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

const HELP: &str = "\
right       as many changes as there should be, the last with the final bytes
by content  the same, found by the look by content at each safety interval (or, while somebody
            has the file open for writing, at each poll): the detector cannot see it by its nature
LATE        found by the look by content, though the detector should have seen it
MISSED      the final bytes were never loaded
N CHANGES   the final bytes in the end, after too many or too few changes
STALLED     this machine was too busy to play the case as meant, five times in a row
The exit code is 0 if all is right, found by content or skipped. At the default waiting times it
takes some minutes; --poll-interval 0.05 --debounce 0.05 --safety-interval 3 makes it one.";

impl Conformance {
    pub(super) async fn run(&self) -> ExitCode {
        ending::done(self.play().await)
    }

    async fn play(&self) -> Result<bool, String> {
        let mut ends = Ends::listen()?;
        let engine = PluginEngine::new(PluginLimits::default().into(), folders::cache())
            .map_err(|error| format!("{error:#}"))?;
        let mut library = Library::built_in(engine);
        let mut detectors = Vec::new();
        for named in &self.detectors {
            detectors.push(match named.ends_with(".wasm") {
                true => library
                    .add_file(Path::new(named))
                    .map_err(|error| format!("{named}: {error}"))?,
                false => named.clone(),
            });
        }
        if detectors.is_empty() {
            detectors = BUILT_IN.map(str::to_owned).into();
        }
        let known = Detectors::names(&library);
        if let Some(unknown) = detectors
            .iter()
            .find(|it| **it != AUTO && !known.contains(it))
        {
            return Err(Detectors::detector(&library, unknown)
                .err()
                .unwrap_or_default());
        }
        let suite = Suite {
            detectors,
            settings: self.seconds.settings(AUTO)?,
            only: self.pattern.clone(),
            at_once: self.jobs,
            folder: self.folder.clone().unwrap_or_else(std::env::temp_dir),
        };
        if suite.patterns().next().is_none() {
            return Err(format!(
                "no pattern has `{}` in its name; tests/watchers/README.md has them all",
                self.pattern.join("` or `")
            ));
        }
        let told = |pattern: &crate::conformance::Pattern, detector: &str, verdict: &_| {
            tracing::info!(pattern = pattern.name, detector, %verdict);
            if !crate::conformance::Verdict::is_good(verdict) {
                eprintln!("{} ({detector}): {verdict}", pattern.name);
            }
        };
        // Dropping the suite takes its folders and mounts away.
        let report = tokio::select! {
            report = suite.play(Arc::new(library), told) => report,
            () = ends.heard() => return Err("interrupted".to_owned()),
        };
        if self.json {
            print_json(&report)?;
        } else if self.markdown {
            print(&report.markdown());
        } else {
            print(&report.text());
        }
        Ok(report.is_good())
    }
}
