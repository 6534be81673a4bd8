//! What the gateway is called, and what clients are told that they may ask for: what the gateway serves by itself, and what it
//! passes on of what backends declare beyond that, as they wrote it. Pure.

use serde_json::json;

use super::tasks::FAMILY;
use crate::mcp::{Members, Raw, raw_of};

/// Those that the gateway understands (2026-07-28, `ServerCapabilities`). A reload can bring each
/// of these, so each is always there; a list of which nothing serves is empty.
const OWN: [&str; 5] = ["tools", "prompts", "resources", "completions", "logging"];
/// Those whose entries stand for themselves, whoever declares them.
const COLLECTIONS: [&str; 2] = ["experimental", "extensions"];
/// How deep those of tasks are told apart: one more than they are (`requests.tools.call`).
const DEEPEST: u32 = 4;

/// What the gateway calls itself, to clients and backends alike.
pub(super) fn own_info() -> Option<Raw> {
    raw_of(&json!({ "name": "config-sync", "version": env!("CARGO_PKG_VERSION") })).ok()
}

/// Whether a backend declares anything that the gateway does not know.
pub(super) fn is_extended(declared: &Members) -> bool {
    declared.iter().any(|(key, _)| !OWN.contains(&key))
}

/// What stands before the slash of a method's name.
pub(super) fn family_of(method: &str) -> &str {
    method.split('/').next().unwrap_or(method)
}

/// Whether these declare this family of methods, by itself or as an extension of that name
/// (`tasks`, `io.modelcontextprotocol/tasks`).
pub(super) fn declares(declared: &Members, family: &str) -> bool {
    let is_it = |name: &str| name.rsplit_once('/').is_some_and(|(_, it)| it == family);
    let extensions = || declared.object("extensions").unwrap_or_default();
    declared.get(family).is_some() || extensions().iter().any(|(name, _)| is_it(name))
}

/// The gateway's own capabilities and those of its backends as one. Of what several declare in
/// different ways the first counts; of tasks, whatever any of them can do. What else belongs to no
/// collection is passed on where it is one backend's alone, for else nobody could tell whom a client
/// means.
pub(super) fn merged<'a>(backends: impl Iterator<Item = &'a Members> + Clone) -> Members {
    let own = json!({
        "tools": { "listChanged": true },
        "prompts": { "listChanged": true },
        "resources": { "listChanged": true, "subscribe": true },
        "completions": {},
        "logging": {},
    });
    let mut merged = raw_of(&own)
        .ok()
        .and_then(|own| Members::of(&own))
        .unwrap_or_default();
    for (key, value) in backends.clone().flat_map(Members::iter) {
        if !OWN.contains(&key) && !COLLECTIONS.contains(&key) {
            let declaring = backends.clone().filter(|it| it.get(key).is_some());
            if declaring.count() == 1 {
                merged.set(key, value.to_owned());
            } else if key == FAMILY {
                let tasks = Members::of(value).unwrap_or_default();
                let before = merged.object(key).unwrap_or_default();
                merged.set(key, united(before, &tasks, DEEPEST).to_raw());
            }
            continue;
        }
        let mut entries = merged.object(key).unwrap_or_default();
        let declared = Members::of(value).unwrap_or_default();
        for (name, value) in declared.iter() {
            if entries.get(name).is_none() {
                entries.set(name, value.to_owned());
            }
        }
        merged.set(key, entries.to_raw());
    }
    merged
}

/// Both, down to this depth.
fn united(mut one: Members, other: &Members, depth: u32) -> Members {
    for (key, value) in other.iter() {
        let both = one.object(key).zip(Members::of(value));
        match both.filter(|_| depth > 0) {
            Some((here, there)) => one.set(key, united(here, &there, depth - 1).to_raw()),
            None if one.get(key).is_none() => one.set(key, value.to_owned()),
            None => {}
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(backends: &[&str]) -> String {
        let backends: Vec<_> = backends
            .iter()
            .map(|it| Members::parse(it).unwrap())
            .collect();
        merged(backends.iter()).to_raw().get().to_owned()
    }

    const ALONE: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"completions":{},"logging":{}}"#;

    #[test]
    fn a_gateway_without_backends_offers_what_a_reload_may_bring() {
        assert_eq!(all(&[]), ALONE);
        assert_eq!(all(&[r#"{"tools":{}}"#, r#"{"resources":7}"#]), ALONE);
    }

    #[test]
    fn what_backends_declare_beyond_that_is_passed_on_to_the_letter() {
        let one = r#"{"tools":{"listChanged":false,"odd":1e999},"experimental":{"x":{"b":1,"a":[]}},"far":{"range" : 7}}"#;
        let two = r#"{"experimental":{"x":{},"y":{}},"extensions":{"org/ui":{}}}"#;
        let expected = ALONE.replace(
            r#""tools":{"listChanged":true}"#,
            r#""tools":{"listChanged":true,"odd":1e999}"#,
        );
        let expected = expected.replace(
            r#""logging":{}"#,
            r#""logging":{},"experimental":{"x":{"b":1,"a":[]},"y":{}},"far":{"range" : 7},"extensions":{"org/ui":{}}"#,
        );
        assert_eq!(all(&[one, two]), expected);
    }

    #[test]
    fn what_two_backends_declare_for_themselves_is_nobodys() {
        let far = r#"{"far":{"list":{}}}"#;
        assert_eq!(all(&[far, far]), ALONE);
        assert!(all(&[far]).contains(r#""far":{"list":{}}"#));
    }

    #[test]
    fn of_tasks_all_is_told_that_any_backend_can_do() {
        let one = r#"{"tasks":{"list":{},"requests":{"tools":{"call":{}}}}}"#;
        let two = r#"{"tasks":{"cancel":{},"requests":{"tools":{"x":1},"y":{}}}}"#;
        let both =
            r#""tasks":{"list":{},"requests":{"tools":{"call":{},"x":1},"y":{}},"cancel":{}}"#;
        assert!(all(&[one, two]).contains(both), "{}", all(&[one, two]));
        assert!(all(&[one, one]).contains(r#""tasks":{"list":{},"requests""#));
    }

    #[test]
    fn a_family_is_declared_by_itself_or_by_an_extension_of_its_name() {
        for (declared, is_it) in [
            (r#"{"tasks":{}}"#, true),
            (
                r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#,
                true,
            ),
            (r#"{"extensions":{"org/other":{}},"tools":{}}"#, false),
        ] {
            assert_eq!(declares(&Members::parse(declared).unwrap(), FAMILY), is_it);
        }
    }
}
