//! Which file is meant: `--config`, else `CONFIG_SYNC_CONFIG`, else `config.yaml`, else
//! `config.yml` in the working folder.

use std::path::{Path, PathBuf};

use super::folders::variable;

const VARIABLE: &str = "CONFIG_SYNC_CONFIG";

#[derive(Debug, Clone, clap::Args)]
pub(super) struct ConfigArgument {
    /// The configuration file [default: $CONFIG_SYNC_CONFIG, else config.yaml, else config.yml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArgument {
    /// The file, as an absolute path. It need not exist when it was named.
    pub(super) fn find(&self) -> Result<PathBuf, String> {
        let named = self
            .config
            .clone()
            .or_else(|| variable(VARIABLE).map(PathBuf::from));
        let found = named.or_else(|| {
            ["config.yaml", "config.yml"]
                .into_iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
        });
        let path = found.ok_or_else(|| {
            format!("there is no config.yaml or config.yml here; name the file with --config FILE or {VARIABLE}")
        })?;
        absolute(&path)
    }
}

/// The same, from the root on.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

/// The bytes of the file, or what to tell the user.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    use crate::target::{LocalFile, Target};
    LocalFile::new(path)
        .read_all(crate::config::MAX_BYTES)
        .map_err(|error| format!("{}: {error}", path.display()))
}
