//! The running host of a configuration, and what is said when there is none. What the process
//! ends with, for every command that asks a host:
//! 0 done, or all is well; 1 not so; 2 it cannot be told; 3 no host runs on the file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::find_config::{ConfigArgument, absolute};
use super::find_state::StateArgument;
use super::folders;
use crate::manage::{Client, ClientError, Place};

/// The host would not, or did not answer.
const UNKNOWN: u8 = 2;
/// Nobody is there.
pub(super) const NO_HOST: u8 = 3;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct HostArgument {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
}

/// Why a command has no answer to show.
#[derive(Debug)]
pub(super) struct Failure {
    said: String,
    code: u8,
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
        let (state, runtime) = (self.state.find()?, folders::runtime());
        Ok(Place::of(runtime.as_deref(), state.as_deref(), &path))
    }

    /// The client of the host.
    pub(super) async fn find(&self) -> Result<Client, Failure> {
        Ok(Client::find(&self.place()?).await?)
    }
}

impl Failure {
    /// That no host runs is all that is wrong.
    pub(super) fn is_no_host(&self) -> bool {
        self.code == NO_HOST
    }
}

impl From<String> for Failure {
    fn from(said: String) -> Self {
        Self {
            said,
            code: UNKNOWN,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = match error {
            ClientError::NoHost(_) => NO_HOST,
            ClientError::Refused(_) | ClientError::Broken(_) => UNKNOWN,
        };
        Self {
            said: error.to_string(),
            code,
        }
    }
}

/// How the process ends: whether all is well, or why that cannot be told, which is said.
pub(super) fn ended(result: Result<bool, Failure>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure { said, code }) => {
            eprintln!("config-sync: {said}");
            ExitCode::from(code)
        }
    }
}
