//! The port: what this room wants of the running host. The service stands behind it.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Backend, LastReload, Status, Tool};
use crate::events::EventBus;

/// The running host. What takes time is a future, and none may hang for ever.
pub trait Host: Send + Sync + 'static {
    /// Where the service is in its life, in one word.
    fn state(&self) -> String;

    /// How it is, in all.
    fn status(&self) -> BoxFuture<'static, Status>;

    /// Every backend that should serve.
    fn backends(&self) -> Vec<Backend>;

    /// Every tool that clients see.
    fn tools(&self) -> Vec<Tool>;

    /// What happens.
    fn events(&self) -> &EventBus;

    /// The last attempts at a reload, as the journal has them, oldest first.
    fn history(&self, count: usize) -> BoxFuture<'static, Result<Vec<Value>, Refused>>;

    /// Reloads now; comes back with the end of it.
    fn reload(&self) -> BoxFuture<'static, Result<Reloaded, Refused>>;

    /// Follows no edit until [`Host::resume`]; goes on serving. False if that was so already.
    ///
    /// # Errors
    /// Before anything serves.
    fn pause(&self) -> Result<bool, Refused>;

    /// Follows edits again, those made meanwhile too. False if nothing was paused or stopped.
    ///
    /// # Errors
    /// Before anything serves.
    fn resume(&self) -> Result<bool, Refused>;

    /// Starts a backend at once that should serve and does not.
    ///
    /// # Errors
    /// When there is none of this name, or it serves.
    fn reconnect(&self, backend: &str) -> Result<(), Refused>;

    /// Stops the host as SIGTERM does: this only begins it.
    fn shut_down(&self);
}

/// What became of a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Reloaded {
    /// It has ended.
    Ended(LastReload),
    /// It takes longer than anybody should wait.
    UnderWay,
}

/// Why the host does not do as asked, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Not in the state that it is in.
    NotNow(String),
    /// There is nothing of that name.
    Unknown(String),
    /// It cannot.
    Failed(String),
}
