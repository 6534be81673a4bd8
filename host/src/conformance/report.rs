//! Plays the whole suite and lays the verdicts out as a table: for people, for a page, for
//! programs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use jiff::Zoned;
use serde::Serialize;

use super::verdict::Verdict;
use super::{Pattern, patterns, play::play};
use crate::config::SyncSettings;
use crate::target::FileSystem;
use crate::watch::Detectors;

/// What to play.
pub struct Suite {
    /// Which detectors, by name.
    pub detectors: Vec<String>,
    /// With which waiting times.
    pub settings: SyncSettings,
    /// Only patterns whose names contain one of these; all, if there is none.
    pub only: Vec<String>,
    /// How many cases at once. Each takes an inotify instance, of which a user has 128.
    pub at_once: usize,
    /// In which folder, and so on which file system.
    pub folder: PathBuf,
}

/// How all of them did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// When, in local time.
    pub date: String,
    /// On what.
    pub system: String,
    /// Seconds between two looks.
    pub poll_interval: f64,
    /// Seconds of quiet.
    pub debounce: f64,
    /// Seconds between two looks by content.
    pub safety_interval: f64,
    /// The columns.
    pub detectors: Vec<String>,
    /// The rows.
    pub patterns: Vec<Row>,
}

/// One pattern, and a verdict for each detector.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The pattern.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What is right.
    pub expect: String,
    /// In the order of the report's detectors.
    pub verdicts: Vec<Verdict>,
}

impl Suite {
    /// Those that it plays.
    pub fn patterns(&self) -> impl Iterator<Item = &'static Pattern> {
        patterns::all().filter(|pattern| {
            self.only.is_empty() || self.only.iter().any(|part| pattern.name.contains(part))
        })
    }

    /// Plays every case. Takes minutes at the default waiting times. `told` hears of each verdict.
    pub async fn play(
        &self,
        from: Arc<dyn Detectors>,
        told: impl Fn(&Pattern, &str, &Verdict),
    ) -> Report {
        let chosen: Vec<_> = self.patterns().collect();
        let cases = chosen
            .iter()
            .copied()
            .enumerate()
            .flat_map(|(row, pattern)| {
                (0..)
                    .zip(&self.detectors)
                    .map(move |(column, detector)| (row, column, pattern, detector))
            });
        let played = stream::iter(cases).map(|(row, column, pattern, detector)| {
            let settings = SyncSettings {
                detection: detector.clone(),
                ..self.settings.clone()
            };
            let (from, told) = (&from, &told);
            async move {
                let verdict = play(pattern, &settings, from, &self.folder).await;
                told(pattern, detector, &verdict);
                (row, column, verdict)
            }
        });
        let mut verdicts: Vec<_> = played.buffer_unordered(self.at_once.max(1)).collect().await;
        verdicts.sort_by_key(|(row, column, _)| (*row, *column));
        let mut verdicts = verdicts.into_iter().map(|(.., verdict)| verdict);
        let rows = chosen.into_iter().map(|pattern| Row {
            name: pattern.name,
            about: pattern.about,
            expect: pattern.expect.to_string(),
            verdicts: verdicts.by_ref().take(self.detectors.len()).collect(),
        });
        Report {
            date: Zoned::now().strftime("%Y-%m-%d").to_string(),
            system: system(&self.folder),
            poll_interval: self.settings.poll_interval.as_secs_f64(),
            debounce: self.settings.debounce.as_secs_f64(),
            safety_interval: self.settings.safety_interval.as_secs_f64(),
            detectors: self.detectors.clone(),
            patterns: rows.collect(),
        }
    }
}

impl Report {
    /// Whether every watcher did what it is there for.
    pub fn is_good(&self) -> bool {
        self.verdicts().all(Verdict::is_good)
    }

    fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.patterns.iter().flat_map(|row| &row.verdicts)
    }

    /// A table for a page (Markdown).
    pub fn markdown(&self) -> String {
        let mut page = format!(
            "{}, {}; poll_interval {} s, debounce {} s, safety_interval {} s\n\n",
            self.date, self.system, self.poll_interval, self.debounce, self.safety_interval
        );
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| pattern | right is | {} | what happens |",
            self.detectors.join(" | ")
        );
        let _ = writeln!(page, "|---|---|{}---|", "---|".repeat(self.detectors.len()));
        for row in &self.patterns {
            let verdicts: Vec<_> = row.verdicts.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                row.name,
                row.expect,
                verdicts.join(" | "),
                row.about.replace('|', "\\|")
            );
        }
        page
    }

    /// A table for a terminal, with the reasons below.
    pub fn text(&self) -> String {
        let name = self.patterns.iter().map(|row| row.name.len()).max();
        let name = name.unwrap_or_default();
        let mut text = format!("{:name$}", "");
        for detector in &self.detectors {
            let _ = write!(text, "  {detector:10}");
        }
        text.push('\n');
        for row in &self.patterns {
            let _ = write!(text, "{:name$}", row.name);
            for verdict in &row.verdicts {
                let _ = write!(text, "  {:10}", verdict.to_string());
            }
            text.push('\n');
        }
        for row in &self.patterns {
            for (detector, verdict) in self.detectors.iter().zip(&row.verdicts) {
                if let Verdict::Skipped(why) | Verdict::Failed(why) = verdict {
                    let _ = writeln!(text, "{} ({detector}): {verdict}: {why}", row.name);
                }
            }
        }
        let (all, good) = (
            self.verdicts().count(),
            self.verdicts().filter(|verdict| verdict.is_good()).count(),
        );
        let _ = writeln!(text, "{good} of {all} cases are as they should be");
        text
    }
}

/// "Linux 6.18.44, ext4".
fn system(folder: &Path) -> String {
    let name = nix::sys::utsname::uname().map_or_else(
        |_| std::env::consts::OS.to_owned(),
        |name| {
            let (system, release) = (name.sysname(), name.release());
            format!("{} {}", system.to_string_lossy(), release.to_string_lossy())
        },
    );
    match FileSystem::of(folder) {
        Some(kind) => format!("{name}, {}", kind.name),
        None => name,
    }
}
