//! The keys of `sync`, what each may be, and values that come as text or from somewhere else
//! than the file. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::{
    DEBOUNCE_SECONDS, Environment, MAX_DEBOUNCE_SECONDS, POLL_INTERVAL_SECONDS, PROBATION_SECONDS,
    SAFETY_INTERVAL_SECONDS, SyncSettings,
};

/// One setting.
#[derive(Debug, Clone)]
pub struct Key {
    /// As it stands below `sync`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Reads it from those that are in force.
    read: fn(&SyncSettings) -> Value,
}

/// What a setting may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// Seconds within bounds; or 0 all the same, where that stands for off.
    Seconds(RangeInclusive<f64>, bool),
    /// `mtime`, `hash`, `inotify`, `auto` or the name of a plugin.
    Detection,
    /// What follows a reload that failed.
    OnFailure,
}

/// All of them, in the order in which they are documented.
pub const KEYS: [Key; 8] = [
    key("enabled", "watch at all", Kind::Boolean, |it| {
        it.enabled.into()
    }),
    key(
        "poll_interval",
        "seconds between looks",
        Kind::Seconds(POLL_INTERVAL_SECONDS, false),
        |it| seconds(it.poll_interval),
    ),
    key(
        "debounce",
        "seconds of quiet before a reload",
        Kind::Seconds(DEBOUNCE_SECONDS, true),
        |it| seconds(it.debounce),
    ),
    key(
        "detection",
        "how a change is noticed",
        Kind::Detection,
        |it| it.detection.clone().into(),
    ),
    key(
        "on_failure",
        "what follows a reload that failed",
        Kind::OnFailure,
        |it| it.on_failure.to_string().into(),
    ),
    key(
        "max_debounce",
        "seconds after which a file that never gets quiet is reloaded anyway; 0 for never",
        Kind::Seconds(MAX_DEBOUNCE_SECONDS, true),
        |it| seconds(it.max_debounce),
    ),
    key(
        "safety_interval",
        "seconds between looks by content, whatever the detection; 0 turns it off",
        Kind::Seconds(SAFETY_INTERVAL_SECONDS, true),
        |it| seconds(it.safety_interval),
    ),
    key(
        "probation",
        "seconds after a swap in which an ill backend makes the host go back; 0 turns it off",
        Kind::Seconds(PROBATION_SECONDS, true),
        |it| seconds(it.probation),
    ),
];

const fn key(
    name: &'static str,
    summary: &'static str,
    kind: Kind,
    read: fn(&SyncSettings) -> Value,
) -> Key {
    Key {
        name,
        summary,
        kind,
        read,
    }
}

fn seconds(time: Duration) -> Value {
    time.as_secs_f64().into()
}

/// No two have the same name.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Key {
    /// The one of this name; `sync.debounce` is `debounce`.
    ///
    /// # Errors
    /// There is none: which one is meant, and all that there are.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        let bare = name.strip_prefix("sync.").unwrap_or(name);
        KEYS.iter().find(|key| key.name == bare).ok_or_else(|| {
            // The reader of the file says what was meant.
            let one = Map::from_iter([(bare.to_owned(), Value::Bool(true))]);
            problems(&SyncSettings::from_json(&Value::Object(one), &|_| None))
                .unwrap_or_else(|| format!("there is no setting `{name}`"))
        })
    }

    /// What these settings say.
    pub fn of(&self, settings: &SyncSettings) -> Value {
        (self.read)(settings)
    }

    /// Whether it may be this, with these variables: how it goes with other settings is not looked
    /// at.
    pub(super) fn may_be(&self, value: &Value, env: Environment<'_>) -> Result<(), String> {
        let mut one = Map::from_iter([(self.name.to_owned(), value.clone())]);
        // It is measured against `debounce`, which is none of its own.
        if self.name == "max_debounce" {
            one.insert("debounce".to_owned(), 0.into());
        }
        let read = SyncSettings::from_json(&Value::Object(one), env);
        problems(&read).map_or(Ok(()), Err)
    }
}

