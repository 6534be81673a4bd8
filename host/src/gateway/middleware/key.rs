//! Who shares a limit with whom. A client is who its token says it is, else what it calls itself:
//! that stays the same when it connects anew.

use crate::config::{Globs, Per};
use crate::gateway::{Call, Method};

/// Calls with the same key share a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Key {
    client: String,
    name: String,
}

impl Key {
    pub(super) fn new(client: &str, name: &str) -> Self {
        Self {
            client: client.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The key of this call; nothing if the limit, which is about these tools only, is not about
    /// it.
    pub(super) fn of(call: &Call, per: Per, tools: Option<&Globs>) -> Option<Self> {
        let about =
            |tools: &Globs| call.method == Method::CallTool && tools.matches(&call.shown_as);
        if !call.method.is_call() || !tools.is_none_or(about) {
            return None;
        }
        Some(match per {
            Per::ClientAndTool => Self::new(call.who(), &call.shown_as),
            Per::Client => Self::new(call.who(), ""),
            Per::Tool => Self::new("", &call.shown_as),
            Per::Backend => Self::new("", &call.backend),
            Per::All => Self::default(),
        })
    }
}
