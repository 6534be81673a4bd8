//! Who meets whom: what a client says of itself, with `initialize` or with each request, and what
//! the gateway says of itself, which follows from what serves.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::gateway::Snapshot;
use crate::gateway::capabilities::own_info;
use crate::gateway::client::Profile;
use crate::mcp::{Members, Raw, Request, RpcError, Version, key, raw_of};

/// Bytes of a client's name, and of its version: they stand in every line about it, and limits
/// remember them.
const LONGEST_NAME: usize = 100;

/// Bytes of all that a client says of itself: it is kept as long as its session is, as it came. Icons
/// may stand in it as `data:` URIs (2025-11-25, `Implementation`).
const LONGEST: usize = 256 * 1024;

impl Profile {
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
        Self::new(
            version.unwrap_or(Version::LAST_WITH_SESSIONS),
            params.get("clientInfo").map(ToOwned::to_owned),
            params.object("capabilities").unwrap_or_default(),
        )
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
        Self::new(version, info, capabilities)
    }

    fn new(version: Version, info: Option<Raw>, capabilities: Members) -> Result<Self, RpcError> {
        let bytes =
            info.as_deref().map_or(0, |it| it.get().len()) + capabilities.to_raw().get().len();
        if bytes > LONGEST {
            let say = format!(
                "what the client says of itself (its info and its capabilities) has {bytes} bytes; \
                 at most {LONGEST} are kept"
            );
            return Err(RpcError::new(RpcError::INVALID_PARAMS, say));
        }
        let known = info.as_deref().and_then(Members::of).unwrap_or_default();
        let text = |key: &str| {
            let mut text = known.text(key).unwrap_or_default();
            text.truncate(text.floor_char_boundary(LONGEST_NAME));
            text
        };
        Ok(Self {
            name: format!("{}/{}", text("name"), text("version")),
            version,
            info,
            capabilities,
        })
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

/// The result of `initialize`.
pub(super) fn initialized(snapshot: &Snapshot, version: Version) -> Raw {
    let said = json!({
        "protocolVersion": version.as_str(),
        "serverInfo": own_info(),
    });
    introduction(snapshot, &said)
}

/// The result of `server/discover`.
pub(super) fn discovered(snapshot: &Snapshot) -> Raw {
    let supported: Vec<_> = Version::ALL.iter().rev().map(|it| it.as_str()).collect();
    let said = json!({
        "resultType": "complete",
        "supportedVersions": supported,
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { key::SERVER_INFO: own_info() },
    });
    introduction(snapshot, &said)
}

/// What is said of the host, and what follows from what serves.
fn introduction(snapshot: &Snapshot, said: &Value) -> Raw {
    // Strings and numbers of ours: nothing in it can fail to be written.
    let said = raw_of(said).ok();
    let mut said = said.and_then(|it| Members::of(&it)).unwrap_or_default();
    said.set("capabilities", snapshot.capabilities().to_raw());
    if let Some(text) = snapshot.instructions().and_then(|it| raw_of(&it).ok()) {
        said.set("instructions", text);
    }
    said.to_raw()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_client_calls_itself_is_short() {
        let long = "é".repeat(1 << 15);
        let info = raw_of(&json!({"name": long, "version": long, "odd": 1})).unwrap();
        let profile =
            Profile::new(Version::LATEST, Some(info.clone()), Members::default()).unwrap();
        let short = "é".repeat(LONGEST_NAME / 2);
        assert_eq!(profile.name, format!("{short}/{short}"));
        assert_eq!(profile.info.unwrap().get(), info.get());
    }

    #[test]
    fn a_client_that_says_too_much_of_itself_is_refused() {
        let long = raw_of(&json!({"name": "x".repeat(LONGEST)})).unwrap();
        let capabilities: Members = [("odd".to_owned(), long.clone())].into_iter().collect();
        for (info, capabilities) in [(Some(long), Members::default()), (None, capabilities)] {
            let refused = Profile::new(Version::LATEST, info, capabilities).unwrap_err();
            assert_eq!(refused.code, RpcError::INVALID_PARAMS);
            assert!(
                refused.message.contains("at most 262144"),
                "{}",
                refused.message
            );
        }
    }
}
