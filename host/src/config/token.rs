//! A token that a client must show.

use super::template::Template;
use super::value::Value;

/// Nobody guesses what is longer.
const SHORTEST_TOKEN: usize = 16;

/// A template that may be typed as a literal secret, so its `Debug` does not show it.
#[derive(Clone, PartialEq)]
pub struct Token(pub Template);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
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
    let text = value.resolve(&template)?;
    let help = Some("make one with `openssl rand -hex 32`".to_owned());
    if text.len() < SHORTEST_TOKEN {
        value.error(
            format!("a token has at least {SHORTEST_TOKEN} characters"),
            help,
        );
        return None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        value.error("a token has no blanks, and only characters of ASCII", help);
        return None;
    }
    Some(Token(template))
}
