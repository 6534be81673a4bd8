//! One component by itself, without a library: for whoever tries a plugin out.

use super::detector::WasmDetector;
use super::engine::PluginEngine;
use super::handler::WasmHandler;
use super::library::{Kind, kind, prepare};
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
    /// Compiles, links and asks the component in these bytes.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn new(engine: &PluginEngine, name: &str, bytes: &[u8]) -> Result<Self, String> {
        let component = engine.compile(bytes)?;
        let kind = kind(engine, &component)?;
        let pre = prepare(engine, &component)?;
        Ok(match kind {
            Kind::Detector => Self::Detector(Box::new(
                WasmDetector::new(name, engine.clone(), pre).map_err(|fault| fault.to_string())?,
            )),
            Kind::Handler => Self::Handler(Box::new(
                WasmHandler::new(name, engine.clone(), pre).map_err(|fault| fault.to_string())?,
            )),
        })
    }
}
