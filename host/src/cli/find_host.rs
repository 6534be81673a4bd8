//! The running host of a configuration.

use std::path::{Path, PathBuf};

use super::ending::Failure;
use super::find_config::{ConfigArgument, absolute};
use super::find_state::StateArgument;
use super::folders;
use crate::manage::{Client, Place};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct HostArgument {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
}

impl HostArgument {
    /// The file that it runs on.
    pub(super) fn config(&self) -> Result<PathBuf, String> {
        self.config.find()
    }

    /// Where the host is, if there is one.
    pub(super) fn place(&self) -> Result<Place, String> {
        self.place_of(&self.config.find()?)
    }

    /// Where the host of this file is, if there is one.
    pub(super) fn place_of(&self, path: &Path) -> Result<Place, String> {
        let path = absolute(path)?;
        Ok(folders::place(self.state.find()?.as_deref(), &path))
    }

    /// The client of the host.
    pub(super) async fn find(&self) -> Result<Client, Failure> {
        Ok(Client::find(&self.place()?).await?)
    }
}
