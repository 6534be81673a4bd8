//! `sync`: how the file itself is watched, as the file says. What else may set these values, and
//! which one wins, is not known here.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value as Json;

use super::Problem;
use super::reader::{MapReader, read_json};
use super::template::Environment;
use super::value::Value;

/// Bounds of `poll_interval`, in seconds: 100 looks a second to one a day.
pub const POLL_INTERVAL_SECONDS: RangeInclusive<f64> = 0.01..=86_400.0;
/// Bounds of `debounce`, in seconds.
pub const DEBOUNCE_SECONDS: RangeInclusive<f64> = 0.0..=3_600.0;
/// Bounds of `max_debounce`, in seconds; 0 stands for no cap.
pub const MAX_DEBOUNCE_SECONDS: RangeInclusive<f64> = 0.0..=86_400.0;
/// Bounds of `safety_interval`, in seconds, unless it is 0 and stands for off.
pub const SAFETY_INTERVAL_SECONDS: RangeInclusive<f64> = 0.1..=604_800.0;
/// Bounds of `probation`, in seconds; 0 stands for off.
pub const PROBATION_SECONDS: RangeInclusive<f64> = 0.0..=86_400.0;

const LONGEST_DETECTION: usize = 64;

/// How the file is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncSettings {
    /// Whether to watch at all.
    pub enabled: bool,
    /// Between two looks; 10 ms to a day.
    pub poll_interval: Duration,
    /// Of quiet before a reload; up to an hour.
    pub debounce: Duration,
    /// `mtime`, `hash`, `inotify` or the name of a plugin: 1 to 64 of `A-Z a-z 0-9 _ -`. Whether
    /// there is such a plugin is not checked here.
    pub detection: String,
    /// What follows a reload that failed.
    pub on_failure: OnFailure,
    /// After which a file that never gets quiet is reloaded anyway: at least `debounce`, up to a
    /// day; zero stands for never.
    pub max_debounce: Duration,
    /// Between two looks by content, whatever the detection: 100 ms to a week; zero for off.
    pub safety_interval: Duration,
    /// After a swap, in which a backend that gets ill makes the host go back: up to a day; zero
    /// for off.
    pub probation: Duration,
}

/// What follows a reload that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Try again, ever later.
    #[default]
    Backoff,
    /// Try again at each poll interval.
    Fixed,
    /// Stop watching, go on serving.
    Stop,
}

const ON_FAILURE: [(&str, OnFailure); 3] = [
    ("backoff", OnFailure::Backoff),
    ("fixed", OnFailure::Fixed),
    ("stop", OnFailure::Stop),
];

/// The word that stands in the file.
impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backoff => "backoff",
            Self::Fixed => "fixed",
            Self::Stop => "stop",
        })
    }
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            poll_interval: Duration::from_secs(2),
            debounce: Duration::from_secs(1),
            detection: "mtime".into(),
            on_failure: OnFailure::default(),
            max_debounce: Duration::from_secs(10),
            safety_interval: Duration::from_secs(60),
            probation: Duration::ZERO,
        }
    }
}

impl SyncSettings {
    /// The keys, in the order in which they are documented.
    pub const KEYS: [&str; 8] = [
        "enabled",
        "poll_interval",
        "debounce",
        "detection",
        "on_failure",
        "max_debounce",
        "safety_interval",
        "probation",
    ];

    /// Reads an object with any of [`Self::KEYS`] as the section of the file is read: the same
    /// bounds and messages, under the path `sync`. The error is every problem.
    pub fn from_json(json: &Json, env: Environment<'_>) -> Result<Self, Vec<Problem>> {
        read_json("sync", json, env, |value| value.map().map(settings))
    }
}

pub(super) fn read(root: &mut MapReader<'_>) -> SyncSettings {
    root.get("sync")
        .and_then(|value| value.map())
        .map(settings)
        .unwrap_or_default()
}

fn settings(mut map: MapReader<'_>) -> SyncSettings {
    let default = SyncSettings::default();
    let debounce = map.seconds("debounce", DEBOUNCE_SECONDS, default.debounce);
    let settings = SyncSettings {
        enabled: map.boolean("enabled", default.enabled),
        poll_interval: map.seconds(
            "poll_interval",
            POLL_INTERVAL_SECONDS,
            default.poll_interval,
        ),
        debounce,
        detection: map
            .get("detection")
            .and_then(|value| detection(&value))
            .unwrap_or(default.detection),
        on_failure: map.one_of("on_failure", &ON_FAILURE, default.on_failure),
        max_debounce: max_debounce(&mut map, debounce, default.max_debounce),
        safety_interval: map
            .get("safety_interval")
            .and_then(|value| value.seconds_or_off(SAFETY_INTERVAL_SECONDS))
            .unwrap_or(default.safety_interval),
        probation: map.seconds("probation", PROBATION_SECONDS, default.probation),
    };
    map.finish();
    settings
}

fn detection(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let valid = (1..=LONGEST_DETECTION).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !valid {
        let message = format!("{} is not the name of a detector", value.quoted());
        let help = "write `mtime`, `hash`, `inotify`, or the name of a plugin: letters, digits, \
                    `_` and `-`";
        value.error(message, Some(help.into()));
    }
    valid.then_some(text)
}

/// A cap below `debounce` would make `debounce` mean nothing. Where only `debounce` is given,
/// the default cap follows it instead.
fn max_debounce(map: &mut MapReader<'_>, debounce: Duration, default: Duration) -> Duration {
    let Some(value) = map.get("max_debounce") else {
        return default.max(debounce);
    };
    let Some(max) = value.seconds(MAX_DEBOUNCE_SECONDS) else {
        return default.max(debounce);
    };
    if max > Duration::ZERO && max < debounce {
        let debounce = debounce.as_secs_f64();
        let message = format!("must be 0 or at least `debounce`, which is {debounce} seconds");
        value.error(message, None);
    }
    max
}

#[cfg(test)]
mod tests;
