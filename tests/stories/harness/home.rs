//! What outlives a host: its folders, its environment, and the binary on them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::api::Api;
use super::binary;

/// Where compiled plugins are kept, for all stories and runs.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");

/// Where compiled plugins are kept.
pub(crate) fn cache() -> &'static str {
    CACHE
}

/// What the log has otherwise.
const FILTER: &str = "warn,config_sync=info";

/// What outlives a host: the folder that holds config.yaml, and its state folder.
pub(crate) struct Home {
    folder: TempDir,
    state: PathBuf,
    /// What the log has.
    filter: &'static str,
    /// What the next host finds in its environment beside.
    variables: Vec<(&'static str, OsString)>,
    /// Where its socket is.
    runtime: TempDir,
    /// Where the state is, unless somebody else said where.
    _state: Option<TempDir>,
}

impl Home {
    /// This folder, and a state folder of its own.
    pub(crate) fn of(folder: TempDir) -> Self {
        let state = TempDir::new().unwrap();
        Self {
            folder,
            state: state.path().to_owned(),
            filter: FILTER,
            variables: Vec::new(),
            runtime: TempDir::new().unwrap(),
            _state: Some(state),
        }
    }

    /// With a config.yaml that holds this, and its state folder at a place of somebody's choice.
    pub(crate) fn with_state(config: &str, state: PathBuf) -> Self {
        let home = Self {
            folder: TempDir::new().unwrap(),
            state,
            filter: FILTER,
            variables: Vec::new(),
            runtime: TempDir::new().unwrap(),
            _state: None,
        };
        home.save(config);
        home
    }

    /// The log of the next host has also in which phase a reload is.
    pub(crate) fn with_phases(mut self) -> Self {
        self.filter = "warn,config_sync=info,config_sync::phase=trace";
        self
    }

    /// The log of the next host has everything that anybody says.
    pub(crate) fn with_everything(mut self) -> Self {
        self.filter = "trace";
        self
    }

    /// The next host finds this in its environment.
    pub(crate) fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("config.yaml")
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Where settings are stored.
    pub(crate) fn settings(&self) -> PathBuf {
        self.runtime.path().join("settings")
    }

    /// The management API of the running host.
    pub(crate) fn api(&self) -> Api {
        Api::at(&self.socket().unwrap())
    }

    /// As [`Host::save`](super::Host::save).
    pub(crate) fn save(&self, text: impl AsRef<[u8]>) {
        let beside = self.folder().join("config.yaml.new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.config()).unwrap();
    }

    /// The binary with these arguments, on this config.yaml and state folder.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(binary());
        // What this process was started with is no part of a story.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let is_ours = name.starts_with("CONFIG_SYNC_");
            if is_ours || ["CREDENTIALS_DIRECTORY", "DBUS_SESSION_BUS_ADDRESS"].contains(&&*name) {
                command.env_remove(&*name);
            }
        }
        command
            .env("NO_PROXY", "*")
            .args(args)
            .arg("--config")
            .arg(self.config())
            .env("XDG_CACHE_HOME", CACHE)
            .env("XDG_DATA_HOME", self.runtime.path().join("data"))
            .env("CONFIG_SYNC_STATE", &self.state)
            .env("CONFIG_SYNC_SETTINGS", self.settings())
            .env("CONFIG_SYNC_SECRETS", self.folder().join("secrets"))
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env("CONFIG_SYNC_LOG", self.filter)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The socket of the host, while there is one.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.runtime.path().join("config-sync")).ok()?;
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|it| it == "sock"))
    }

    /// What the running host answers to this command, and the exit code.
    pub(crate) fn answer(&self, args: &[&str]) -> (Value, Option<i32>) {
        let output = self.command(args).arg("--json").output().unwrap();
        let answer = serde_json::from_slice(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let answer = answer.unwrap_or_else(|error| panic!("{args:?}: {error}: {complaint}"));
        (answer, output.status.code())
    }

    /// What the binary prints with these arguments, where it succeeds, else what it complains of.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, String> {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(text(output.stderr))
        }
    }
}
