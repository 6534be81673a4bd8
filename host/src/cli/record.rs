//! `config-sync record`: what a file does on this machine, as a scenario for `plugin test`. Watches
//! by itself, with the looks that a host with the same settings would make; what a host that runs on
//! the file tells meanwhile stands beside them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::find_config::{ConfigArgument, absolute};
use super::find_state::StateArgument;
use super::page::print;
use super::seconds::Seconds;
use super::signals::Ends;
use super::{ending, folders, logging};
use crate::events::EventBus;
use crate::follow::{self, Follower};
use crate::manage::{Client, Following, Told};
use crate::testkit::Trace;
use crate::watch::{Baseline, Scope};

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Record {
    /// The file to record, whatever it is [default: the configuration file]
    #[arg(value_name = "FILE", conflicts_with = "config")]
    path: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
    /// Where the trace goes; must not exist
    #[arg(long, short, value_name = "TRACE.yaml")]
    output: PathBuf,
    /// Write down what is in the file too, not only its digest. It may hold secrets
    #[arg(long)]
    content: bool,
    #[command(flatten)]
    seconds: Seconds,
}

const HELP: &str = "\
For \"it missed my edit\": record, do what was missed, end with Ctrl-C, and play the trace:
  config-sync record config.yaml -o trace.yaml
  config-sync plugin test my-detector.wasm trace.yaml --steps
Each look of the trace is one that a detector of a host would have had: what woke it, and what stat
and digest said. `--bless` writes down what a detector answers to it. Where a host runs on the file,
its events stand in the trace as comments.";

impl Record {
    pub(super) async fn run(&self) -> ExitCode {
        logging::start_quietly();
        ending::done(self.record().await.map(|()| true))
    }

    async fn record(&self) -> Result<(), String> {
        let mut ends = Ends::listen()?;
        let path = match &self.path {
            Some(path) => path.clone(),
            None => self.config.find()?,
        };
        let path = absolute(&path)?;
        let output = self.output.display();
        let out = File::create_new(&self.output).map_err(|error| format!("{output}: {error}"))?;
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy();
        let trace = Trace::begin(&name, self.content, Box::new(out));
        let scope = vec![Scope::File(path.as_path().into())];
        let settings = self.seconds.settings("record")?;
        let detectors = Arc::new(trace.clone());
        let bus = EventBus::default();
        let mut follower = Follower::start(scope, settings, Baseline::Found, detectors, bus)?;
        tokio::select! {
            ready = follower.ready() => ready.ok_or(follow::LOST)?,
            () = ends.heard() => return Ok(()),
        };
        let mut host = self.host(&path).await;
        print(&format!("RECORDING {} to {output}\n", path.display()));
        let mut hearing = follower.hearing();
        hearing.mark_changed();
        while trace.is_whole() {
            tokio::select! {
                biased;
                () = ends.heard() => break,
                Ok(()) = hearing.changed() => {
                    if let Some(now) = hearing.borrow_and_update().as_ref() {
                        let why = now.degraded.as_deref().unwrap_or("all is well");
                        trace.remark(&format!("hears by {}: {why}", now.by.as_str()));
                    }
                }
                told = next(&mut host) => trace.remark(&match told {
                    Told::Event(event) => {
                        format!("the host: {}: {}", event.kind.as_str(), event.details)
                    }
                    Told::Missed(count) => format!("the host told {count} events too fast"),
                    Told::Restarted => "the host was started anew".to_owned(),
                }),
                settled = follower.changed() => {
                    let Some(settled) = settled else { break };
                    trace.remark(&format!("settled: sha256 {}", settled.digest));
                }
            }
        }
        follower.stop().await;
        match trace.failure() {
            Some(error) => Err(format!("{output}: {error}")),
            None => Ok(()),
        }
    }

    /// What the host on this file tells from now on, if one runs there.
    async fn host(&self, path: &Path) -> Option<Following> {
        let place = folders::place(self.state.find().ok()?.as_deref(), path);
        let client = Client::find(&place).await.ok()?;
        client.follow("", None).await.ok()
    }
}

/// The next thing that it tells; nothing, once it has ended.
async fn next(host: &mut Option<Following>) -> Told {
    loop {
        let Some(following) = host else {
            return std::future::pending().await;
        };
        match following.next().await {
            Some(told) => return told,
            None => *host = None,
        }
    }
}
