use serde_json::{Value as Json, json};

use super::*;

fn tree(text: &str) -> Node {
    let (node, problems) = parse(text).unwrap();
    assert_eq!(problems, []);
    node
}

fn json(text: &str) -> Json {
    tree(text).to_json()
}

/// `line:column path message` of the one syntax error.
fn broken(text: &str) -> String {
    let problem = parse(text).unwrap_err();
    let place = problem.place.unwrap();
    assert!(place.range.start <= place.range.end && place.range.end <= text.len());
    assert!(text.is_char_boundary(place.range.start));
    format!("{}:{} {}", place.line, place.column, problem.message)
}

/// `line:column path: message` of what is wrong beside the syntax.
fn odd(text: &str) -> Vec<String> {
    let (_, problems) = parse(text).unwrap();
    let show = |problem: Problem| {
        let place = problem.place.unwrap();
        let Problem { path, message, .. } = problem;
        format!("{}:{} {path}: {message}", place.line, place.column)
    };
    problems.into_iter().map(show).collect()
}

#[test]
fn scalars_have_the_types_of_the_core_schema() {
    let text = "[1, -1, 0x10, 0o17, 1.5, 1e3, true, False, ~, null, '1', \"true\", yes, off, 0755, \
                1_000, 1.2.3, 18446744073709551615, -9223372036854775808]";
    assert_eq!(
        json(text),
        json!([
            1,
            -1,
            16,
            15,
            1.5,
            1000.0,
            true,
            false,
            null,
            null,
            "1",
            "true",
            "yes",
            "off",
            "0755",
            "1_000",
            "1.2.3",
            u64::MAX,
            i64::MIN
        ])
    );
}

#[test]
fn an_integer_that_is_too_long_is_a_float() {
    assert_eq!(
        tree("99999999999999999999999").kind,
        Kind::Float(99_999_999_999_999_999_999_999.0)
    );
}

#[test]
fn placeholders_stay_as_written() {
    assert_eq!(
        json("a: ${X:-5}\nb: ['${Y}']\n"),
        json!({"a": "${X:-5}", "b": ["${Y}"]})
    );
}

