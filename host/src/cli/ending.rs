//! What the process ends with: 0 done, or all is well; 1 not so. Where that is a question that can
//! remain open, 2: it cannot be told; and of commands that ask a host, 3: none runs on the file.

use std::process::ExitCode;

use crate::manage::ClientError;

/// The host would not, or did not answer.
const UNKNOWN: u8 = 2;
/// Nobody is there.
pub(super) const NO_HOST: u8 = 3;

/// Why a command has no answer to show.
#[derive(Debug)]
pub(super) struct Failure {
    said: String,
    code: u8,
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

/// Whether all is well, or why that cannot be told, which is said.
pub(super) fn told(result: Result<bool, Failure>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure { said, code }) => {
            eprintln!("config-sync: {said}");
            ExitCode::from(code)
        }
    }
}

/// Whether it was done, or why not, which is said.
pub(super) fn done(result: Result<bool, String>) -> ExitCode {
    told(result.map_err(|said| Failure { said, code: 1 }))
}
