//! The MCP server that clients talk to: rmcp keeps sessions and lifecycle, this answers. Lists
//! come from the snapshot, calls go through its chain; both as raw JSON (`sessions.rs` sees to
//! that), so that rmcp's types lose nothing of what backends say.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::ServerHandler;
use rmcp::model::{
    CustomNotification, CustomRequest, CustomResult, ErrorCode, ErrorData, Implementation,
    ProtocolVersion, ServerCapabilities, ServerConfig, ServerNotification,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RoleServer};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::client::{Client, ClientId, LogLevel};
use super::door::Caller;
use super::route::Asked;
use super::{Capability, Gateway, Method, Reply};
use crate::mcp::{Id, Members, Notification, Raw, RpcError, Version, raw_of};

/// One client's session.
pub(super) struct Front {
    gateway: Arc<Gateway>,
    client: OnceLock<Arc<Session>>,
}

/// The client of a session, as backends reach it.
#[allow(dead_code, reason = "this front is being replaced")]
struct Session {
    id: ClientId,
    name: String,
    capabilities: Members,
    peer: Peer<RoleServer>,
    /// In their order, to whoever sends them.
    said: mpsc::UnboundedSender<CustomNotification>,
    gone: CancellationToken,
}

impl Client for Session {
    fn id(&self) -> ClientId {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Version {
        Version::LAST_WITH_SESSIONS
    }

    fn info(&self) -> Option<&RawValue> {
        None
    }

    fn capabilities(&self) -> &Members {
        &self.capabilities
    }

    fn log_level(&self) -> Option<LogLevel> {
        None
    }

    fn tell(&self, _about: Option<&Id>, notification: Notification) {
        let params = notification.params.as_deref();
        let params = params.and_then(|it| serde_json::from_str(it.get()).ok());
        let said = CustomNotification::new(notification.method, params);
        // It has left.
        let _ = self.said.send(said);
    }

    fn ask(
        &self,
        _about: &Id,
        method: String,
        _params: Option<Raw>,
    ) -> BoxFuture<'static, Result<Raw, RpcError>> {
        async move { Err(RpcError::new(RpcError::METHOD_NOT_FOUND, method)) }.boxed()
    }

    fn gone(&self) -> &CancellationToken {
        if self.peer.is_transport_closed() {
            self.gone.cancel();
        }
        &self.gone
    }
}

impl Front {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            gateway,
            client: OnceLock::new(),
        }
    }

    fn client(&self, peer: &Peer<RoleServer>) -> Arc<Session> {
        let session = self.client.get_or_init(|| {
            let name = peer.peer_info().map_or_else(String::new, |info| {
                format!("{}/{}", info.client_info.name, info.client_info.version)
            });
            let (said, mut waiting) = mpsc::unbounded_channel();
            let listener = peer.clone();
            tokio::spawn(async move {
                while let Some(said) = waiting.recv().await {
                    let said = ServerNotification::CustomNotification(said);
                    if listener.send_notification(said).await.is_err() {
                        return;
                    }
                }
            });
            Arc::new(Session {
                said,
                id: ClientId::next(),
                name,
                capabilities: Members::default(),
                peer: peer.clone(),
                gone: CancellationToken::new(),
            })
        });
        Arc::clone(session)
    }

    async fn answer(&self, request: CustomRequest, context: RequestContext<RoleServer>) -> Reply {
        let snapshot = self.gateway.current();
        let mut kinds = Capability::ALL.into_iter();
        if let Some(kind) = kinds.find(|kind| kind.list_method() == request.method) {
            return Ok(snapshot.list(kind));
        }
        let params = request.params.and_then(|it| raw_of(&it).ok());
        let params = params.and_then(|it| Members::of(&it)).unwrap_or_default();
        let method = Method::of(&request.method, &params)
            .ok_or_else(|| super::CallError::not_found(&request.method))?;
        let asked = Asked {
            client: self.client(&context.peer),
            request: 0.into(),
            caller: caller_of(&context),
            method,
            params,
            cancelled: context.ct,
        };
        self.gateway.call(asked).await
    }
}

/// Whom the door let in.
fn caller_of(context: &RequestContext<RoleServer>) -> Option<String> {
    let request = context.extensions.get::<axum::http::request::Parts>()?;
    request.extensions.get::<Caller>().map(|it| it.0.clone())
}

impl ServerHandler for Front {
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let reply = self.answer(request, context).await;
        let value = |raw: Raw| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
        reply
            .map(|result| CustomResult(value(result)))
            .map_err(|error| {
                let code = i32::try_from(error.code).unwrap_or(-32603);
                ErrorData::new(ErrorCode(code), error.message, error.data.map(value))
            })
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.gateway.greet(self.client(&context.peer));
    }

    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .build();
        let me = Implementation::new("config-sync", env!("CARGO_PKG_VERSION"));
        let hello = ServerConfig::new(capabilities).with_server_info(me);
        match self.gateway.current().instructions() {
            Some(instructions) => hello.with_instructions(instructions),
            None => hello,
        }
    }

    /// The versions that begin with `initialize`; a newer client falls back to them.
    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::known_up_to(
            &ProtocolVersion::LATEST_WITH_INITIALIZE,
        ))
    }
}