#[test]
fn aliases_and_merges_are_expanded_and_stand_where_they_are_written_out() {
    let node = tree("a: &a {x: 1, y: 2}\nb: *a\nc:\n  <<: *a\n  y: 3\n");
    assert_eq!(
        node.to_json(),
        json!({"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}})
    );
    let Kind::Map(sections) = node.kind else {
        panic!("no map")
    };
    let Kind::Map(merged) = &sections[2].value.kind else {
        panic!("no map")
    };
    let x = merged.iter().find(|entry| entry.key == "x").unwrap();
    assert_eq!(x.key_place.as_ref().unwrap().line, 1);
}

#[test]
fn a_mark_and_windows_line_ends_do_not_move_places() {
    let text = "\u{feff}a: 1\r\nbé: é\r\n";
    let Kind::Map(entries) = tree(text).kind else {
        panic!("no map")
    };
    let first = entries[0].key_place.clone().unwrap();
    assert_eq!((first.line, first.column, &text[first.range]), (1, 1, "a"));
    let second = entries[1].value.place.clone().unwrap();
    assert_eq!(
        (second.line, second.column, &text[second.range]),
        (2, 5, "é")
    );
}

#[test]
fn broken_syntax_is_one_problem_with_its_place() {
    for (text, expected) in [
        ("a:\n\tb: 1\n", "2:2 tabs disallowed"),
        ("a: {b: 1\nc: 2\n", "2:2 while parsing a flow mapping"),
        ("\u{feff}é: [${Y}]\n", "1:6 while parsing a flow sequence"),
        ("a: \0\n", "1:4 unexpected character"),
        (
            "a: 1\n---\nb: 2\n",
            "3:1 a second YAML document begins here",
        ),
        ("a: *b\n", "1:4 no anchor of this name"),
        ("a: &a [*a]\n", "1:8 Recursive reference"),
        ("a:\n  <<: 5\n", "2:7 YAML merge value"),
        ("a: !secret x\n", "1:12 unsupported tag `!secret`"),
    ] {
        let found = broken(text);
        assert!(found.starts_with(expected), "{text:?}: {found}");
    }
}

#[test]
fn frequent_slips_come_with_help() {
    for (text, help) in [
        ("a:\n\tb: 1\n", "indent with spaces"),
        ("a: [${Y}]\n", "put text that holds `${...}` in quotes"),
        (
            "a: 1\n---\nb: 2\n",
            "keep one document in the file: remove the `---`",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().help.as_deref(), Some(help));
    }
}

#[test]
fn every_duplicate_odd_key_and_infinite_number_is_found_at_once() {
    let text = "a: 1\nb: {c: 1, c: 2}\na: 3\n5: x\n[y]: z\nd: .nan\ne: [1, 1e999, -.inf]\n";
    assert_eq!(
        odd(text),
        [
            "2:11 b.c: the key is there already, in line 2",
            "3:1 a: the key is there already, in line 1",
            "4:1 : a key must be text",
            "5:1 : a key must be text",
            "6:4 d: expected a finite number",
            "7:8 e[1]: expected a finite number",
            "7:15 e[2]: expected a finite number",
        ]
    );
}

#[test]
fn deep_nesting_is_refused_on_a_small_stack() {
    let deep_maps: String = (0..2000)
        .map(|n| format!("{}a:\n", " ".repeat(n)))
        .collect();
    let texts = [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        deep_maps,
        nested_aliases(),
    ];
    let refuse_all = move || {
        for text in &texts {
            let message = parse(text).unwrap_err().message;
            let refused = ["too large or too deep", "recursion limit exceeded"];
            assert!(
                refused.iter().any(|it| message.starts_with(it)),
                "{message}"
            );
        }
    };
    // Three quarters of what a thread of tokio has.
    let small = std::thread::Builder::new().stack_size(3 << 19);
    small.spawn(refuse_all).unwrap().join().unwrap();
}

#[test]
fn twenty_levels_are_enough_for_everyone() {
    let text = format!("{}x{}", "[".repeat(20), "]".repeat(20));
    assert!(parse(&text).is_ok());
}

/// Each anchor puts the one before it 15 levels deeper.
fn nested_aliases() -> String {
    let mut text = String::from("a0: &a0 x\n");
    for n in 1..500 {
        let (open, close) = ("[".repeat(15), "]".repeat(15));
        text += &format!("a{n}: &a{n} {open}*a{}{close}\n", n - 1);
    }
    text
}

#[test]
fn bombs_of_aliases_and_merges_are_refused() {
    let mut lists = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    let mut maps = String::from("a0: &a0 {k: 1}\n");
    for n in 1..12 {
        let before = vec![format!("*a{}", n - 1); 9].join(", ");
        lists += &format!("a{n}: &a{n} [{before}]\n");
        maps += &format!("a{n}: &a{n}\n  <<: [{before}]\n  k{n}: {{<<: [{before}]}}\n");
    }
    let keys: String = (0..5000).map(|n| format!("  k{n}: 1\n")).collect();
    let wide = format!("a: &a\n{keys}b:\n{}", "  - {<<: *a}\n".repeat(5000));
    for bomb in [lists, maps, wide] {
        let message = parse(&bomb).unwrap_err().message;
        assert!(message.starts_with("too large or too deep"), "{message}");
    }
}

#[test]
fn one_anchor_for_many_is_no_bomb() {
    let users: String = (0..5000).map(|n| format!("  b{n}: {{<<: *d}}\n")).collect();
    let text = format!("d: &d {{timeout: 5, env: {{A: b}}}}\nbackends:\n{users}");
    assert_eq!(json(&text)["backends"]["b4999"]["timeout"], 5);
}

/// `serde_yaml` elsewhere in the program must see what we see. (It takes a file with a mark at
/// its start for two documents; we do not.)
#[test]
fn the_other_parser_gives_the_same_value() {
    for text in [
        "a: 1\nb: [x, 'y', \"z\\n\", 1.5, -3, true, ~, 0x1F, 0o17, yes, 0755]\n",
        "a: |\n  one\n  two\nb: >-\n  one\n  two\nc: \"x\n  y\"\n",
        "a: &a {b: 1}\nc: *a\n",
        "a: 1\r\nb:\r\n  - c\r\n",
        "a: ${X}\nb: http://x:1/y#z\nc: a:b\nd: '#e'\n? f\n: g\n",
        "a: 1.10\nb: '1'\nc: 1e3\nd: .5\ne: 2026-11-23\nf: 12:30:45\ng: 1.2.3\nh: +1\n",
        "a: {b: [], c: {}}\nd: \"\"\ne: ''\nf:\n",
        "version: \"1\"\nbackends:\n  x:\n    command: npx\n    args: [-y, '@a/b']\n",
    ] {
        let other: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        let other: Json = serde_json::to_value(other).unwrap();
        assert_eq!(json(text), other, "{text}");
    }
}

#[test]
fn the_other_parser_gives_the_same_value_for_merges() {
    let text = "a: &a {b: 1, c: 2}\nd:\n  <<: *a\n  c: 3\n";
    let mut other: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    other.apply_merge().unwrap();
    assert_eq!(json(text), serde_json::to_value(other).unwrap());
}
