//! Allow and deny: which tools, prompts and resources there are for clients, by the names that
//! clients see. Whatever is shut is not listed, and a call of it is refused.

use futures::future::BoxFuture;

use super::{Middleware, Next};
use crate::config::{Globs, Names};
use crate::gateway::{Call, CallError, Capability, Reply};

pub(super) struct Gate {
    names: Names,
    /// What becomes of a name that matches.
    opens: bool,
}

impl Gate {
    pub(super) fn allow(names: &Names) -> Self {
        Self {
            names: names.clone(),
            opens: true,
        }
    }

    pub(super) fn deny(names: &Names) -> Self {
        Self {
            names: names.clone(),
            opens: false,
        }
    }

    fn globs(&self, kind: Capability) -> Option<&Globs> {
        match kind {
            Capability::Tool => self.names.tools.as_ref(),
            Capability::Prompt => self.names.prompts.as_ref(),
            Capability::Resource | Capability::ResourceTemplate => self.names.resources.as_ref(),
        }
    }
}

impl Middleware for Gate {
    fn shows(&self, kind: Capability, name: &str) -> bool {
        self.globs(kind)
            .is_none_or(|globs| globs.matches(name) == self.opens)
    }

    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        // What is not known here names nothing that could be shut.
        let Some(kind) = call.method.capability() else {
            return next.run(call);
        };
        if self.shows(kind, &call.shown_as) {
            return next.run(call);
        }
        Box::pin(async move {
            Err(CallError::forbidden(format!(
                "the {} `{}` is not allowed by the gateway's configuration",
                kind.as_str(),
                call.shown_as
            )))
        })
    }
}
