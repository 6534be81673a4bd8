//! A configuration as others may see it: each leaf, and `[redacted]` where it may be a secret.
//! What is not known to be none counts as one, for a token can be typed anywhere. Placeholders
//! stand as they are written. Pure.

use serde_json::{Map, Value as Json};

use super::difference::join;

const REDACTED: &str = "[redacted]";

/// Text at these places is no secret; `*` is one key or item. No place has `**` (whatever is
/// below): a file that was rejected may hold a token anywhere.
const PLAIN: [&str; 42] = [
    "version",
    "server.host",
    "server.transport",
    "server.management.host",
    "backends.*.type",
    "backends.*.command",
    "backends.*.cwd",
    "backends.*.group",
    "backends.*.sharing",
    "backends.*.filters.*.allow.*",
    "backends.*.filters.*.deny.*",
    "backends.*.tool_overrides.*.name",
    "backends.*.tool_overrides.*.description",
    "conflict_resolution.strategy",
    "conflict_resolution.separator",
    "conflict_resolution.order.*",
    "plugins.dir",
    "sync.detection",
    "sync.on_failure",
    "middleware.*",
    "middleware.*.name",
    "middleware.*.type",
    "middleware.*.per",
    "middleware.*.fail",
    "middleware.*.file",
    "middleware.*.tools.*",
    "middleware.*.prompts.*",
    "middleware.*.resources.*",
    "middleware.*.audit.file",
    "middleware.*.audit.fail",
    "middleware.*.redact.fail",
    "middleware.*.redact.patterns.*",
    "middleware.*.redact.replacement",
    "middleware.*.rate-limit.per",
    "middleware.*.rate-limit.tools.*",
    "middleware.*.concurrency-limit.per",
    "middleware.*.concurrency-limit.tools.*",
    "middleware.*.circuit-breaker.per",
    "middleware.*.patterns.*",
    "middleware.*.replacement",
    "middleware.*.allow.*.*",
    "middleware.*.deny.*.*",
];

/// Places where numbers may be secrets as well as texts.
const HIDDEN: [&str; 6] = [
    "backends.*.env.**",
    "backends.*.headers.**",
    "backends.*.args.**",
    "server.management.token",
    "middleware.*.auth.**",
    "x-*.**",
];

/// A number of this size may be a password; no setting has such a one.
const LARGE: f64 = 1e9;

/// Every leaf with its path (`backends.github.args[0]`), in the order of the file.
pub fn shown(sections: &Map<String, Json>) -> Vec<(String, Json)> {
    let mut found = Vec::new();
    for (key, value) in sections {
        walk(join("", key), &mut vec![key.as_str()], value, &mut found);
    }
    found
}

fn walk<'a>(
    path: String,
    steps: &mut Vec<&'a str>,
    value: &'a Json,
    found: &mut Vec<(String, Json)>,
) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                steps.push(key);
                walk(join(&path, key), steps, value, found);
                steps.pop();
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                steps.push("");
                walk(format!("{path}[{index}]"), steps, value, found);
                steps.pop();
            }
        }
        leaf => found.push((path, redacted(steps, leaf))),
    }
}

/// The same value as others may see it; `steps` lead to it from the root, empty for the items of a
/// list.
pub(super) fn seen<'a>(steps: &mut Vec<&'a str>, value: &'a Json) -> Json {
    let mut below = |step: &'a str, value: &'a Json| {
        steps.push(step);
        let value = seen(steps, value);
        steps.pop();
        value
    };
    match value {
        Json::Object(map) if !map.is_empty() => {
            let entries = map.iter();
            entries
                .map(|(key, value)| (key.clone(), below(key, value)))
                .collect()
        }
        Json::Array(items) if !items.is_empty() => {
            items.iter().map(|item| below("", item)).collect()
        }
        leaf => redacted(steps, leaf),
    }
}

fn redacted(steps: &[&str], leaf: &Json) -> Json {
    let is_at = |places: &[&str]| places.iter().any(|place| fits(place, steps));
    let shown = match leaf {
        Json::String(text) if is_bare_placeholder(text) => true,
        Json::String(text) if fits("backends.*.url", steps) => return url(text).into(),
        Json::String(text) => text.is_empty() || is_at(&PLAIN),
        // Sections that nobody here knows may hold a number that opens something.
        Json::Number(number) => {
            let small = number.as_f64().is_some_and(|it| it.abs() < LARGE);
            small && is_known(steps) && !is_at(&HIDDEN)
        }
        _ => true,
    };
    match shown {
        true => leaf.clone(),
        false => REDACTED.into(),
    }
}

