//! A text that may hold `${VAR}` and `${secret:NAME}`. It is kept as written, and never holds what
//! a variable or secret holds: that is asked for where it is used.

use std::fmt;

/// Whoever lacks more variables has another problem, and a hostile text can name a million.
const MOST_MISSING: usize = 20;

/// How a placeholder says that it is a secret.
const SECRET: &str = "secret:";
/// Names of secrets are names of files.
const LONGEST_SECRET: usize = 128;

/// Looks up an environment variable, or a secret by `secret:NAME`; `None` when there is none.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text with placeholders: `${VAR}`, `${VAR:-default}` (the default stands in when the variable
/// is not set or empty), `${secret:NAME}`, and `$${` for a literal `${`. A `$` alone is itself.
/// `secret:NAME` as the whole text is short for `${secret:NAME}`.
///
/// `Display` and `Debug` show it as written; two templates are equal when written alike.
#[derive(Clone)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Literal(String),
    Variable {
        name: String,
        default: Option<String>,
    },
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `${` without its `}`.
    #[error("`${{` is not closed by `}}`")]
    Unclosed,
    /// What stands in the braces does not begin with a variable's name.
    #[error(
        "`${{` must be followed by the name of a variable (letters, digits and `_`, no digit \
         first), or by `secret:` and a name (also `-` and `.`)"
    )]
    BadName,
    /// A default that holds a placeholder itself.
    #[error("the default of a variable cannot hold another `${{`")]
    Nested,
}

/// A variable that is not set, or a secret that is not there, and has no default.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Self::message(name))]
pub struct MissingVariable {
    /// The variable's name; `secret:NAME` for a secret.
    pub name: String,
}

impl MissingVariable {
    fn message(name: &str) -> String {
        match name.strip_prefix(SECRET) {
            Some(secret) => format!("there is no secret `{secret}`"),
            None => format!("environment variable `{name}` is not set"),
        }
    }

    /// Whether it may be there later: a keyring that was locked is opened, a file is written. The
    /// host's environment stays as it is.
    pub fn may_come(&self) -> bool {
        self.name.starts_with(SECRET)
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        let name = &self.name;
        match name.strip_prefix(SECRET) {
            Some(secret) => format!(
                "put it into a file `{secret}` in the folder that CREDENTIALS_DIRECTORY (systemd) \
                 or CONFIG_SYNC_SECRETS names, or in /run/secrets; or set it in the environment, \
                 or store it in the system's keyring (README, Secrets)"
            ),
            None => format!("set it, or write `${{{name}:-default}}`"),
        }
    }
}

impl Template {
    /// Reads `text`; the error says what is wrong with its placeholders.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        if is_secret(text) {
            let (name, default) = (text.to_owned(), None);
            parts.push(Part::Variable { name, default });
            let text = text.to_owned();
            return Ok(Self { text, parts });
        }
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let before = &rest[..at];
            let after = &rest[at + 2..];
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = after;
                continue;
            }
            literal.push_str(before);
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            let end = after.find('}').ok_or(TemplateError::Unclosed)?;
            parts.push(variable(&after[..end])?);
            rest = &after[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        let text = text.to_owned();
        Ok(Self { text, parts })
    }

    /// The text with every placeholder replaced. What it gives may be a secret.
    pub fn resolve(&self, env: Environment<'_>) -> Result<String, MissingVariable> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable { name, default } => match (env(name), default) {
                    (Some(value), default) if !value.is_empty() || default.is_none() => {
                        text.push_str(&value);
                    }
                    (_, Some(default)) => text.push_str(default),
                    (_, None) => return Err(MissingVariable { name: name.clone() }),
                },
            }
        }
        Ok(text)
    }

    /// The variables that are not set and have no default, each once, in the order of the text; at
    /// most 20.
    pub fn missing(&self, env: Environment<'_>) -> Vec<MissingVariable> {
        let mut missing = Vec::<MissingVariable>::new();
        for part in &self.parts {
            if let Part::Variable {
                name,
                default: None,
            } = part
                && missing.len() < MOST_MISSING
                && env(name).is_none()
                && !missing.iter().any(|other| other.name == *name)
            {
                missing.push(MissingVariable { name: name.clone() });
            }
        }
        missing
    }

    /// What its placeholders stand for, as far as they are set.
    pub(super) fn values(&self, env: Environment<'_>) -> Vec<String> {
        let values = self.parts.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => env(name),
            Part::Literal(_) => None,
        });
        values.collect()
    }

    /// Whether it holds a placeholder.
    pub fn has_variables(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Variable { .. }))
    }

    /// As written.
    pub fn as_written(&self) -> &str {
        &self.text
    }
}

