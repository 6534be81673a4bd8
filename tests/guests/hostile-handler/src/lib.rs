//! A reload handler that misbehaves on command: `hostile: {in: CALL, sin: NAME}` in the
//! configuration says where and how. It never wants anything to be served.

use std::cell::RefCell;

use config_sync_sdk::{
    Capability, Change, Difference, Entry, HandlerDescriptor, Offer, Outcome, Problem, Proposal,
    ReloadHandler, Sections, Wanted,
};
use serde_json::Value;

#[path = "../../sins.rs"]
mod sins;

/// The handler that sins.
pub struct Hostile;

config_sync_sdk::export!(handler: Hostile);

const SECTION: &str = "hostile";

thread_local! {
    /// What is commanded for `finished`, which is shown no configuration. A handler should remember
    /// nothing; the host keeps this instance from one call to the next.
    static AT_THE_END: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl ReloadHandler for Hostile {
    fn describe() -> HandlerDescriptor {
        sins::before_all();
        HandlerDescriptor {
            summary: "misbehaves on command".into(),
            sections: vec![SECTION.into()],
        }
    }

    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        AT_THE_END.set(command(&change.next, "finished").map(str::to_owned));
        let path = match command(&change.next, "propose") {
            None => SECTION.to_owned(),
            Some("answer") => sins::huge(),
            Some(sin) => commit(sin).map(|()| SECTION.to_owned())?,
        };
        let section = |sections: &Sections| sections.get(SECTION).cloned();
        let previous = change.previous.as_ref().and_then(section);
        let difference = Difference::of(path, previous.as_ref(), section(&change.next).as_ref());
        Ok(Proposal {
            wanted: Wanted::Nothing,
            differences: difference.into_iter().collect(),
        })
    }

    fn compose(next: &Sections, _offers: Vec<Offer>) -> Result<Option<Vec<Entry>>, Vec<Problem>> {
        match command(next, "compose") {
            None => Ok(None),
            Some("answer") => Ok(Some(vec![nowhere(sins::huge())])),
            Some("lie") => Ok(Some(vec![nowhere("as-commanded".to_owned())])),
            Some(sin) => commit(sin).map(|()| None),
        }
    }

    fn finished(_generation: u64, _outcome: Outcome) -> Result<(), String> {
        let sin = AT_THE_END.take();
        sin.map_or(Ok(()), |sin| sins::commit(&sin))
    }
}

/// The sin that is commanded for this call.
fn command<'a>(sections: &'a Sections, call: &str) -> Option<&'a str> {
    let section = sections.get(SECTION)?;
    let says = |key: &str| section.get(key).and_then(Value::as_str);
    says("sin").filter(|_| says("in") == Some(call))
}

fn commit(sin: &str) -> Result<(), Vec<Problem>> {
    sins::commit(sin).map_err(|refusal| vec![Problem::error(SECTION, refusal)])
}

/// An entry of a backend that nobody has.
fn nowhere(name: String) -> Entry {
    Entry {
        backend: "nowhere".to_owned(),
        kind: Capability::Tool,
        shown_as: name.clone(),
        name,
        description: None,
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::{change, sections};
    use serde_json::json;

    use super::*;

    #[test]
    fn without_a_command_it_only_looks_on() {
        let proposal = Hostile::propose(change(None, json!({}))).unwrap();
        assert_eq!(proposal.wanted, Wanted::Nothing);
        assert_eq!(proposal.differences, []);
        assert_eq!(Hostile::compose(&sections(json!({})), Vec::new()), Ok(None));
    }

    #[test]
    fn each_call_sins_only_when_it_is_named() {
        let refuse = |call: &str| json!({ "hostile": { "in": call, "sin": "refuse" } });
        let refused = vec![Problem::error("hostile", "as commanded")];
        let propose = |call: &str| Hostile::propose(change(None, refuse(call)));
        let compose = |call: &str| Hostile::compose(&sections(refuse(call)), Vec::new());
        let finished = || Hostile::finished(2, Outcome::Applied);

        assert_eq!(propose("propose"), Err(refused.clone()));
        assert_eq!(compose("propose"), Ok(None));
        assert_eq!(compose("compose"), Err(refused));
        assert_eq!(finished(), Ok(()));
        propose("finished").unwrap();
        assert_eq!(finished(), Err("as commanded".to_owned()));
    }
}
