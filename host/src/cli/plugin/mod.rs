//! `config-sync plugin`: what a plugin's author does with it, one file for each subcommand.

mod conformance;

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Play every way of saving a file to a detector, and say which ones it sees
    Conformance(conformance::Conformance),
}

impl Plugin {
    pub(super) async fn run(&self) -> ExitCode {
        match self {
            Self::Conformance(conformance) => conformance.run().await,
        }
    }
}
