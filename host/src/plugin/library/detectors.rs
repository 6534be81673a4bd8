//! The detectors among the plugins at hand, behind the port `watch::Detectors`: those dropped in
//! before the built-in ones of their names.

use std::sync::Arc;

use super::{Edition, Library};
use crate::manage::PluginKind;
use crate::plugin::detector::WasmDetector;
use crate::watch::{Detector, Detectors};

impl Library {
    fn detector_edition(&self, name: &str) -> Option<Result<Arc<Edition>, String>> {
        let now = self.read();
        if let Some(edition) = now.dropped_in(name, PluginKind::Detector) {
            return Some(Ok(edition));
        }
        let engine = now.engine.clone();
        drop(now);
        let built_in = self.detectors.iter().find(|it| it.name == name)?;
        Some(built_in.get(&engine))
    }
}

impl Detectors for Library {
    fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String> {
        if let Some(edition) = self.detector_edition(name) {
            return Ok(Box::new(WasmDetector::new(edition?)));
        }
        let now = self.read();
        let here = now.dropped_in.get(name);
        Err(
            match here.and_then(|it| Some((&it.path, it.wrong.as_ref()?))) {
                Some((path, error)) => format!("{} cannot be used: {error}", path.display()),
                None => format!(
                    "there is no detector `{name}`; known are {}; others go as NAME.wasm into the plugins folder",
                    now.names(PluginKind::Detector, &self.detectors).join(", ")
                ),
            },
        )
    }

    fn edition(&self, name: &str) -> u64 {
        let edition = self.detector_edition(name).and_then(Result::ok);
        edition.map_or(0, |edition| edition.number)
    }

    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        let engine = self.read().engine.clone();
        let edition = self.last_resort.get(&engine)?;
        Ok(Box::new(WasmDetector::new(edition)))
    }

    fn names(&self) -> Vec<String> {
        self.read().names(PluginKind::Detector, &self.detectors)
    }
}
