//! One backend: an MCP server that the gateway is a client of. It lives as long as a snapshot
//! that names it: when the last one is dropped no call can be under way, and it is stopped. A
//! retired backend whose calls do not end is stopped when its drain time is over.

mod child;
mod offers;
mod remote;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ClientRequest, CustomRequest, Implementation,
    ProtocolVersion, ServerResult,
};
use rmcp::service::{
    NotificationContext, Peer, PeerRequestOptions, RoleClient, RunningService, ServiceError,
};
use rmcp::{ClientHandler, ServiceExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::meter::Meter;
use super::swap::Ground;
use super::{Call, CallError, Offer, Origin, Reply};
use crate::config::{BackendSpec, Connection};
use crate::mcp::{Members, raw_of};

/// Something that a backend did by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendNotice {
    /// Its name.
    pub backend: String,
    /// What it did.
    pub kind: NoticeKind,
}

/// What a backend can do by itself, or what is wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Its tools, prompts or resources are not what they were.
    OffersChanged,
    /// Its connection or process ended.
    Ended,
    /// It did nothing: somebody wants it back at once.
    Wanted,
    /// It gave no answer so often that its calls are refused for so long.
    LeftAlone(Duration),
    /// It answers again, after it was left alone.
    AnswersAgain,
}

/// A running backend.
pub(super) struct Backend {
    name: String,
    spec: BackendSpec,
    process: Option<u32>,
    peer: Peer<RoleClient>,
    offers: ArcSwap<Vec<Offer>>,
    meter: Arc<Meter>,
    retired: CancellationToken,
    ended: CancellationToken,
    /// Dropped with the last snapshot that names this backend.
    _unused: DropGuard,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({})", self.name)
    }
}

/// Hears what the backend says by itself.
struct Ear {
    name: String,
    notices: mpsc::UnboundedSender<BackendNotice>,
}

impl Ear {
    fn tell(&self, kind: NoticeKind) {
        // Nobody listens once the host stops.
        let _ = self.notices.send(BackendNotice {
            backend: self.name.clone(),
            kind,
        });
    }
}

impl ClientHandler for Ear {
    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.tell(NoticeKind::OffersChanged);
    }

    async fn on_prompt_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.tell(NoticeKind::OffersChanged);
    }

    async fn on_resource_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.tell(NoticeKind::OffersChanged);
    }

    fn get_info(&self) -> ClientConfig {
        let me = Implementation::new("config-sync", env!("CARGO_PKG_VERSION"));
        // The newest version that begins with `initialize`.
        ClientConfig::new(ClientCapabilities::default(), me)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }
}

