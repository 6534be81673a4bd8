//! The command line: one file for each subcommand. Holds no state, and knows of the service only
//! what [`crate::service`] shows.

mod check;
mod demo_server;
mod find_config;
mod folders;
mod logging;
mod plugin;
mod run;
mod seconds;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Watches a config.yaml and reloads a running MCP gateway, without a restart and without
/// failing one call.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  config-sync check --config config.yaml   is it right? every problem, with its line
  config-sync run --config config.yaml     serve it, and follow every change of it
  kill -HUP PID                            reload now
Without --config the file is $CONFIG_SYNC_CONFIG, else config.yaml, else config.yml.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the configuration to MCP clients and follow every change of the file
    Run(run::Run),
    /// Say everything that is wrong with a configuration; exit code 1 if anything is
    Check(check::Check),
    /// Follow any files, and run a program when they change
    Watch(watch::Watch),
    /// Try plugins out
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// A small MCP server with a few harmless tools, to try things with
    DemoServer(demo_server::DemoServer),
}

/// Runs the subcommand that the arguments name.
pub fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let mut builder = match &command {
        // One thread hears, looks and prints: the shortest way from an event to its word.
        Command::Watch(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("config-sync: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = match command {
        Command::Run(run) => runtime.block_on(run.run()),
        Command::Check(check) => check.run(),
        Command::Watch(watch) => runtime.block_on(watch.run()),
        Command::Plugin(plugin) => runtime.block_on(plugin.run()),
        Command::DemoServer(server) => runtime.block_on(server.run()),
    };
    // What did not end in time ends here; children of it are killed as it is dropped.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}
