//! A backend as a child process that speaks MCP over its standard input and output, one JSON
//! message a line. It leads a process group of its own, which is stopped as a whole: input
//! closed, then SIGTERM, then SIGKILL.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncRead;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::{BackendSpec, Connection, Hidden, Template};
use crate::gateway::ground::Ground;
use crate::mcp::{Lines, lines};
use crate::secrets::Secrets;

/// The longest message taken from a backend, in bytes. A result with a picture has some
/// megabytes; what is longer is dropped, and said so.
pub(super) const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// The longest line of a backend's standard error that reaches the log, in bytes.
const MAX_LOG_LINE: usize = 4096;
/// How long a child has to leave after each step of stopping it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the last words of a child may take to arrive when it has ended.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// What a child inherits: what programs need to run at all. Everything else, and so every
/// secret, it gets by `env:`. The same list as the official SDKs'.
const INHERITED: [&str; 9] = [
    "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER",
];
/// As a command, this name means the running host, so that its demo server needs no `PATH`.
const MYSELF: &str = "config-sync";

pub(super) struct ChildProcess {
    child: Child,
    group: Option<Pid>,
    /// Dropped with it.
    _gone: DropGuard,
}

/// A child that was started, and its pipes.
pub(super) struct Started {
    pub(super) process: ChildProcess,
    pub(super) input: pipe::Sender,
    pub(super) output: Lines<ChildStdout>,
}

/// Starts the child of a backend with a [`Connection::Stdio`].
pub(super) fn spawn(
    name: &str,
    spec: &BackendSpec,
    secrets: &Secrets,
    ground: &Ground,
) -> Result<Started, String> {
    let Connection::Stdio {
        command,
        args,
        env,
        cwd,
    } = &spec.connection
    else {
        return Err("it is not a process".to_owned());
    };
    let resolve = |template: &Template| {
        let resolved = template.resolve(&|name| secrets.value_of(name));
        resolved.map_err(|error| error.to_string())
    };
    let program = resolve(command)?;
    let mut process = if program == MYSELF {
        myself()?
    } else {
        Command::new(&program)
    };
    process.env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            process.env(name, value);
        }
    }
    for (name, value) in env {
        process.env(name, resolve(value)?);
    }
    for arg in args {
        process.arg(resolve(arg)?);
    }
    if let Some(folder) = cwd {
        process.current_dir(ground.base.join(resolve(folder)?));
    }
    process
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    process.process_group(0).kill_on_drop(true);
    // As written: what a placeholder stands for may be a secret.
    let program = command.as_written();
    let mut child = process.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("the command `{program}` does not exist (or its `cwd`); give its full path, or install it"),
        io::ErrorKind::PermissionDenied => format!("the command `{program}` may not be run: is it executable?"),
        _ => format!("the command `{program}` does not start: {error}"),
    })?;
    let (Some(input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(format!("the command `{program}` started without pipes"));
    };
    let gone = CancellationToken::new();
    let hidden = spec.hidden(&|name| secrets.value_of(name));
    let logging = log_errors(name.to_owned(), errors, hidden, gone.clone());
    ground.tasks.spawn(logging);
    let gone = gone.drop_guard();
    let input = input
        .into_owned_fd()
        .and_then(pipe::Sender::from_owned_fd)
        .map_err(|error| format!("the command `{program}` started without a pipe: {error}"))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    Ok(Started {
        process: ChildProcess {
            group: group.map(Pid::from_raw),
            child,
            _gone: gone,
        },
        input,
        output: lines(output, MAX_MESSAGE),
    })
}

/// The running host, even after its file was replaced by a newer one.
fn myself() -> Result<Command, String> {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(MYSELF);
        return Ok(command);
    }
    std::env::current_exe()
        .map(Command::new)
        .map_err(|error| format!("cannot find the running host: {error}"))
}

/// Ends with the pipe, or soon after the child is `gone`: a descendant that has left its group may
/// hold the pipe for ever.
async fn log_errors(
    backend: String,
    errors: impl AsyncRead + Send + Unpin,
    hidden: Hidden,
    gone: CancellationToken,
) {
    let mut lines = lines(errors, MAX_LOG_LINE);
    let logging = async {
        while let Some(Ok(line)) = lines.next().await {
            let line = line.unwrap_or_else(|bad| format!("(a line is left out: {bad})"));
            let line = hidden.out_of(line);
            tracing::debug!(target: "config_sync::backend", backend, "{line}");
        }
    };
    let late = async {
        gone.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = logging => {}
        () = late => {}
    }
}

impl ChildProcess {
    pub(super) fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends when it does, and says how. (What it started may live on.)
    pub(super) async fn exited(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("its process ended ({status})"),
            Err(error) => format!("its process is lost ({error})"),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // No such group: everything in it has left already.
            let _ = killpg(group, signal);
        }
    }

    /// Stops it, once its input is closed.
    pub(super) async fn stop(&mut self) -> io::Result<()> {
        let mut left = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .is_ok();
        if !left {
            self.signal(Signal::SIGTERM);
            left = tokio::time::timeout(PATIENCE, self.child.wait())
                .await
                .is_ok();
        }
        // What the child started and left behind goes too.
        self.signal(Signal::SIGKILL);
        if !left {
            self.child.wait().await?;
        }
        Ok(())
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_holds_the_standard_error_of_a_child_that_is_gone_is_not_waited_for() {
        let (_held, errors) = tokio::io::duplex(64);
        let gone = CancellationToken::new();
        let mut logging = Box::pin(log_errors(
            "one".to_owned(),
            errors,
            Hidden::default(),
            gone.clone(),
        ));
        let long = Duration::from_secs(600);
        assert!(tokio::time::timeout(long, &mut logging).await.is_err());
        gone.cancel();
        assert!(tokio::time::timeout(long, logging).await.is_ok());
    }
}
