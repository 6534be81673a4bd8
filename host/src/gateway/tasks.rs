//! Tasks of all backends as those of one server (2025-11-25, "Tasks"; the extension
//! `io.modelcontextprotocol/tasks`): a request that names one goes to the backend where it was begun,
//! and `tasks/list` from backend to backend, page by page. Where clients must show a token, a task
//! belongs to the caller that began it; where not, to whoever knows its name, and only lists are told
//! apart. Never keeps what a backend says of a task.

use std::sync::Arc;

use super::backend::{Backend, Beginner};
use super::capabilities::{declares, family_of};
use super::catalog::Destination;
use super::client::ClientId;
use super::route::Asked;
use super::{CallError, Snapshot};
use crate::mcp::{Members, Raw, key, raw_of};

/// Whose capabilities these are.
pub(super) const FAMILY: &str = "tasks";
const LIST: &str = "tasks/list";
const CURSOR: &str = "cursor";
const NEXT: &str = "nextCursor";

impl Beginner {
    /// Whether this caller may see what becomes of it.
    fn lets(&self, caller: Option<&str>) -> bool {
        self.caller.is_none() || self.caller.as_deref() == caller
    }
}

impl Snapshot {
    /// Where the task was begun that a method about tasks names, if it is one, and that is known.
    ///
    /// # Errors
    /// -32602 for one that is another caller's, or that any of several backends may have.
    pub(super) fn task_at(
        &self,
        method: &str,
        params: &Members,
        caller: Option<&str>,
    ) -> Result<Option<Destination>, CallError> {
        let named = params.text(key::TASK);
        let Some(task) = named.filter(|_| family_of(method) == FAMILY) else {
            return Ok(None);
        };
        let all = self.backends.iter();
        let begun = all.filter_map(|it| Some((it, it.began(&task)?)));
        let begun: Vec<_> = begun.collect();
        if let Some((backend, _)) = begun.iter().find(|(_, by)| by.lets(caller)) {
            return Ok(Some(Destination::whole(backend.name())));
        }
        if begun.is_empty() && self.with_tasks().count() < 2 {
            return Ok(None);
        }
        Err(CallError::invalid(format!("unknown task: {task}")))
    }

    fn with_tasks(&self) -> impl Iterator<Item = &Arc<Backend>> {
        let all = self.backends.iter();
        all.filter(|it| declares(it.capabilities(), FAMILY))
    }

    /// The page of `tasks/list` that this asks for, if it asks for one, with the cursor as its
    /// backend knows it.
    ///
    /// # Errors
    /// -32602 for a cursor that leads nowhere (any more).
    pub(super) fn page_of_tasks(&self, asked: &mut Asked) -> Result<Option<Page>, CallError> {
        if asked.method.on_the_wire() != LIST {
            return Ok(None);
        }
        let lists = |it: &&Arc<Backend>| {
            let tasks = it.capabilities().object(FAMILY);
            tasks.is_some_and(|it| it.get("list").is_some())
        };
        let all: Vec<_> = self.with_tasks().filter(lists).collect();
        let mut at = 0;
        if let (Some(cursor), 2..) = (asked.params.text(CURSOR), all.len()) {
            let lost = || CallError::invalid("unknown cursor: begin again with the first page");
            let (name, inner): (String, Option<String>) =
                serde_json::from_str(&cursor).map_err(|_| lost())?;
            at = all
                .iter()
                .position(|it| it.name() == name)
                .ok_or_else(lost)?;
            match inner.and_then(|it| raw_of(&it).ok()) {
                Some(inner) => asked.params.set(CURSOR, inner),
                None => drop(asked.params.remove(CURSOR)),
            }
        }
        let page = all.get(at).map(|backend| Page {
            backend: Arc::clone(backend),
            is_one_of_several: all.len() > 1,
            next: all.get(at + 1).map(|it| it.name().to_owned()),
            client: asked.client.id(),
            caller: asked.caller.clone(),
        });
        Ok(page)
    }
}

/// A page of `tasks/list`.
pub(super) struct Page {
    backend: Arc<Backend>,
    is_one_of_several: bool,
    /// Whose tasks come after this backend's.
    next: Option<String>,
    client: ClientId,
    caller: Option<String>,
}

impl Page {
    pub(super) fn destination(&self) -> Destination {
        Destination::whole(self.backend.name())
    }

    /// The page as its client sees it: with its own tasks, and the way to the next page.
    pub(super) fn shown(&self, result: Raw) -> Raw {
        let Some(mut page) = Members::of(&result) else {
            return result;
        };
        let tasks: Vec<Raw> = page.read("tasks").unwrap_or_default();
        let own: Vec<_> = tasks.iter().filter(|it| self.is_own(it)).collect();
        if own.len() == tasks.len() && !self.is_one_of_several {
            return result;
        }
        page.set("tasks", raw_of(&own).unwrap_or_default());
        if self.is_one_of_several {
            let inner = page.remove(NEXT).filter(|it| it.get() != "null");
            let next = match (inner, &self.next) {
                (Some(inner), _) => raw_of(&(self.backend.name(), inner)).ok(),
                (None, Some(next)) => raw_of(&(next, ())).ok(),
                (None, None) => None,
            };
            if let Some(next) = next.and_then(|it| raw_of(&it.get()).ok()) {
                page.set(NEXT, next);
            }
        }
        page.to_raw()
    }

    /// One of which nobody knows who began it is shown where anybody may ask for it.
    fn is_own(&self, task: &Raw) -> bool {
        let name = Members::of(task).and_then(|it| it.text(key::TASK));
        let by = name.and_then(|it| self.backend.began(&it));
        match (&self.caller, by) {
            (Some(_), by) => by.is_some_and(|by| by.caller == self.caller),
            (None, by) => by.is_none_or(|by| by.client == self.client),
        }
    }
}
