//! The settings as they are edited: what is in force, what was typed over it and is not saved yet,
//! and whether that will do. Pure; who says what a setting may be is the host.

use std::collections::BTreeMap;

use crossterm::event::Event;
use serde_json::{Map, Number, Value};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use crate::manage::{Bounds, Origin, Setting, Settings, Word};

/// The form.
#[derive(Debug, Default)]
pub(in crate::tui) struct Form {
    /// What is in force, as heard last.
    pub(in crate::tui) settings: Option<Settings>,
    /// What is to be saved, by key.
    edits: BTreeMap<String, Value>,
    /// What is being typed or chosen.
    pub(in crate::tui) editing: Option<Editing>,
}

/// A setting under the cursor.
#[derive(Debug)]
pub(in crate::tui) enum Editing {
    /// A number is typed.
    Number {
        /// Of this setting.
        key: String,
        /// So far.
        input: Input,
    },
    /// A word is chosen; which row is marked, is for the list.
    Word {
        /// Of this setting.
        key: String,
        /// From these.
        words: Vec<Word>,
    },
}

impl Form {
    /// Every setting.
    pub(in crate::tui) fn rows(&self) -> &[Setting] {
        let settings = self.settings.as_ref();
        settings.map_or(&[], |it| it.settings.as_slice())
    }

    /// The setting with this key.
    pub(in crate::tui) fn setting(&self, key: &str) -> Option<&Setting> {
        self.rows().iter().find(|setting| setting.key == key)
    }

    /// What was changed of this one, and is not saved.
    pub(in crate::tui) fn edit(&self, key: &str) -> Option<&Value> {
        self.edits.get(key)
    }

    /// All that is not saved.
    pub(in crate::tui) fn changes(&self) -> Map<String, Value> {
        let edits = self.edits.iter();
        edits
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// What is in force now. An edit that says the same is done. Where a word is being chosen from
    /// others than before, says in which row the one at `row` stands now.
    pub(in crate::tui) fn hear(&mut self, settings: Settings, row: usize) -> usize {
        let in_force = |key: &str, value: &Value| {
            let mut all = settings.settings.iter();
            all.any(|it| it.key == *key && same(&it.value, value))
        };
        self.edits.retain(|key, value| !in_force(key, value));
        self.settings = Some(settings);
        let Some(Editing::Word { key, words }) = &self.editing else {
            return row;
        };
        let bounds = self.setting(key).map(|setting| &setting.bounds);
        let Some(Bounds::Choice { words: now }) = bounds else {
            return row;
        };
        let chosen = words.get(row).map(|it| &it.word);
        let row = now.iter().position(|it| Some(&it.word) == chosen);
        let (key, words) = (key.clone(), now.clone());
        self.editing = Some(Editing::Word { key, words });
        row.unwrap_or_default()
    }

    /// These were saved.
    pub(in crate::tui) fn saved(&mut self, changes: &Map<String, Value>) {
        self.edits
            .retain(|key, value| changes.get(key) != Some(value));
    }

    /// Forgets what was changed of this one. False, if nothing was.
    pub(in crate::tui) fn forget(&mut self, key: &str) -> bool {
        self.edits.remove(key).is_some()
    }

    /// Begins to edit this row. Where a word is to be chosen, says which stands there now.
    pub(in crate::tui) fn open(&mut self, row: usize) -> usize {
        let Some(setting) = self.rows().get(row).cloned() else {
            return 0;
        };
        let value = self.edits.get(&setting.key).unwrap_or(&setting.value);
        let key = setting.key.clone();
        match setting.bounds {
            Bounds::Boolean => {
                let other = Value::Bool(value != &Value::Bool(true));
                self.put(key, other);
                0
            }
            Bounds::Seconds { .. } => {
                let input = Input::new(plain(value));
                self.editing = Some(Editing::Number { key, input });
                0
            }
            Bounds::Choice { words } => {
                let at = words.iter().position(|it| value.as_str() == Some(&it.word));
                self.editing = Some(Editing::Word { key, words });
                at.unwrap_or_default()
            }
        }
    }

    /// A key for the number that is typed.
    pub(in crate::tui) fn typed(&mut self, event: &Event) {
        if let Some(Editing::Number { input, .. }) = &mut self.editing {
            input.handle_event(event);
        }
    }

    /// What is wrong with what is typed.
    pub(in crate::tui) fn problem(&self) -> Option<String> {
        match &self.editing {
            Some(Editing::Number { key, input }) => self.read(key, input.value()).err(),
            _ => None,
        }
    }

    /// Takes what was typed or chosen, unless something is wrong with it.
    pub(in crate::tui) fn accept(&mut self, row: usize) {
        let taken = match &self.editing {
            Some(Editing::Number { key, input }) => {
                let value = self.read(key, input.value()).ok();
                value.map(|value| (key.clone(), value))
            }
            Some(Editing::Word { key, words }) => {
                let word = words.get(row).map(|it| Value::from(it.word.as_str()));
                word.map(|word| (key.clone(), word))
            }
            None => None,
        };
        if let Some((key, value)) = taken {
            self.put(key, value);
            self.editing = None;
        }
    }

    fn put(&mut self, key: String, value: Value) {
        let in_force = self.setting(&key).map(|setting| &setting.value);
        if in_force.is_some_and(|it| same(it, &value)) {
            self.edits.remove(&key);
        } else {
            self.edits.insert(key, value);
        }
    }

    fn read(&self, key: &str, text: &str) -> Result<Value, String> {
        let setting = self
            .setting(key)
            .ok_or("the host does not know it any more")?;
        let Bounds::Seconds {
            least,
            most,
            zero_is_off,
        } = setting.bounds
        else {
            return Ok(Value::from(text));
        };
        let may_be = may_be(&setting.bounds);
        let number: Result<f64, _> = text.trim().parse();
        let number = number.map_err(|_| format!("a number is needed: {may_be}"))?;
        let off = zero_is_off && number == 0.0;
        if !off && !(least..=most).contains(&number) {
            return Err(format!("it may be {may_be}"));
        }
        let seconds = |key: &str| {
            let setting = self.setting(key)?;
            self.edits.get(key).unwrap_or(&setting.value).as_f64()
        };
        // The rule of `sync` that holds between two settings; the host checks it again.
        let (debounce, cap) = match key {
            "debounce" => (Some(number), seconds("max_debounce")),
            "max_debounce" => (seconds("debounce"), Some(number)),
            _ => (None, None),
        };
        if let (Some(debounce), Some(cap)) = (debounce, cap)
            && cap > 0.0
            && cap < debounce
        {
            return Err(match key {
                "debounce" => format!("`max_debounce` is {cap}, and must not be less"),
                _ => format!("it may be 0 or at least `debounce`, which is {debounce}"),
            });
        }
        // As it was typed: a whole number stays one in the file.
        let whole = text.trim().parse::<u64>().map(Number::from);
        let number = whole.ok().or_else(|| Number::from_f64(number));
        number.map(Value::Number).ok_or(may_be)
    }
}

/// The same value, however it is written: 2 and 2.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// A value as one types it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // 2, not 2.0.
        Value::Number(number) => number.as_f64().map_or(String::new(), |it| it.to_string()),
        other => other.to_string(),
    }
}

