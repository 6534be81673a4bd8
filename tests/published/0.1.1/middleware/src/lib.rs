//! A middleware for version 0.1.1: answers the call that its settings name.

wit_bindgen::generate!({ path: "../wit", world: "middleware-plugin" });

use std::cell::RefCell;

use config_sync::plugin::log::{Level, log};
use config_sync::plugin::types::Problem;
use exports::config_sync::plugin::middleware::{
    Decision, Descriptor, Guest, Reply, Request, Revision, Ways,
};

struct Published;

thread_local! {
    static SETTINGS: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Guest for Published {
    fn describe() -> Descriptor {
        Descriptor {
            summary: "answers what it is told to, as of 0.1.1".to_owned(),
            ways: Ways::REQUEST | Ways::RESPONSE,
        }
    }

    fn configure(settings: String) -> Result<(), Vec<Problem>> {
        SETTINGS.set(settings);
        Ok(())
    }

    fn on_request(request: Request) -> Result<Decision, String> {
        // They are `{"answer":NAME}`.
        let settings = SETTINGS.with_borrow(Clone::clone);
        let is_meant = settings == format!("{{\"answer\":\"{}\"}}", request.name);
        if !is_meant {
            return Ok(Decision::Pass);
        }
        log(Level::Info, "answered");
        Ok(Decision::Answer(
            r#"{"content":[{"type":"text","text":"as of 0.1.1"}]}"#.to_owned(),
        ))
    }

    fn on_response(_request: Request, _reply: Reply) -> Result<Revision, String> {
        Ok(Revision::Pass)
    }
}

export!(Published);
