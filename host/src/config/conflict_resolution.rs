//! `conflict_resolution`: checks what happens when two backends offer a tool of the same name.
//! The handler of the tool catalog reads the section itself.

use std::collections::HashSet;

use super::reader::MapReader;
use super::value::Value;

const LONGEST_SEPARATOR: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Strategy {
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

/// Checks the section; `backends` are the names of the section `backends`.
pub(super) fn check(root: &mut MapReader<'_>, backends: &[String]) {
    let Some(mut map) = root
        .get("conflict_resolution")
        .and_then(|value| value.map())
    else {
        return;
    };
    let strategy = map.get("strategy");
    if let Some(value) = map.get("separator") {
        check_separator(&value);
    }
    let ordered = map
        .get("order")
        .and_then(|value| value.list("a list of backends"))
        .unwrap_or_default();
    let backends = backends.iter().map(String::as_str).collect();
    for name in &ordered {
        check_backend(name, &backends);
    }
    if let Some(value) = strategy
        && value.one_of(&STRATEGIES) == Some(Strategy::Priority)
        && ordered.is_empty()
    {
        let help = "list the backends under `order`, the first one wins".to_owned();
        value.warn(
            "without an `order`, this is the same as first-wins",
            Some(help),
        );
    }
    map.finish();
}

fn check_separator(value: &Value<'_>) {
    let Some(text) = value.text() else { return };
    let valid = (1..=LONGEST_SEPARATOR).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
    if !valid {
        let message = format!(
            "expected 1 to {LONGEST_SEPARATOR} letters, digits, `_`, `.`, `-` or `/`, found {}",
            value.quoted()
        );
        value.error(message, None);
    }
}

fn check_backend(value: &Value<'_>, backends: &HashSet<&str>) {
    let Some(name) = value.text() else { return };
    if !backends.contains(name.as_str()) {
        let help = value.did_you_mean(backends.iter().copied());
        value.warn(format!("there is no backend {}", value.quoted()), help);
    }
}
