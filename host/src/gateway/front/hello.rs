//! Who meets whom: what a client says of itself, with `initialize` or with each request, and what
//! the gateway says of itself, which follows from what serves.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::gateway::Snapshot;
use crate::mcp::{Members, Raw, Request, RpcError, Version, key, raw_of};

/// A client, as it introduces itself.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    /// `name/version`
    pub(super) name: String,
    pub(super) version: Version,
    /// `clientInfo`, as it came.
    pub(super) info: Option<Raw>,
    pub(super) capabilities: Members,
}

impl Hello {
    /// From the parameters of `initialize`. A client that wants a version that is not spoken here,
    /// or one that has no `initialize`, is offered the newest that has.
    ///
    /// # Errors
    /// Parameters from which no version can be made out.
    pub(super) fn of_initialize(request: &Request) -> Result<Self, RpcError> {
        let params = request.members()?;
        let wanted = params.text("protocolVersion").ok_or_else(|| {
            let say = "`initialize` says in `protocolVersion` which version it wants";
            RpcError::new(RpcError::INVALID_PARAMS, say)
        })?;
        let version = Version::named(&wanted).filter(|it| it.has_sessions());
        Ok(Self::new(
            version.unwrap_or(Version::LAST_WITH_SESSIONS),
            params.get("clientInfo").map(ToOwned::to_owned),
            params.object("capabilities").unwrap_or_default(),
        ))
    }

    /// From the `_meta` of a request of the new era.
    ///
    /// # Errors
    /// `_meta` lacks what it must have, or its version is not spoken here.
    pub(super) fn of_meta(meta: &Members) -> Result<Self, RpcError> {
        let missing = |key: &str| {
            let say = format!("a request has `{key}` in its `_meta`");
            RpcError::new(RpcError::INVALID_PARAMS, say)
        };
        let wanted = meta
            .text(key::PROTOCOL_VERSION)
            .ok_or_else(|| missing(key::PROTOCOL_VERSION))?;
        let version = Version::named(&wanted)
            .filter(|it| !it.has_sessions())
            .ok_or_else(|| not_spoken(&wanted))?;
        let capabilities = meta
            .object(key::CLIENT_CAPABILITIES)
            .ok_or_else(|| missing(key::CLIENT_CAPABILITIES))?;
        let info = meta.get(key::CLIENT_INFO).map(ToOwned::to_owned);
        Ok(Self::new(version, info, capabilities))
    }

    fn new(version: Version, info: Option<Raw>, capabilities: Members) -> Self {
        let known = info.as_deref().and_then(Members::of).unwrap_or_default();
        let text = |key: &str| known.text(key).unwrap_or_default();
        Self {
            name: format!("{}/{}", text("name"), text("version")),
            version,
            info,
            capabilities,
        }
    }
}

/// -32022, with the versions that are.
pub(super) fn not_spoken(wanted: &str) -> RpcError {
    let supported: Vec<_> = Version::ALL.iter().rev().map(|it| it.as_str()).collect();
    let data = json!({ "supported": supported, "requested": wanted });
    RpcError {
        data: raw_of(&data).ok(),
        ..RpcError::new(
            RpcError::UNSUPPORTED_VERSION,
            format!("the version `{wanted}` is not spoken here"),
        )
    }
}

fn server_info() -> Value {
    json!({ "name": "config-sync", "version": env!("CARGO_PKG_VERSION") })
}

/// The result of `initialize`.
pub(super) fn initialized(snapshot: &Snapshot, version: Version) -> Raw {
    let mut result = json!({
        "protocolVersion": version.as_str(),
        "capabilities": capabilities(),
        "serverInfo": server_info(),
    });
    if let Some(instructions) = snapshot.instructions() {
        result["instructions"] = instructions.into();
    }
    raw(&result)
}

/// The result of `server/discover`.
pub(super) fn discovered(snapshot: &Snapshot) -> Raw {
    let supported: Vec<_> = Version::ALL.iter().rev().map(|it| it.as_str()).collect();
    let mut result = json!({
        "resultType": "complete",
        "supportedVersions": supported,
        "capabilities": capabilities(),
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { key::SERVER_INFO: server_info() },
    });
    if let Some(instructions) = snapshot.instructions() {
        result["instructions"] = instructions.into();
    }
    raw(&result)
}

/// What a client may ask for. A reload can bring each of these, so each is always there; a list
/// of which nothing serves is empty.
fn capabilities() -> Value {
    json!({
        "tools": { "listChanged": true },
        "prompts": { "listChanged": true },
        "resources": { "listChanged": true, "subscribe": true },
        "completions": {},
        "logging": {},
    })
}

/// Strings and numbers of ours: nothing in it can fail to be written.
fn raw(value: &Value) -> Raw {
    raw_of(value).unwrap_or_default()
}

/// Whether parameters are those of a request of the new era. Looks before it reads: most are not.
pub(super) fn is_stateless(params: Option<&RawValue>) -> bool {
    params.is_some_and(|params| {
        params.get().contains(key::PROTOCOL_VERSION)
            && Members::of(params)
                .and_then(|it| it.object(key::META))
                .is_some_and(|it| it.get(key::PROTOCOL_VERSION).is_some())
    })
}
