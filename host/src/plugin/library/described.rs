//! What there is, for people: each plugin in the words that it says of itself.

use super::{BuiltIn, HANDLERS, Kind, Library, WasmDetector, WasmHandler};

/// One plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// As `sync.detection` and the log name it.
    pub name: String,
    /// Nothing, for one that cannot be used.
    pub kind: Option<Kind>,
    /// Of itself, in one line.
    pub summary: String,
    /// It is a part of the host.
    pub built_in: bool,
    /// Why it cannot be used, and what to do.
    pub refused: Option<String>,
}

impl Library {
    /// All plugins, detectors before handlers, those that cannot be used last. Asks each, so that
    /// it may take as long as the limits of plugins allow.
    pub fn described(&self) -> Vec<Described> {
        let detectors = crate::watch::Detectors::names(self)
            .into_iter()
            .map(|name| {
                let dropped_in = self.detectors.get(&name).cloned();
                let built_in = dropped_in.is_none();
                let pre = dropped_in.map_or_else(|| self.pre_of(&name), Ok);
                let asked = pre.and_then(|pre| {
                    WasmDetector::new(&name, self.engine.clone(), pre)
                        .map(|detector| detector.summary().to_owned())
                        .map_err(|fault| fault.to_string())
                });
                described(name, Some(Kind::Detector), built_in, asked)
            });
        let handlers = self.handlers.iter().cloned();
        let handlers = handlers.map(|(name, pre)| (name, false, Ok(pre)));
        let built_in = HANDLERS.into_iter().filter(|(name, _)| !self.has(name));
        let built_in = built_in.map(|plugin| {
            let pre = BuiltIn::new(plugin).get(&self.engine);
            (plugin.0.to_owned(), true, pre)
        });
        let handlers = handlers.chain(built_in).map(|(name, built_in, pre)| {
            let asked = pre.and_then(|pre| {
                WasmHandler::new(&name, self.engine.clone(), pre)
                    .map(|handler| handler.summary().to_owned())
                    .map_err(|fault| fault.to_string())
            });
            described(name, Some(Kind::Handler), built_in, asked)
        });
        let refused = self.refused.iter().map(|(path, error)| {
            let name = path.file_stem().unwrap_or(path.as_os_str());
            let name = name.to_string_lossy().into_owned();
            described(name, None, false, Err(error.clone()))
        });
        detectors.chain(handlers).chain(refused).collect()
    }

    fn pre_of(
        &self,
        built_in: &str,
    ) -> Result<wasmtime::component::InstancePre<super::State>, String> {
        let built_in = self.built_in.get(built_in).ok_or("there is none")?;
        built_in.get(&self.engine)
    }
}

fn described(
    name: String,
    kind: Option<Kind>,
    built_in: bool,
    asked: Result<String, String>,
) -> Described {
    let (summary, refused) = match asked {
        Ok(summary) => (summary, None),
        Err(error) => (String::new(), Some(error)),
    };
    Described {
        name,
        kind,
        summary,
        built_in,
        refused,
    }
}
