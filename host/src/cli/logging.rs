//! Where the log goes: standard error, as text or as one JSON object a line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is logged unless `CONFIG_SYNC_LOG` says otherwise: rmcp and the like only when they warn.
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

/// Installs a log that leaves out all but events and warnings.
pub(super) fn start_quietly() {
    install(Format::Text, QUIET);
}

fn install(format: Format, default: &str) {
    let filter = std::env::var("CONFIG_SYNC_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|error| {
        eprintln!("config-sync: CONFIG_SYNC_LOG: {error}; logging `{default}`");
        EnvFilter::new(default)
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        Format::Text => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            log.with_ansi(colours).init();
        }
        Format::Json => log.json().flatten_event(true).init(),
    }
}
