//! What the command line of `run` says of `sync`; it wins over everything else, as long as this
//! host runs.

use serde_json::{Map, Value};

use crate::settings::{KEYS, check, from_text};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Settings (they win over the file and over what is stored)")]
pub(super) struct SyncFlags {
    /// Watch at all: true or false
    #[arg(long, value_name = "BOOL")]
    enabled: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    poll_interval: Option<String>,
    /// Seconds of quiet before a reload
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    debounce: Option<String>,
    /// mtime, hash, inotify, auto, or the name of a plugin
    #[arg(long, value_name = "NAME")]
    detection: Option<String>,
    /// What follows a reload that failed: backoff, fixed or stop
    #[arg(long, value_name = "WORD")]
    on_failure: Option<String>,
    /// Seconds after which a file that never gets quiet is reloaded anyway; 0 for never
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    max_debounce: Option<String>,
    /// Seconds between two looks by content, whatever the detection; 0 turns it off
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    safety_interval: Option<String>,
    /// Seconds after a swap in which an ill backend makes the host go back; 0 turns it off
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    probation: Option<String>,
}

impl SyncFlags {
    /// Those that are given, by their keys.
    ///
    /// # Errors
    /// The first that may not be so.
    pub(super) fn read(&self) -> Result<Map<String, Value>, String> {
        let given = [
            &self.enabled,
            &self.poll_interval,
            &self.debounce,
            &self.detection,
            &self.on_failure,
            &self.max_debounce,
            &self.safety_interval,
            &self.probation,
        ];
        let mut said = Map::new();
        for (key, text) in KEYS.iter().zip(given) {
            let Some(text) = text else { continue };
            let value = from_text(key, text);
            check(key, &value)
                .map_err(|error| format!("--{}: {error}", key.name.replace('_', "-")))?;
            said.insert(key.name.to_owned(), value);
        }
        Ok(said)
    }
}
