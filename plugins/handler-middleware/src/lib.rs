//! Proposes the middleware, outermost first, as written.
//!
//! An entry of the list has one of three forms, and all give the same kind of spec:
//!
//! ```yaml
//! middleware:
//!   - audit                      # {"type": "audit"}
//!   - audit: {file: a.jsonl}     # {"type": "audit", "file": "a.jsonl"}
//!   - name: second               # {"type": "audit", "file": "b.jsonl"}
//!     type: audit
//!     file: b.jsonl
//! ```
//!
//! Of `name` and `type` each stands for the other where it is left out. Which types there are, and
//! what they can be told, the host knows.

use std::collections::HashSet;

use config_sync_sdk::{
    Change, Desired, Difference, HandlerDescriptor, Problem, Proposal, ReloadHandler, Sections,
    Wanted,
};
use serde_json::{Map, Value};

/// The handler `middleware`.
pub struct Middleware;

config_sync_sdk::export!(handler: Middleware);

impl ReloadHandler for Middleware {
    fn describe() -> HandlerDescriptor {
        HandlerDescriptor {
            summary: "puts middleware around every call".into(),
            sections: vec!["middleware".into()],
        }
    }

    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        let next = chain(&change.next)?;
        let previous = change
            .previous
            .as_ref()
            .and_then(|sections| chain(sections).ok())
            .unwrap_or_default();
        let differences = differences(&previous, &next);
        Ok(Proposal {
            wanted: Wanted::Middleware(next),
            differences,
        })
    }
}

fn chain(sections: &Sections) -> Result<Vec<Desired>, Vec<Problem>> {
    let entries = match sections.get("middleware") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            return Err(vec![
                Problem::error("middleware", "must be a list, outermost first")
                    .help("write `middleware:`, and below it each one as `- name`"),
            ]);
        }
    };
    let mut chain = Vec::new();
    let mut names = HashSet::new();
    let mut problems = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("middleware[{index}]");
        match desired(entry) {
            Ok(desired) if names.insert(desired.name.clone()) => chain.push(desired),
            Ok(desired) => problems.push(
                Problem::error(path, format!("there is already a middleware `{}`", desired.name))
                    .help(format!("give it another name: `- name: …` and `type: {}`", desired.name)),
            ),
            Err(wrong) => problems.push(
                Problem::error(path, wrong)
                    .help("write `- audit`, `- audit: {file: audit.jsonl}`, or `- name: audit` with its settings below"),
            ),
        }
    }
    if problems.is_empty() {
        Ok(chain)
    } else {
        Err(problems)
    }
}

fn desired(entry: &Value) -> Result<Desired, &'static str> {
    match entry {
        Value::String(name) => named(name, name, Map::new()),
        Value::Object(entry) if entry.contains_key("name") || entry.contains_key("type") => {
            let mut settings = entry.clone();
            let name = settings.shift_remove("name");
            let kind = settings.shift_remove("type");
            match (name, kind) {
                (Some(Value::String(name)), Some(Value::String(kind))) => {
                    named(&name, &kind, settings)
                }
                (Some(Value::String(only)), None) | (None, Some(Value::String(only))) => {
                    named(&only, &only, settings)
                }
                _ => Err("`name` and `type` must be text"),
            }
        }
        Value::Object(entry) => match entry.iter().next() {
            Some((name, settings)) if entry.len() == 1 => match settings {
                Value::Null => named(name, name, Map::new()),
                Value::Object(settings) => keyed(name, settings.clone()),
                _ => Err("the settings of a middleware must be a mapping"),
            },
            _ => Err("a mapping of several keys must have a `name` or a `type`"),
        },
        _ => Err("must be a name or a mapping"),
    }
}

/// `- name: {settings}`, where the settings may say the type.
fn keyed(name: &str, mut settings: Map<String, Value>) -> Result<Desired, &'static str> {
    match settings.shift_remove("type") {
        None => named(name, name, settings),
        Some(Value::String(kind)) => named(name, &kind, settings),
        Some(_) => Err("`type` must be text"),
    }
}

fn named(name: &str, kind: &str, settings: Map<String, Value>) -> Result<Desired, &'static str> {
    if name.is_empty() || kind.is_empty() {
        return Err("a name must not be empty");
    }
    let mut spec = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    spec.extend(settings);
    Ok(Desired {
        name: name.to_owned(),
        spec: Value::Object(spec),
    })
}

