//! `config-sync plugin`: what a plugin's author does with it, one file for each subcommand.

mod conformance;
mod new;
mod test;

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Make the project of a plugin, which builds with one command
    New(new::New),
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
            Self::New(new) => new.run(),
        }
    }
}
