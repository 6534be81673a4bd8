//! The folders of this user, as the operating system has them.

use std::path::PathBuf;

/// Where compiled plugins are kept; nowhere, if the user has no home.
pub(super) fn cache() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "config-sync")?;
    Some(folders.cache_dir().join("plugins"))
}

/// Where sockets are, if the system has a place for them. A session of the user and a job without
/// one find the same.
pub(super) fn runtime() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "config-sync")?;
    if let Some(runtime) = folders.runtime_dir() {
        return Some(runtime.to_owned());
    }
    let of_user = PathBuf::from(format!("/run/user/{}", nix::unistd::getuid()));
    of_user.is_dir().then(|| of_user.join("config-sync"))
}

/// Where settings are stored: `CONFIG_SYNC_SETTINGS`, else the user's config folder; nowhere, if
/// the user has no home.
pub(super) fn settings() -> Option<PathBuf> {
    let named = std::env::var_os("CONFIG_SYNC_SETTINGS").filter(|it| !it.is_empty());
    if let Some(named) = named {
        return std::path::absolute(PathBuf::from(named)).ok();
    }
    let folders = directories::ProjectDirs::from("", "", "config-sync")?;
    Some(folders.config_dir().join("settings"))
}
