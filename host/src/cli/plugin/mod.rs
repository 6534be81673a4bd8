//! `config-sync plugin`: what a plugin's author does with it, one file for each subcommand.

mod conformance;
mod test;

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Play every way of saving a file to a detector, and say which ones it sees
    Conformance(conformance::Conformance),
    /// Play scenarios to a plugin in isolation, and say what it answers
    Test(test::Test),
}

impl Plugin {
    pub(super) async fn run(&self) -> ExitCode {
        match self {
            Self::Conformance(conformance) => conformance.run().await,
            Self::Test(test) => test.run(),
        }
    }
}
