//! A configuration that passed every check.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::middleware::PluggedEntry;
use super::plugins::PluginSettings;
use super::server::ServerSettings;
use super::sync::SyncSettings;

/// A configuration that passed every check: what the host uses by type, and the whole document
/// as JSON for those who claim its sections.
///
/// Two are equal when they mean the same: comments, format and the order of keys do not count,
/// but the order of backends does, because with `first-wins` it decides. `Debug` shows the names
/// of sections, not what is in them, which may be a secret typed literally.
#[derive(Clone, PartialEq)]
pub struct SentinelConfig {
    /// Where MCP clients reach us.
    pub server: ServerSettings,
    /// Where plugins are, and what they may use.
    pub plugins: PluginSettings,
    /// How the file is watched, as the file says.
    pub sync: SyncSettings,
    /// The whole document, placeholders as written.
    pub sections: Map<String, Json>,
    /// The names of the backends, in the order of the file, disabled ones too.
    pub backend_names: Vec<String>,
    /// The middleware that plugins serve. Whether they take its settings is not known here.
    pub plugged: Vec<PluggedEntry>,
}

impl SentinelConfig {
    /// An object of those sections among `names` that the document has.
    pub fn section_json(&self, names: &[String]) -> Json {
        let sections = names.iter().filter_map(|name| {
            let section = self.sections.get(name)?;
            Some((name.clone(), section.clone()))
        });
        Json::Object(sections.collect())
    }
}

impl fmt::Debug for SentinelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentinelConfig")
            .field("server", &self.server)
            .field("plugins", &self.plugins)
            .field("sync", &self.sync)
            .field("sections", &self.sections.keys().collect::<Vec<_>>())
            .field("backend_names", &self.backend_names)
            .finish()
    }
}
