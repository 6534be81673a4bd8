//! Arguments that a tool wants repeated in headers (2026-07-28, "Custom headers from tool
//! parameters"): a server behind HTTP says so by `x-mcp-header` in the tool's schema. The gateway
//! repeats them to backends, and looks whether clients have repeated them. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::mcp::{Members, header};

/// The key in a parameter's schema.
pub(super) const KEY: &str = "x-mcp-header";

/// One argument that is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirrored {
    /// The header.
    pub(super) header: String,
    /// Where the argument stands.
    path: Vec<String>,
}

impl Mirrored {
    /// What stands in the header for these arguments; nothing for one that is not there.
    pub(super) fn value(&self, arguments: &Members) -> Option<String> {
        let (last, way) = self.path.split_last()?;
        let mut inside = arguments.clone();
        for step in way {
            inside = inside.object(step)?;
        }
        let value = inside.get(last)?.get();
        match value.as_bytes().first()? {
            b'"' => inside.text(last),
            b'n' | b'{' | b'[' => None,
            _ => Some(value.to_owned()),
        }
    }
}

/// What a tool wants repeated.
///
/// # Errors
/// What is wrong with how it says so; such a tool must not be shown.
pub(super) fn mirrored(tool: &Members) -> Result<Vec<Mirrored>, String> {
    let Some(schema) = tool.get("inputSchema").filter(|it| it.get().contains(KEY)) else {
        return Ok(Vec::new());
    };
    let schema: Value = serde_json::from_str(schema.get())
        .map_err(|error| format!("its `inputSchema` cannot be read: {error}"))?;
    let mut found = Vec::new();
    walk(&schema, &mut Vec::new(), true, &mut found)?;
    let mut names = BTreeSet::new();
    for it in &found {
        if !names.insert(it.header.to_ascii_lowercase()) {
            return Err(format!(
                "two of its parameters are for the header `{}`",
                it.header
            ));
        }
    }
    Ok(found)
}

/// `reachable`: by `properties` alone.
fn walk(
    schema: &Value,
    path: &mut Vec<String>,
    reachable: bool,
    found: &mut Vec<Mirrored>,
) -> Result<(), String> {
    let fields = match schema {
        Value::Object(fields) => fields,
        Value::Array(items) => {
            return items.iter().try_for_each(|it| walk(it, path, false, found));
        }
        _ => return Ok(()),
    };
    if let Some(name) = fields.get(KEY) {
        found.push(Mirrored {
            header: header(name, fields, reachable && !path.is_empty())?,
            path: path.clone(),
        });
    }
    for (key, inner) in fields {
        match inner {
            Value::Object(properties) if key == "properties" => {
                for (name, property) in properties {
                    path.push(name.clone());
                    walk(property, path, reachable, found)?;
                    path.pop();
                }
            }
            // An example may look like anything.
            _ if ["const", "default", "enum", "examples", KEY].contains(&key.as_str()) => {}
            _ => walk(inner, path, false, found)?,
        }
    }
    Ok(())
}

fn header(name: &Value, schema: &Map<String, Value>, reachable: bool) -> Result<String, String> {
    let name = name.as_str().unwrap_or_default();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!(
            "`{KEY}` must be the name of a header, not `{name}`"
        ));
    }
    let kind = schema.get("type").and_then(Value::as_str);
    if !matches!(kind, Some("string" | "integer" | "boolean")) {
        return Err(format!(
            "the header `{name}` is for no text, integer or boolean"
        ));
    }
    if !reachable {
        return Err(format!(
            "the header `{name}` is for something that need not be there"
        ));
    }
    Ok(format!("{}{name}", header::PARAMETER))
}

/// The headers for these arguments; those that are not there have none.
pub(super) fn headers(mirrored: &[Mirrored], params: &Members) -> Vec<(String, String)> {
    let arguments = params.object("arguments").unwrap_or_default();
    let of = |it: &Mirrored| Some((it.header.clone(), it.value(&arguments)?));
    mirrored.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(properties: &str) -> Members {
        let text = format!(r#"{{"name":"t","inputSchema":{{"type":"object",{properties}}}}}"#);
        Members::parse(&text).unwrap()
    }

    #[test]
    fn arguments_are_repeated_where_the_tool_says_so() {
        let tool = tool(
            r#""properties":{"region":{"type":"string","x-mcp-header":"Region"},"deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}},"gone":{"type":"boolean","x-mcp-header":"Gone"},"nothing":{"type":"string","x-mcp-header":"Nothing"}}"#,
        );
        let mirrored = mirrored(&tool).unwrap();
        let params = r#"{"arguments":{"region":"us \"1\"","deep":{"n":-7},"nothing":null}}"#;
        let headers = headers(&mirrored, &Members::parse(params).unwrap());
        let expected = [("mcp-param-Region", "us \"1\""), ("mcp-param-N", "-7")];
        assert_eq!(headers, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_tool_that_says_so_wrongly_is_found_out() {
        for wrong in [
            r#""properties":{"a":{"type":"string","x-mcp-header":""}}"#,
            r#""properties":{"a":{"type":"string","x-mcp-header":"A\r\nB"}}"#,
            r#""properties":{"a":{"type":"number","x-mcp-header":"A"}}"#,
            r#""properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}"#,
            r#""anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]"#,
            r#""properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}"#,
        ] {
            assert!(mirrored(&tool(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(mirrored(&tool(r#""properties":{"a":{}}"#)), Ok(vec![]));
    }
}