impl Backend {
    /// Starts or connects it, and asks what it offers.
    ///
    /// # Errors
    /// What went wrong, for the owner of the config file.
    pub(super) async fn start(
        name: &str,
        spec: &BackendSpec,
        ground: &Ground,
    ) -> Result<Arc<Self>, String> {
        let ear = Ear {
            name: name.to_owned(),
            notices: ground.notices.clone(),
        };
        let init = spec.timeouts.init;
        let (process, connected) = match &spec.connection {
            _ if let Some(connector) = &ground.connector => {
                let connect = async {
                    let stream = connector.connect(name, spec).await?;
                    Ok::<_, String>(ear.serve(stream).await)
                };
                (None, within(init, connect).await.transpose()?)
            }
            Connection::Stdio { .. } => {
                let child = child::spawn(name, &spec.connection, ground)?;
                let process = child.process();
                (process, within(init, ear.serve(child)).await)
            }
            Connection::StreamableHttp { .. } => {
                let remote = remote::connect(&spec.connection)?;
                (None, within(init, ear.serve(remote)).await)
            }
        };
        let service = connected
            .ok_or_else(|| {
                format!(
                    "it did not answer `initialize` within {} s (timeouts.init)",
                    init.as_secs_f64()
                )
            })?
            .map_err(|error| no_mcp(&spec.connection, &error))?;
        let unused = CancellationToken::new();
        let backend = Arc::new(Self {
            name: name.to_owned(),
            spec: spec.clone(),
            process,
            peer: service.peer().clone(),
            offers: ArcSwap::default(),
            meter: ground.meters.of(name),
            retired: CancellationToken::new(),
            ended: CancellationToken::new(),
            _unused: unused.clone().drop_guard(),
        });
        ground.tasks.spawn(keep(
            service,
            unused,
            backend.retired.clone(),
            backend.ended.clone(),
            spec.timeouts.drain,
        ));
        backend.refresh().await?;
        Ok(backend)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn spec(&self) -> &BackendSpec {
        &self.spec
    }

    pub(super) fn process(&self) -> Option<u32> {
        self.process
    }

    /// What it offered when it was last asked.
    pub(super) fn offers(&self) -> Arc<Vec<Offer>> {
        self.offers.load_full()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// From now on it has its drain time to finish what is under way.
    pub(super) fn retire(&self) {
        self.retired.cancel();
    }

    /// Whether it answers at all, in time.
    pub(super) async fn ping(&self) -> Result<(), String> {
        let limit = self.spec.timeouts.cap_fetch;
        if self.has_ended() {
            return Err("it ended".to_owned());
        }
        let request = ClientRequest::CustomRequest(CustomRequest::new("ping", None));
        let options = PeerRequestOptions::no_options();
        let answer = async {
            let handle = self.peer.send_cancellable_request(request, options).await?;
            handle
                .rx
                .await
                .unwrap_or(Err(ServiceError::TransportClosed))
        };
        match within(limit, answer).await {
            None => Err(format!(
                "it did not answer `ping` within {} s (timeouts.cap_fetch)",
                limit.as_secs_f64()
            )),
            // That it knows no `ping` is an answer too.
            Some(Ok(_) | Err(ServiceError::McpError(_))) => Ok(()),
            Some(Err(_)) => Err("it does not answer `ping`".to_owned()),
        }
    }

    /// Hands a call to the backend and waits for its result.
    pub(super) async fn request(&self, call: Call) -> Reply {
        let timing = self.meter.begin(Instant::now());
        let asked = self.ask(call.method.as_str(), call.params, &call.cancelled);
        let reply = asked.await;
        // An error that it gives is an answer.
        if !matches!(&reply, Err(error) if error.origin != Origin::Backend) {
            timing.answered(Instant::now());
        }
        reply
    }

    async fn ask(&self, method: &str, params: Members, cancelled: &CancellationToken) -> Reply {
        let params: Value = serde_json::from_str(params.to_raw().get()).unwrap_or_default();
        let request = CustomRequest::new(method, Some(params));
        let request = ClientRequest::CustomRequest(request);
        let mut handle = self
            .peer
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await
            .map_err(|error| self.failed(method, error))?;
        tokio::select! {
            answer = &mut handle.rx => match answer {
                Ok(answer) => answer.map_err(|error| self.failed(method, error)).and_then(|result| raw(&result)),
                Err(_dropped) => Err(self.failed(method, ServiceError::TransportClosed)),
            },
            () = cancelled.cancelled() => {
                // If the backend is gone there is nothing left to cancel.
                let _ = handle.cancel(Some("cancelled by the client".to_owned())).await;
                Err(CallError::cancelled())
            }
        }
    }

    /// What a client is told. A backend's own error passes as it is; what the transport says is
    /// for the log, since it can name paths and addresses.
    fn failed(&self, method: &str, error: ServiceError) -> CallError {
        match error {
            ServiceError::McpError(error) => CallError {
                code: error.code.0.into(),
                message: error.message.into_owned(),
                data: error.data.and_then(|it| raw_of(&it).ok()),
                origin: Origin::Backend,
            },
            other => {
                tracing::warn!(backend = self.name, method, error = %other, "no answer");
                CallError::no_answer(format!("backend `{}` did not answer", self.name))
            }
        }
    }
}

fn no_mcp(connection: &Connection, error: &dyn fmt::Display) -> String {
    match connection {
        Connection::Stdio { .. } => format!(
            "it does not speak MCP: {error}; CONFIG_SYNC_LOG=config_sync=debug shows what it says on standard error"
        ),
        // The error names the URL, and what a placeholder stands for may be a secret.
        Connection::StreamableHttp { url, .. } if url.has_variables() => {
            format!("nothing at `{url}` speaks MCP over Streamable HTTP")
        }
        Connection::StreamableHttp { url, .. } => {
            format!("nothing at `{url}` speaks MCP over Streamable HTTP: {error}")
        }
    }
}

fn raw(result: &ServerResult) -> Reply {
    let raw = match result {
        ServerResult::CustomResult(result) => raw_of(&result.0),
        typed => raw_of(typed),
    };
    raw.map_err(|_| CallError::internal("the backend's answer cannot be written as JSON"))
}

/// Keeps the connection until nobody uses it any more, its drain time is over, or it ends by
/// itself; then closes it, which for a child means the process and all that it started.
async fn keep(
    service: RunningService<RoleClient, Ear>,
    unused: CancellationToken,
    retired: CancellationToken,
    ended: CancellationToken,
    drain: Duration,
) {
    let ear = Ear {
        name: service.service().name.clone(),
        notices: service.service().notices.clone(),
    };
    let stop = service.cancellation_token();
    let mut waiting = Box::pin(service.waiting());
    let drained = async {
        retired.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        _ = &mut waiting => {
            ended.cancel();
            if !unused.is_cancelled() && !retired.is_cancelled() {
                ear.tell(NoticeKind::Ended);
            }
            return;
        }
        () = unused.cancelled() => {}
        () = drained => tracing::warn!(backend = ear.name, "calls did not end within timeouts.drain; stopped"),
    }
    ended.cancel();
    stop.cancel();
    let _ = waiting.await;
    tracing::info!(backend = ear.name, "stopped");
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}
