//! The plugins that a host with this configuration would have, for commands that ask them
//! something and start no host.

use std::path::Path;
use std::sync::Arc;

use super::folders;
use crate::config::{self, Known, Load, PluginSettings};
use crate::plugin::{Elsewhere, Library, PluginEngine, plugin_folders};
use crate::reload::{Handlers, OtherPlugins};
use crate::secrets::value_of;

pub(super) struct Plugins {
    pub(super) library: Arc<Library>,
    pub(super) handlers: Handlers,
}

impl Plugins {
    /// Those that the section `plugins` of these bytes names, beside `watched`; the built-in ones
    /// where the bytes are not right.
    pub(super) async fn of(watched: &Path, bytes: &[u8]) -> Result<Self, String> {
        let plugins = Self::quietly(watched, bytes).await?;
        for (path, error) in plugins.library.refused() {
            eprintln!("config-sync: plugin {}: {error}", path.display());
        }
        Ok(plugins)
    }

    /// As [`Self::of`], for who tells himself which cannot be used.
    pub(super) async fn quietly(watched: &Path, bytes: &[u8]) -> Result<Self, String> {
        let (watched, bytes) = (watched.to_owned(), bytes.to_owned());
        let load = move || {
            let library = Self::library(&watched, &bytes)?;
            let handlers = Handlers::new(library.handlers()?);
            let library = Arc::new(library);
            Ok(Self { library, handlers })
        };
        tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| error.to_string())?
    }

    /// What there would be beside `watched` if the section said something else.
    pub(super) fn others(&self, watched: &Path) -> Arc<dyn OtherPlugins> {
        Arc::new(Elsewhere {
            library: Arc::clone(&self.library),
            base: watched.parent().unwrap_or(Path::new("")).to_owned(),
            of_user: folders::plugins(),
        })
    }

    /// As [`Plugins::of`], and no handler is asked anything.
    pub(super) fn library(watched: &Path, bytes: &[u8]) -> Result<Library, String> {
        let settings = match config::load("", bytes, &value_of, Known::default()) {
            Load::Valid { config, .. } => config.plugins.clone(),
            Load::Empty | Load::Invalid(_) => PluginSettings::default(),
        };
        let base = watched.parent().unwrap_or(Path::new(""));
        let folders = plugin_folders(base, &settings, folders::plugins().as_ref());
        let engine = PluginEngine::new(settings.limits.into(), folders::cache())
            .map_err(|error| format!("{error:#}"))?;
        Ok(Library::load(engine, &folders))
    }
}
