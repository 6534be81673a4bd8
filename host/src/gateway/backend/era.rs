//! Between the two eras of the protocol: what a backend's version needs with a request, and what
//! a client's version needs with a result. Where both are of one era nothing is touched but the
//! token for progress.

use serde_json::json;
use serde_json::value::RawValue;

use super::about::About;
use super::hello::{Hello, own_capabilities};
use crate::gateway::capabilities::own_info;
use crate::gateway::client::LogLevel;
use crate::gateway::{Call, CallError, Method};
use crate::mcp::{Members, Raw, RpcError, Version, key, raw_of};

/// What the new era says with each request.
const OF_THE_NEW: [&str; 4] = [
    key::PROTOCOL_VERSION,
    key::CLIENT_INFO,
    key::CLIENT_CAPABILITIES,
    key::LOG_LEVEL,
];

/// Notes down what a call wants to hear of while it is under way.
pub(super) fn about(call: &Call) -> About {
    let meta = meta_of(&call.params);
    let token = meta.as_ref().and_then(|it| it.get(key::PROGRESS_TOKEN));
    let asked = meta.as_ref().and_then(|it| it.text(key::LOG_LEVEL));
    let asked = asked.and_then(|it| LogLevel::named(&it));
    About {
        client: call.client.clone(),
        caller: call.caller.clone(),
        request: Some(call.request.clone()),
        token: token.map(ToOwned::to_owned),
        log_level: asked.or_else(|| call.client.log_level()),
        asking: call.asking.clone(),
    }
}

fn meta_of(params: &Members) -> Option<Members> {
    params.object(key::META)
}

/// Makes the parameters of a request fit the backend's version.
pub(super) fn to_backend(params: &mut Members, hello: &Hello, id: u64, about: Option<&About>) {
    let meta = meta_of(params);
    if hello.version.has_sessions() && meta.is_none() {
        return;
    }
    let was_empty = meta.as_ref().is_some_and(Members::is_empty);
    let mut meta = meta.unwrap_or_default();
    if about.is_some_and(|it| it.token.is_some())
        && let Ok(ours) = raw_of(&id)
    {
        meta.set(key::PROGRESS_TOKEN, ours);
    }
    if hello.version.has_sessions() {
        for key in OF_THE_NEW {
            meta.remove(key);
        }
    } else {
        sign(&mut meta, hello.version, about);
    }
    if meta.is_empty() && !was_empty {
        params.remove(key::META);
    } else {
        params.set(key::META, meta.to_raw());
    }
}

/// Who asks, and what it can do: the client whose request it is about, else the gateway.
pub(super) fn sign(meta: &mut Members, version: Version, about: Option<&About>) {
    let mut set = |key, value: Option<Raw>| {
        if let Some(value) = value {
            meta.set(key, value);
        }
    };
    set(key::PROTOCOL_VERSION, raw_of(&version.as_str()).ok());
    let client = about.map(|it| &it.client);
    let info = client.and_then(|it| it.info()).map(ToOwned::to_owned);
    let level = about.and_then(|it| it.log_level);
    set(
        key::LOG_LEVEL,
        level.and_then(|it| raw_of(&it.as_str()).ok()),
    );
    if client.is_some_and(|it| !it.version().has_sessions()) {
        // It said so itself.
        return;
    }
    set(key::CLIENT_INFO, info.or_else(own_info));
    let can = client.map_or_else(own_capabilities, |it| it.capabilities().clone());
    set(key::CLIENT_CAPABILITIES, Some(can.to_raw()));
}

/// Makes a result fit the client's version.
pub(super) fn to_client(result: Raw, backend: Version, client: Version, method: &Method) -> Raw {
    if backend.has_sessions() == client.has_sessions() {
        return result;
    }
    let Some(mut members) = Members::of(&result) else {
        return result;
    };
    if client.has_sessions() {
        for key in ["resultType", "ttlMs", "cacheScope"] {
            members.remove(key);
        }
    } else {
        let mut add = |key, value| {
            if members.get(key).is_none()
                && let Ok(value) = raw_of(&value)
            {
                members.set(key, value);
            }
        };
        add("resultType", json!("complete"));
        if *method == Method::ReadResource {
            // Nobody said for how long it holds, or for whom.
            add("ttlMs", json!(0));
            add("cacheScope", json!("private"));
        }
    }
    members.to_raw()
}

/// Makes an error fit the client's version: the new era has none of these codes.
pub(super) fn error_to_client(error: CallError, client: Version) -> CallError {
    match error.code {
        _ if client.has_sessions() => error,
        RpcError::RESOURCE_NOT_FOUND => CallError {
            code: RpcError::INVALID_PARAMS,
            ..error
        },
        // To ask for it (`input_required`) would make it call again at once, before anybody has
        // done there what must be done.
        RpcError::URL_ELICITATION_REQUIRED => CallError {
            code: RpcError::INTERNAL_ERROR,
            message: format!("{}; {}", error.message, what_to_open(error.data.as_deref())),
            ..error
        },
        _ => error,
    }
}

/// What stands in the data of -32042 (2025-11-25, "URL elicitation required").
fn what_to_open(data: Option<&RawValue>) -> String {
    let data = data.and_then(Members::of).unwrap_or_default();
    let pages: Vec<Members> = data.read("elicitations").unwrap_or_default();
    let page = |page: &Members| {
        let (url, why) = (page.text("url")?, page.text("message"));
        Some(why.map_or(url.clone(), |why| format!("{url} ({why})")))
    };
    let pages: Vec<_> = pages.iter().filter_map(page).collect();
    format!(
        "the user must open {} first, and then it can be called again",
        pages.join(" and ")
    )
}

/// What a backend of the new era needs to be told before it can go on.
#[derive(Debug)]
pub(super) struct InputRequired {
    /// What is asked, by the backend's own names.
    pub(super) requests: Members,
    pub(super) state: Option<Raw>,
}

impl InputRequired {
    /// `None` for a result that is one.
    pub(super) fn of(result: &RawValue) -> Option<Self> {
        const SAID: &str = "input_required";
        if !result.get().contains(SAID) {
            return None;
        }
        let members = Members::of(result)?;
        (members.text("resultType")? == SAID).then(|| Self {
            requests: members.object("inputRequests").unwrap_or_default(),
            state: members.get("requestState").map(ToOwned::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_era_gets_no_error_of_the_old() {
        let data = r#"{"elicitations":[{"mode":"url","url":"https://a.example/1","message":"sign in","elicitationId":"x"},{"url":"https://b.example"}]}"#;
        let error = |code| CallError {
            code,
            data: Members::parse(data).ok().map(|it| it.to_raw()),
            ..CallError::internal("no")
        };
        let codes = [-32002, -32042, -32000, 7];
        let to = |version| codes.map(|code| error_to_client(error(code), version).code);
        assert_eq!(to(Version::V20251125), codes);
        assert_eq!(to(Version::LATEST), [-32602, -32603, -32000, 7]);
        let error = error_to_client(error(-32042), Version::LATEST);
        let say = "no; the user must open https://a.example/1 (sign in) and https://b.example \
                   first, and then it can be called again";
        assert_eq!(error.message, say);
        assert_eq!(error.data.unwrap().get(), data);
    }
}
