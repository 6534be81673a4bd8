//! One component by itself, without a library: for whoever tries a plugin out.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::detector::WasmDetector;
use super::edition::{Edition, Linked};
use super::engine::PluginEngine;
use super::handler::WasmHandler;
use super::limits::Limits;
use super::middleware::WasmMiddleware;
use crate::config::PluginFile;
use crate::gateway::{MiddlewarePlugin, Unusable};
use crate::manage::PluginKind;
use crate::reload::ReloadHandler;
use crate::target::Digest;
use crate::watch::Detector;

/// A component that is compiled and linked.
pub struct Prepared {
    name: String,
    engine: PluginEngine,
    linked: Box<Linked>,
}

/// A fresh instance behind the port of its world, once it has described itself.
pub enum Opened {
    /// Of the world `detector-plugin`.
    Detector(Box<dyn Detector>),
    /// Of the world `reload-handler-plugin`.
    Handler(Box<dyn ReloadHandler>),
    /// Of the world `middleware-plugin`.
    Middleware(OpenedMiddleware),
}

/// A middleware that has no settings yet.
pub struct OpenedMiddleware(Arc<Edition>);

impl OpenedMiddleware {
    /// Gives it the settings of an entry.
    ///
    /// # Errors
    /// What is wrong with them, or the plugin's fault.
    pub fn configure(
        &self,
        settings: &Map<String, Value>,
    ) -> Result<Box<dyn MiddlewarePlugin>, Unusable> {
        let middleware = WasmMiddleware::new(Arc::clone(&self.0), settings)?;
        Ok(Box::new(middleware))
    }
}

impl Prepared {
    /// Compiles and links the component in these bytes, whatever it wants to be granted.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn new(engine: &PluginEngine, name: &str, bytes: &[u8]) -> Result<Self, String> {
        let (digest, limits) = (Digest::of(bytes), engine.limits());
        Ok(Self {
            name: name.to_owned(),
            linked: Box::new(Linked::unchecked(engine, bytes, digest, limits)?),
            engine: engine.clone(),
        })
    }

    /// An instance with the grants and settings of this file, and these limits. In isolation it has
    /// a clock and random numbers besides, for there they are harmless.
    ///
    /// # Errors
    /// When something is not granted, or it cannot say what it is.
    pub fn open(&self, file: &PluginFile, limits: Limits) -> Result<Opened, String> {
        let mut file = file.clone();
        if self.engine.isolation().is_some() {
            (file.grants.clock, file.grants.random) = (true, true);
        }
        self.linked.check("the scenario", &file.grants)?;
        let linked = Linked::clone(&self.linked);
        let edition = Edition::of(&self.name, &self.engine, linked, &file, limits)
            .map_err(|fault| fault.to_string())?;
        Ok(match edition.kind {
            PluginKind::Detector => Opened::Detector(Box::new(WasmDetector::new(edition))),
            PluginKind::Handler => Opened::Handler(Box::new(WasmHandler::new(edition))),
            PluginKind::Middleware => Opened::Middleware(OpenedMiddleware(edition)),
        })
    }
}
