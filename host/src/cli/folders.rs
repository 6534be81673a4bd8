//! The folders of this user, as the operating system has them, and what the environment says
//! instead. An empty variable says nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use crate::manage::Place;

/// The variable of this name, if it says anything.
pub(super) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|it| !it.is_empty())
}

/// Nothing, if the user has no home.
fn of_user() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "config-sync")
}

/// Where compiled plugins are kept; nowhere, if the user has no home.
pub(super) fn cache() -> Option<PathBuf> {
    Some(of_user()?.cache_dir().join("plugins"))
}

/// Where this user keeps plugins for all configurations; nowhere, if he has no home.
pub(super) fn plugins() -> Option<PathBuf> {
    Some(of_user()?.data_dir().join("plugins"))
}

/// Where sockets are, if the system has a place for them. A session of the user and a job without
/// one find the same.
fn runtime() -> Option<PathBuf> {
    if let Some(runtime) = of_user()?.runtime_dir() {
        return Some(runtime.to_owned());
    }
    let of_user = PathBuf::from(format!("/run/user/{}", nix::unistd::getuid()));
    of_user.is_dir().then(|| of_user.join("config-sync"))
}

/// Where settings are stored: `CONFIG_SYNC_SETTINGS`, else the user's config folder; nowhere, if
/// the user has no home.
pub(super) fn settings() -> Option<PathBuf> {
    if let Some(named) = variable("CONFIG_SYNC_SETTINGS") {
        return std::path::absolute(PathBuf::from(named)).ok();
    }
    Some(of_user()?.config_dir().join("settings"))
}

/// Where the memory of hosts is; nowhere, if the user has no home.
pub(super) fn state() -> Option<PathBuf> {
    let folders = of_user()?;
    let state = folders.state_dir().unwrap_or(folders.data_local_dir());
    Some(state.to_owned())
}

/// Where the host of this file with this memory is, if there is one.
pub(super) fn place(state: Option<&Path>, file: &Path) -> Place {
    Place::of(runtime().as_deref(), state, file)
}
