//! What the configuration says about the catalog, read from JSON that may be anything.
//!
//! An unknown key is a problem: a misspelt `deny` would otherwise show what it was to hide.

use std::collections::BTreeMap;

use config_sync_sdk::{Capability, Problem, Sections};
use serde_json::{Map, Value};

use crate::pattern::{Filter, Pattern};

#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(crate) backends: BTreeMap<String, BackendPolicy>,
    pub(crate) resolution: Resolution,
}

#[derive(Debug, Default)]
pub(crate) struct BackendPolicy {
    tools: Filter,
    prompts: Filter,
    resources: Filter,
    /// By the backend's own name of a tool.
    pub(crate) overrides: BTreeMap<String, Override>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Override {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
}

/// Who is shown when several offers of a kind would have the same name.
#[derive(Debug)]
pub(crate) struct Resolution {
    pub(crate) strategy: Strategy,
    pub(crate) separator: String,
    /// Backends by rank, for [`Strategy::Priority`].
    pub(crate) order: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Strategy {
    FirstWins,
    Prefix,
    Priority,
    Error,
}

const STRATEGIES: [(&str, Strategy); 4] = [
    ("first-wins", Strategy::FirstWins),
    ("prefix", Strategy::Prefix),
    ("priority", Strategy::Priority),
    ("error", Strategy::Error),
];

impl Default for Resolution {
    fn default() -> Self {
        Self {
            strategy: Strategy::FirstWins,
            separator: "_".into(),
            order: Vec::new(),
        }
    }
}

impl Policy {
    pub(crate) fn read(sections: &Sections) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        // A backend that is no mapping is the handler `backends`' problem.
        let backends = sections.get("backends").and_then(Value::as_object);
        let backends = backends.into_iter().flatten().map(|(name, backend)| {
            let policy = reader.backend(&format!("backends.{name}"), backend);
            (name.clone(), policy)
        });
        let backends = backends.collect();
        let resolution = reader.resolution(sections.get("conflict_resolution"));
        if reader.problems.is_empty() {
            Ok(Self {
                backends,
                resolution,
            })
        } else {
            Err(reader.problems)
        }
    }

    /// The backends that are ranked and not there.
    pub(crate) fn unknown_in_order(&self) -> impl Iterator<Item = &String> {
        self.resolution
            .order
            .iter()
            .filter(|name| !self.backends.contains_key(*name))
    }
}

impl BackendPolicy {
    pub(crate) fn filter(&self, kind: Capability) -> &Filter {
        match kind {
            Capability::Tool => &self.tools,
            Capability::Prompt => &self.prompts,
            Capability::Resource | Capability::ResourceTemplate => &self.resources,
        }
    }
}

/// Gathers problems while it reads, and goes on with a default.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn backend(&mut self, path: &str, backend: &Value) -> BackendPolicy {
        let filters_path = format!("{path}.filters");
        let kinds = ["tools", "prompts", "resources"];
        let filters = self.record(&filters_path, backend.get("filters"), &kinds);
        let [tools, prompts, resources] = kinds.map(|kind| {
            self.filter(
                &format!("{filters_path}.{kind}"),
                filters.and_then(|it| it.get(kind)),
            )
        });
        let overrides = self.overrides(
            &format!("{path}.tool_overrides"),
            backend.get("tool_overrides"),
        );
        BackendPolicy {
            tools,
            prompts,
            resources,
            overrides,
        }
    }

    fn filter(&mut self, path: &str, value: Option<&Value>) -> Filter {
        let Some(filter) = self.record(path, value, &["allow", "deny"]) else {
            return Filter::default();
        };
        Filter {
            allow: self.patterns(&format!("{path}.allow"), filter.get("allow")),
            deny: self.patterns(&format!("{path}.deny"), filter.get("deny")),
        }
    }

    fn patterns(&mut self, path: &str, value: Option<&Value>) -> Vec<Pattern> {
        self.list(path, value, |item| Pattern::parse(text_in(item)?))
    }

    fn overrides(&mut self, path: &str, value: Option<&Value>) -> BTreeMap<String, Override> {
        let overrides = self.mapping(path, value).into_iter().flatten();
        overrides
            .map(|(tool, value)| {
                let path = format!("{path}.{tool}");
                let fields = self.record(&path, Some(value), &["name", "description"]);
                let mut text = |key| self.text(&format!("{path}.{key}"), fields?.get(key));
                let (name, description) = (text("name"), text("description"));
                if name.as_deref() == Some("") {
                    self.problem(&format!("{path}.name"), "must not be empty", None);
                }
                (tool.clone(), Override { name, description })
            })
            .collect()
    }

    fn resolution(&mut self, value: Option<&Value>) -> Resolution {
        let path = "conflict_resolution";
        let default = Resolution::default();
        let Some(fields) = self.record(path, value, &["strategy", "separator", "order"]) else {
            return default;
        };
        Resolution {
            strategy: self
                .strategy(fields.get("strategy"))
                .unwrap_or(default.strategy),
            separator: self
                .text(&format!("{path}.separator"), fields.get("separator"))
                .unwrap_or(default.separator),
            order: self.list(&format!("{path}.order"), fields.get("order"), |item| {
                text_in(item).map(str::to_owned)
            }),
        }
    }

    fn strategy(&mut self, value: Option<&Value>) -> Option<Strategy> {
        let path = "conflict_resolution.strategy";
        let name = self.text(path, value)?;
        let known = STRATEGIES.iter().find(|(known, _)| *known == name);
        if known.is_none() {
            let help = one_of(&STRATEGIES.map(|(name, _)| name));
            self.problem(path, &format!("there is no strategy `{name}`"), Some(help));
        }
        known.map(|(_, strategy)| *strategy)
    }

    /// A mapping with known keys only.
    fn record<'v>(
        &mut self,
        path: &str,
        value: Option<&'v Value>,
        keys: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let record = self.mapping(path, value)?;
        for key in record.keys().filter(|key| !keys.contains(&key.as_str())) {
            self.problem(&format!("{path}.{key}"), "unknown key", Some(one_of(keys)));
        }
        Some(record)
    }

    fn mapping<'v>(
        &mut self,
        path: &str,
        value: Option<&'v Value>,
    ) -> Option<&'v Map<String, Value>> {
        match value {
            None | Some(Value::Null) => None,
            Some(Value::Object(mapping)) => Some(mapping),
            Some(_) => {
                self.problem(path, "must be a mapping", None);
                None
            }
        }
    }

    fn text(&mut self, path: &str, value: Option<&Value>) -> Option<String> {
        match value {
            None | Some(Value::Null) => None,
            Some(value) => text_in(value)
                .map_err(|message| self.problem(path, &message, None))
                .map(str::to_owned)
                .ok(),
        }
    }

    fn list<T>(
        &mut self,
        path: &str,
        value: Option<&Value>,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Vec<T> {
        let items = match value {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.problem(path, "must be a list", None);
                return Vec::new();
            }
        };
        let mut list = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match read(item) {
                Ok(item) => list.push(item),
                Err(message) => self.problem(&format!("{path}[{index}]"), &message, None),
            }
        }
        list
    }

    fn problem(&mut self, path: &str, message: &str, help: Option<String>) {
        self.problems.push(Problem {
            help,
            ..Problem::error(path, message)
        });
    }
}

