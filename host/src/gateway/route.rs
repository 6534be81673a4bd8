//! From what a client asks to a call of one backend: by the catalog of the snapshot that serves
//! now, on which the call stays whatever is swapped in meanwhile.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::catalog::{Capability, Destination};
use super::client::Client;
use super::{Call, CallError, Gateway, Method, Reply, Snapshot};
use crate::mcp::{Id, Members};

/// What a client asks of a backend.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) client: Arc<dyn Client>,
    /// The client's own name for its request.
    pub(super) request: Id,
    /// Whose token it showed, where clients must show one.
    pub(super) caller: Option<String>,
    pub(super) method: Method,
    pub(super) params: Members,
    /// Cancelled when the client takes the request back, or leaves.
    pub(super) cancelled: CancellationToken,
}

impl Gateway {
    /// Sends a request through the middleware to the backend that has what it names.
    pub(super) async fn call(&self, asked: Asked) -> Reply {
        let snapshot = self.current();
        let call = snapshot.call_of(asked, self.next_call())?;
        snapshot.serve(call).await
    }
}

impl Snapshot {
    fn call_of(&self, asked: Asked, id: u64) -> Result<Call, CallError> {
        let Asked {
            client,
            request,
            caller,
            method,
            mut params,
            cancelled,
        } = asked;
        let kind = method.capability();
        let shown_as = method.name_in(&params).unwrap_or_default();
        let to = self
            .lead(kind, &shown_as)
            .ok_or_else(|| CallError::unknown(kind, &shown_as))?;
        if to.name != shown_as {
            method.rename(&mut params, &to.name);
        }
        Ok(Call {
            id,
            client,
            request,
            caller,
            method,
            shown_as,
            backend: to.backend,
            params,
            repeatable: to.repeatable || method != Method::CallTool,
            cancelled,
        })
    }

    /// A completion may name a resource where it means the template that the resource is of.
    fn lead(&self, kind: Capability, shown_as: &str) -> Option<Destination> {
        let to = self.route(kind, shown_as);
        if kind == Capability::ResourceTemplate {
            return to.or_else(|| self.route(Capability::Resource, shown_as));
        }
        to
    }
}
