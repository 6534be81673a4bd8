//! What the command line of `run` says of `sync`; it wins over everything else, as long as this
//! host runs.

use serde_json::{Map, Value};

use crate::settings::{Key, check, from_text};

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
            ("enabled", &self.enabled),
            ("poll_interval", &self.poll_interval),
            ("debounce", &self.debounce),
            ("detection", &self.detection),
            ("on_failure", &self.on_failure),
            ("max_debounce", &self.max_debounce),
            ("safety_interval", &self.safety_interval),
            ("probation", &self.probation),
        ];
        let mut said = Map::new();
        for (name, text) in given {
            let Some(text) = text else { continue };
            let key = Key::named(name)?;
            let value = from_text(key, text);
            check(key, &value)
                .map_err(|error| format!("--{}: {error}", key.name.replace('_', "-")))?;
            said.insert(key.name.to_owned(), value);
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};
    use serde_json::json;

    use super::*;
    use crate::settings::KEYS;

    fn read(arguments: &[String]) -> Map<String, Value> {
        let command = SyncFlags::augment_args(Command::new("run").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).unwrap();
        SyncFlags::from_arg_matches(&matches)
            .unwrap()
            .read()
            .unwrap()
    }

    #[test]
    fn each_setting_has_a_flag_that_sets_it_and_no_other() {
        for key in &KEYS {
            let value = match key.name {
                "enabled" => json!(false),
                "detection" => json!("hash"),
                "on_failure" => json!("fixed"),
                _ => json!(7),
            };
            let text = value.as_str().map_or(value.to_string(), str::to_owned);
            let flag = format!("--{}", key.name.replace('_', "-"));
            let said = read(&[flag, text]);
            assert_eq!(said, Map::from_iter([(key.name.to_owned(), value)]));
        }
        assert_eq!(read(&[]), Map::new());
    }
}
