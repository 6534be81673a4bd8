//! The built host, in a folder of its own, with its events.

use std::ffi::OsString;
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

use super::api::Api;
use super::processes::{self, Process};
use super::{binary, is_gone, soon, until};

/// Where compiled plugins are kept, for all stories and runs.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");

/// Where compiled plugins are kept.
pub(crate) fn cache() -> &'static str {
    CACHE
}

/// What the log has otherwise.
const FILTER: &str = "warn,config_sync=info";

/// One event, as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) generation: u64,
    pub(crate) digest: Option<String>,
}

/// What outlives a host: the folder that holds config.yaml, and its state folder.
pub(crate) struct Home {
    folder: TempDir,
    state: PathBuf,
    /// What the log has.
    filter: &'static str,
    /// What the next host finds in its environment beside.
    variables: Vec<(&'static str, OsString)>,
    /// Where its socket is.
    runtime: TempDir,
    /// Where the state is, unless somebody else said where.
    _state: Option<TempDir>,
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

impl Home {
    /// This folder, and a state folder of its own.
    pub(crate) fn of(folder: TempDir) -> Self {
        let state = TempDir::new().unwrap();
        Self {
            folder,
            state: state.path().to_owned(),
            filter: FILTER,
            variables: Vec::new(),
            runtime: TempDir::new().unwrap(),
            _state: Some(state),
        }
    }

    /// With a config.yaml that holds this, and its state folder at a place of somebody's choice.
    pub(crate) fn with_state(config: &str, state: PathBuf) -> Self {
        let home = Self {
            folder: TempDir::new().unwrap(),
            state,
            filter: FILTER,
            variables: Vec::new(),
            runtime: TempDir::new().unwrap(),
            _state: None,
        };
        home.save(config);
        home
    }

    /// The log of the next host has also in which phase a reload is.
    pub(crate) fn with_phases(mut self) -> Self {
        self.filter = "warn,config_sync=info,config_sync::phase=trace";
        self
    }

    /// The log of the next host has everything that anybody says.
    pub(crate) fn with_everything(mut self) -> Self {
        self.filter = "trace";
        self
    }

    /// The next host finds this in its environment.
    pub(crate) fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("config.yaml")
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Where settings are stored.
    pub(crate) fn settings(&self) -> PathBuf {
        self.runtime.path().join("settings")
    }

    /// The management API of the running host.
    pub(crate) fn api(&self) -> Api {
        Api::at(&self.socket().unwrap())
    }

    /// As [`Host::save`].
    pub(crate) fn save(&self, text: impl AsRef<[u8]>) {
        let beside = self.folder().join("config.yaml.new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.config()).unwrap();
    }

    /// The binary with these arguments, on this config.yaml and state folder.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(binary());
        command
            .args(args)
            .arg("--config")
            .arg(self.config())
            .env("XDG_CACHE_HOME", CACHE)
            .env("XDG_DATA_HOME", self.runtime.path().join("data"))
            .env("CONFIG_SYNC_STATE", &self.state)
            .env("CONFIG_SYNC_SETTINGS", self.settings())
            .env("CONFIG_SYNC_SECRETS", self.folder().join("secrets"))
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env("CONFIG_SYNC_LOG", self.filter)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The socket of the host, while there is one.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.runtime.path().join("config-sync")).ok()?;
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|it| it == "sock"))
    }

    /// What the running host answers to this command, and the exit code.
    pub(crate) fn answer(&self, args: &[&str]) -> (Value, Option<i32>) {
        let output = self.command(args).arg("--json").output().unwrap();
        let answer = serde_json::from_slice(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let answer = answer.unwrap_or_else(|error| panic!("{args:?}: {error}: {complaint}"));
        (answer, output.status.code())
    }

    /// What the binary prints with these arguments, where it succeeds, else what it complains of.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, String> {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(text(output.stderr))
        }
    }
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
