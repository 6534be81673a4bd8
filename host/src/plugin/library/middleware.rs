//! The middleware among the plugins at hand: those dropped in before the built-in ones of their
//! names.

use std::sync::Arc;

use super::{Edition, Library};
use crate::config::is_own_middleware;
use crate::manage::PluginKind;
use crate::watch::AUTO;

/// One of a name that means something of the host's own would never be asked.
pub(super) fn not_our_own(edition: Option<Arc<Edition>>) -> Result<Option<Arc<Edition>>, String> {
    match edition {
        Some(it) if it.kind == PluginKind::Middleware && is_own_middleware(&it.name) => {
            Err(format!(
                "the host has a middleware `{}` of its own; give the file another name",
                it.name
            ))
        }
        // The host would take its own meaning of it.
        Some(it) if it.kind == PluginKind::Detector && &*it.name == AUTO => Err(format!(
            "`{AUTO}` is the host's own choice of a detector; give the file another name"
        )),
        edition => Ok(edition),
    }
}

impl Library {
    /// The names of all middleware.
    pub(in crate::plugin) fn middleware_names(&self) -> Vec<String> {
        self.read().names(PluginKind::Middleware, &self.middleware)
    }

    /// The middleware of this name.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    pub(in crate::plugin) fn middleware_edition(&self, name: &str) -> Result<Arc<Edition>, String> {
        let now = self.read();
        if let Some(edition) = now.dropped_in(name, PluginKind::Middleware) {
            return Ok(edition);
        }
        let Some(built_in) = self.middleware.iter().find(|it| it.name == name) else {
            let known = now.names(PluginKind::Middleware, &self.middleware);
            return Err(format!(
                "there is no middleware `{name}` among the plugins; known are {}",
                known.join(", ")
            ));
        };
        let engine = now.engine.clone();
        drop(now);
        built_in.get(&engine)
    }
}
