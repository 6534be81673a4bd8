//! The port behind which middleware from plugins stands. The words are those of
//! `wit/middleware.wit`; what they answer in JSON has been read where it came from.

use std::sync::Arc;

use crate::config::{PluggedSettings, Problem};
use crate::events::Fault;
use crate::gateway::Method;
use crate::mcp::{Members, Raw};

/// Which way a plugin is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// To the backend.
    pub request: bool,
    /// And back.
    pub response: bool,
}

/// What a plugin is shown of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// As in [`Call`](crate::gateway::Call), and so are the others.
    pub id: u64,
    /// What the client calls itself.
    pub client: String,
    /// Whose token it showed.
    pub caller: Option<String>,
    /// What is asked.
    pub method: Method,
    /// As clients know it.
    pub name: String,
    /// The backend that has it.
    pub backend: String,
    /// A JSON object.
    pub params: String,
}

/// An error of JSON-RPC, as plugins give and get it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// As on the wire.
    pub code: i64,
    /// For the client.
    pub message: String,
    /// JSON.
    pub data: Option<Raw>,
}

/// What becomes of a call.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It goes on as it is.
    Pass,
    /// It goes on with these parameters.
    Change(Members),
    /// It goes no further: this is its result.
    Answer(Members),
    /// It goes no further.
    Refuse(Refusal),
}

/// What becomes of a reply.
#[derive(Debug, Clone)]
pub enum Revision {
    /// The client gets it as it is.
    Pass,
    /// The client gets this result instead.
    Change(Members),
    /// The client gets this error instead.
    Refuse(Refusal),
}

/// Why there is no plugin for an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Unusable {
    /// The entry is wrong. The paths start at its settings.
    Problems(Vec<Problem>),
    /// The plugin is.
    Fault(Fault),
}

/// A plugin with the settings of one entry. It is asked off the async threads, and several times
/// at once.
pub trait MiddlewarePlugin: Send + Sync + 'static {
    /// The plugin's name.
    fn name(&self) -> &str;

    /// Which component stands behind it: another one has another number.
    fn edition(&self) -> u64 {
        0
    }

    /// Which way it is asked about.
    fn ways(&self) -> Ways;

    /// Whether so many bytes of JSON may be more than it can hold, whatever it does with them.
    fn is_much(&self, _bytes: usize) -> bool {
        false
    }

    /// Before a call goes on.
    ///
    /// # Errors
    /// A [`Fault`]; there is no decision.
    fn on_request(&self, call: &Shown) -> Result<Decision, Fault>;

    /// After it came back.
    ///
    /// # Errors
    /// A [`Fault`]; there is no revision.
    fn on_response(&self, call: &Shown, reply: Result<String, Refusal>) -> Result<Revision, Fault>;
}

/// Where middleware from plugins comes from.
pub trait MiddlewarePlugins: Send + Sync + 'static {
    /// The names that [`MiddlewarePlugins::plugin`] knows.
    fn names(&self) -> Vec<String>;

    /// Which component stands behind this name now; 0 for none.
    fn edition(&self, _name: &str) -> u64 {
        0
    }

    /// A plugin for an entry.
    ///
    /// # Errors
    /// Why there is none.
    fn plugin(&self, entry: &PluggedSettings) -> Result<Arc<dyn MiddlewarePlugin>, Unusable>;

    /// Whether there is one for this entry. How it does meanwhile counts neither for nor against
    /// those that serve.
    ///
    /// # Errors
    /// As for [`MiddlewarePlugins::plugin`].
    fn try_out(&self, entry: &PluggedSettings) -> Result<(), Unusable> {
        self.plugin(entry).map(drop)
    }
}

/// No plugins.
#[derive(Debug, Clone, Copy)]
pub struct NoPlugins;

impl MiddlewarePlugins for NoPlugins {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn plugin(&self, entry: &PluggedSettings) -> Result<Arc<dyn MiddlewarePlugin>, Unusable> {
        let message = format!("there is no middleware `{}`", entry.plugin);
        Err(Unusable::Problems(vec![Problem::error("", message)]))
    }
}
