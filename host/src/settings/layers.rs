//! The merge: what everybody says, and what is in force. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Document;
use super::key::{KEYS, Key, problems};
pub use crate::config::Origin;
use crate::config::{Environment, SyncSettings};

/// What everybody but the default says, as it is written there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layers {
    /// The section `sync` of the file that serves.
    pub file: Map<String, Value>,
    /// The settings store.
    pub stored: Document,
    /// Variables `CONFIG_SYNC_*`.
    pub environment: Map<String, Value>,
    /// The command line.
    pub flags: Map<String, Value>,
}

/// One setting as it is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Which.
    pub key: &'static Key,
    /// What is in force.
    pub value: Value,
    /// Who says so.
    pub origin: Origin,
    /// What everybody says, the weakest first.
    pub said: Vec<(Origin, Value)>,
}

/// All settings as they are in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// By type.
    pub sync: SyncSettings,
    /// One by one, in the order of [`KEYS`].
    pub settings: Vec<Setting>,
    /// `debounce` and `max_debounce` come from different hands and contradict each other, so
    /// that the second follows the first.
    pub follows: bool,
}

impl Layers {
    /// What everybody says about this key, the weakest first.
    pub fn said(&self, key: &Key) -> Vec<(Origin, Value)> {
        let default = Some(key.of(&SyncSettings::default()));
        let of = |map: &Map<String, Value>| map.get(key.name).filter(|it| !it.is_null()).cloned();
        let stored = self.stored.get(key.name).map(|stored| stored.value.clone());
        let all = [
            (Origin::Default, default),
            (Origin::File, of(&self.file)),
            (Origin::Stored, stored),
            (Origin::Environment, of(&self.environment)),
            (Origin::Flag, of(&self.flags)),
        ];
        let said = all.into_iter();
        said.filter_map(|(origin, value)| Some((origin, value?)))
            .collect()
    }
}

/// Who wins. `env` resolves the placeholders of the file.
///
/// # Errors
/// A value that may not be; each layer has been checked before, so this is nobody's typing slip.
pub fn merge(layers: &Layers, env: Environment<'_>) -> Result<Effective, String> {
    let said: BTreeMap<_, _> = KEYS
        .iter()
        .map(|key| (key.name, layers.said(key)))
        .collect();
    let winner = |name: &str| said.get(name).and_then(|said| said.last()).cloned();
    let of_default = |(origin, _): &(Origin, Value)| *origin == Origin::Default;
    // What is the default is left out: the cap's default follows `debounce`.
    let mut merged: Map<String, Value> = KEYS
        .iter()
        .filter_map(|key| Some((key.name.to_owned(), winner(key.name)?)))
        .filter(|(_, winner)| !of_default(winner))
        .map(|(name, (_, value))| (name, value))
        .collect();
    let read =
        |merged: &Map<String, Value>| SyncSettings::from_json(&Value::Object(merged.clone()), env);
    let (sync, follows) = match read(&merged) {
        Ok(sync) => (sync, false),
        Err(_) => {
            if let Some((_, debounce)) = winner("debounce") {
                merged.insert("max_debounce".to_owned(), debounce);
            }
            let sync = read(&merged);
            match problems(&sync) {
                Some(problems) => return Err(problems),
                None => (sync.unwrap_or_default(), true),
            }
        }
    };
    let settings = KEYS.iter().map(|key| {
        let said = said.get(key.name).cloned().unwrap_or_default();
        Setting {
            key,
            value: key.of(&sync),
            origin: said.last().map_or(Origin::Default, |(origin, _)| *origin),
            said,
        }
    });
    Ok(Effective {
        settings: settings.collect(),
        sync,
        follows,
    })
}

/// Whether two values mean the same: 1 is 1.0.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::Stored;

    fn map(json: Value) -> Map<String, Value> {
        json.as_object().cloned().unwrap()
    }

    fn stored(json: Value) -> Document {
        let stored = |value| Stored {
            value,
            over: Value::Null,
            since: String::new(),
        };
        let map = map(json).into_iter();
        map.map(|(key, value)| (key, stored(value))).collect()
    }

    fn origin(effective: &Effective, key: &str) -> Origin {
        let mut settings = effective.settings.iter();
        settings.find(|it| it.key.name == key).unwrap().origin
    }

    #[test]
    fn each_layer_wins_over_those_below_it() {
        let mut layers = Layers::default();
        let debounce = |layers: &Layers| {
            let effective = merge(layers, &|_| None).unwrap();
            let origin = origin(&effective, "debounce");
            (effective.sync.debounce.as_secs_f64(), origin)
        };
        assert_eq!(debounce(&layers), (1.0, Origin::Default));
        layers.file = map(json!({"debounce": 2}));
        assert_eq!(debounce(&layers), (2.0, Origin::File));
        layers.stored = stored(json!({"debounce": 3}));
        assert_eq!(debounce(&layers), (3.0, Origin::Stored));
        layers.environment = map(json!({"debounce": 4}));
        assert_eq!(debounce(&layers), (4.0, Origin::Environment));
        layers.flags = map(json!({"debounce": 5}));
        assert_eq!(debounce(&layers), (5.0, Origin::Flag));
        let effective = merge(&layers, &|_| None).unwrap();
        let said: Vec<_> = effective.settings[2].said.iter().map(|it| &it.1).collect();
        assert_eq!(
            said,
            [&json!(1.0), &json!(2), &json!(3), &json!(4), &json!(5)]
        );
        assert_eq!(origin(&effective, "detection"), Origin::Default);
    }

    #[test]
    fn an_empty_value_of_the_file_says_nothing_and_a_placeholder_is_resolved() {
        let layers = Layers {
            file: map(json!({"debounce": null, "poll_interval": "${POLL:-3}"})),
            ..Layers::default()
        };
        let effective = merge(&layers, &|_| None).unwrap();
        assert_eq!(origin(&effective, "debounce"), Origin::Default);
        assert_eq!(effective.settings[1].value, json!(3.0));
        assert_eq!(effective.settings[1].said[1].1, json!("${POLL:-3}"));
    }

    #[test]
    fn a_cap_from_another_hand_follows_the_debounce_it_would_cut() {
        let layers = Layers {
            file: map(json!({"max_debounce": 2})),
            stored: stored(json!({"debounce": 30})),
            ..Layers::default()
        };
        let effective = merge(&layers, &|_| None).unwrap();
        assert!(effective.follows);
        assert_eq!(effective.sync.max_debounce.as_secs(), 30);
        let only = Layers {
            stored: stored(json!({"debounce": 30})),
            ..Layers::default()
        };
        let effective = merge(&only, &|_| None).unwrap();
        assert!(!effective.follows, "the default always follows");
        assert_eq!(effective.sync.max_debounce.as_secs(), 30);
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        assert!(is_same(&json!(1), &json!(1.0)));
        assert!(!is_same(&json!(1), &json!("1")));
        assert!(is_same(&Value::Null, &Value::Null));
    }
}
