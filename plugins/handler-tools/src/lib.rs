//! Composes the catalog: which tools, prompts and resources of the backends clients see, and under
//! which names.
//!
//! It reads filters, overrides and the way in which conflicts are resolved. It asks for no backend
//! and no middleware, so an edit of these alone reconnects nothing.

mod catalog;
mod pattern;
mod policy;

use config_sync_sdk::{
    Change, Difference, Entry, HandlerDescriptor, Offer, Problem, Proposal, ReloadHandler,
    Sections, Wanted, log,
};
use serde_json::Value;

use crate::policy::Policy;

/// The handler `tools`.
pub struct Tools;

config_sync_sdk::export!(handler: Tools);

impl ReloadHandler for Tools {
    fn describe() -> HandlerDescriptor {
        HandlerDescriptor {
            summary: "filters, renames and merges what the backends offer".into(),
            sections: vec!["backends".into(), "conflict_resolution".into()],
        }
    }

    /// Reads the policy only to refuse a wrong one before anything is built.
    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        let policy = Policy::read(&change.next)?;
        for name in policy.unknown_in_order() {
            log::warn(format_args!(
                "conflict_resolution.order: there is no backend `{name}`"
            ));
        }
        let differences = differences(&change.previous.unwrap_or_default(), &change.next);
        Ok(Proposal {
            wanted: Wanted::Nothing,
            differences,
        })
    }

    fn compose(next: &Sections, offers: Vec<Offer>) -> Result<Option<Vec<Entry>>, Vec<Problem>> {
        let catalog = catalog::compose(&Policy::read(next)?, offers)?;
        catalog.warnings.iter().for_each(log::debug);
        Ok(Some(catalog.entries))
    }
}

/// Only of backends that stay: of the others the handler `backends` tells.
fn differences(previous: &Sections, next: &Sections) -> Vec<Difference> {
    let backends = next.get("backends").and_then(Value::as_object);
    let of_backends = backends.into_iter().flatten().flat_map(|(name, now)| {
        let before = previous
            .get("backends")
            .and_then(|backends| backends.get(name));
        ["filters", "tool_overrides"]
            .into_iter()
            .filter_map(move |key| {
                Difference::of(
                    format!("backends.{name}.{key}"),
                    before?.get(key),
                    now.get(key),
                )
            })
    });
    let resolution = "conflict_resolution";
    of_backends
        .chain(Difference::of(
            resolution,
            previous.get(resolution),
            next.get(resolution),
        ))
        .collect()
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::{change, sections};
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_overrides_and_resolution_are_told_and_connections_are_not() {
        let previous = json!({ "backends": {
            "web": { "url": "a", "filters": { "tools": { "deny": ["a"] } } },
            "gone": { "filters": {} },
        } });
        let next = json!({
            "backends": {
                "web": { "url": "b", "filters": { "tools": { "deny": ["b"] } }, "tool_overrides": {} },
                "new": { "filters": {} },
            },
            "conflict_resolution": { "strategy": "prefix" },
        });
        let proposal = Tools::propose(change(Some(previous), next)).unwrap();
        assert_eq!(proposal.wanted, Wanted::Nothing);
        assert_eq!(
            proposal.differences,
            [
                Difference::changed("backends.web.filters"),
                Difference::added("backends.web.tool_overrides"),
                Difference::added("conflict_resolution"),
            ]
        );
    }

    #[test]
    fn a_wrong_policy_is_refused_before_anything_is_built() {
        let next = json!({ "conflict_resolution": { "strategy": "last-wins" } });
        let problems = Tools::propose(change(None, next)).unwrap_err();
        assert_eq!(problems[0].path, "conflict_resolution.strategy");
    }

    #[test]
    fn no_configuration_at_all_composes_an_empty_catalog() {
        assert_eq!(
            Tools::compose(&sections(json!({})), Vec::new()),
            Ok(Some(Vec::new()))
        );
    }
}
