//! One component by itself, without a library: for whoever tries a plugin out.

use wasmtime::component::InstancePre;

use super::detector::WasmDetector;
use super::engine::PluginEngine;
use super::handler::WasmHandler;
use super::library::{Kind, kind, prepare};
use super::middleware::{self, WasmMiddleware};
use super::state::State;
use crate::config::PluggedSettings;
use crate::gateway::{MiddlewarePlugin, Unusable};
use crate::reload::ReloadHandler;
use crate::watch::Detector;

/// A component behind the port of its world, once it has described itself.
pub enum Opened {
    /// Of the world `detector-plugin`.
    Detector(Box<dyn Detector>),
    /// Of the world `reload-handler-plugin`.
    Handler(Box<dyn ReloadHandler>),
    /// Of the world `middleware-plugin`.
    Middleware(OpenedMiddleware),
}

/// A middleware that has no settings yet.
pub struct OpenedMiddleware {
    name: String,
    engine: PluginEngine,
    pre: InstancePre<State>,
}

impl OpenedMiddleware {
    /// Gives it the settings of an entry.
    ///
    /// # Errors
    /// What is wrong with them, or the plugin's fault.
    pub fn configure(
        &self,
        entry: &PluggedSettings,
    ) -> Result<Box<dyn MiddlewarePlugin>, Unusable> {
        let (engine, pre) = (self.engine.clone(), self.pre.clone());
        let middleware = WasmMiddleware::new(&self.name, engine, pre, &entry.settings)?;
        Ok(Box::new(middleware))
    }
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
            Kind::Middleware => {
                middleware::describe(name, engine, &pre).map_err(|fault| fault.to_string())?;
                Self::Middleware(OpenedMiddleware {
                    name: name.to_owned(),
                    engine: engine.clone(),
                    pre,
                })
            }
        })
    }
}
