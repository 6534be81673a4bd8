//! Reads the section `{{section}}` of the configuration, and refuses what is wrong in it before
//! anything is built.

use config_sync_sdk::{
    Change, Difference, HandlerDescriptor, Outcome, Problem, Proposal, ReloadHandler, Wanted, log,
};

/// The handler `{{name}}`.
pub struct Plugin;

config_sync_sdk::export!(handler: Plugin);

const SECTION: &str = "{{section}}";

impl ReloadHandler for Plugin {
    fn describe() -> HandlerDescriptor {
        HandlerDescriptor {
            summary: "reads the section {{section}}".into(),
            sections: vec![SECTION.into()],
        }
    }

    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        let next = change.next.get(SECTION);
        if let Some(section) = next.filter(|section| !section.is_object()) {
            let message = format!("must be a map, not {section}");
            return Err(vec![Problem::error(SECTION, message)]);
        }
        let before = change.previous.as_ref().and_then(|it| it.get(SECTION));
        Ok(Proposal {
            wanted: Wanted::Nothing,
            differences: Difference::of(SECTION, before, next).into_iter().collect(),
        })
    }

    fn finished(generation: u64, outcome: Outcome) -> Result<(), String> {
        if outcome == Outcome::Applied {
            log::info(format_args!("generation {generation} serves"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::change;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_map_is_refused() {
        let refused = Plugin::propose(change(None, json!({ SECTION: 7 })));
        assert_eq!(refused.unwrap_err()[0].path, SECTION);
    }
}
