//! The settings of a running host: what everybody says, kept up to date with the file that serves
//! and with what is stored. Whoever asks gets what is in force at that moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::key::{Key, check};
use super::layers::{Effective, Layers, Origin, is_same, merge};
use super::store::{Document, SettingsStore, StoreError, Stored};
use crate::config::SyncSettings;
use crate::events::{EventBus, EventKind};
use crate::secrets::value_of;

/// Why a change is not made; nothing of it is then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A value may not be, or there is no such key.
    #[error("{0}")]
    Invalid(String),
    /// There is nowhere to store it.
    #[error(
        "there is nowhere to store settings, for this user has no home folder; name one with \
         CONFIG_SYNC_SETTINGS"
    )]
    NoStore,
    /// The disk will not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The settings of one watched file. Clones share them.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    state: Arc<Mutex<State>>,
    store: Option<SettingsStore>,
    bus: EventBus,
}

#[derive(Debug)]
struct State {
    layers: Layers,
    effective: Effective,
}

impl LiveSettings {
    /// Those that are stored (which may block), with what the environment and the command line
    /// say; each of those has been [checked](check). A store that cannot be read is told, and
    /// serves as an empty one.
    pub fn open(
        store: Option<SettingsStore>,
        environment: Map<String, Value>,
        flags: Map<String, Value>,
        bus: EventBus,
    ) -> Self {
        let opened = store.as_ref().map(SettingsStore::read);
        let stored = match opened {
            None => Document::new(),
            Some(Ok(opened)) => {
                for line in opened.told {
                    bus.publish(EventKind::Degraded, line);
                }
                opened.document
            }
            Some(Err(error)) => {
                bus.publish(
                    EventKind::Degraded,
                    format!("no stored setting counts: {error}"),
                );
                Document::new()
            }
        };
        let layers = Layers {
            file: Map::new(),
            stored,
            environment,
            flags,
        };
        let effective = in_force(&layers, &bus);
        Self {
            state: Arc::new(Mutex::new(State { layers, effective })),
            store,
            bus,
        }
    }

    /// What the file alone says: nothing is stored anywhere.
    pub fn of_file_alone(bus: EventBus) -> Self {
        Self::open(None, Map::new(), Map::new(), bus)
    }

    /// The document in which they are stored.
    pub fn store(&self) -> Option<&SettingsStore> {
        self.store.as_ref()
    }

    /// What is in force.
    pub fn current(&self) -> SyncSettings {
        self.state().effective.sync.clone()
    }

    /// The same, one by one.
    pub fn effective(&self) -> Effective {
        self.state().effective.clone()
    }

    /// What is stored.
    pub fn stored(&self) -> Document {
        self.state().layers.stored.clone()
    }

    /// Leaves out what is stored and cannot be, as `refuse` says, until it is stored anew.
    pub fn forget(&self, refuse: impl Fn(&str, &Value) -> Option<String>) {
        let mut state = self.state();
        let mut told = Vec::new();
        state.layers.stored.retain(|key, stored| {
            let refused = refuse(key, &stored.value);
            told.extend(
                refused
                    .iter()
                    .map(|why| format!("the stored sync.{key} does not count: {why}")),
            );
            refused.is_none()
        });
        state.effective = in_force(&state.layers, &self.bus);
        drop(state);
        for line in told {
            self.bus.publish(EventKind::Degraded, line);
        }
    }

    /// This section `sync` of the file serves from now on. `by_hand`: somebody has edited it, so
    /// what it says anew is newer than what is stored over it.
    pub fn follow(&self, section: &Map<String, Value>, by_hand: bool) {
        let mut state = self.state();
        let said = |key: &str| section.get(key).cloned().unwrap_or_default();
        let mut older = Vec::new();
        if by_hand {
            let stored = state.layers.stored.iter();
            let edited = stored.filter(|(key, stored)| !is_same(&stored.over, &said(key)));
            older = edited
                .map(|(key, stored)| (key.clone(), stored.clone()))
                .collect();
        }
        for (key, _) in &older {
            state.layers.stored.remove(key);
        }
        state.layers.file.clone_from(section);
        state.effective = in_force(&state.layers, &self.bus);
        drop(state);
        for (key, _) in &older {
            self.bus.publish(
                EventKind::State,
                format!(
                    "sync.{key} was edited in the file: that is newer than the stored value, \
                     which is dropped"
                ),
            );
        }
        if !older.is_empty() {
            self.drop_stored(older);
        }
    }

