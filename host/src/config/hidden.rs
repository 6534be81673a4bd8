//! What placeholders of one entry stand for, to be left out of what somebody else says: a server that
//! does not like its key may well say which it was given.

use std::fmt;

use super::backend::BackendSpec;
use super::template::Environment;

/// What is shorter stands in any text, and is no secret.
const SHORTEST: usize = 8;

/// The values; the longest first, for one may be a part of another.
#[derive(Clone, Default)]
pub struct Hidden(Vec<String>);

impl BackendSpec {
    /// What its placeholders stand for.
    pub fn hidden(&self, env: Environment<'_>) -> Hidden {
        let mut values: Vec<_> = self.texts().flat_map(|it| it.values(env)).collect();
        values.retain(|it| it.len() >= SHORTEST);
        values.sort_by_key(|it| std::cmp::Reverse(it.len()));
        Hidden(values)
    }
}

impl Hidden {
    /// The text without them.
    pub fn out_of(&self, text: String) -> String {
        let mut text = text;
        for value in &self.0 {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), "[redacted]");
            }
        }
        text
    }
}

/// How many there are.
impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hidden({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_placeholders_stand_for_is_in_nothing_that_a_server_says() {
        let env = |name: &str| match name {
            "secret:key" => Some("a-key-of-length".to_owned()),
            "MORE" => Some("a-key-of-length-and-more".to_owned()),
            "PORT" => Some("80".to_owned()),
            _ => None,
        };
        let spec = json!({
            "command": "x",
            "args": ["--port", "${PORT}"],
            "env": {"KEY": "Bearer ${secret:key}", "MORE": "${MORE}", "NONE": "${NONE:-not-there}"},
        });
        let spec = BackendSpec::from_json("b", &spec, &env).unwrap();
        let hidden = spec.hidden(&env);
        let said = "bad key a-key-of-length, or a-key-of-length-and-more, at port 80";
        assert_eq!(
            hidden.out_of(said.to_owned()),
            "bad key [redacted], or [redacted], at port 80"
        );
        assert_eq!(format!("{hidden:?}"), "Hidden(2)");
    }
}
