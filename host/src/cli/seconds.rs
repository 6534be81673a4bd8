//! The flags that say how long to wait, with the bounds of the `sync` section.

use serde_json::{Map, Value};

use crate::config::SyncSettings;

#[derive(Debug, clap::Args)]
pub(super) struct Seconds {
    /// Seconds of quiet before a change has settled [default: 1]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    debounce: Option<f64>,
    /// Seconds between two looks [default: 2]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    poll_interval: Option<f64>,
    /// Seconds after which a file that never gets quiet has settled anyway; 0 for never [default: 10]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    max_debounce: Option<f64>,
    /// Seconds between two looks by content, whatever the detection; 0 for none [default: 60]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    safety_interval: Option<f64>,
}

impl Seconds {
    /// The settings that these flags and this detection make.
    pub(super) fn settings(&self, detection: &str) -> Result<SyncSettings, String> {
        let mut map = Map::new();
        map.insert("detection".to_owned(), detection.into());
        for (key, value) in [
            ("debounce", self.debounce),
            ("poll_interval", self.poll_interval),
            ("max_debounce", self.max_debounce),
            ("safety_interval", self.safety_interval),
        ] {
            if let Some(value) = value {
                map.insert(key.to_owned(), value.into());
            }
        }
        SyncSettings::from_json(&Value::Object(map), &|_| None).map_err(|problems| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    }
}