fn is_known(steps: &[&str]) -> bool {
    steps
        .first()
        .is_some_and(|section| super::load::OUR_SECTIONS.contains(section))
}

/// `${NAME}` and nothing else: not what it stands for, and no default that may be a secret.
fn is_bare_placeholder(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
    name.is_some_and(|name| {
        let letter = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
        !name.is_empty() && name.bytes().all(letter)
    })
}

/// An address as messages may show it.
pub fn shown_url(text: &str) -> String {
    match is_bare_placeholder(text) {
        true => text.to_owned(),
        false => url(text),
    }
}

/// Where it leads, without who asks and with what.
fn url(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host
        .rsplit_once('@')
        .map_or(host.to_owned(), |(_, host)| format!("{REDACTED}@{host}"));
    let path = match path {
        "" | "/" => path.to_owned(),
        _ => format!("/{REDACTED}"),
    };
    match scheme {
        "" => REDACTED.to_owned(),
        scheme => format!("{scheme}://{host}{path}"),
    }
}

fn fits(place: &str, steps: &[&str]) -> bool {
    let mut steps = steps.iter();
    for piece in place.split('.') {
        if piece == "**" {
            return steps.next().is_some();
        }
        let Some(step) = steps.next() else {
            return false;
        };
        let same = match piece.strip_suffix('*') {
            Some(head) => step.starts_with(head),
            None => piece == *step,
        };
        if !same {
            return false;
        }
    }
    steps.next().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(sections: &Json) -> String {
        let map = sections.as_object().unwrap();
        let lines = shown(map).into_iter();
        let lines: Vec<_> = lines
            .map(|(path, value)| format!("{path} {value}"))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown_wherever_it_stands() {
        let s = "hunter2-hunter2-hunter2";
        let told = text(&json!({
            "server": {"management": {"token": s}},
            "backends": {"a": {
                "command": "npx", "args": ["--key", s, 424242], "env": {"TOKEN": s, "PIN": 424242},
                "url": format!("https://me:{s}@example.org:8443/{s}/mcp?key={s}"),
                "headers": {"Authorization": format!("Bearer {s}")},
            }},
            "middleware": [
                {"auth": {"tokens": {"alice": s}}},
                {"name": "auth", "token": s},
                {"redact": {"unknown": s}},
            ],
            "x-shelf": {"pin": 424242, "token": s},
            "foreign": {"a": [{"b": s}], "pin": 424242},
            "sync2": s,
            "sync": {"detection": {"token": s}, "token": s, "pin": 4_242_424_242_u64},
            "conflict_resolution": {"token": s},
            "placeholder": {"a": format!("${{T:-{s}}}"), "b": format!("{s}${{T}}")},
        }));
        assert!(!told.contains("hunter2"), "{told}");
        assert!(!told.contains("424242"), "{told}");
        assert!(told.contains("backends.a.command \"npx\""), "{told}");
        assert!(
            told.contains("https://[redacted]@example.org:8443/[redacted]"),
            "{told}"
        );
    }

    #[test]
    fn numbers_truths_names_and_bare_placeholders_are_shown() {
        let told = text(&json!({
            "server": {"port": 9000, "limits": {"sessions": 10}},
            "sync": {"debounce": 0.5, "detection": "hash", "enabled": true},
            "backends": {"a": {"env": {"TOKEN": "${GITHUB_TOKEN}"}, "filters": {"tools": {"deny": ["rm"]}}}},
            "middleware": ["audit", {"rate-limit": {"calls": 60, "per": "client"}}],
            "conflict_resolution": {"strategy": "prefix"},
            "empty": {"map": {}, "list": [], "nothing": null},
        }));
        for shown in [
            "server.port 9000",
            "sync.detection \"hash\"",
            "backends.a.env.TOKEN \"${GITHUB_TOKEN}\"",
            "backends.a.filters.tools.deny[0] \"rm\"",
            "middleware[0] \"audit\"",
            "middleware[1].rate-limit.calls 60",
            "middleware[1].rate-limit.per \"client\"",
            "conflict_resolution.strategy \"prefix\"",
            "empty.map {}",
        ] {
            assert!(told.contains(shown), "{shown} in\n{told}");
        }
    }
}