fn differences(previous: &[Desired], next: &[Desired]) -> Vec<Difference> {
    let (before, now) = (by_name(previous), by_name(next));
    let mut differences = Difference::between("middleware", &before, &now);
    let stayed = before.keys().filter(|name| now.contains_key(*name));
    let stays = now.keys().filter(|name| before.contains_key(*name));
    if stayed.ne(stays) {
        differences.push(Difference::changed("middleware"));
    }
    differences
}

fn by_name(chain: &[Desired]) -> Map<String, Value> {
    chain
        .iter()
        .map(|desired| (desired.name.clone(), desired.spec.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::change;
    use serde_json::json;

    use super::*;

    fn propose(previous: Option<Value>, next: Value) -> Result<Proposal, Vec<Problem>> {
        let document = |middleware| json!({ "middleware": middleware });
        Middleware::propose(change(previous.map(document), document(next)))
    }

    fn middleware(next: Value) -> Vec<(String, Value)> {
        match propose(None, next).unwrap().wanted {
            Wanted::Middleware(all) => all.into_iter().map(|it| (it.name, it.spec)).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn problem_paths(next: Value) -> Vec<String> {
        propose(None, next)
            .unwrap_err()
            .into_iter()
            .map(|problem| problem.path)
            .collect()
    }

    #[test]
    fn every_form_gives_a_name_and_a_spec_with_its_type() {
        let entries = json!([
            "timing",
            { "audit": { "file": "a.jsonl" } },
            { "name": "second", "type": "audit", "file": "b.jsonl" },
            { "third": { "type": "audit" } },
            { "type": "limit", "rate": 5 },
            { "name": "trace", "depth": 2 },
            { "cors": null },
        ]);
        assert_eq!(
            middleware(entries),
            [
                ("timing".to_owned(), json!({ "type": "timing" })),
                (
                    "audit".to_owned(),
                    json!({ "type": "audit", "file": "a.jsonl" })
                ),
                (
                    "second".to_owned(),
                    json!({ "type": "audit", "file": "b.jsonl" })
                ),
                ("third".to_owned(), json!({ "type": "audit" })),
                ("limit".to_owned(), json!({ "type": "limit", "rate": 5 })),
                ("trace".to_owned(), json!({ "type": "trace", "depth": 2 })),
                ("cors".to_owned(), json!({ "type": "cors" })),
            ]
        );
    }

    #[test]
    fn no_section_and_an_empty_one_want_nothing() {
        assert_eq!(middleware(json!(null)), []);
        assert_eq!(middleware(json!([])), []);
        assert!(Middleware::propose(change(None, json!({}))).is_ok());
    }

    #[test]
    fn a_second_one_of_a_name_is_a_problem() {
        let problems = propose(None, json!(["audit", "timing", { "audit": null }])).unwrap_err();
        assert_eq!(problems[0].path, "middleware[2]");
        assert_eq!(problems[0].message, "there is already a middleware `audit`");
    }

    #[test]
    fn whatever_is_no_entry_is_a_problem_and_all_are_told() {
        let wrong = json!([1, null, true, [], {}, "", { "a": 1, "b": 2 }, { "a": "x" }, { "name": 1 }, { "a": { "type": [] } }]);
        let expected: Vec<_> = (0..10)
            .map(|index| format!("middleware[{index}]"))
            .collect();
        assert_eq!(problem_paths(wrong), expected);
    }

    #[test]
    fn a_section_that_is_no_list_is_a_problem() {
        for wrong in [json!({ "audit": {} }), json!("audit"), json!(1)] {
            assert_eq!(problem_paths(wrong), ["middleware"]);
        }
    }

    #[test]
    fn differences_are_told_by_name() {
        let previous = json!(["audit", { "limit": { "rate": 1 } }, "timing"]);
        let next = json!(["trace", "audit", { "limit": { "rate": 2 } }]);
        assert_eq!(
            propose(Some(previous), next).unwrap().differences,
            [
                Difference::added("middleware.trace"),
                Difference::changed("middleware.limit"),
                Difference::removed("middleware.timing"),
            ]
        );
    }

    #[test]
    fn another_order_is_a_difference_of_the_whole_and_another_form_is_none() {
        let difference = |next| {
            propose(Some(json!(["audit", "timing"])), next)
                .unwrap()
                .differences
        };
        assert_eq!(
            difference(json!(["timing", "audit"])),
            [Difference::changed("middleware")]
        );
        assert_eq!(
            difference(json!([{ "type": "audit" }, { "timing": {} }])),
            []
        );
    }
}
