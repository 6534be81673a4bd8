//! One component by itself, without a library: for whoever tries a plugin out.

use wasmtime::component::InstancePre;

use super::detector::WasmDetector;
use super::engine::{Limits, PluginEngine};
use super::handler::WasmHandler;
use super::library::{Kind, kind, prepare};
use super::state::State;
use crate::reload::ReloadHandler;
use crate::watch::Detector;

/// A component that is compiled and linked.
pub struct Prepared {
    name: String,
    engine: PluginEngine,
    kind: Kind,
    pre: InstancePre<State>,
}

/// A fresh instance behind the port of its world, once it has described itself.
pub enum Opened {
    /// Of the world `detector-plugin`.
    Detector(Box<dyn Detector>),
    /// Of the world `reload-handler-plugin`.
    Handler(Box<dyn ReloadHandler>),
}

impl Prepared {
    /// Compiles and links the component in these bytes.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn new(engine: &PluginEngine, name: &str, bytes: &[u8]) -> Result<Self, String> {
        let component = engine.compile(bytes)?;
        Ok(Self {
            name: name.to_owned(),
            kind: kind(engine, &component)?,
            pre: prepare(engine, &component)?,
            engine: engine.clone(),
        })
    }

    /// An instance with these limits.
    ///
    /// # Errors
    /// When it cannot say what it is.
    pub fn open(&self, limits: Limits) -> Result<Opened, String> {
        let (engine, pre) = (self.engine.with_limits(limits), self.pre.clone());
        let opened = match self.kind {
            Kind::Detector => WasmDetector::new(&self.name, engine, pre)
                .map(|detector| Opened::Detector(Box::new(detector))),
            Kind::Handler => WasmHandler::new(&self.name, engine, pre)
                .map(|handler| Opened::Handler(Box::new(handler))),
        };
        opened.map_err(|fault| fault.to_string())
    }
}
