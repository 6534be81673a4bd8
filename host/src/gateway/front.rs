//! The MCP server that clients talk to: rmcp keeps sessions and lifecycle, this answers. Lists
//! come from the snapshot, calls go through its chain; both as raw JSON (`sessions.rs` sees to
//! that), so that rmcp's types lose nothing of what backends say.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::ServerHandler;
use rmcp::model::{
    CustomRequest, CustomResult, ErrorCode, ErrorData, Implementation, ProtocolVersion,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer};
use serde_json::{Map, Value};

use super::door::Caller;
use super::{Call, CallError, Capability, Gateway, Method, Origin, Reply};

/// JSON-RPC's "method not found".
const METHOD_NOT_FOUND: i32 = -32601;

/// One client's session.
pub(super) struct Front {
    gateway: Arc<Gateway>,
}

impl Front {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    async fn answer(&self, request: CustomRequest, context: RequestContext<RoleServer>) -> Reply {
        let listed = Capability::ALL
            .into_iter()
            .find(|kind| kind.list_method() == request.method);
        if let Some(kind) = listed {
            return Ok(self.gateway.current().list(kind));
        }
        let called = Method::ALL
            .into_iter()
            .find(|method| method.as_str() == request.method);
        let method = called.ok_or_else(|| CallError {
            code: METHOD_NOT_FOUND,
            message: request.method.clone(),
            data: None,
            origin: Origin::Gateway,
        })?;
        let Some(Value::Object(params)) = request.params else {
            return Err(CallError::unknown(method.capability(), ""));
        };
        self.call(method, params, context).await
    }

    async fn call(
        &self,
        method: Method,
        mut params: Map<String, Value>,
        context: RequestContext<RoleServer>,
    ) -> Reply {
        let key = method.name_key();
        let shown_as = params
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        // From here on the call stays on this snapshot, whatever is swapped in meanwhile.
        let snapshot = self.gateway.current();
        let kind = method.capability();
        let to = snapshot
            .route(kind, &shown_as)
            .ok_or_else(|| CallError::unknown(kind, &shown_as))?;
        params.insert(key.to_owned(), to.name.into());
        forget_progress_token(&mut params);
        let call = Call {
            id: self.gateway.next_call(),
            client: client_of(&context),
            caller: caller_of(&context),
            method,
            shown_as,
            backend: to.backend,
            params,
            repeatable: to.repeatable,
            cancelled: context.ct,
        };
        snapshot.serve(call).await
    }
}

/// rmcp asks the backend for progress under a token of its own.
fn forget_progress_token(params: &mut Map<String, Value>) {
    if let Some(Value::Object(meta)) = params.get_mut("_meta") {
        meta.shift_remove("progressToken");
        if meta.is_empty() {
            params.shift_remove("_meta");
        }
    }
}

fn client_of(context: &RequestContext<RoleServer>) -> String {
    context.peer.peer_info().map_or_else(String::new, |info| {
        format!("{}/{}", info.client_info.name, info.client_info.version)
    })
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
        reply
            .map(CustomResult)
            .map_err(|error| ErrorData::new(ErrorCode(error.code), error.message, error.data))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.gateway.greet(context.peer);
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
        ServerConfig::new(capabilities).with_server_info(Implementation::new(
            "config-sync",
            env!("CARGO_PKG_VERSION"),
        ))
    }

    /// The versions that begin with `initialize`; a newer client falls back to them.
    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::known_up_to(
            &ProtocolVersion::LATEST_WITH_INITIALIZE,
        ))
    }
}
