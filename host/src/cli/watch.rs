//! `config-sync watch`: follows files, says so on standard output, and runs a program at each
//! change. For any file and any program; it knows nothing of MCP.

use std::cell::Cell;
use std::ffi::OsString;
use std::fmt::Arguments;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ending;
use super::folders;
use super::logging;
use super::seconds::Seconds;
use super::signals::Ends;
use crate::config::PluginLimits;
use crate::events::EventBus;
use crate::follow::{self, Ended, Follower, OnChange};
use crate::plugin::{Library, PluginEngine};
use crate::watch::{Baseline, FoundBy, Hearing, Scope, Settled};

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Watch {
    /// Files to follow; they need not exist. With --recursive, folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Follow every file in the folders, and in folders that appear in them
    #[arg(long, short)]
    recursive: bool,
    /// How changes are noticed: auto, inotify, hash, mtime, or a plugin from --plugins
    #[arg(long, short, value_name = "NAME", default_value = "auto")]
    detection: String,
    #[command(flatten)]
    seconds: Seconds,
    /// A folder with detectors of your own, NAME.wasm
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Run at each change, with the path in CONFIG_SYNC_PATH and the SHA-256 in CONFIG_SYNC_DIGEST;
    /// never twice at once
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const HELP: &str = "\
Prints READY once everything that follows will be seen, then a line for each settled change:
  FIRED <sha256 of the content>            and the path, where more than one file is followed
  EXITED <code of the command>
Touching a file, or writing the same bytes again, is no change.

Examples:
  config-sync watch nginx.conf -- nginx -s reload
  config-sync watch --recursive conf.d --debounce 0.2 --json";

impl Watch {
    pub(super) async fn run(&self) -> ExitCode {
        logging::start_quietly();
        ending::done(self.watch().await.map(|()| true))
    }

    async fn watch(&self) -> Result<(), String> {
        let mut ends = Ends::listen()?;
        let scopes = self.scopes()?;
        let settings = self.seconds.settings(&self.detection)?;
        let engine = PluginEngine::new(PluginLimits::default().into(), folders::cache())
            .map_err(|error| format!("{error:#}"))?;
        let library = match &self.plugins {
            Some(folder) => Library::load(engine, std::slice::from_ref(folder)),
            None => Library::built_in(engine),
        };
        for (path, error) in library.refused() {
            eprintln!("config-sync: plugin {}: {error}", path.display());
        }
        let mut out = Output {
            json: self.json,
            name_paths: self.recursive || scopes.len() > 1,
            ready: false,
            closed: Cell::new(false),
        };
        let mut program = OnChange::new(&self.command);
        let bus = EventBus::default();
        let library = Arc::new(library);
        let mut follower = Follower::start(scopes, settings, Baseline::Found, library, bus)?;
        tokio::select! {
            ready = follower.ready() => match ready {
                Some(hearing) => out.hears(&hearing),
                None => return Err(follow::LOST.to_owned()),
            },
            () = ends.heard() => return Ok(()),
        }
        let mut hearing = follower.hearing();
        hearing.mark_unchanged();
        while !out.closed.get() {
            tokio::select! {
                biased;
                () = ends.heard() => break,
                settled = follower.changed() => {
                    let Some(settled) = settled else { break };
                    out.fired(&settled);
                    if let Some(program) = &mut program {
                        program.push(settled.path, settled.digest);
                    }
                }
                ended = ended(&mut program) => out.ended(ended),
                Ok(()) = hearing.changed() => {
                    if let Some(now) = hearing.borrow_and_update().as_ref() {
                        out.hears(now);
                    }
                }
            }
        }
        if let Some(program) = &mut program {
            program.stop().await;
        }
        follower.stop().await;
        Ok(())
    }

    fn scopes(&self) -> Result<Vec<Scope>, String> {
        let scope = |path: &PathBuf| {
            let absolute = std::path::absolute(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            match (self.recursive, absolute.is_dir()) {
                (true, true) => Ok(Scope::Tree(absolute)),
                (false, true) => Err(format!(
                    "{} is a folder; add --recursive to follow the files in it",
                    path.display()
                )),
                (_, false) => Ok(Scope::File(absolute.into())),
            }
        };
        let mut scopes = Vec::new();
        for path in &self.paths {
            let scope = scope(path)?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Ok(scopes)
    }
}

/// The next end of the program's run; never, where there is no program. Cancel safe.
async fn ended(program: &mut Option<OnChange>) -> Ended {
    match program {
        Some(program) => program.ended().await,
        None => std::future::pending().await,
    }
}

/// Standard output, for people or for programs.
struct Output {
    json: bool,
    name_paths: bool,
    ready: bool,
    /// Nobody reads any more: `| head -1`.
    closed: Cell<bool>,
}

impl Output {
    fn line(&self, line: Arguments<'_>) {
        if writeln!(std::io::stdout(), "{line}").is_err() {
            self.closed.set(true);
        }
    }

    fn hears(&mut self, hearing: &Hearing) {
        let first = !std::mem::replace(&mut self.ready, true);
        if self.json {
            let kind = if first { "ready" } else { "hearing" };
            let mut line = json!({ "type": kind });
            if let (Some(line), Ok(Value::Object(hearing))) =
                (line.as_object_mut(), serde_json::to_value(hearing))
            {
                line.extend(hearing);
            }
            self.line(format_args!("{line}"));
        } else if first {
            self.line(format_args!("READY"));
        }
    }

    fn fired(&self, settled: &Settled) {
        let (digest, path) = (settled.digest, settled.path.display());
        if self.json {
            let found_by = match settled.found_by {
                FoundBy::Detector => "detector",
                FoundBy::Afresh => "afresh",
                FoundBy::Content => "content",
            };
            self.line(format_args!(
                "{}",
                json!({
                    "type": "fired",
                    "path": path.to_string(),
                    "sha256": digest.to_string(),
                    "found_by": found_by,
                })
            ));
        } else if self.name_paths {
            self.line(format_args!("FIRED {digest} {path}"));
        } else {
            self.line(format_args!("FIRED {digest}"));
        }
    }

    fn ended(&self, ended: Ended) {
        let status = match ended {
            Ended::With(status) => status,
            Ended::NotStarted(why) => return eprintln!("config-sync: {why}"),
        };
        let (code, signal) = (status.code(), status.signal());
        if self.json {
            self.line(format_args!(
                "{}",
                json!({ "type": "exited", "code": code, "signal": signal })
            ));
        } else {
            match (code, signal) {
                (Some(code), _) => self.line(format_args!("EXITED {code}")),
                (None, signal) => self.line(format_args!(
                    "EXITED by signal {}",
                    signal.unwrap_or_default()
                )),
            }
        }
    }
}