    /// The disk may take its time, and a host that is killed before drops them at its next start.
    fn drop_stored(&self, older: Vec<(String, Stored)>) {
        let Some(store) = self.store.clone() else {
            return;
        };
        let bus = self.bus.clone();
        let write = move || {
            let dropped = store.change(|document| {
                for (key, stored) in &older {
                    // Stored anew meanwhile: that is not the one.
                    if document.get(key) == Some(stored) {
                        document.remove(key);
                    }
                }
            });
            if let Err(error) = dropped {
                bus.publish(
                    EventKind::Degraded,
                    format!("{error}; nothing else is affected"),
                );
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(write)),
            Err(_) => write(),
        }
    }

    /// Stores these settings, `null` takes back what is stored; all of them or none. On the disk
    /// first, which may block; in force when this comes back.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub fn change(&self, changes: &Map<String, Value>) -> Result<Effective, ChangeError> {
        let changes = checked(changes).map_err(ChangeError::Invalid)?;
        let mut preview = self.state().layers.clone();
        let file = preview.file.clone();
        apply(&changes, &file, &mut preview.stored);
        let preview = merge(&preview, &value_of).map_err(ChangeError::Invalid)?;
        if preview.follows {
            let contradict = "sync.max_debounce must be 0 or at least sync.debounce; set both";
            return Err(ChangeError::Invalid(contradict.to_owned()));
        }
        let store = self.store.as_ref().ok_or(ChangeError::NoStore)?;
        let opened = store.change(|document| apply(&changes, &file, document))?;
        let mut state = self.state();
        // What else is stored by now, another host may have meant.
        for (key, _) in &changes {
            match opened.document.get(key.name) {
                Some(stored) => drop(
                    state
                        .layers
                        .stored
                        .insert(key.name.to_owned(), stored.clone()),
                ),
                None => drop(state.layers.stored.remove(key.name)),
            }
        }
        state.effective = in_force(&state.layers, &self.bus);
        let effective = state.effective.clone();
        drop(state);
        for line in opened.told {
            self.bus.publish(EventKind::Degraded, line);
        }
        for (key, value) in &changes {
            self.bus
                .publish(EventKind::State, told(key, value.is_some(), &effective));
        }
        Ok(effective)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to store, nothing for what is taken back.
pub type Changes = Vec<(&'static Key, Option<Value>)>;

/// Whether all of these may be; `null` stands for taking back.
///
/// # Errors
/// Each that may not, with what it may be.
pub fn checked(changes: &Map<String, Value>) -> Result<Changes, String> {
    let mut wrong = Vec::new();
    let mut right = Changes::new();
    for (name, value) in changes {
        let key = match Key::named(name) {
            Ok(key) => key,
            Err(error) => {
                wrong.push(error);
                continue;
            }
        };
        let value = (!value.is_null()).then(|| value.clone());
        match value.as_ref().map_or(Ok(()), |value| check(key, value)) {
            Ok(()) => right.push((key, value)),
            Err(error) => wrong.push(error),
        }
    }
    match wrong.is_empty() {
        true => Ok(right),
        false => Err(wrong.join("; ")),
    }
}

/// Puts them in, with what the file says at this moment.
fn apply(changes: &Changes, file: &Map<String, Value>, document: &mut Document) {
    for (key, value) in changes {
        match value {
            None => drop(document.remove(key.name)),
            Some(value) => {
                let stored = Stored {
                    value: value.clone(),
                    over: file.get(key.name).cloned().unwrap_or_default(),
                    since: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                };
                document.insert(key.name.to_owned(), stored);
            }
        }
    }
}

fn told(key: &Key, is_set: bool, effective: &Effective) -> String {
    let name = key.name;
    let mut settings = effective.settings.iter();
    let origin = settings.find(|it| it.key.name == name).map(|it| it.origin);
    match (is_set, origin) {
        (true, Some(Origin::Environment)) => {
            format!("sync.{name} is stored; the host's environment says otherwise, and wins")
        }
        (true, Some(Origin::Flag)) => {
            format!("sync.{name} is stored; the host's command line says otherwise, and wins")
        }
        (true, _) => format!("sync.{name} is stored, and in force"),
        (false, _) => format!("sync.{name} is no longer stored; what the file says counts"),
    }
}

/// What is in force. Each layer was checked when it came, so that all of them together are right.
fn in_force(layers: &Layers, bus: &EventBus) -> Effective {
    let alone = || Layers {
        file: layers.file.clone(),
        ..Layers::default()
    };
    merge(layers, &value_of)
        .or_else(|error| {
            bus.publish(
                EventKind::Error,
                format!("{error}; the file's settings count alone"),
            );
            merge(&alone(), &value_of)
        })
        .or_else(|_| merge(&Layers::default(), &value_of))
        .unwrap_or_else(|_| Effective {
            sync: SyncSettings::default(),
            settings: Vec::new(),
            follows: false,
        })
}

#[cfg(test)]
mod tests;
