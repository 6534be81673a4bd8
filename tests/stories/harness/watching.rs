//! `config-sync watch` as a process, with its lines.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::home::cache;
use super::host::lines;
use super::{binary, soon};

pub(crate) struct Watching {
    process: Child,
    said: watch::Receiver<Vec<String>>,
    log: watch::Receiver<Vec<String>>,
    /// How many lines have been passed.
    passed: usize,
}

impl Watching {
    /// Starts with these arguments, and waits until it is ready.
    pub(crate) async fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(binary());
        command.arg("watch").args(arguments);
        Self::start_as(command).await
    }

    /// The same, of a command that somehow leads to `config-sync watch --json`.
    pub(crate) async fn start_as(mut command: Command) -> Self {
        let mut process = command
            .env("XDG_CACHE_HOME", cache())
            .env_remove("CONFIG_SYNC_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = lines(process.stdout.take().unwrap());
        let log = lines(process.stderr.take().unwrap());
        let mut watching = Self {
            process,
            said,
            log,
            passed: 0,
        };
        watching
            .line("READY", |line| {
                line == "READY" || json(line)["type"] == "ready"
            })
            .await;
        watching
    }

    /// The next line of which this holds; those before it are passed.
    pub(crate) async fn line(&mut self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let passed = self.passed;
        let find = |lines: &Vec<String>| {
            let found = lines.iter().skip(passed).position(|line| holds(line));
            found.map(|place| passed + place)
        };
        let wait = self.said.wait_for(|lines| find(lines).is_some());
        let found = soon(what, wait).await.is_ok();
        assert!(
            found,
            "it ended: {:#?} {:#?}",
            *self.said.borrow(),
            *self.log.borrow()
        );
        let lines = self.said.borrow();
        let place = find(&lines).unwrap();
        self.passed = place + 1;
        lines[place].clone()
    }

    /// The next JSON line of this type of which this holds.
    pub(crate) async fn told(&mut self, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let line = self
            .line(kind, |line| {
                let line = json(line);
                line["type"] == kind && holds(&line)
            })
            .await;
        json(&line)
    }

    /// Every line until now.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    /// Every line of its log until now.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id().try_into().unwrap()), signal).unwrap();
    }

    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        soon("it to end", self.process.wait()).await.unwrap()
    }
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}
