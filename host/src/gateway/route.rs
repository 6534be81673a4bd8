//! From what a client asks to a call of one backend: by the catalog of the snapshot that serves
//! now, on which the call stays whatever is swapped in meanwhile.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::backend::Backend;
use super::capabilities::{declares, family_of, is_extended};
use super::catalog::{Capability, Destination};
use super::client::Client;
use super::tasks::Page;
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
    pub(super) async fn call(&self, mut asked: Asked) -> Reply {
        let snapshot = self.current();
        let page = snapshot.page_of_tasks(&mut asked)?;
        let call = snapshot.call_of(asked, page.as_ref(), self.next_call())?;
        let reply = snapshot.serve(call).await;
        match page {
            Some(page) => reply.map(|it| page.shown(it)),
            None => reply,
        }
    }
}

impl Snapshot {
    fn call_of(&self, asked: Asked, page: Option<&Page>, id: u64) -> Result<Call, CallError> {
        let Asked {
            client,
            request,
            caller,
            method,
            mut params,
            cancelled,
        } = asked;
        let shown_as = method.name_in(&params).unwrap_or_default();
        let to = match (method.capability(), page) {
            (Some(kind), _) => self
                .lead(kind, &shown_as)
                .ok_or_else(|| CallError::unknown(kind, &shown_as))?,
            (None, Some(page)) => page.destination(),
            (None, None) => {
                let method = method.on_the_wire();
                let task = self.task_at(&method, &params, caller.as_deref())?;
                task.map_or_else(|| self.knower(&method), Ok)?
            }
        };
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
            template: to.template,
            repeatable: to.repeatable,
            cancelled,
            asking: Asking::default(),
        })
    }

    /// The one backend that may know this method: that which declares the family that it is of
    /// (`tasks` for `tasks/get`, or an extension of that name), else that which declares anything that the gateway does not know,
    /// else that which is there alone.
    fn knower(&self, method: &str) -> Result<Destination, CallError> {
        let family = family_of(method);
        let knows = |backend: &&Arc<Backend>| declares(backend.capabilities(), family);
        let extended = |backend: &&Arc<Backend>| is_extended(backend.capabilities());
        let all = || self.backends.iter();
        let found = [
            all().filter(knows).collect::<Vec<_>>(),
            all().filter(extended).collect(),
            all().collect(),
        ];
        let found = found.into_iter().find(|it| !it.is_empty());
        match found.unwrap_or_default().as_slice() {
            [one] => Ok(Destination::whole(one.name())),
            [] => Err(CallError::no_method(method)),
            several => {
                let count = several.len();
                let mut error = CallError::no_method(method);
                error.message +=
                    &format!(" here, and which of {count} backends has it, nobody can tell");
                Err(error)
            }
        }
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
