//! Proposes the backends, in the order in which they are written.
//!
//! A spec holds what makes the connection and nothing else, so that editing a filter does not
//! reconnect a backend. Whether a connection is sound is not judged here: the host knows the
//! transports, and it resolves the secrets.

use config_sync_sdk::{
    Change, Desired, Difference, HandlerDescriptor, Problem, Proposal, ReloadHandler, Sections,
    Wanted,
};
use serde_json::{Map, Value};

/// The handler `backends`.
pub struct Backends;

config_sync_sdk::export!(handler: Backends);

/// What an entry says about something else than its connection.
const NOT_THE_CONNECTION: [&str; 4] = ["enabled", "filters", "group", "tool_overrides"];

impl ReloadHandler for Backends {
    fn describe() -> HandlerDescriptor {
        HandlerDescriptor {
            summary: "serves the backends".into(),
            sections: vec!["backends".into()],
        }
    }

    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        let next = entries(&change.next).map_err(|problem| vec![problem])?;
        let previous = change
            .previous
            .as_ref()
            .and_then(|sections| entries(sections).ok())
            .unwrap_or_default();
        Ok(Proposal {
            wanted: Wanted::Backends(wanted(&next)?),
            differences: Difference::between("backends", &previous, &next),
        })
    }
}

/// The section, where an absent or empty one means no backends.
fn entries(sections: &Sections) -> Result<Map<String, Value>, Problem> {
    match sections.get("backends") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(entries)) => Ok(entries.clone()),
        Some(_) => Err(
            Problem::error("backends", "must be a mapping from name to backend")
                .help("write `backends:`, and below it each backend as `name:` with its settings"),
        ),
    }
}

fn wanted(entries: &Map<String, Value>) -> Result<Vec<Desired>, Vec<Problem>> {
    let mut wanted = Vec::new();
    let mut problems = Vec::new();
    for (name, entry) in entries {
        match desired(name, entry) {
            Ok(desired) => wanted.extend(desired),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(wanted)
    } else {
        Err(problems)
    }
}

/// `None` for a backend that is switched off.
fn desired(name: &str, entry: &Value) -> Result<Option<Desired>, Problem> {
    let Value::Object(entry) = entry else {
        return Err(
            Problem::error(format!("backends.{name}"), "must be a mapping")
                .help("say how to reach it: `command:` for a process, `url:` for a server"),
        );
    };
    match entry.get("enabled") {
        None | Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Ok(None),
        Some(_) => {
            let path = format!("backends.{name}.enabled");
            return Err(Problem::error(path, "must be `true` or `false`"));
        }
    }
    let mut spec = entry.clone();
    spec.retain(|key, _| !NOT_THE_CONNECTION.contains(&key.as_str()));
    Ok(Some(Desired {
        name: name.to_owned(),
        spec: Value::Object(spec),
    }))
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::change;
    use serde_json::json;

    use super::*;

    fn propose(previous: Option<Value>, next: Value) -> Result<Proposal, Vec<Problem>> {
        Backends::propose(change(previous, next))
    }

    fn backends(next: Value) -> Vec<(String, Value)> {
        match propose(None, next).unwrap().wanted {
            Wanted::Backends(all) => all.into_iter().map(|it| (it.name, it.spec)).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn differences(previous: Value, next: Value) -> Vec<Difference> {
        propose(Some(previous), next).unwrap().differences
    }

    #[test]
    fn backends_are_wanted_in_the_order_written() {
        let next =
            json!({ "backends": { "web": { "url": "http://w" }, "files": { "command": "f" } } });
        assert_eq!(
            backends(next),
            [
                ("web".to_owned(), json!({ "url": "http://w" })),
                ("files".to_owned(), json!({ "command": "f" })),
            ]
        );
    }

    #[test]
    fn a_spec_holds_nothing_but_the_connection() {
        let next = json!({ "backends": { "web": {
            "enabled": true,
            "transport": "streamable-http",
            "url": "http://w/${TOKEN}",
            "timeout": 5.5,
            "filters": { "tools": { "deny": ["rm"] } },
            "tool_overrides": { "get": { "name": "fetch" } },
            "group": "net",
        } } });
        let spec =
            json!({ "transport": "streamable-http", "url": "http://w/${TOKEN}", "timeout": 5.5 });
        assert_eq!(backends(next), [("web".to_owned(), spec)]);
    }

    #[test]
    fn a_backend_that_is_switched_off_is_not_wanted() {
        let next = json!({ "backends": { "web": { "url": "http://w", "enabled": false } } });
        assert_eq!(backends(next), []);
    }

    #[test]
    fn no_section_and_an_empty_one_want_nothing() {
        assert_eq!(backends(json!({})), []);
        assert_eq!(backends(json!({ "backends": null })), []);
    }

    #[test]
    fn at_the_start_everything_is_added() {
        let proposal = propose(None, json!({ "backends": { "web": {} } })).unwrap();
        assert_eq!(proposal.differences, [Difference::added("backends.web")]);
    }

    #[test]
    fn a_changed_filter_is_a_difference_of_its_backend() {
        let with =
            |deny| json!({ "backends": { "web": { "filters": { "tools": { "deny": [deny] } } } } });
        assert_eq!(
            differences(with("a"), with("b")),
            [Difference::changed("backends.web")]
        );
    }

    #[test]
    fn another_order_is_no_difference() {
        let previous = json!({ "backends": { "a": { "x": 1, "y": 2 }, "b": {} } });
        let next = json!({ "backends": { "b": {}, "a": { "y": 2, "x": 1 } } });
        assert_eq!(differences(previous, next), []);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let next = json!({ "backends": { "a": "x", "b": { "enabled": "yes" }, "c": {} } });
        let problems = propose(None, next).unwrap_err();
        let paths: Vec<_> = problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(paths, ["backends.a", "backends.b.enabled"]);
    }

    #[test]
    fn a_section_that_is_no_mapping_is_a_problem() {
        for wrong in [json!([]), json!("web"), json!(1), json!(false)] {
            let problems = propose(None, json!({ "backends": wrong })).unwrap_err();
            assert_eq!(problems[0].path, "backends");
        }
    }
}