/// What stands between the braces: `VAR` or `VAR:-default`.
fn variable(inner: &str) -> Result<Part, TemplateError> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if !is_variable_name(name) && !is_secret(name) {
        return Err(TemplateError::BadName);
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(TemplateError::Nested);
    }
    Ok(Part::Variable {
        name: name.to_owned(),
        default: default.map(str::to_owned),
    })
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// `secret:` and a name that leads out of no folder.
fn is_secret(text: &str) -> bool {
    text.strip_prefix(SECRET).is_some_and(|name| {
        let legal = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        (1..=LONGEST_SECRET).contains(&name.len())
            && !name.starts_with('.')
            && name.chars().all(legal)
    })
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.text)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "SET" => Some("value".into()),
            "EMPTY" => Some(String::new()),
            "secret:api-key.v2" => Some("hush".into()),
            "TRICKY" => Some("${SET}".into()),
            _ => None,
        }
    }

    fn resolved(text: &str) -> String {
        Template::parse(text).unwrap().resolve(&env).unwrap()
    }

    #[test]
    fn placeholders_are_replaced() {
        assert_eq!(resolved("a ${SET} b ${SET}"), "a value b value");
        assert_eq!(resolved("é${NOT:-five: {x}é"), "éfive: {xé");
    }

    #[test]
    fn a_default_stands_in_for_unset_and_empty() {
        assert_eq!(
            resolved("${NOT:-5}${EMPTY:-6}${SET:-7}${EMPTY}${NOT:-}"),
            "56value"
        );
    }

    #[test]
    fn an_escaped_placeholder_and_a_single_dollar_stay() {
        assert_eq!(resolved("$${SET} $SET 5$ $$ $"), "${SET} $SET 5$ $$ $");
        assert!(!Template::parse("$${SET}").unwrap().has_variables());
    }

    #[test]
    fn what_a_variable_holds_is_not_expanded_again() {
        assert_eq!(resolved("${TRICKY}"), "${SET}");
    }

    #[test]
    fn a_bad_placeholder_is_an_error() {
        for (text, error) in [
            ("a ${SET", TemplateError::Unclosed),
            ("${", TemplateError::Unclosed),
            ("${}", TemplateError::BadName),
            ("${ SET }", TemplateError::BadName),
            ("${1A}", TemplateError::BadName),
            ("${A-b}", TemplateError::BadName),
            ("${:-x}", TemplateError::BadName),
            ("${ÄRGER}", TemplateError::BadName),
            ("${A:-${B}}", TemplateError::Nested),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn every_missing_variable_is_named_once() {
        let template = Template::parse("${B} ${A} ${SET} ${B} ${C:-}").unwrap();
        let names: Vec<_> = template.missing(&env).into_iter().map(|m| m.name).collect();
        assert_eq!(names, ["B", "A"]);
        assert_eq!(template.resolve(&env).unwrap_err().name, "B");
    }

    #[test]
    fn a_secret_is_a_placeholder_or_the_whole_text() {
        assert_eq!(resolved("secret:api-key.v2"), "hush");
        assert_eq!(resolved("Bearer ${secret:api-key.v2}"), "Bearer hush");
        assert_eq!(resolved("${secret:none:-x}"), "x");
        assert!(Template::parse("secret:a").unwrap().has_variables());
        for literal in [
            "secret:",
            "secret: a",
            " secret:a",
            "secret:../a",
            "secret:a/b",
        ] {
            assert_eq!(resolved(literal), literal);
        }
        let bad = Template::parse("${secret:../a}");
        assert_eq!(bad, Err(TemplateError::BadName));
        let missing = Template::parse("secret:none").unwrap().missing(&env);
        assert_eq!(missing[0].to_string(), "there is no secret `none`");
        assert!(missing[0].help().contains("a file `none`"));
    }

    #[test]
    fn it_is_shown_and_compared_as_written() {
        let template = Template::parse("x ${SET}").unwrap();
        assert_eq!(template.to_string(), "x ${SET}");
        assert_eq!(format!("{template:?}"), "Template(\"x ${SET}\")");
        assert_eq!(template, Template::parse("x ${SET}").unwrap());
        assert_ne!(template, Template::parse("x value").unwrap());
    }
}
