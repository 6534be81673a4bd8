use serde_json::json;

use super::*;

mod property;

fn put_in(text: &str, key: &str, value: Value) -> Result<String, String> {
    let values = [(Key::named(key).unwrap(), value)];
    edit("config.yaml", text.as_bytes(), &values, &|_| None).map_err(|error| error.to_string())
}

/// Text before, key, value, text after.
type Case = (&'static str, &'static str, Value, &'static str);

#[test]
fn only_the_value_changes() {
    let head = "version: \"1\"\nbackends: {}\n";
    let cases: [Case; 18] = [
        (
            "sync:\n  debounce: 1\n",
            "debounce",
            json!(2),
            "sync:\n  debounce: 2\n",
        ),
        (
            "sync:\n  debounce: 1",
            "debounce",
            json!(0.5),
            "sync:\n  debounce: 0.5",
        ),
        (
            "sync: {debounce: 1, detection: mtime}\n",
            "detection",
            json!("hash"),
            "sync: {debounce: 1, detection: hash}\n",
        ),
        (
            "sync:\n    debounce :   1   # s\n",
            "debounce",
            json!(2),
            "sync:\n    debounce :   2   # s\n",
        ),
        (
            "sync:\n  debounce: 1\t# a tab\n",
            "debounce",
            json!(2),
            "sync:\n  debounce: 2\t# a tab\n",
        ),
        (
            "sync:\r\n  debounce: 1\r\n  enabled: true\r\n",
            "debounce",
            json!(2),
            "sync:\r\n  debounce: 2\r\n  enabled: true\r\n",
        ),
        (
            "sync:\n  detection: \"mtime\" # q\n",
            "detection",
            json!("hash"),
            "sync:\n  detection: \"hash\" # q\n",
        ),
        (
            "sync:\n  detection: 'mtime'\n",
            "detection",
            json!("hash"),
            "sync:\n  detection: 'hash'\n",
        ),
        (
            "x-d: &d 1\nsync:\n  debounce: *d\n",
            "debounce",
            json!(2),
            "x-d: &d 1\nsync:\n  debounce: 2\n",
        ),
        (
            "sync:\n  debounce: ${D:-1}\n",
            "debounce",
            json!(2),
            "sync:\n  debounce: 2\n",
        ),
        (
            "sync:\n  debounce: 1\n",
            "debounce",
            json!("${D:-2}"),
            "sync:\n  debounce: ${D:-2}\n",
        ),
        (
            "sync:\n  debounce:\n  enabled: true\n",
            "debounce",
            json!(2),
            "sync:\n  debounce: 2\n  enabled: true\n",
        ),
        (
            "sync:\n  debounce: ~\n",
            "debounce",
            json!(2),
            "sync:\n  debounce: 2\n",
        ),
        (
            "sync:\n  \"debounce\": 1\n",
            "debounce",
            json!(2),
            "sync:\n  \"debounce\": 2\n",
        ),
        (
            "sync:\n  enabled: true\n",
            "enabled",
            json!(false),
            "sync:\n  enabled: false\n",
        ),
        (
            "sync:\n  enabled: true\n",
            "debounce",
            json!(2),
            "sync:\n  enabled: true\n  debounce: 2\n",
        ),
        ("sync: {}\n", "debounce", json!(2), "sync: {debounce: 2}\n"),
        (
            "sync:\n  debounce: 1\n",
            "debounce",
            json!(1.0),
            "sync:\n  debounce: 1\n",
        ),
    ];
    for (before, key, value, after) in cases {
        for (head, tail) in [(head, ""), ("", "version: \"1\"\nbackends: {}\n")] {
            if !before.ends_with('\n') && !tail.is_empty() {
                continue;
            }
            let (before, after) = (
                format!("{head}{before}{tail}"),
                format!("{head}{after}{tail}"),
            );
            let (before, after) = match before.contains("\r\n") {
                true => [before, after]
                    .map(|it| it.replace("\r\n", "\n").replace('\n', "\r\n"))
                    .into(),
                false => (before, after),
            };
            assert_eq!(put_in(&before, key, value.clone()), Ok(after), "{before}");
        }
    }
}

#[test]
fn a_mark_at_the_beginning_and_a_missing_end_of_line_stay() {
    let before = "\u{feff}# first\nversion: \"1\"\nbackends: {}\nsync: {debounce: 1}";
    let after = before.replace("debounce: 1", "debounce: 2");
    assert_eq!(put_in(before, "debounce", json!(2)), Ok(after));
}

#[test]
fn a_section_that_is_not_there_is_made() {
    let before = "version: \"1\" # one\nbackends: {}\n";
    let after = put_in(before, "debounce", json!(2)).unwrap();
    assert!(after.starts_with(before), "{after}");
    assert!(
        after.trim_start_matches(before).trim().starts_with("sync:"),
        "{after}"
    );
}

#[test]
fn what_cannot_be_changed_alone_is_refused_with_the_reason() {
    let cases = [
        (
            "sync: &s {debounce: 1}\nother: *s\n",
            "other values would change",
        ),
        ("x-s: &s {debounce: 1}\nsync: *s\n", ""),
        ("sync:\n  debounce: &d 1\nx-d: *d\n", ""),
        ("sync:\n  debounce: 1\n  debounce: 1\n", "debounce"),
        ("sync: [1]\n", ""),
        ("sync: 1\n", ""),
        ("sync:\n  debounce: 1\n---\nsync: {}\n", ""),
        ("sync:\n\tdebounce: 1\n", "tab"),
        ("[1, 2]\n", "map of sections"),
        ("", "is empty"),
        ("sync: {debounce: 1", ""),
    ];
    for (text, said) in cases {
        let error = put_in(text, "debounce", json!(2)).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(edit("config.yaml", b"\xff", &[], &|_| None).is_err());
    let long = format!("# {}\nsync: {{}}\n", "x".repeat(2 << 20));
    assert!(
        put_in(&long, "debounce", json!(2))
            .unwrap_err()
            .contains("by hand")
    );
}

#[test]
fn a_value_that_goes_ill_with_another_is_refused() {
    let text = "version: \"1\"\nbackends: {}\nsync: {debounce: 1, max_debounce: 2}\n";
    let error = put_in(text, "debounce", json!(5)).unwrap_err();
    assert!(error.contains("max_debounce"), "{error}");
    let both = [("debounce", json!(5)), ("max_debounce", json!(6))];
    let both = both.map(|(key, value)| (Key::named(key).unwrap(), value));
    let after = edit("config.yaml", text.as_bytes(), &both, &|_| None).unwrap();
    assert!(after.contains("{debounce: 5, max_debounce: 6}"), "{after}");
}

#[test]
fn what_would_have_become_of_it_is_shown() {
    assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), "- b\n+ x");
    assert_eq!(difference("a\n", "a\nb\n"), "+ b");
}
