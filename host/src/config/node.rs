//! A document as a tree: what is written, and where. It knows neither YAML nor our sections.

use serde_json::{Map, Number, Value as Json};

use super::problem::Place;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it stands; `None` when it does not come from a file. What was put in by an alias or
    /// a merge stands where it is written out.
    pub(super) place: Option<Place>,
}

/// What a value is, by the YAML core schema: a quoted `"1"` is text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing: an empty value, `null` or `~`.
    Null,
    /// `true` or `false`; `yes` and `on` are text.
    Bool(bool),
    /// From the least `i64` to the greatest `u64`; a longer one is a [`Kind::Float`].
    Int(i128),
    /// Always finite.
    Float(f64),
    /// Text, placeholders as written.
    Text(String),
    /// Values in order.
    List(Vec<Node>),
    /// Keys with values, in order; no key twice.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) key_place: Option<Place>,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// A node without places. Deeper than `json` itself it does not go: a value that was parsed
    /// by `serde_json` is at most 128 deep.
    pub(super) fn from_json(json: &Json) -> Self {
        let kind = match json {
            Json::Null => Kind::Null,
            Json::Bool(value) => Kind::Bool(*value),
            Json::Number(number) => from_number(number),
            Json::String(text) => Kind::Text(text.clone()),
            Json::Array(items) => Kind::List(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => Kind::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_place: None,
                        value: Self::from_json(value),
                    })
                    .collect(),
            ),
        };
        Self { kind, place: None }
    }

    /// The same value as JSON, placeholders as written, keys in the order of the file.
    pub(super) fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::Bool(*value),
            Kind::Int(value) => to_number(*value).map_or(Json::Null, Json::Number),
            Kind::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Kind::Text(text) => Json::String(text.clone()),
            Kind::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Kind::Map(entries) => Json::Object(to_object(entries)),
        }
    }

    /// What it is, in a word for messages: `a number`.
    pub(super) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The best place to point at when this value is wrong: a scalar itself, but the key of a
    /// list or a map, which may go on for pages, and of nothing, which cannot be seen.
    pub(super) fn best_place<'a>(&'a self, key_place: Option<&'a Place>) -> Option<&'a Place> {
        match self.kind {
            Kind::Null | Kind::List(_) | Kind::Map(_) => key_place.or(self.place.as_ref()),
            _ => self.place.as_ref(),
        }
    }
}

/// A map as a JSON object.
pub(super) fn to_object(entries: &[Entry]) -> Map<String, Json> {
    entries
        .iter()
        .map(|entry| (entry.key.clone(), entry.value.to_json()))
        .collect()
}

fn from_number(number: &Number) -> Kind {
    match (number.as_i128(), number.as_f64()) {
        (Some(value), _) => Kind::Int(value),
        (None, Some(value)) => Kind::Float(value),
        (None, None) => Kind::Null,
    }
}

fn to_number(value: i128) -> Option<Number> {
    Number::from_i128(value).or_else(|| Number::from_f64(value as f64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_comes_back_as_it_went_in() {
        let json = json!({
            "z": [1, -1, u64::MAX, i64::MIN, 1.5, 1e300],
            "a": {"b": null, "c": [true, false, "", "${X}", {}, []]},
        });
        assert_eq!(
            Node::from_json(&json).to_json().to_string(),
            json.to_string()
        );
    }
}
