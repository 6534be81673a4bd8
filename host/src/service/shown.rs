//! Settings as others are shown them, of a host that runs or of one that would.

use std::path::Path;

use crate::config::OnFailure;
use crate::manage::{Bounds, Layer, Plugin, PluginKind, Setting, Settings, Word};
use crate::settings::{self, Document, Kind, LiveSettings};
use crate::watch::AUTO;

/// All settings of the file at `watched`, where there are these plugins.
pub fn shown(watched: &Path, live: &LiveSettings, plugins: &[Plugin]) -> Settings {
    let (words, stored) = (detectors(plugins), live.stored());
    let store = live.store().map(|store| store.path().display().to_string());
    let effective = live.effective();
    let settings = effective.settings.iter();
    Settings {
        file: watched.display().to_string(),
        store,
        settings: settings.map(|it| one(it, &stored, &words)).collect(),
    }
}

fn one(setting: &settings::Setting, stored: &Document, detectors: &[Word]) -> Setting {
    let layers = setting.said.iter().map(|(said_by, value)| Layer {
        origin: *said_by,
        value: value.clone(),
        since: match said_by {
            settings::Origin::Stored => stored.get(setting.key.name).map(|it| it.since.clone()),
            _ => None,
        },
    });
    Setting {
        key: setting.key.name.to_owned(),
        value: setting.value.clone(),
        origin: setting.origin,
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

/// What `detection` may be, each with what it says of itself.
fn detectors(plugins: &[Plugin]) -> Vec<Word> {
    let detectors = plugins.iter();
    let detectors = detectors.filter(|plugin| plugin.kind == Some(PluginKind::Detector));
    let words = detectors.map(|plugin| Word {
        word: plugin.name.clone(),
        summary: plugin.summary.clone(),
    });
    let auto = Word {
        word: AUTO.to_owned(),
        summary: "`inotify` where events can be trusted, else `hash`".to_owned(),
    };
    words.chain([auto]).collect()
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
