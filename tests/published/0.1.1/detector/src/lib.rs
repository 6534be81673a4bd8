//! A detector for version 0.1.1: compares size and modification time.

wit_bindgen::generate!({ path: "../wit", world: "detector-plugin" });

use config_sync::plugin::log::{Level, log};
use config_sync::plugin::target::Target;
use config_sync::plugin::types::{FileError, Wake};
use exports::config_sync::plugin::detector::{Descriptor, Guest, Observation, Verdict, Wakes};

struct Published;

impl Guest for Published {
    fn describe() -> Descriptor {
        Descriptor {
            summary: "compares size and time, as of 0.1.1".to_owned(),
            wakes: Wakes::TICK | Wakes::EVENTS,
        }
    }

    fn observe(
        target: &Target,
        _wake: Wake,
        memory: Option<Vec<u8>>,
    ) -> Result<Observation, String> {
        let now = match target.stat() {
            Ok(stat) => format!("{} {}", stat.size, stat.modified).into_bytes(),
            Err(FileError::NotFound) => {
                return Ok(Observation {
                    verdict: Verdict::Missing,
                    memory: memory.unwrap_or_default(),
                    note: "not there".to_owned(),
                });
            }
            Err(error) => return Err(format!("{error:?}")),
        };
        let changed = memory.as_ref().is_some_and(|before| *before != now);
        if changed {
            log(Level::Info, "another size or time");
        }
        Ok(Observation {
            verdict: if changed { Verdict::Changed } else { Verdict::Unchanged },
            memory: now,
            note: String::new(),
        })
    }
}

export!(Published);
