//! The built host, in a folder of its own, with its events.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::home::Home;
use super::processes::{self, Process};
use super::{is_gone, soon, until};

/// One event, as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) generation: u64,
    pub(crate) digest: Option<String>,
}

/// A running host. Its end is the end of the process: kill -9, unless it is [stopped](Self::stop).
pub(crate) struct Host {
    home: Home,
    process: Child,
    id: u32,
    said: Vec<String>,
    log: watch::Receiver<Vec<String>>,
    /// How many lines of the log have been passed.
    passed: usize,
}

/// SHA-256 in hex, as events have it.
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Host {
    /// Starts on a config.yaml with this text.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_in(TempDir::new().unwrap(), config).await
    }

    /// Starts on a config.yaml in a folder that has something in it already.
    pub(crate) async fn start_in(folder: TempDir, config: &str) -> Self {
        let home = Home::of(folder);
        home.save(config);
        Self::start_at(home).await
    }

    /// Starts on whatever is there.
    pub(crate) async fn start_at(home: Home) -> Self {
        let mut host = Self::spawn(home);
        let mut said = lines(host.process.stdout.take().unwrap());
        let started = said.wait_for(|said| said.len() == 2);
        let started = soon("the host to start", started).await.is_ok();
        assert!(started, "it did not start: {:#?}", *host.log.borrow());
        host.said = said.borrow().clone();
        host.event("the host to run", |it| it.message == "running")
            .await;
        host
    }

    /// Begins to start, and waits for nothing.
    pub(crate) fn spawn(home: Home) -> Self {
        let mut process = Command::from(home.command(&["run", "--log", "json"]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            home,
            id: process.id().unwrap(),
            said: Vec::new(),
            log: lines(process.stderr.take().unwrap()),
            process,
            passed: 0,
        }
    }

    /// kill -9, and what is left.
    pub(crate) async fn kill(self) -> Home {
        self.kill_in_phase().await.0
    }

    /// As [`Self::kill`], with the phase of the last reload that the log tells of.
    pub(crate) async fn kill_in_phase(mut self) -> (Home, Option<String>) {
        self.signal(Signal::SIGKILL);
        soon("the host to end", self.process.wait()).await.unwrap();
        // Backends that live on may hold the pipe, so its end says nothing.
        let log = self.log.borrow();
        let phase = log.iter().rev().find_map(|line| phase_of(line));
        drop(log);
        (self.home, phase)
    }

    /// What outlives it.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// What it printed when it had started.
    pub(crate) fn said(&self) -> &[String] {
        &self.said
    }

    /// Where it served when it had started.
    pub(crate) fn url(&self) -> &str {
        let word = self.said[0]
            .split_whitespace()
            .find(|word| word.starts_with("http"));
        word.unwrap()
    }

    /// The folder that holds config.yaml.
    pub(crate) fn folder(&self) -> &Path {
        self.home.folder()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.home.config()
    }

    /// Saves as editors do that let nobody see half a file: beside it, then renamed over it.
    pub(crate) fn save(&self, text: impl AsRef<[u8]>) {
        self.home.save(text);
    }

    /// Writes into the file as it stands.
    pub(crate) fn rewrite(&self, text: impl AsRef<[u8]>) {
        fs::write(self.config(), text).unwrap();
    }

    /// Sets its times to now.
    pub(crate) fn touch(&self) {
        let file = fs::File::options().append(true).open(self.config());
        let now = std::time::SystemTime::now();
        file.unwrap().set_modified(now).unwrap();
    }

    /// The next event that is like this. Events before it are passed over for good.
    pub(crate) async fn event(&mut self, what: &str, like: impl Fn(&Event) -> bool) -> Event {
        let passed = self.passed;
        let find = |log: &[String]| {
            let events = log.iter().enumerate().skip(passed);
            events
                .filter_map(|(at, line)| Some((at, event(line)?)))
                .find(|(_, event)| like(event))
        };
        let mut log = self.log.clone();
        let wait = log.wait_for(|log| find(log).is_some());
        let found = tokio::time::timeout(super::LIMIT, wait).await;
        let Ok(Ok(log)) = found else {
            panic!(
                "waited in vain for {what}; the log: {:#?}",
                self.log.borrow().iter().skip(passed).collect::<Vec<_>>()
            );
        };
        let (at, event) = find(&log).unwrap();
        self.passed = at + 1;
        event
    }

    /// Comes back once a reload that has begun since the last event enters this phase.
    pub(crate) async fn phase(&mut self, phase: &str) {
        let passed = self.passed;
        let reached = |log: &[String]| {
            let mut phases = log.iter().skip(passed).filter_map(|line| phase_of(line));
            phases.any(|it| it == phase)
        };
        let mut log = self.log.clone();
        let wait = log.wait_for(|log| reached(log));
        let found = tokio::time::timeout(super::LIMIT, wait).await;
        assert!(
            matches!(found, Ok(Ok(_))),
            "no reload came to {phase}: {:#?}",
            self.log.borrow()
        );
    }

    /// Passes over every event until now.
    pub(crate) fn pass(&mut self) {
        self.passed = self.log.borrow().len();
    }

    /// Saves the file, and comes back with the first event about these bytes.
    pub(crate) async fn settle(&mut self, text: impl AsRef<[u8]>) -> Event {
        self.save(&text);
        self.outcome(text).await
    }

    /// The next event about these bytes.
    pub(crate) async fn outcome(&mut self, text: impl AsRef<[u8]>) -> Event {
        let digest = digest(text);
        self.event("an event about what was saved", |event| {
            event.digest.as_ref() == Some(&digest)
        })
        .await
    }

    /// Saves the file, which must be served then.
    pub(crate) async fn apply(&mut self, text: &str) -> Event {
        let event = self.settle(text).await;
        assert_eq!(event.kind, "changed", "{event:?}");
        event
    }

    /// Every event until now.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.log
            .borrow()
            .iter()
            .filter_map(|it| event(it))
            .collect()
    }

    /// Every line of the log until now.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// `config-sync status`, as JSON.
    pub(crate) fn status(&self) -> Value {
        self.home.answer(&["status"]).0
    }

    /// The status, once it is like this.
    pub(crate) async fn status_like(&self, what: &str, like: impl Fn(&Value) -> bool) -> Value {
        let mut status = Value::Null;
        until(what, || {
            status = self.status();
            like(&status)
        })
        .await;
        status
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id.try_into().unwrap()), signal).unwrap();
    }

    /// The processes that it has started and not yet ended.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Bytes of memory that it had at most; `None` where nobody tells.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib * 1024)
    }

    pub(crate) fn children(&self) -> Vec<Process> {
        processes::children(self.id)
    }

    /// How it ended, once it has.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        soon("the host to end", self.process.wait()).await.unwrap()
    }

    /// SIGTERM; then nothing that it started may be left.
    pub(crate) async fn stop(self) -> ExitStatus {
        let children = self.children();
        self.signal(Signal::SIGTERM);
        let status = self.ended().await;
        for child in children {
            until("a backend to end with the host", || {
                is_gone(child.id) && processes::group(child.id).is_empty()
            })
            .await;
        }
        status
    }
}

/// The lines that come out of a pipe, as they come.
pub(super) fn lines(pipe: impl AsyncRead + Send + Unpin + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            sender.send_modify(|lines| lines.push(line));
        }
    });
    receiver
}

/// The phase that a line of the log tells of.
fn phase_of(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let phase = (line["target"] == "config_sync::phase").then(|| line["phase"].as_str());
    phase.flatten().map(str::to_owned)
}

fn event(line: &str) -> Option<Event> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["target"] == "config_sync::event").then(|| Event {
        kind: line["type"].as_str().unwrap().to_owned(),
        message: line["message"].as_str().unwrap().to_owned(),
        generation: line["generation"].as_u64().unwrap(),
        digest: line["digest"].as_str().map(str::to_owned),
    })
}
