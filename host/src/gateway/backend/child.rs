//! A backend as a child process that speaks MCP over its standard input and output, one JSON
//! message a line. It leads a process group of its own, which is stopped as a whole: input
//! closed, then SIGTERM, then SIGKILL. Results are not interpreted: they pass as raw JSON.

use std::collections::HashSet;
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rmcp::RoleClient;
use rmcp::model::{
    ClientRequest, CustomResult, ErrorData, JsonRpcMessage, RequestId, ServerResult,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Deserialize as _;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::config::{Connection, Template};
use crate::gateway::swap::Ground;
use crate::mcp::{Lines, lines};

/// The longest message taken from a backend, in bytes. A result with a picture has some
/// megabytes; what is longer is dropped, and said so.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// The longest line of a backend's standard error that reaches the log, in bytes.
const MAX_LOG_LINE: usize = 4096;
/// How long a child has to leave after each step of stopping it.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a child inherits: what programs need to run at all. Everything else, and so every
/// secret, it gets by `env:`. The same list as the official SDKs'.
const INHERITED: [&str; 9] = [
    "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER",
];
/// As a command, this name means the running host, so that its demo server needs no `PATH`.
const MYSELF: &str = "config-sync";

pub(super) struct ChildProcess {
    backend: String,
    child: Child,
    group: Option<Pid>,
    input: Arc<Mutex<Option<ChildStdin>>>,
    output: Lines<ChildStdout>,
    /// Requests whose answers rmcp itself reads: the handshake.
    typed: Arc<StdMutex<HashSet<RequestId>>>,
}

/// Starts the child of a [`Connection::Stdio`].
pub(super) fn spawn(
    name: &str,
    connection: &Connection,
    ground: &Ground,
) -> Result<ChildProcess, String> {
    let Connection::Stdio {
        command,
        args,
        env,
        cwd,
    } = connection
    else {
        return Err("it is not a process".to_owned());
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
    ground.tasks.spawn(log_errors(name.to_owned(), errors));
    Ok(ChildProcess {
        backend: name.to_owned(),
        group: child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw),
        child,
        input: Arc::new(Mutex::new(Some(input))),
        output: lines(output, MAX_MESSAGE),
        typed: Arc::default(),
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

fn resolve(template: &Template) -> Result<String, String> {
    template
        .resolve(&|name| std::env::var(name).ok())
        .map_err(|error| error.to_string())
}

/// Ends with the child's last descendant that holds the pipe.
async fn log_errors(backend: String, errors: ChildStderr) {
    let mut lines = lines(errors, MAX_LOG_LINE);
    while let Some(Ok(line)) = lines.next().await {
        let line = line.unwrap_or_else(|bad| format!("(a line is left out: {bad})"));
        tracing::debug!(target: "config_sync::backend", backend, "{line}");
    }
}

impl ChildProcess {
    pub(super) fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// A message of the backend. Results pass as they are; only what rmcp must understand to
    /// keep the connection is read into its types.
    fn read(&self, line: &str) -> Option<RxJsonRpcMessage<RoleClient>> {
        let mut message: Value = match serde_json::from_str(line) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(backend = self.backend, %error, "a line on its output cannot be read");
                return self.unreadable(line, &error);
            }
        };
        let id = message
            .get("id")
            .and_then(|id| RequestId::deserialize(id).ok());
        if let (Some(id), Some(result)) = (id, message.get_mut("result"))
            && !self
                .typed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&id)
        {
            let result = ServerResult::CustomResult(CustomResult(result.take()));
            return Some(JsonRpcMessage::response(result, id));
        }
        serde_json::from_value(message)
            .inspect_err(|_| {
                tracing::warn!(backend = self.backend, "a message is not JSON-RPC 2.0")
            })
            .ok()
    }

    /// The answer to the call whose answer cannot be read (nested too deep, a number too large),
    /// if that much can be made out: nobody else would ever answer it.
    fn unreadable(
        &self,
        line: &str,
        error: &serde_json::Error,
    ) -> Option<RxJsonRpcMessage<RoleClient>> {
        #[derive(serde::Deserialize)]
        struct Envelope {
            id: RequestId,
            method: Option<serde::de::IgnoredAny>,
        }
        let Envelope { id, method } = serde_json::from_str(line).ok()?;
        if method.is_some() {
            return None;
        }
        let message = format!(
            "backend `{}` gave an answer that cannot be read: {error}",
            self.backend
        );
        Some(JsonRpcMessage::error(
            ErrorData::internal_error(message, None),
            Some(id),
        ))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // No such group: everything in it has left already.
            let _ = killpg(group, signal);
        }
    }
}

impl Transport<RoleClient> for ChildProcess {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        if let JsonRpcMessage::Request(request) = &message
            && !matches!(request.request, ClientRequest::CustomRequest(_))
        {
            self.typed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(request.id.clone());
        }
        let input = Arc::clone(&self.input);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut input = input.lock().await;
            let input = input
                .as_mut()
                .ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
            input.write_all(&line).await?;
            input.flush().await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let line = self.output.next().await?;
            // The pipe itself is broken: the child is as good as gone.
            match line.ok()? {
                Ok(line) => {
                    if let Some(message) = self.read(&line) {
                        return Some(message);
                    }
                }
                Err(bad) => {
                    tracing::warn!(backend = self.backend, %bad, "a line on its output is dropped");
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.input.lock().await.take();
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
