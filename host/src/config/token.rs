//! A token that a client must show.

use super::template::{Environment, Template};
use super::value::Value;

/// Nobody guesses what is longer.
const SHORTEST_TOKEN: usize = 16;
const REMEDY: &str = "make one with `openssl rand -hex 32`";

/// A template that may be typed as a literal secret, so its `Debug` does not show it.
#[derive(Clone, PartialEq)]
pub struct Token(pub Template);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// What a client must show.
    ///
    /// # Errors
    /// Why that is no token, and what to do. Neither quotes it.
    pub fn value(&self, env: Environment<'_>) -> Result<String, String> {
        let text = self.0.resolve(env).map_err(|missing| missing.to_string())?;
        match fault(&text) {
            Some(fault) => Err(format!("{fault}; {REMEDY}")),
            None => Ok(text),
        }
    }
}

/// Why nobody should be let in by this.
fn fault(text: &str) -> Option<String> {
    if text.len() < SHORTEST_TOKEN {
        return Some(format!("a token has at least {SHORTEST_TOKEN} characters"));
    }
    let is_legal = text.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_legal).then(|| "a token has no blanks, and only characters of ASCII".to_owned())
}

/// A token that is worth the name. No message quotes it.
pub(super) fn read(value: &Value<'_>) -> Option<Token> {
    let template = value.template()?;
    if !template.has_variables() {
        let help = "write `\"${NAME}\"`, and set that variable where the host is started";
        value.warn(
            "a token in the file is seen by plugins",
            Some(help.to_owned()),
        );
    }
    if let Some(fault) = fault(&value.resolve(&template)?) {
        value.error(fault, Some(REMEDY.to_owned()));
        return None;
    }
    Some(Token(template))
}
