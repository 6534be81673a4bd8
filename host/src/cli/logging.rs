//! Where the log goes: standard error, as text or as one JSON object a line; into a file while a
//! UI has the terminal.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use super::folders::variable;
use super::log_file::{LARGEST, LogFile};
use super::page::has_colours;

/// What is logged unless `CONFIG_SYNC_LOG` says otherwise: of what we depend on, only warnings.
const DEFAULT: &str = "warn,config_sync=info";

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

/// What is logged by commands whose output is what people look at.
const QUIET: &str = "warn,config_sync::event=info";

/// Installs the log of this process.
pub(super) fn start(format: Format) {
    install(format, DEFAULT);
}

/// Installs the log of this process, at the end of this file.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn start_in(file: &Path, format: Format) -> io::Result<()> {
    let file = LogFile::open(file, LARGEST)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(DEFAULT))
        .with_writer(Mutex::new(file))
        .with_ansi(false);
    match format {
        Format::Text => log.init(),
        Format::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Installs a log that leaves out all but events and warnings.
pub(super) fn start_quietly() {
    install(Format::Text, QUIET);
}

fn filter(default: &str) -> EnvFilter {
    let said = variable("CONFIG_SYNC_LOG").and_then(|it| it.into_string().ok());
    let filter = said.unwrap_or_else(|| default.to_owned());
    EnvFilter::try_new(&filter).unwrap_or_else(|error| {
        eprintln!("config-sync: CONFIG_SYNC_LOG: {error}; logging `{default}`");
        EnvFilter::new(default)
    })
}

fn install(format: Format, default: &str) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(default))
        .with_writer(std::io::stderr);
    match format {
        Format::Text => {
            log.with_ansi(has_colours(&std::io::stderr())).init();
        }
        Format::Json => log.json().flatten_event(true).init(),
    }
}
