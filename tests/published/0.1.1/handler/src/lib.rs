//! A handler for version 0.1.1: refuses its section `published` where that is what its settings say.

wit_bindgen::generate!({
    path: "../wit",
    inline: r#"
        package published:handler;
        world it {
            include config-sync:plugin/reload-handler-plugin@0.1.1;
            import config-sync:plugin/settings@0.1.1;
            import config-sync:plugin/signal@0.1.1;
        }
    "#,
    world: "published:handler/it",
    generate_all,
});

use config_sync::plugin::log::{Level, log};
use config_sync::plugin::types::{Problem, Severity};
use config_sync::plugin::{settings, signal};
use exports::config_sync::plugin::reload_handler::{
    Change, Descriptor, Entry, Guest, Offer, Outcome, Proposal, Wanted,
};

struct Published;

impl Guest for Published {
    fn describe() -> Descriptor {
        Descriptor {
            summary: "says no where it is told to, as of 0.1.1".to_owned(),
            sections: vec!["published".to_owned()],
        }
    }

    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        // The settings are `{"refuse":WORD}`, and the section is `{"published":WORD}`.
        let settings = settings::get();
        let word = settings.strip_prefix("{\"refuse\":").and_then(|rest| rest.strip_suffix('}'));
        if word.is_some_and(|word| change.next == format!("{{\"published\":{word}}}")) {
            return Err(vec![Problem {
                severity: Severity::Error,
                path: "published".to_owned(),
                message: "no, as of 0.1.1".to_owned(),
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
        let may_signal = signal::targets().join(" ");
        log(Level::Info, &format!("finished {generation}, beside {may_signal}"));
        Ok(())
    }
}

export!(Published);
