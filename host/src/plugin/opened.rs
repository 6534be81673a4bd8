//! One component by itself, without a library: for whoever tries a plugin out.

use super::detector::WasmDetector;
use super::edition::{Edition, Kind};
use super::engine::PluginEngine;
use super::handler::WasmHandler;
use crate::config::PluginFile;
use crate::reload::ReloadHandler;
use crate::watch::Detector;

/// A component behind the port of its world, once it has described itself.
pub enum Opened {
    /// Of the world `detector-plugin`.
    Detector(Box<dyn Detector>),
    /// Of the world `reload-handler-plugin`.
    Handler(Box<dyn ReloadHandler>),
}

impl Opened {
    /// Compiles, links and asks the component in these bytes. In isolation it has a clock and
    /// random numbers, for there they are harmless; otherwise it is granted nothing.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn new(engine: &PluginEngine, name: &str, bytes: &[u8]) -> Result<Self, String> {
        let mut file = PluginFile::default();
        let isolated = engine.isolation().is_some();
        (file.grants.clock, file.grants.random) = (isolated, isolated);
        let edition = Edition::new(name, engine, bytes, &file, engine.limits())?;
        Ok(match edition.kind {
            Kind::Detector => Self::Detector(Box::new(WasmDetector::new(edition))),
            Kind::Handler => Self::Handler(Box::new(WasmHandler::new(edition))),
        })
    }
}
