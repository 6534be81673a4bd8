//! The plugins that a host with this configuration would have, for commands that ask them
//! something and start no host.

use std::path::{Path, PathBuf};

use super::folders;
use crate::config::{self, Load, PluginSettings};
use crate::plugin::{Library, PluginEngine};
use crate::reload::Handlers;

pub(super) struct Plugins {
    pub(super) library: Library,
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
        let settings = match config::load("", bytes, &|name| std::env::var(name).ok(), &[]) {
            Load::Valid { config, .. } => config.plugins.clone(),
            Load::Empty | Load::Invalid(_) => PluginSettings::default(),
        };
        let base = watched.parent().map(PathBuf::from).unwrap_or_default();
        let load = move || {
            let engine = PluginEngine::new(settings.limits.into(), folders::cache())
                .map_err(|error| format!("{error:#}"))?;
            let beside = base.join(&settings.dir);
            let folders: Vec<_> = [Some(beside), folders::plugins()]
                .into_iter()
                .flatten()
                .collect();
            let library = Library::load(engine, &folders);
            let handlers = Handlers::new(library.handlers()?);
            Ok(Self { library, handlers })
        };
        tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| error.to_string())?
    }
}
