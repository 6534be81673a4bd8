//! Settings and configuration as the management API shows them.

use serde_json::{Map, Value};

use super::Managed;
use crate::config;
use crate::events::EventKind;
use crate::manage::{ConfigValue, Configuration, Origin, Refused, SaveTo, Settings};
use crate::service::shown::shown;
use crate::settings::{ChangeError, Effective, NotSaved, NotWritten, save_in_file};
use crate::target::Target;
use crate::watch::{AUTO, Detectors};

impl Managed {
    /// Blocks, when it is asked first.
    pub(super) fn all_settings(&self) -> Settings {
        shown(self.watched.path(), &self.settings, &self.library.list())
    }

    /// Blocks. Whether the file was written.
    pub(super) fn change(&self, changes: &Map<String, Value>, to: SaveTo) -> Result<bool, Refused> {
        detector_of(changes, self.library.as_ref()).map_err(Refused::Invalid)?;
        let mut written = false;
        match to {
            SaveTo::Store => drop(self.settings.change(changes).map_err(refused)?),
            SaveTo::File => {
                let (file, root) = (self.watched.path(), self.root.as_deref());
                let saved = save_in_file(&self.settings, file, root, changes).map_err(not_saved)?;
                if let Some(file) = &saved.written {
                    let keys = changes.keys().cloned().collect::<Vec<_>>().join(", ");
                    let file = file.display();
                    let warning = saved.warning.map(|warning| format!("; {warning}"));
                    let warning = warning.unwrap_or_default();
                    self.bus.publish(
                        EventKind::State,
                        format!(
                            "sync: {keys} written into {file}, as somebody asked over the \
                             API{warning}"
                        ),
                    );
                }
                written = saved.written.is_some();
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
pub(in crate::service) fn known_detector(
    name: &str,
    detectors: &dyn Detectors,
) -> Result<(), String> {
    if name == AUTO || detectors.names().iter().any(|known| known == name) {
        return Ok(());
    }
    let refused = detectors.detector(name).err();
    refused.map_or(Ok(()), |why| Err(format!("sync.detection: {why}")))
}

/// As [`known_detector`], of the one that somebody wants; of a placeholder nothing can be said.
///
/// # Errors
/// Why there is none.
pub fn detector_of(changes: &Map<String, Value>, detectors: &dyn Detectors) -> Result<(), String> {
    match changes.get("detection") {
        Some(Value::String(name)) if !name.contains("${") => known_detector(name, detectors),
        _ => Ok(()),
    }
}

fn not_saved(error: NotSaved) -> Refused {
    let detail = error.to_string();
    match error {
        NotSaved::StillStored(error) => refused(error),
        NotSaved::NotWritten(error) => match error {
            NotWritten::Invalid(_) => Refused::Invalid(detail),
            NotWritten::NotEdited(_) | NotWritten::NotReadable { .. } => Refused::NotNow(detail),
            NotWritten::State(_) => Refused::Failed(detail),
        },
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
        values.push(value(path, setting.value.clone(), setting.origin));
    }
    values.sort_by(|one, other| one.path.cmp(&other.path));
    values
}
