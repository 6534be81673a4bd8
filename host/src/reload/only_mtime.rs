//! A host that knows one detector by name and has none: for tests of reloads, which ask for none.

use crate::watch::{Detector, Detectors};

pub(super) struct OnlyMtime;

impl Detectors for OnlyMtime {
    fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String> {
        Err(format!("there is no detector `{name}`; known are mtime"))
    }
    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        self.detector("hash")
    }
    fn names(&self) -> Vec<String> {
        vec!["mtime".to_owned()]
    }
}
