//! Any text that config.yaml may be, and many that it may not: only the bytes of the value
//! change, or it is refused.

use proptest::prelude::*;

use super::*;

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("\n"), 1 => Just("\r\n")]
}

fn comment() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just(" # why"),
        Just("\t# a tab"),
        Just(" #"),
        Just("   # é ${X} \"q\" 'q' {a: [b]}"),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,2}(\\.[0-9])?",
        1 => Just("\"1\"".to_owned()),
        1 => Just("${D:-1}".to_owned()),
        1 => Just("\"${D}\"".to_owned()),
        1 => Just("*d".to_owned()),
        1 => Just("&a 1".to_owned()),
        1 => Just("!!int 1".to_owned()),
        1 => Just("~".to_owned()),
        1 => Just(String::new()),
        1 => Just("'it''s'".to_owned()),
        1 => Just("|\n    text\n    more".to_owned()),
        1 => Just("{a: [1, {b: c}]}".to_owned()),
        1 => "[ -~]{0,12}",
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("debounce"),
        1 => Just("\"debounce\""),
        1 => Just("'debounce'"),
        1 => Just("? debounce\n "),
        2 => Just("detection"),
        2 => Just("poll_interval"),
        1 => Just("<<"),
        1 => Just("debounce "),
        1 => Just("déjà-vu"),
    ]
}

fn section() -> impl Strategy<Value = String> {
    let block = prop::collection::vec((key(), value(), comment()), 0..4).prop_map(|entries| {
        let line =
            |(key, value, comment): &(&str, String, &str)| format!("  {key}: {value}{comment}\n");
        format!("sync:\n{}", entries.iter().map(line).collect::<String>())
    });
    let flow = prop::collection::vec((key(), value()), 0..4).prop_map(|entries| {
        let pairs = entries.iter().map(|(key, value)| format!("{key}: {value}"));
        format!("sync: {{{}}}\n", pairs.collect::<Vec<_>>().join(", "))
    });
    prop_oneof![
        4 => block,
        2 => flow,
        1 => Just("sync: *s\n".to_owned()),
        1 => Just("sync:\n  <<: *s\n".to_owned()),
        1 => Just("sync: &here\n  debounce: 1\n".to_owned()),
        1 => Just("\"sync\":\n- 1\n".to_owned()),
        1 => Just(String::new()),
    ]
}

fn other() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("version: \"1\"\n"),
        4 => Just("x-d: &d 3\n"),
        4 => Just("x-s: &s {debounce: 4, detection: hash}\n"),
        4 => Just("backends:\n  a: {command: x, args: [\"a: b\", 'it''s']}\n"),
        4 => Just("# a comment about sync: {debounce: 9}\n"),
        4 => Just("\n\n"),
        4 => Just("x-text: |\n  sync:\n    debounce: 9\n"),
        1 => Just("x-again: *here\n"),
        4 => Just("server:   {port:   0}   # odd   spaces\n"),
        1 => Just("%YAML 1.2\n---\n"),
        1 => Just("---\n"),
        1 => Just("...\n"),
        1 => Just("\tx: 1\n"),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let parts = (
        prop::collection::vec(other(), 0..4),
        section(),
        prop::collection::vec(other(), 0..3),
    );
    let ends = (line_end(), any::<bool>(), any::<bool>());
    (parts, ends).prop_map(|((before, section, after), (end, mark, cut))| {
        let mut text = before.concat() + &section + &after.concat();
        if cut {
            text.truncate(text.trim_end_matches('\n').len());
        }
        let mark = if mark { "\u{feff}" } else { "" };
        format!("{mark}{}", text.replace('\n', end))
    })
}

fn wanted() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        (0_u32..100).prop_map(|it| ("debounce", json!(it))),
        (0_u32..1000).prop_map(|it| ("debounce", json!(f64::from(it) / 8.0))),
        Just(("debounce", json!("${D:-2}"))),
        Just(("detection", json!("hash"))),
        Just(("detection", json!("a-plugin_2"))),
        Just(("enabled", json!(false))),
        Just(("on_failure", json!("stop"))),
    ]
}

/// Judged by other means than those of the code under test: the meaning by one parser, and the
/// lines of both texts.
fn judge(before: &str, after: &str, key: &str, value: &Value) -> Result<(), String> {
    if before == after {
        return Ok(());
    }
    let read = |text: &str| -> serde_yaml::Value {
        let mut read: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        read.apply_merge().unwrap();
        read
    };
    let (old, mut new) = (read(before), read(after));
    let is = serde_json::to_value(&new["sync"][key]).unwrap();
    if !is_same(&is, value) {
        return Err(format!("it is {is}"));
    }
    match old.get("sync").and_then(|it| it.get(key)) {
        Some(was) => new["sync"][key] = was.clone(),
        None => drop(new["sync"].as_mapping_mut().unwrap().remove(key)),
    }
    match old.get("sync") {
        None => drop(new.as_mapping_mut().unwrap().remove("sync")),
        Some(was) if was.is_null() => new["sync"] = serde_yaml::Value::Null,
        Some(_) => {}
    }
    if old != new {
        return Err("something else is not what it was".to_owned());
    }
    let comments = |text: &str| -> Vec<String> {
        let of_line = |line: &str| {
            let begin = line.find(" #").or(line.find("\t#"))?;
            Some(line[begin..].trim_end().to_owned())
        };
        text.split('\n').filter_map(of_line).collect()
    };
    if comments(before) != comments(after) {
        return Err("a comment is not what it was".to_owned());
    }
    let lines = |text: &str| text.split('\n').map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (lines(before), lines(after));
    let gone = one.iter().filter(|line| !other.contains(line)).count();
    // A text of several lines goes with all of them.
    if gone > 1 && !before.contains("|") {
        return Err(format!("{gone} lines are gone"));
    }
    let bare = |text: &str| text.replace("\r\n", "").contains('\n');
    if before.contains("\r\n") && !bare(before) && bare(after) {
        return Err("line ends are mixed".to_owned());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn only_the_bytes_of_the_value_change_or_it_is_refused(
        (text, (key, value)) in (text(), wanted()),
    ) {
        if let Ok(after) = put_in(&text, key, value.clone()) {
            let judged = judge(&text, &after, key, &value);
            prop_assert!(judged.is_ok(), "{judged:?}\n-- before\n{text}\n-- after\n{after}");
        }
    }
}

#[test]
fn not_everything_is_refused() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut edited = 0;
    for _ in 0..500 {
        let tree = (text(), wanted()).new_tree(&mut runner).unwrap();
        let (text, (key, value)) = tree.current();
        edited += usize::from(put_in(&text, key, value).is_ok());
    }
    assert!(edited > 100, "{edited} of 500");
}
