//! From the configuration of a backend to a connection on which both sides know each other, and
//! what it takes to leave it again.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::io::AsyncRead;

use super::child::{self, ChildProcess, LAST_WORDS, MAX_MESSAGE};
use super::hello::{self, Introduction, Unwelcome};
use super::http::Http;
use super::listen;
use super::outbox::Outbox;
use super::peer::{Link, Peer};
use super::subscriptions::Subscriptions;
use crate::config::{BackendSpec, Connection, shown_url};
use crate::gateway::ground::Ground;
use crate::mcp::{BadLine, Lines, lines};
use crate::secrets::Secrets;

/// How long a child that says nothing any more may take to be gone.
const LEAVING: Duration = Duration::from_millis(100);

/// A connection. Dropped, it ends, at once.
pub(super) struct Connected {
    pub(super) peer: Arc<Peer>,
    /// The process, if there is one.
    pub(super) child: Option<ChildProcess>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.peer.end();
    }
}

/// Whom to connect, and as whom.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) name: &'a str,
    pub(super) spec: &'a BackendSpec,
    pub(super) secrets: &'a Secrets,
    pub(super) ground: &'a Arc<Ground>,
    pub(super) me: &'a Introduction,
    pub(super) subscriptions: &'a Arc<Subscriptions>,
}

impl Opening<'_> {
    /// Connects, and greets.
    ///
    /// # Errors
    /// What went wrong, for the owner of the config file.
    pub(super) async fn connect(self) -> Result<Connected, String> {
        let me = &self.me.at_most(self.spec.protocol);
        let connected = Opening { me, ..self }.greeted().await;
        let hidden = || self.spec.hidden(&|name| self.secrets.value_of(name));
        connected.map_err(|error| hidden().out_of(error))
    }

    async fn greeted(self) -> Result<Connected, String> {
        let (spec, me, ground) = (self.spec, self.me, self.ground);
        let connected = self.open().await?;
        let greeted =
            tokio::time::timeout(spec.timeouts.init, hello::greet(&connected.peer, me)).await;
        let (connected, greeted) = match greeted {
            // Some servers of the old era end, or fall silent, when they are asked as those of the
            // new one are.
            Ok(Err(Unwelcome::Gone(_))) | Err(_) if connected.child.is_some() => {
                leave(connected).await;
                let connected = self.open().await?;
                let greeting = hello::initialize(&connected.peer, me);
                let greeted = tokio::time::timeout(spec.timeouts.init, greeting).await;
                (connected, greeted)
            }
            greeted => (connected, greeted),
        };
        let hello = greeted
            .map_err(|_elapsed| {
                format!(
                    "it did not answer `initialize` within {} s (timeouts.init)",
                    spec.timeouts.init.as_secs_f64()
                )
            })?
            .map_err(|unwelcome| no_mcp(&spec.connection, &unwelcome.into_reason()))?;
        let _ = connected.peer.hello.set(hello);
        listen::begin(&connected.peer);
        connected.peer.follow();
        let peer = Arc::clone(&connected.peer);
        ground
            .tasks
            .spawn(async move { peer.log_as_wanted().await });
        Ok(connected)
    }

    /// A way to send, and somebody who reads.
    async fn open(self) -> Result<Connected, String> {
        let Self {
            name,
            spec,
            secrets,
            ground,
            me,
            subscriptions,
        } = self;
        if let Some(connector) = &ground.connector {
            let stream = connector.connect(name, spec);
            let stream = tokio::time::timeout(spec.timeouts.init, stream).await;
            let stream = stream.map_err(|_elapsed| "it cannot be reached in time".to_owned())??;
            let (read, write) = tokio::io::split(stream);
            let peer = Peer::new(
                name,
                Link::Lines(Outbox::into_stream()),
                me,
                subscriptions,
                ground,
            );
            let writer = Arc::clone(&peer);
            ground.tasks.spawn(async move {
                if let Link::Lines(outbox) = &writer.link {
                    outbox.write_to(write).await;
                }
            });
            ground
                .tasks
                .spawn(read_lines(Arc::clone(&peer), lines(read, MAX_MESSAGE)));
            return Ok(Connected { peer, child: None });
        }
        match &spec.connection {
            Connection::Stdio { .. } => {
                let started = child::spawn(name, spec, secrets, ground)?;
                let outbox = Outbox::into_pipe(started.input);
                let peer = Peer::new(name, Link::Lines(outbox), me, subscriptions, ground);
                let writer = Arc::clone(&peer);
                ground.tasks.spawn(async move {
                    if let Link::Lines(outbox) = &writer.link {
                        outbox.write_to_pipe().await;
                    }
                });
                ground
                    .tasks
                    .spawn(read_lines(Arc::clone(&peer), started.output));
                Ok(Connected {
                    peer,
                    child: Some(started.process),
                })
            }
            Connection::StreamableHttp { .. } => {
                let link = Link::Http(Http::new(&spec.connection, secrets, spec.timeouts.init)?);
                let peer = Peer::new(name, link, me, subscriptions, ground);
                Ok(Connected { peer, child: None })
            }
        }
    }
}

/// Ends with the stream, or with the connection.
async fn read_lines<R: AsyncRead + Unpin>(peer: Arc<Peer>, mut lines: Lines<R>) {
    let mut ended = pin!(peer.ended.cancelled());
    loop {
        let line = tokio::select! {
            biased;
            line = lines.next() => line,
            () = &mut ended => break,
        };
        match line {
            Some(Ok(Ok(line))) if line.is_empty() => {}
            Some(Ok(Ok(line))) => peer.hear(line.as_bytes(), None),
            Some(Ok(Err(BadLine::TooLong(glimpse)))) => peer.too_long(&glimpse),
            Some(Ok(Err(BadLine::NotUtf8))) => peer.noise("a line that is not UTF-8"),
            // The pipe itself is broken: the backend is as good as gone.
            Some(Err(_)) | None => break,
        }
    }
    peer.end();
}

/// Ends when the backend does by itself, and says how.
pub(super) async fn ended(connected: &mut Connected) -> String {
    let ended = connected.peer.ended.clone();
    if let Some(child) = &mut connected.child {
        let how = tokio::select! {
            () = ended.cancelled() => {
                // Mostly it did so by leaving.
                let left = tokio::time::timeout(LEAVING, child.exited()).await;
                left.unwrap_or_else(|_elapsed| "it closed its output".to_owned())
            }
            how = child.exited() => {
                // What it said last is still on its way.
                let _ = tokio::time::timeout(LAST_WORDS, ended.cancelled()).await;
                how
            }
        };
        return connected.peer.why_ended(how);
    }
    ended.cancelled().await;
    connected.peer.why_ended("its connection ended".to_owned())
}

/// Ends the connection, which for a child means the process and all that it started.
pub(super) async fn leave(mut connected: Connected) {
    if let Link::Http(http) = &connected.peer.link {
        let _ = tokio::time::timeout(LAST_WORDS, http.close(&connected.peer)).await;
    }
    connected.peer.end();
    if let Some(child) = &mut connected.child {
        // If it cannot be waited for, nobody else can do more.
        let _ = child.stop().await;
    }
}

fn no_mcp(connection: &Connection, why: &dyn fmt::Display) -> String {
    match connection {
        Connection::Stdio { .. } => format!(
            "it does not speak MCP: {why}; CONFIG_SYNC_LOG=config_sync=debug shows what it says on standard error"
        ),
        Connection::StreamableHttp { url, .. } => {
            let url = shown_url(url.as_written());
            format!("nothing at `{url}` speaks MCP over Streamable HTTP: {why}")
        }
    }
}
