//! The folders of this user, as the operating system has them.

use std::path::PathBuf;

/// Where compiled plugins are kept; nowhere, if the user has no home.
pub(super) fn cache() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "config-sync")?;
    Some(folders.cache_dir().join("plugins"))
}
