//! The port: what this room wants of the running host. The service stands behind it.

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Attempt, Backend, Configuration, ConnectedClient, LastReload, Plan, Plugin, Settings, Status,
    Tool,
};
use crate::events::EventBus;

/// The running host. What takes time is a future, and none may hang for ever.
pub trait Host: Send + Sync + 'static {
    /// Where the service is in its life, in one word.
    fn state(&self) -> String;

    /// How it is, in all.
    fn status(&self) -> BoxFuture<'static, Status>;

    /// Every backend that should serve, then those on their way in or out.
    fn backends(&self) -> Vec<Backend>;

    /// Every client that is connected.
    fn clients(&self) -> Vec<ConnectedClient>;

    /// Every tool that clients see.
    fn tools(&self) -> Vec<Tool>;

    /// The configuration that serves.
    ///
    /// # Errors
    /// Before anything does.
    fn configuration(&self) -> Result<Configuration, Refused>;

    /// Every plugin.
    fn plugins(self: Arc<Self>) -> BoxFuture<'static, Vec<Plugin>>;

    /// Every setting, with who says so.
    fn settings(self: Arc<Self>) -> BoxFuture<'static, Result<Settings, Refused>>;

    /// Stores these settings, or writes them into the watched file; `null` takes back what is
    /// stored, so that the file counts again. All of them or none. Answers with what is in force.
    fn change_settings(
        self: Arc<Self>,
        changes: Map<String, Value>,
        to: SaveTo,
    ) -> BoxFuture<'static, Result<Settings, Refused>>;

    /// What a reload of these bytes would do, or of what the file holds; touches nothing.
    /// `connect`: backends that are new or changed are started, asked, and stopped.
    fn plan(
        &self,
        next: Option<Vec<u8>>,
        connect: bool,
    ) -> BoxFuture<'static, Result<Plan, Refused>>;

    /// Writes an earlier good configuration over the file: this generation, else the newest that
    /// differs from what the file holds.
    fn restore(&self, to: Option<u64>) -> BoxFuture<'static, Result<Restored, Refused>>;

    /// What happens.
    fn events(&self) -> &EventBus;

    /// The last attempts at a reload, as the journal has them, oldest first.
    fn history(&self, count: usize) -> BoxFuture<'static, Result<Vec<Attempt>, Refused>>;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Reloaded {
    /// It has ended.
    Ended(LastReload),
    /// It takes longer than anybody should wait.
    UnderWay,
}

/// Where a change of a setting goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaveTo {
    /// The settings store.
    Store,
    /// The watched file itself.
    File,
}

/// An earlier configuration is back in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Restored {
    /// Which one.
    pub generation: u64,
    /// SHA-256 of what the file holds now, in hex.
    pub digest: String,
    /// The file that was written, at the end of all links.
    pub file: String,
    /// Its owner could not be kept: it is the host's now.
    pub owner_lost: bool,
    /// Where what the file held until now is kept; absent when there was no file.
    pub overwritten: Option<String>,
}

/// Why the host does not do as asked, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Not in the state that it is in.
    NotNow(String),
    /// There is nothing of that name.
    Unknown(String),
    /// What is asked for makes no sense.
    Invalid(String),
    /// It cannot.
    Failed(String),
}
