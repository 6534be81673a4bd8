//! One component by itself, without a library: for whoever tries a plugin out.

use super::detector::WasmDetector;
use super::edition::{Edition, Kind, Linked};
use super::engine::PluginEngine;
use super::handler::WasmHandler;
use super::limits::Limits;
use crate::config::PluginFile;
use crate::reload::ReloadHandler;
use crate::watch::Detector;

/// A component that is compiled and linked.
pub struct Prepared {
    name: String,
    engine: PluginEngine,
    file: Box<PluginFile>,
    linked: Box<Linked>,
}

/// A fresh instance behind the port of its world, once it has described itself.
pub enum Opened {
    /// Of the world `detector-plugin`.
    Detector(Box<dyn Detector>),
    /// Of the world `reload-handler-plugin`.
    Handler(Box<dyn ReloadHandler>),
}

impl Prepared {
    /// Compiles and links the component in these bytes. In isolation it has a clock and random
    /// numbers, for there they are harmless; else it is granted nothing.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn new(engine: &PluginEngine, name: &str, bytes: &[u8]) -> Result<Self, String> {
        let mut file = PluginFile::default();
        let isolated = engine.isolation().is_some();
        (file.grants.clock, file.grants.random) = (isolated, isolated);
        Ok(Self {
            name: name.to_owned(),
            linked: Box::new(Linked::new(name, engine, bytes, &file, engine.limits())?),
            engine: engine.clone(),
            file: Box::new(file),
        })
    }

    /// An instance with these limits.
    ///
    /// # Errors
    /// When it cannot say what it is.
    pub fn open(&self, limits: Limits) -> Result<Opened, String> {
        let linked = Linked::clone(&self.linked);
        let edition = Edition::of(&self.name, &self.engine, linked, &self.file, limits)?;
        Ok(match edition.kind {
            Kind::Detector => Opened::Detector(Box::new(WasmDetector::new(edition))),
            Kind::Handler => Opened::Handler(Box::new(WasmHandler::new(edition))),
        })
    }
}