fn text_in(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be text".into())
}

/// "one of `allow`, `deny`".
fn one_of(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("one of {}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::sections;
    use serde_json::json;

    use super::*;

    fn problem_paths(document: Value) -> Vec<String> {
        let problems = Policy::read(&sections(document)).unwrap_err();
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn nothing_written_is_first_wins_with_an_underscore() {
        let policy = Policy::read(&sections(json!({ "conflict_resolution": null }))).unwrap();
        assert_eq!(policy.resolution.strategy, Strategy::FirstWins);
        assert_eq!(policy.resolution.separator, "_");
    }

    #[test]
    fn every_wrong_shape_is_told_at_its_path() {
        let document = json!({
            "backends": {
                "a": { "filters": [] },
                "b": { "filters": { "tools": { "deny": "rm", "alow": [] }, "tool": {} } },
                "c": { "filters": { "resources": { "allow": ["ok", 5, "[a"] } } },
                "d": { "tool_overrides": { "x": "y", "z": { "name": "", "description": 1 } } },
            },
            "conflict_resolution": { "strategy": "last", "separator": 1, "order": ["a", {}] },
        });
        assert_eq!(
            problem_paths(document),
            [
                "backends.a.filters",
                "backends.b.filters.tool",
                "backends.b.filters.tools.alow",
                "backends.b.filters.tools.deny",
                "backends.c.filters.resources.allow[1]",
                "backends.c.filters.resources.allow[2]",
                "backends.d.tool_overrides.x",
                "backends.d.tool_overrides.z.description",
                "backends.d.tool_overrides.z.name",
                "conflict_resolution.strategy",
                "conflict_resolution.separator",
                "conflict_resolution.order[1]",
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_told_with_the_known_ones() {
        let document = json!({ "backends": { "a": { "filters": { "tools": { "denny": [] } } } } });
        let problems = Policy::read(&sections(document)).unwrap_err();
        assert_eq!(problems[0].help.as_deref(), Some("one of `allow`, `deny`"));
    }

    #[test]
    fn backends_that_are_no_mappings_are_left_to_their_handler() {
        for backends in [
            json!(null),
            json!([]),
            json!("x"),
            json!({ "a": 1 }),
            json!({ "a": [] }),
        ] {
            assert!(Policy::read(&sections(json!({ "backends": backends }))).is_ok());
        }
    }

    #[test]
    fn a_ranked_backend_that_is_not_there_is_known() {
        let document =
            json!({ "backends": { "a": {} }, "conflict_resolution": { "order": ["b", "a"] } });
        let policy = Policy::read(&sections(document)).unwrap();
        assert!(policy.unknown_in_order().eq(["b"]));
    }
}
