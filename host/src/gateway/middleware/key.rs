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
        // A name that nobody lists is the client's own: each would have a limit of its own.
        let name = call.template.as_ref().unwrap_or(&call.shown_as);
        Some(match per {
            Per::ClientAndTool => Self::new(call.who(), name),
            Per::Client => Self::new(call.who(), ""),
            Per::Tool => Self::new("", name),
            Per::Backend => Self::new("", &call.backend),
            Per::All => Self::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::call;
    use super::*;

    #[test]
    fn all_that_is_read_through_one_template_shares_a_limit() {
        let key = |uri: &str, template: Option<&str>| {
            let call = Call {
                method: Method::ReadResource,
                template: template.map(str::to_owned),
                ..call(uri)
            };
            Key::of(&call, Per::ClientAndTool, None)
        };
        let template = Some("file:///{path}");
        assert_eq!(key("file:///a", template), key("file:///b", template));
        assert_ne!(key("file:///a", None), key("file:///b", None));
        assert_ne!(
            key("file:///a", template),
            key("http://a", Some("http://{a}"))
        );
    }
}
