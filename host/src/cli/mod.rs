//! The command line: one file for each subcommand. Holds no state, and knows of the service only
//! what [`crate::service`] shows.

mod backends;
mod check;
mod demo_server;
mod ending;
mod events;
mod find_config;
mod find_host;
mod find_state;
mod folders;
mod history;
mod log_file;
mod logging;
mod page;
mod pause;
mod plan;
mod plugin;
mod plugins_of;
mod record;
mod reload;
mod restore;
mod run;
mod seconds;
mod settings;
mod signals;
mod status;
mod sync_flags;
mod sync_variables;
mod tools;
mod tui;
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
  config-sync plan next.yaml               what would a reload of that file do?
  config-sync status                       is the running host live? what serves, and why not?
  config-sync tui                          all that on one screen, live; `run --tui` has both
  config-sync events --follow              what happens, as it happens
  config-sync reload                       reload now (as does kill -HUP PID)
  config-sync settings set debounce 0.5    store a setting (--in-file: write it into the file)
  config-sync history                      what became of each change; `history show ID` for one
  config-sync restore                      write the last good configuration back over the file
Without --config the file is $CONFIG_SYNC_CONFIG, else config.yaml, else config.yml.
status, tui, events, reload, pause, resume, backends and tools find the running host by it; they end
with 0 when all is well or done, 1 when not, 2 when it cannot be told, 3 when no host runs.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the configuration to MCP clients and follow every change of the file
    Run(run::Run),
    /// Say everything that is wrong with a configuration; exit code 1 if anything is
    Check(check::Check),
    /// Say what a reload would do to what serves, without doing it; exit code 1 if the file would
    /// not be accepted, 2 if that cannot be told
    Plan(plan::Plan),
    /// How the running host is; exit code 0 when it is live and nothing is wrong
    Status(status::Status),
    /// What the running host has told last, oldest first
    Events(events::Events),
    /// Reload the file now, and say how it ended; exit code 1 when it does not serve
    Reload(reload::Reload),
    /// Follow no edit of the file for now; what serves goes on serving
    Pause(pause::Pause),
    /// Follow edits again, after a pause or when `on_failure: stop` has stopped it
    Resume(pause::Resume),
    /// What is in force of `sync`, and who says so; store values, take them back, write them into
    /// the file; exit code 1 when that is refused
    Settings(settings::Settings),
    /// The backends of the running host; exit code 1 when one does not serve
    Backends(backends::Backends),
    /// The tools that clients of the running host see
    Tools(tools::Tools),
    /// The running host on this terminal: how it is, what happens, its settings, live
    Tui(tui::Tui),
    /// What became of the changes of the file, newest last
    History(history::History),
    /// Write an earlier good configuration back over the file; what it holds now is kept
    Restore(restore::Restore),
    /// Follow any files, and run a program when they change
    Watch(watch::Watch),
    /// Write down what a file does, for `plugin test` to play it again
    Record(record::Record),
    /// Make plugins, and try them out
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
        Command::Watch(_) | Command::Record(_) => tokio::runtime::Builder::new_current_thread(),
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
        Command::Check(check) => runtime.block_on(check.run()),
        Command::Plan(plan) => runtime.block_on(plan.run()),
        Command::Status(status) => runtime.block_on(status.run()),
        Command::Events(events) => runtime.block_on(events.run()),
        Command::Reload(reload) => runtime.block_on(reload.run()),
        Command::Pause(pause) => runtime.block_on(pause.run()),
        Command::Resume(resume) => runtime.block_on(resume.run()),
        Command::Settings(settings) => runtime.block_on(settings.run()),
        Command::Backends(backends) => runtime.block_on(backends.run()),
        Command::Tools(tools) => runtime.block_on(tools.run()),
        Command::Tui(tui) => runtime.block_on(tui.run()),
        Command::History(history) => history.run(),
        Command::Restore(restore) => restore.run(),
        Command::Watch(watch) => runtime.block_on(watch.run()),
        Command::Record(record) => runtime.block_on(record.run()),
        Command::Plugin(plugin) => runtime.block_on(plugin.run()),
        Command::DemoServer(server) => runtime.block_on(server.run()),
    };
    // What did not end in time ends here; children of it are killed as it is dropped.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}
