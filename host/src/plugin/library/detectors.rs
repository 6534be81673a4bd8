//! The detectors among the plugins at hand, behind the port `watch::Detectors`: those dropped in
//! before the built-in ones of their names.

use std::sync::Arc;

use super::{Edition, Kind, Library};
use crate::plugin::detector::WasmDetector;
use crate::watch::{Detector, Detectors};

impl Library {
    fn detector_edition(&self, name: &str) -> Option<Result<Arc<Edition>, String>> {
        let now = self.read();
        if let Some(edition) = now.dropped_in(name, Kind::Detector) {
            return Some(Ok(edition));
        }
        let built_in = self.detectors.iter().find(|it| it.name == name)?;
        Some(built_in.get(&now.engine))
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
                    self.names().join(", ")
                ),
            },
        )
    }

    fn edition(&self, name: &str) -> u64 {
        let edition = self.detector_edition(name).and_then(Result::ok);
        edition.map_or(0, |edition| edition.number)
    }

    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        let edition = self.last_resort.get(&self.read().engine)?;
        Ok(Box::new(WasmDetector::new(edition)))
    }

    fn names(&self) -> Vec<String> {
        let now = self.read();
        let handler = |name: &str| now.dropped_in(name, Kind::Handler).is_some();
        let built_in = self.detectors.iter().map(|it| it.name);
        let built_in = built_in.filter(|name| !handler(name)).map(str::to_owned);
        let dropped_in = now.dropped_in.iter();
        let dropped_in = dropped_in.filter_map(|(name, it)| {
            let edition = it.edition.as_ref()?;
            (edition.kind == Kind::Detector).then(|| name.clone())
        });
        let mut names: Vec<_> = built_in.chain(dropped_in).collect();
        names.sort();
        names.dedup();
        names
    }
}
