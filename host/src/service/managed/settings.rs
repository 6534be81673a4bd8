//! Settings and configuration as the management API shows them.

use serde_json::{Map, Value};

use super::Managed;
use crate::config;
use crate::events::EventKind;
use crate::manage::{ConfigValue, Configuration, Origin, Refused, SaveTo, Settings};
use crate::service::shown::{origin, shown};
use crate::settings::{ChangeError, Effective, Key, NotWritten, write_in};
use crate::target::Target;
use crate::watch::{AUTO, Detectors};

impl Managed {
    /// Blocks, when it is asked first.
    pub(super) fn all_settings(&self) -> Settings {
        shown(self.watched.path(), &self.settings, &self.library.list())
    }

    /// Blocks. Whether the file was written.
    pub(super) fn change(&self, changes: &Map<String, Value>, to: SaveTo) -> Result<bool, Refused> {
        if let Some(Value::String(name)) = changes.get("detection")
            && !name.contains("${")
        {
            known_detector(name, self.library.as_ref()).map_err(Refused::Invalid)?;
        }
        let mut written = false;
        match to {
            SaveTo::Store => drop(self.settings.change(changes).map_err(refused)?),
            SaveTo::File => {
                let root = self.root.as_deref();
                let done = write_in(self.watched.path(), root, changes).map_err(not_written)?;
                written = done.changed;
                // An edit is newer than what is stored; what stood there already is none.
                let stored = self.settings.stored();
                let back = changes.iter().filter_map(|(key, value)| {
                    let key = Key::named(key).ok()?.name;
                    let stored = stored.get(key)?;
                    (!written || stored.is_over(value)).then(|| (key.to_owned(), Value::Null))
                });
                let back: Map<_, _> = back.collect();
                if !back.is_empty() {
                    self.settings.change(&back).map_err(refused)?;
                }
                if written {
                    let keys = changes.keys().cloned().collect::<Vec<_>>().join(", ");
                    let file = done.file.display();
                    self.bus.publish(
                        EventKind::State,
                        format!("sync: {keys} written into {file}, as somebody asked over the API"),
                    );
                }
            }
        }
        self.take_effect();
        Ok(written)
    }

    /// What is in force now is what the watcher does.
    fn take_effect(&self) {
        let settings = &self.settings;
        self.orders.send_if_modified(|orders| {
            let Some(orders) = orders else { return false };
            // In here, so that whoever changes them meanwhile is not undone.
            let current = settings.current();
            let differs = orders.settings != current;
            orders.settings = current;
            differs
        });
    }

    pub(super) fn served_configuration(&self) -> Result<Configuration, Refused> {
        let serving = self.standing.borrow().applied.clone();
        let serving = serving.ok_or_else(|| Refused::NotNow("nothing serves yet".to_owned()))?;
        let effective = self.settings.effective();
        Ok(Configuration {
            file: self.watched.path().display().to_string(),
            generation: self.gateway.current().generation,
            digest: serving.digest.to_string(),
            values: values(&serving.config, &effective),
        })
    }
}

/// Whether there is a detector of this name.
///
/// # Errors
/// Why not, and which there are.
pub fn known_detector(name: &str, detectors: &dyn Detectors) -> Result<(), String> {
    if name == AUTO || detectors.names().iter().any(|known| known == name) {
        return Ok(());
    }
    let refused = detectors.detector(name).err();
    refused.map_or(Ok(()), |why| Err(format!("sync.detection: {why}")))
}

fn not_written(error: NotWritten) -> Refused {
    let detail = error.to_string();
    match error {
        NotWritten::Invalid(_) => Refused::Invalid(detail),
        NotWritten::NotEdited(_) | NotWritten::NotReadable { .. } => Refused::NotNow(detail),
        NotWritten::State(_) => Refused::Failed(detail),
    }
}

fn refused(error: ChangeError) -> Refused {
    match error {
        ChangeError::Invalid(detail) => Refused::Invalid(detail),
        ChangeError::NoStore => Refused::NotNow(error.to_string()),
        ChangeError::Store(error) => Refused::Failed(error.to_string()),
    }
}

/// Every leaf: of `sync` what is in force, else what the file says, and the defaults of what the
/// host itself reads.
fn values(config: &config::SentinelConfig, effective: &Effective) -> Vec<ConfigValue> {
    let value = |path: String, value: Value, origin: Origin| ConfigValue {
        path,
        value,
        origin,
    };
    let of_file = config::shown(&config.sections).into_iter();
    let of_file = of_file.filter(|(path, _)| !path.starts_with("sync.") && path != "sync");
    let mut values: Vec<_> = of_file
        .map(|(path, json)| value(path, json, Origin::File))
        .collect();
    for (path, json) in config.server.defaults() {
        if !values.iter().any(|value| value.path == path) {
            values.push(value(path, json, Origin::Default));
        }
    }
    for setting in &effective.settings {
        let path = format!("sync.{}", setting.key.name);
        values.push(value(path, setting.value.clone(), origin(setting.origin)));
    }
    values.sort_by(|one, other| one.path.cmp(&other.path));
    values
}
