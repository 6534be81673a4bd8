//! Settings and configuration as the management API shows them.

use serde_json::{Map, Value};

use super::Managed;
use crate::config::{self, OnFailure};
use crate::manage::{
    Bounds, ConfigValue, Configuration, Layer, Origin, Refused, SaveTo, Setting, Settings, Word,
};
use crate::plugin::{self, Described};
use crate::settings::{self, ChangeError, Document, Effective, Kind, LiveSettings};
use crate::target::Target;
use crate::watch::{AUTO, Detectors};

impl Managed {
    pub(super) fn all_settings(&self) -> Settings {
        let detectors = self.detectors();
        let stored = self.settings.stored();
        let effective = self.settings.effective();
        let one = |setting: &settings::Setting| shown(setting, &stored, &detectors);
        Settings {
            file: self.watched.path().display().to_string(),
            store: store(&self.settings),
            settings: effective.settings.iter().map(one).collect(),
        }
    }

    /// What `detection` may be, each with what it says of itself.
    fn detectors(&self) -> Vec<Word> {
        let plugins = self.described.get_or_init(|| self.library.described());
        let summary = |name: &str| {
            let mut named = plugins
                .iter()
                .filter(|it| it.kind == Some(plugin::Kind::Detector));
            let named = named.find(|plugin| plugin.name == name);
            named.map_or_else(String::new, |plugin: &Described| plugin.summary.clone())
        };
        let auto = Word {
            word: AUTO.to_owned(),
            summary: "`inotify` where events can be trusted, else `hash`".to_owned(),
        };
        let names = self.library.names().into_iter().map(|word| Word {
            summary: summary(&word),
            word,
        });
        names.chain([auto]).collect()
    }

    /// Blocks.
    pub(super) fn change(
        &self,
        changes: &Map<String, Value>,
        to: SaveTo,
    ) -> Result<Settings, Refused> {
        if let Some(Value::String(name)) = changes.get("detection") {
            known_detector(name, self.library.as_ref()).map_err(Refused::Invalid)?;
        }
        match to {
            SaveTo::Store => {
                self.settings.change(changes).map_err(refused)?;
            }
            SaveTo::File => {
                let detail = "writing into the file is not there yet".to_owned();
                return Err(Refused::Failed(detail));
            }
        }
        self.take_effect();
        Ok(self.all_settings())
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

fn refused(error: ChangeError) -> Refused {
    match error {
        ChangeError::Invalid(detail) => Refused::Invalid(detail),
        ChangeError::NoStore => Refused::NotNow(error.to_string()),
        ChangeError::Store(error) => Refused::Failed(error.to_string()),
    }
}

fn store(settings: &LiveSettings) -> Option<String> {
    let store = settings.store()?;
    Some(store.path().display().to_string())
}

fn origin(origin: settings::Origin) -> Origin {
    match origin {
        settings::Origin::Default => Origin::Default,
        settings::Origin::File => Origin::File,
        settings::Origin::Stored => Origin::Stored,
        settings::Origin::Environment => Origin::Environment,
        settings::Origin::Flag => Origin::Flag,
    }
}

fn shown(setting: &settings::Setting, stored: &Document, detectors: &[Word]) -> Setting {
    let layers = setting.said.iter().map(|(said_by, value)| Layer {
        origin: origin(*said_by),
        value: value.clone(),
        since: match said_by {
            settings::Origin::Stored => stored.get(setting.key.name).map(|it| it.since.clone()),
            _ => None,
        },
    });
    Setting {
        key: setting.key.name.to_owned(),
        value: setting.value.clone(),
        origin: origin(setting.origin),
        layers: layers.collect(),
        bounds: match &setting.key.kind {
            Kind::Boolean => Bounds::Boolean,
            Kind::Seconds(bounds, zero_is_off) => Bounds::Seconds {
                least: *bounds.start(),
                most: *bounds.end(),
                zero_is_off: *zero_is_off,
            },
            Kind::Detection => Bounds::Choice {
                words: detectors.to_vec(),
            },
            Kind::OnFailure => Bounds::Choice {
                words: on_failure(),
            },
        },
        summary: setting.key.summary.to_owned(),
    }
}

fn on_failure() -> Vec<Word> {
    let words = [
        (OnFailure::Backoff, "try again, ever later"),
        (OnFailure::Fixed, "try again at each poll interval"),
        (OnFailure::Stop, "stop watching, go on serving"),
    ];
    let word = |(word, summary): (OnFailure, &str)| Word {
        word: word.to_string(),
        summary: summary.to_owned(),
    };
    words.map(word).into()
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
