//! A handler for version 0.1.0: refuses its section `published` where that is `no`.

wit_bindgen::generate!({ path: "../wit", world: "reload-handler-plugin" });

use config_sync::plugin::log::{Level, log};
use config_sync::plugin::types::{Problem, Severity};
use exports::config_sync::plugin::reload_handler::{
    Change, Descriptor, Entry, Guest, Offer, Outcome, Proposal, Wanted,
};

struct Published;

impl Guest for Published {
    fn describe() -> Descriptor {
        Descriptor {
            summary: "says no where it is told to, as of 0.1.0".to_owned(),
            sections: vec!["published".to_owned()],
        }
    }

    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        if change.next.contains("\"no\"") {
            return Err(vec![Problem {
                severity: Severity::Error,
                path: "published".to_owned(),
                message: "no, as of 0.1.0".to_owned(),
                help: Some("say yes".to_owned()),
            }]);
        }
        Ok(Proposal {
            wanted: Wanted::Nothing,
            differences: Vec::new(),
        })
    }

    fn compose(_next: String, _offers: Vec<Offer>) -> Result<Option<Vec<Entry>>, Vec<Problem>> {
        Ok(None)
    }

    fn finished(generation: u64, _outcome: Outcome) -> Result<(), String> {
        log(Level::Info, &format!("finished {generation}"));
        Ok(())
    }
}

export!(Published);
