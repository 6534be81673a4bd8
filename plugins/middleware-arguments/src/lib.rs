//! Fills in arguments of tools: values that stand in where a client gives none, and values that
//! stand whatever it gives.
//!
//! ```yaml
//! middleware:
//!   - arguments:
//!       defaults: {search: {limit: 10}}
//!       fixed: {search: {tenant: "acme"}}
//! ```
//!
//! Tools are named as clients know them. It is a tool's schema that says which arguments there
//! are; nothing here checks it.
//! Where a value stands, arguments that can hold none are refused.

use std::collections::HashMap;

use config_sync_sdk::{
    Decision, Method, Middleware, MiddlewareDescriptor, Problem, Refusal, Request, Settings, Ways,
};
use serde_json::{Map, Value};

/// Arguments of each tool.
type ByTool = HashMap<String, Map<String, Value>>;

/// The middleware `arguments`.
#[derive(Debug, PartialEq)]
pub struct Arguments {
    defaults: ByTool,
    fixed: ByTool,
}

config_sync_sdk::export!(middleware: Arguments);

/// As JSON-RPC has it.
const INVALID_PARAMS: i32 = -32602;
const KNOWN: [&str; 2] = ["defaults", "fixed"];

impl Middleware for Arguments {
    fn describe() -> MiddlewareDescriptor {
        MiddlewareDescriptor {
            summary: "fills in arguments of tools".into(),
            ways: Ways::REQUEST,
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        let unknown = settings.keys().filter(|key| !KNOWN.contains(&key.as_str()));
        let mut problems: Vec<_> = unknown
            .map(|key| Problem::error(key, "unknown key").help("known keys: defaults, fixed"))
            .collect();
        if settings.is_empty() {
            problems.push(
                Problem::error("", "no tool is named")
                    .help("write `defaults: {TOOL: {ARGUMENT: VALUE}}`, or `fixed`"),
            );
        }
        let mut by_tool = |key| {
            let tools = match settings.get(key) {
                None | Some(Value::Null) => return ByTool::new(),
                Some(Value::Object(tools)) => tools,
                Some(_) => {
                    problems.push(Problem::error(key, "must be a map of tools"));
                    return ByTool::new();
                }
            };
            let arguments = tools
                .iter()
                .filter_map(|(tool, arguments)| match arguments {
                    Value::Object(arguments) => Some((tool.clone(), arguments.clone())),
                    _ => {
                        let path = format!("{key}.{tool}");
                        problems.push(Problem::error(path, "must be a map of arguments"));
                        None
                    }
                });
            arguments.collect()
        };
        let arguments = Self {
            defaults: by_tool("defaults"),
            fixed: by_tool("fixed"),
        };
        if problems.is_empty() {
            Ok(arguments)
        } else {
            Err(problems)
        }
    }

    fn on_request(&self, request: &Request) -> Result<Decision, String> {
        let (defaults, fixed) = (
            self.defaults.get(&request.name),
            self.fixed.get(&request.name),
        );
        if request.method != Method::CallTool || (defaults.is_none() && fixed.is_none()) {
            return Ok(Decision::Pass);
        }
        let mut params = request.params()?;
        let given = params
            .entry("arguments")
            .and_modify(|given| {
                if given.is_null() {
                    *given = Map::new().into();
                }
            })
            .or_insert_with(|| Map::new().into());
        let Value::Object(given) = given else {
            // Without a value that stands, it is for the tool to refuse.
            return Ok(match fixed {
                None => Decision::Pass,
                Some(_) => Decision::Refuse(Refusal::new(
                    INVALID_PARAMS,
                    "the arguments must be a JSON object",
                )),
            });
        };
        for (name, value) in defaults.into_iter().flatten() {
            given.entry(name).or_insert_with(|| value.clone());
        }
        for (name, value) in fixed.into_iter().flatten() {
            given.insert(name.clone(), value.clone());
        }
        Ok(Decision::change(params))
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::{request, sections};
    use serde_json::json;

    use super::*;

    fn arguments() -> Arguments {
        let settings = json!({
            "defaults": {"search": {"limit": 10}},
            "fixed": {"search": {"tenant": "acme"}},
        });
        Arguments::configure(sections(settings)).unwrap()
    }

    fn sent_on(given: Value) -> Option<Value> {
        let request = request("search", json!({"name": "find", "arguments": given}));
        match arguments().on_request(&request).unwrap() {
            Decision::Change(params) => Some(serde_json::from_str(&params).unwrap()),
            _ => None,
        }
    }

    #[test]
    fn a_default_stands_in_and_a_fixed_value_stands() {
        assert_eq!(
            sent_on(json!({"text": "x", "limit": 3, "tenant": "theirs"})),
            Some(json!({"name": "find", "arguments": {"text": "x", "limit": 3, "tenant": "acme"}}))
        );
        let filled = json!({"name": "find", "arguments": {"limit": 10, "tenant": "acme"}});
        assert_eq!(sent_on(json!(null)), Some(filled));
    }

    #[test]
    fn a_fixed_value_is_not_avoided_by_arguments_that_can_hold_none() {
        let decide = |tool: &str, given: Value| {
            let settings = json!({
                "defaults": {"fetch": {"limit": 10}},
                "fixed": {"search": {"tenant": "acme"}},
            });
            let arguments = Arguments::configure(sections(settings)).unwrap();
            let request = request(tool, json!({"name": tool, "arguments": given}));
            arguments.on_request(&request).unwrap()
        };
        for given in [json!([1]), json!([]), json!(""), json!(7), json!(false)] {
            let decision = decide("search", given.clone());
            let Decision::Refuse(refusal) = decision else {
                panic!("{given}: {decision:?}")
            };
            assert_eq!(refusal.code, -32602);
            assert_eq!(decide("fetch", given), Decision::Pass);
        }
    }

    #[test]
    fn other_calls_pass() {
        let other = request("fetch", json!({"name": "fetch"}));
        assert_eq!(arguments().on_request(&other), Ok(Decision::Pass));
        let mut prompt = request("search", json!({"name": "search"}));
        prompt.method = Method::GetPrompt;
        assert_eq!(arguments().on_request(&prompt), Ok(Decision::Pass));
    }

    #[test]
    fn every_problem_is_told_with_its_path() {
        let paths = |settings: Value| {
            let problems = Arguments::configure(sections(settings)).unwrap_err();
            let paths = problems.into_iter().map(|problem| problem.path);
            paths.collect::<Vec<_>>()
        };
        assert_eq!(paths(json!({})), [""]);
        assert_eq!(
            paths(json!({"default": {}, "defaults": {"a": 1}, "fixed": 3})),
            ["default", "defaults.a", "fixed"]
        );
    }
}
