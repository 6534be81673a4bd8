//! The address at which clients are served. A new address is opened before the old one is let
//! go, and sessions are shared between the two: what is under way at the old address ends with
//! its result and streams live on, but a client that connects anew must do so at the new one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use futures::StreamExt;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::StreamableHttpService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Gateway;
use super::door::{self, Door};
use super::front::Front;
use super::sessions::Sessions;
use crate::config::{Problem, ServerLimits, ServerSettings};

/// How long the last answers may take to be written when the host stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Listeners {
    serving: Mutex<Option<Serving>>,
    sessions: OnceLock<Arc<Sessions>>,
    limits: Arc<ArcSwap<ServerLimits>>,
    /// Cancelled when the host stops: ends every session.
    end: CancellationToken,
    /// Answers on their way to clients. (What a client listens to without end is none.)
    answers: TaskTracker,
}

#[derive(Clone)]
struct Serving {
    wanted: SocketAddr,
    address: SocketAddr,
    /// Another address has taken over: no new connections here.
    moved: CancellationToken,
    /// The host stops: connections end after what they are at.
    closing: CancellationToken,
}

/// An address that is open, but not served on yet; or the one that serves already.
pub struct Opened {
    wanted: SocketAddr,
    /// Where.
    pub address: SocketAddr,
    limits: ServerLimits,
    listener: Option<TcpListener>,
}

impl Listeners {
    fn serving(&self) -> Option<Serving> {
        self.serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.serving().map(|serving| serving.address)
    }

    pub(super) async fn open(&self, server: &ServerSettings) -> Result<Opened, Problem> {
        let wanted = server.address();
        if let Some(serving) = self.serving().filter(|serving| serving.wanted == wanted) {
            return Ok(Opened {
                wanted,
                address: serving.address,
                limits: server.limits,
                listener: None,
            });
        }
        let failed = |error: std::io::Error| {
            Problem::error("server.port", format!("cannot listen on {wanted}: {error}"))
                .help("is another program using it? choose another port, or 0 for any that is free")
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Opened {
            wanted,
            address,
            limits: server.limits,
            listener: Some(listener),
        })
    }

    pub(super) fn serve(&self, opened: Opened, gateway: Arc<Gateway>, tasks: &TaskTracker) {
        self.limits.store(Arc::new(opened.limits));
        let Opened {
            wanted,
            address,
            listener: Some(listener),
            ..
        } = opened
        else {
            return;
        };
        let is_local = address.ip().is_loopback();
        let idle = opened.limits.idle;
        let sessions = self.sessions.get_or_init(|| Arc::new(Sessions::new(idle)));
        let mcp = self.service(Arc::clone(&gateway), Arc::clone(sessions), is_local);
        let door = Door {
            gateway,
            sessions: Arc::clone(sessions),
            limits: Arc::clone(&self.limits),
            is_local,
        };
        let router = Router::new()
            .nest_service("/mcp", mcp)
            .layer(from_fn_with_state(self.answers.clone(), track))
            .layer(from_fn_with_state(door.clone(), door::pass))
            .fallback_service(any(door::elsewhere).with_state(door));
        // Answers are small: waiting to fill a packet (Nagle) costs each of them 40 ms.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let (moved, closing) = (CancellationToken::new(), CancellationToken::new());
        let (left, until) = (moved.clone(), closing.clone().cancelled_owned());
        tasks.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(until);
            tokio::select! {
                ended = serving.into_future() => if let Err(error) = ended {
                    tracing::error!(%address, %error, "serving ended");
                },
                // Connections that are open live on, as tasks of their own.
                () = left.cancelled() => {}
            }
        });
        let next = Serving {
            wanted,
            address,
            moved,
            closing,
        };
        let before = self
            .serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(next);
        if let Some(before) = before {
            before.moved.cancel();
        }
    }

    /// The MCP server of one address; all of them have the same sessions.
    fn service(
        &self,
        gateway: Arc<Gateway>,
        sessions: Arc<Sessions>,
        is_local: bool,
    ) -> StreamableHttpService<Front, Sessions> {
        let config =
            StreamableHttpServerConfig::default().with_cancellation_token(self.end.clone());
        // The door has its own bound, which follows the file.
        let config = config.with_max_request_body_bytes(usize::MAX);
        let config = if is_local {
            // Any page in a browser could otherwise call tools on this machine.
            config.with_allowed_origins([
                "http://localhost:*",
                "http://127.0.0.1:*",
                "http://[::1]:*",
            ])
        } else {
            // A page has no token, and by what names others reach this machine nobody knows here.
            config.disable_allowed_hosts()
        };
        let front = move || Ok(Front::new(Arc::clone(&gateway)));
        StreamableHttpService::new(front, sessions, config)
    }

    /// Takes no more connections.
    pub(super) fn close(&self) {
        if let Some(serving) = self.serving() {
            serving.closing.cancel();
        }
    }

    /// Ends the sessions that are left, once the last answers have been written.
    pub(super) async fn end_sessions(&self) {
        self.answers.close();
        if tokio::time::timeout(LAST_ANSWERS, self.answers.wait())
            .await
            .is_err()
        {
            tracing::warn!("a client does not read its answer");
        }
        self.end.cancel();
    }
}

/// Counts an answer as under way until its last byte is handed over.
async fn track(State(answers): State<TaskTracker>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let under_way = answers.token();
    next.run(request).await.map(|body| {
        let bytes = body.into_data_stream().inspect(move |_| {
            let _until_dropped = &under_way;
        });
        Body::from_stream(bytes)
    })
}