/// A value as it is read: `2 s`, `off`, `hash`.
pub(in crate::tui) fn shown(bounds: &Bounds, value: &Value) -> String {
    match (bounds, value) {
        (_, Value::Bool(true)) => "on".to_owned(),
        (_, Value::Bool(false)) => "off".to_owned(),
        (Bounds::Seconds { zero_is_off, .. }, Value::Number(number)) => match number.as_f64() {
            Some(0.0) if *zero_is_off => "off".to_owned(),
            Some(seconds) => format!("{seconds} s"),
            None => number.to_string(),
        },
        (_, value) => plain(value),
    }
}

/// What a setting may be: `0.01 to 86400 seconds`.
pub(in crate::tui) fn may_be(bounds: &Bounds) -> String {
    match bounds {
        Bounds::Boolean => "on or off".to_owned(),
        Bounds::Seconds {
            least,
            most,
            zero_is_off: true,
        } if *least > 0.0 => format!("0 for off, or {least} to {most} seconds"),
        Bounds::Seconds { least, most, .. } => format!("{least} to {most} seconds"),
        Bounds::Choice { words } => {
            let words: Vec<_> = words.iter().map(|it| it.word.as_str()).collect();
            words.join(", ")
        }
    }
}

/// Where a value comes from, and over what it stands.
pub(in crate::tui) fn origin(setting: &Setting) -> String {
    let word = setting.origin.as_str();
    let below = setting.layers.iter().rev();
    let below = below.filter(|layer| layer.origin < setting.origin);
    let file = below.clone().find(|layer| layer.origin == Origin::File);
    match file.or_else(|| below.clone().find(|layer| layer.origin == Origin::Stored)) {
        Some(layer) => {
            let value = shown(&setting.bounds, &layer.value);
            format!("{word}, over {value} ({})", layer.origin.as_str())
        }
        None => word.to_owned(),
    }
}

/// What a setting is called on the screen.
pub(in crate::tui) fn title(key: &str) -> &str {
    match key {
        "enabled" => "Hot reload",
        "poll_interval" => "Interval",
        "debounce" => "Debounce",
        "max_debounce" => "Longest debounce",
        "detection" => "Change detection",
        "on_failure" => "On failure",
        "safety_interval" => "Safety interval",
        "probation" => "Probation",
        other => other,
    }
}

#[cfg(test)]
mod tests;