/// What somebody has typed for this key; what is neither a number nor a truth stays text.
pub fn from_text(key: &Key, text: &str) -> Value {
    let text = text.trim();
    let number = || -> Option<Value> {
        if let Ok(whole) = text.parse::<u64>() {
            return Some(whole.into());
        }
        let value = text.parse::<f64>().ok()?;
        serde_json::Number::from_f64(value).map(Value::Number)
    };
    let read = match key.kind {
        Kind::Boolean => text.parse::<bool>().ok().map(Value::Bool),
        Kind::Seconds(..) => number(),
        Kind::Detection | Kind::OnFailure => None,
    };
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Whether this key may be this, by itself: how it goes with others is not looked at. Whether
/// there is such a detector is not known here.
///
/// # Errors
/// What it may be.
pub fn check(key: &Key, value: &Value) -> Result<(), String> {
    if value.as_str().is_some_and(|text| text.contains("${")) {
        return Err(format!(
            "sync.{}: a placeholder can stand in the file alone; write a value",
            key.name
        ));
    }
    if value.is_null() {
        return Err(format!("sync.{}: nothing is no value", key.name));
    }
    key.may_be(value, &|_| None)
}

/// What is wrong, in one line.
pub(super) fn problems<T>(read: &Result<T, Vec<crate::config::Problem>>) -> Option<String> {
    let problems = read.as_ref().err()?;
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Some(lines.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_keys_are_those_of_the_file_and_their_defaults_are_within_their_bounds() {
        assert_eq!(KEYS.map(|key| key.name), SyncSettings::KEYS);
        let default = SyncSettings::default();
        for key in &KEYS {
            assert_eq!(check(key, &key.of(&default)), Ok(()), "{}", key.name);
        }
    }

    #[test]
    fn every_value_comes_back_as_it_went_in() {
        let all = json!({
            "enabled": false, "poll_interval": 0.5, "debounce": 0.25, "detection": "mine",
            "on_failure": "stop", "max_debounce": 0.75, "safety_interval": 7.5, "probation": 3.5,
        });
        let settings = SyncSettings::from_json(&all, &|_| None).unwrap();
        for key in &KEYS {
            assert_eq!(key.of(&settings), all[key.name], "{}", key.name);
        }
    }

    #[test]
    fn text_is_read_as_what_the_key_is() {
        let read = |key, text| from_text(Key::named(key).unwrap(), text);
        assert_eq!(read("enabled", "false"), json!(false));
        assert_eq!(read("debounce", " 1 "), json!(1));
        assert_eq!(read("sync.debounce", "0.5"), json!(0.5));
        assert_eq!(read("debounce", "soon"), json!("soon"));
        assert_eq!(read("debounce", "NaN"), json!("NaN"));
        assert_eq!(read("detection", "1"), json!("1"));
    }

    #[test]
    fn what_a_value_may_be_is_said_in_the_words_of_the_file() {
        let refused = |key, value| check(Key::named(key).unwrap(), &value).unwrap_err();
        let said = refused("debounce", json!(-1));
        assert!(
            said.contains("sync.debounce") && said.contains("0 to 3600 seconds"),
            "{said}"
        );
        assert!(refused("debounce", json!("soon")).contains("found text"));
        assert!(refused("on_failure", json!("retry")).contains("backoff, fixed, stop"));
        assert!(refused("enabled", json!("yes")).contains("true or false"));
        assert!(refused("detection", json!("${X}")).contains("placeholder"));
        assert!(refused("debounce", Value::Null).contains("no value"));
        let max = Key::named("max_debounce").unwrap();
        assert_eq!(
            check(max, &json!(0.5)),
            Ok(()),
            "how it goes with debounce is not asked"
        );
        let said = Key::named("debounse").unwrap_err();
        assert!(said.contains("did you mean `debounce`"), "{said}");
        let said = Key::named("frequency").unwrap_err();
        assert!(said.contains("known keys: "), "{said}");
    }
}
