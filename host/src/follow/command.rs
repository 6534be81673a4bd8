//! A program that is run at each change, never twice at once. A change that comes while it runs
//! makes it run once more for that file, with the newest digest.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::target::Digest;

/// How long a program has to leave after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);

/// A program to run, and the changes that wait for it.
pub struct OnChange {
    program: OsString,
    arguments: Vec<OsString>,
    /// In the order in which they changed.
    waiting: VecDeque<Arc<Path>>,
    /// The newest digest of each that waits.
    digests: HashMap<Arc<Path>, Digest>,
    running: Option<Child>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself, or by a signal.
    With(ExitStatus),
    /// It did not even start; says why, and what to do.
    NotStarted(String),
}

impl OnChange {
    /// The program and its arguments; nothing, if there is none.
    pub fn new(words: &[OsString]) -> Option<Self> {
        let (program, arguments) = words.split_first()?;
        Some(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
            waiting: VecDeque::new(),
            digests: HashMap::new(),
            running: None,
        })
    }

    /// This file changed: the program runs for it, when its turn comes.
    pub fn push(&mut self, path: Arc<Path>, digest: Digest) {
        match self.digests.entry(path) {
            Entry::Occupied(mut waiting) => *waiting.get_mut() = digest,
            Entry::Vacant(new) => {
                self.waiting.push_back(Arc::clone(new.key()));
                new.insert(digest);
            }
        }
    }

    /// The next end of a run; never, while nothing runs or waits. Cancel safe.
    pub async fn ended(&mut self) -> Ended {
        loop {
            if let Some(child) = &mut self.running {
                let ended = child.wait().await;
                self.running = None;
                return match ended {
                    Ok(status) => Ended::With(status),
                    Err(error) => Ended::NotStarted(error.to_string()),
                };
            }
            let Some(path) = self.waiting.pop_front() else {
                return std::future::pending().await;
            };
            let Some(digest) = self.digests.remove(&path) else {
                continue;
            };
            match self.start(&path, digest) {
                Ok(child) => self.running = Some(child),
                Err(error) => {
                    let program = self.program.to_string_lossy();
                    return Ended::NotStarted(format!(
                        "the command `{program}` does not start: {error}; is it installed, and executable?"
                    ));
                }
            }
        }
    }

    fn start(&self, path: &Path, digest: Digest) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .env("CONFIG_SYNC_PATH", path)
            .env("CONFIG_SYNC_DIGEST", digest.to_string())
            .stdin(Stdio::null())
            // Its own group: all that it starts is stopped with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Ends what runs: SIGTERM to it and all that it started, SIGKILL when that does not help.
    pub async fn stop(&mut self) {
        self.waiting.clear();
        self.digests.clear();
        let Some(mut child) = self.running.take() else {
            return;
        };
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if let Some(id) = id {
                // It may have ended by itself.
                let _ = killpg(Pid::from_raw(id), signal);
            }
            if timeout(PATIENCE, child.wait()).await.is_ok() {
                break;
            }
        }
        // Whoever is left of what it started did not heed SIGTERM.
        if let Some(id) = id {
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    async fn run(script: &str, changes: usize) -> Vec<i32> {
        let mut program = OnChange::new(&words(&["sh", "-c", script])).unwrap();
        for change in 0..changes {
            program.push(Path::new("/a").into(), Digest::of(&[0]));
            program.push(Path::new(&format!("/{change}")).into(), Digest::of(&[1]));
        }
        let mut codes = Vec::new();
        while codes.len() <= changes {
            let Ended::With(status) = program.ended().await else {
                panic!("sh does not start");
            };
            codes.push(status.code().unwrap());
        }
        assert!(program.waiting.is_empty());
        codes
    }

    #[tokio::test]
    async fn it_runs_once_for_each_file_and_tells_how_it_ended() {
        let script = r#"[ "$CONFIG_SYNC_PATH" = /a ] && exit 7; [ ${#CONFIG_SYNC_DIGEST} = 64 ]"#;
        assert_eq!(run(script, 2).await, [7, 0, 0]);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let mut program = OnChange::new(&words(&["no-such-program"])).unwrap();
        program.push(Path::new("/a").into(), Digest::of(&[]));
        let Ended::NotStarted(why) = program.ended().await else {
            panic!("it started");
        };
        assert!(why.contains("`no-such-program` does not start"), "{why}");
    }

    #[tokio::test]
    async fn what_runs_is_ended_with_all_that_it_started() {
        let mut program = OnChange::new(&words(&["sh", "-c", "sleep 600 & wait"])).unwrap();
        program.push(Path::new("/a").into(), Digest::of(&[]));
        tokio::select! {
            biased;
            ended = program.ended() => panic!("{ended:?}"),
            () = std::future::ready(()) => {}
        }
        let group = program.running.as_ref().unwrap().id().unwrap();
        program.stop().await;
        let group = Pid::from_raw(group.try_into().unwrap());
        // Whoever is left would answer.
        while killpg(group, None).is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
