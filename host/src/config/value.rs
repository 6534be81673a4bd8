//! One value that is being read: asked for a type and bounds, it gives the value or says what is
//! wrong with it.
//!
//! Messages quote what is written, never what a variable holds; those about text in general
//! quote nothing, because text may be a secret.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value as Json;

use super::node::{Kind, Node};
use super::problem::{Place, Problem};
use super::reader::{Findings, MapReader};
use super::template::Template;

/// What is quoted of a longer text.
const MOST_QUOTED_CHARACTERS: usize = 60;

/// A node with the way to it, and where to report.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    node: &'a Node,
    key_place: Option<&'a Place>,
    findings: &'a Findings<'a>,
    pub(super) path: String,
    /// A variable that is not set makes the value absent instead of wrong.
    pub(super) forgive_unset: bool,
}

impl<'a> Value<'a> {
    pub(super) fn new(
        node: &'a Node,
        path: String,
        key_place: Option<&'a Place>,
        findings: &'a Findings<'a>,
    ) -> Self {
        Self {
            node,
            key_place,
            findings,
            path,
            forgive_unset: false,
        }
    }

    /// What is written.
    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    /// What is written, as JSON.
    pub(crate) fn json(&self) -> Json {
        self.node.to_json()
    }

    /// Where it stands; of an entry of a map, where its key does.
    pub(crate) fn place(&self) -> Option<&'a Place> {
        self.key_place.or(self.node.place.as_ref())
    }

    /// Reports an error here.
    pub(crate) fn error(&self, message: impl Into<String>, help: Option<String>) {
        self.report(Problem::error(self.path.as_str(), message), help);
    }

    /// Reports a warning here.
    pub(super) fn warn(&self, message: impl Into<String>, help: Option<String>) {
        self.report(Problem::warning(self.path.as_str(), message), help);
    }

    /// Reports an error at the key of this value.
    pub(crate) fn key_error(&self, message: impl Into<String>, help: Option<String>) {
        let mut problem = Problem::error(self.path.as_str(), message);
        problem.help = help;
        self.push_at_key(problem);
    }

    /// Reports `problem` at the key of this value.
    pub(super) fn push_at_key(&self, problem: Problem) {
        self.findings.push(problem.at(self.key_place.cloned()));
    }

    /// A map, to be read key by key; nothing at all is an empty one.
    pub(crate) fn map(&self) -> Option<MapReader<'a>> {
        let entries = match &self.node.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::Null => &[],
            _ => return self.expected("a map"),
        };
        let place = self.node.best_place(self.key_place);
        let path = self.path.clone();
        let forgive = self.forgive_unset;
        Some(MapReader::new(entries, path, place, self.findings, forgive))
    }

    /// A list, item by item; `what` names it in the message: `a list of texts`.
    pub(crate) fn list(&self, what: &str) -> Option<Vec<Value<'a>>> {
        let Kind::List(items) = &self.node.kind else {
            return self.expected(what);
        };
        let values = items.iter().enumerate().map(|(index, node)| Value {
            node,
            key_place: node.place.as_ref(),
            findings: self.findings,
            path: format!("{}[{index}]", self.path),
            forgive_unset: self.forgive_unset,
        });
        Some(values.collect())
    }

    /// Whether a list stands here.
    pub(super) fn written_list(&self) -> bool {
        matches!(self.node.kind, Kind::List(_))
    }

    /// Text as written, placeholders and all.
    pub(crate) fn written_text(&self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::Text(text) => Some(text),
            _ => self.expected("text"),
        }
    }

    /// Text that may hold placeholders, every one of which is well-formed and has a value.
    pub(super) fn template(&self) -> Option<Template> {
        let text = self.written_text()?;
        if text.contains('\0') {
            self.error("text cannot hold a NUL character", None);
            return None;
        }
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                self.error(
                    error.to_string(),
                    Some("write `$${` for a literal `${`".into()),
                );
                return None;
            }
        };
        if !self.forgive_unset {
            for missing in template.missing(self.findings.env) {
                let mut problem = Problem::error(self.path.as_str(), missing.to_string());
                problem.passes = missing.may_come();
                self.report(problem, Some(missing.help()));
            }
        }
        Some(template)
    }

    /// What `template`, which was read here, stands for; `None` if a variable is missing.
    pub(super) fn resolve(&self, template: &Template) -> Option<String> {
        template.resolve(self.findings.env).ok()
    }

    /// Text with its variables resolved.
    pub(super) fn text(&self) -> Option<String> {
        self.resolve(&self.template()?)
    }

    /// As [`Self::text`], and not blank.
    pub(super) fn filled_text(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.error("expected text, found nothing in it", None);
            return None;
        }
        Some(text)
    }

    /// Nothing at all; `help` says where what stands here belongs.
    pub(crate) fn nothing(&self, help: &str) -> Option<()> {
        let is_none = self.json().is_null();
        if !is_none {
            self.error("nothing may stand here", Some(help.to_owned()));
        }
        is_none.then_some(())
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match &self.node.kind {
            Kind::Bool(value) => Some(*value),
            Kind::Text(text) => {
                let found = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "true" => Some("true"),
                    "no" | "off" | "false" => Some("false"),
                    _ => None,
                };
                let help = found.map(|word| format!("write `{word}`, without quotes"));
                self.by_variables("true or false", help, |text| text.parse().ok())
            }
            _ => self.expected("true or false"),
        }
    }

    /// Seconds within `bounds`, which must be neither negative nor infinite.
    pub(crate) fn seconds(&self, bounds: RangeInclusive<f64>) -> Option<Duration> {
        let (least, most) = (bounds.start(), bounds.end());
        let expected = format!("{least} to {most} seconds");
        let value = self.number(&expected)?;
        self.within(bounds.contains(&value), &expected)?;
        Some(Duration::from_secs_f64(value))
    }

    /// As [`Self::seconds`], or 0, which stands for off.
    pub(super) fn seconds_or_off(&self, bounds: RangeInclusive<f64>) -> Option<Duration> {
        let (least, most) = (bounds.start(), bounds.end());
        let expected = format!("0 (off) or {least} to {most} seconds");
        let value = self.number(&expected)?;
        self.within(value == 0.0 || bounds.contains(&value), &expected)?;
        // Not `-0.0`.
        Some(Duration::from_secs_f64(value.abs()))
    }

    /// A whole number within `bounds`; `unit` follows the bounds in the message.
    pub(crate) fn integer(&self, bounds: RangeInclusive<u64>, unit: &str) -> Option<u64> {
        let (least, most) = (bounds.start(), bounds.end());
        let expected = format!("a whole number, {least} to {most}{unit}");
        let value = match &self.node.kind {
            Kind::Int(value) => *value,
            Kind::Text(text) => {
                self.by_variables(&expected, unquote(text), |text| text.parse::<i128>().ok())?
            }
            Kind::Float(_) => {
                self.within(false, &expected);
                return None;
            }
            _ => return self.expected(&expected),
        };
        let value = u64::try_from(value).ok().filter(|it| bounds.contains(it));
        self.within(value.is_some(), &expected)?;
        value
    }

    /// One of the words in `choices`.
    pub(crate) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let choice = choices.iter().find(|(word, _)| *word == text);
        if choice.is_none() {
            let words = choices.iter().map(|(word, _)| *word);
            let help = self.did_you_mean(words.clone());
            let words = words.collect::<Vec<_>>().join(", ");
            self.error(format!("{} is none of {words}", self.quoted()), help);
        }
        choice.map(|(_, meaning)| *meaning)
    }

    /// Whether this pattern, which takes so long, may be compiled; if not, that is a problem.
    pub(super) fn may_compile(&self, cost: usize) -> bool {
        let may = self.findings.may_compile(cost);
        if !may {
            self.error("there are too many patterns in this file", None);
        }
        may
    }

    /// What is written, as messages quote it.
    pub(super) fn quoted(&self) -> String {
        match &self.node.kind {
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => self.node.to_json().to_string(),
            Kind::Text(text) => match text.char_indices().nth(MOST_QUOTED_CHARACTERS) {
                Some((end, _)) => format!("`{}…`", &text[..end]),
                None => format!("`{text}`"),
            },
            _ => self.node.kind_name().to_owned(),
        }
    }

    /// Which of `words` the written text is probably a slip of.
    pub(super) fn did_you_mean<'w>(
        &self,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Option<String> {
        match &self.node.kind {
            Kind::Text(text) => self.findings.did_you_mean(text, words),
            _ => None,
        }
    }

    /// Which of `words` the key of this value is probably a slip of.
    pub(crate) fn did_you_mean_key<'w>(
        &self,
        key: &str,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Option<String> {
        self.findings.did_you_mean(key, words)
    }

    fn number(&self, expected: &str) -> Option<f64> {
        match &self.node.kind {
            Kind::Int(value) => Some(*value as f64),
            Kind::Float(value) => Some(*value),
            Kind::Text(text) => {
                self.by_variables(expected, unquote(text), |text| text.parse().ok())
            }
            _ => self.expected(expected),
        }
    }

    /// Text in the place of a number or a boolean: it must hold a variable, and what stands there
    /// after the variables are resolved must parse.
    fn by_variables<T>(
        &self,
        expected: &str,
        help: Option<String>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let template = self.template()?;
        if !template.has_variables() {
            self.error(format!("expected {expected}, found text"), help);
            return None;
        }
        let parsed = parse(self.resolve(&template)?.trim());
        if parsed.is_none() {
            let written = self.quoted();
            self.error(
                format!("expected {expected}; {written} stands for something else"),
                None,
            );
        }
        parsed
    }

    fn within(&self, within: bool, expected: &str) -> Option<()> {
        if !within {
            self.error(
                format!("expected {expected}, found {}", self.quoted()),
                None,
            );
        }
        within.then_some(())
    }

    fn expected<T>(&self, expected: &str) -> Option<T> {
        let found = self.node.kind_name();
        let help = match (expected, &self.node.kind) {
            ("text", Kind::Bool(_) | Kind::Int(_) | Kind::Float(_)) => {
                Some("put it in quotes to make it text".to_owned())
            }
            _ => None,
        };
        self.error(format!("expected {expected}, found {found}"), help);
        None
    }

    fn report(&self, mut problem: Problem, help: Option<String>) {
        problem.help = help;
        problem.place = self.node.best_place(self.key_place).cloned();
        self.findings.push(problem);
    }
}

/// Help for a number in quotes.
fn unquote(text: &str) -> Option<String> {
    let number = text.trim().parse::<f64>().is_ok_and(f64::is_finite);
    number.then(|| "write it without quotes".to_owned())
}
