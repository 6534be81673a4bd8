//! Where the memory of the host is: `--state`, else `CONFIG_SYNC_STATE`, else where this system
//! keeps the state of programs.

use std::path::PathBuf;

use super::folders::{self, variable};

const VARIABLE: &str = "CONFIG_SYNC_STATE";

#[derive(Debug, Clone, clap::Args)]
pub(super) struct StateArgument {
    /// Where the journal and earlier configurations are kept [default: $CONFIG_SYNC_STATE, else
    /// the user's state folder, such as ~/.local/state/config-sync]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl StateArgument {
    /// The folder, as an absolute path; `None` for a user who has no home.
    pub(super) fn find(&self) -> Result<Option<PathBuf>, String> {
        let said = || variable(VARIABLE).map(PathBuf::from);
        let named = self.state.clone().or_else(said);
        let Some(path) = named.or_else(folders::state) else {
            return Ok(None);
        };
        let absolute =
            std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(absolute))
    }

    /// As [`Self::find`], for those who can do nothing without it.
    pub(super) fn must_find(&self) -> Result<PathBuf, String> {
        self.find()?.ok_or_else(|| {
            format!(
                "this user has no home folder; name the state folder with --state DIR or {VARIABLE}"
            )
        })
    }
}
