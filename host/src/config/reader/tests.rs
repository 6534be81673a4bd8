use serde_json::json;

use super::*;

fn env(name: &str) -> Option<String> {
    match name {
        "FIVE" => Some("5".into()),
        "YES" => Some("true".into()),
        "SECRET" => Some("hunter2".into()),
        _ => None,
    }
}

/// Every problem of reading `json` with `read`, one a line.
fn problems(json: Json, read: impl FnOnce(&mut MapReader<'_>)) -> String {
    let result = read_json("it", &json, &env, |value| {
        let mut map = value.map()?;
        read(&mut map);
        map.finish();
        None::<()>
    });
    let lines = result.unwrap_err().into_iter().map(|it| it.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

fn seconds(value: Json) -> String {
    problems(json!({ "it": value }), |map| {
        map.seconds("it", 0.5..=10.0, Duration::ZERO);
    })
}

#[test]
fn everything_that_is_wrong_is_gathered() {
    let found = problems(
        json!({"a": 1, "b": "x", "c": true, "d": "nee", "e": {}, "timeoot": 1}),
        |map| {
            map.text("a", "");
            map.boolean("b", true);
            map.integer("c", 0..=9, "", 0);
            map.one_of("d", &[("new", 1), ("old", 2)], 1);
            map.seconds("e", 0.0..=1.0, Duration::ZERO);
            map.seconds("timeout", 0.0..=1.0, Duration::ZERO);
            map.require("f", "say what");
        },
    );
    assert_eq!(
        found,
        "it.a: expected text, found a number; put it in quotes to make it text\n\
         it.b: expected true or false, found text\n\
         it.c: expected a whole number, 0 to 9, found true or false\n\
         it.d: `nee` is none of new, old; did you mean `new`?\n\
         it.e: expected 0 to 1 seconds, found a map\n\
         it: `f` is missing; say what\n\
         it.timeoot: unknown key; did you mean `timeout`?"
    );
}

#[test]
fn an_unknown_key_that_resembles_none_lists_the_known_ones() {
    let found = problems(json!({"zzzz": 1}), |map| map.know(&["url", "headers"]));
    assert_eq!(found, "it.zzzz: unknown key; known keys: url, headers");
}

#[test]
fn a_key_with_nothing_is_not_given() {
    let read = |value: &Value<'_>| Some(value.map()?.integer("a", 1..=9, "", 7));
    assert_eq!(read_json("it", &json!({"a": null}), &env, read), Ok(7));
}

#[test]
fn numbers_and_booleans_may_come_out_of_variables() {
    let json = json!({"a": "${FIVE}", "b": " ${FIVE}${NOT:-.5} ", "c": "${YES}"});
    let read = |value: &Value<'_>| {
        let mut map = value.map()?;
        let seconds = map.seconds("b", 0.0..=10.0, Duration::ZERO);
        Some((
            map.integer("a", 0..=9, "", 0),
            seconds,
            map.boolean("c", false),
        ))
    };
    let expected = (5, Duration::from_millis(5500), true);
    assert_eq!(read_json("it", &json, &env, read), Ok(expected));
}

#[test]
fn seconds_are_finite_and_within_bounds() {
    for (value, message) in [
        (json!(0.49), "expected 0.5 to 10 seconds, found 0.49"),
        (json!(-1), "expected 0.5 to 10 seconds, found -1"),
        (
            json!(u64::MAX),
            "expected 0.5 to 10 seconds, found 18446744073709551615",
        ),
        (
            json!("5"),
            "expected 0.5 to 10 seconds, found text; write it without quotes",
        ),
        (json!("soon"), "expected 0.5 to 10 seconds, found text"),
        (
            json!("${NOT:-nan}"),
            "expected 0.5 to 10 seconds, found `${NOT:-nan}`",
        ),
        (
            json!("${NOT:-inf}"),
            "expected 0.5 to 10 seconds, found `${NOT:-inf}`",
        ),
    ] {
        assert_eq!(seconds(value), format!("it.it: {message}"));
    }
}

#[test]
fn what_a_variable_holds_is_in_no_message() {
    let found = problems(
        json!({"a": "${SECRET}", "b": "${SECRET}", "c": "${SECRET}", "d": "${SECRET}"}),
        |map| {
            map.seconds("a", 0.0..=1.0, Duration::ZERO);
            map.boolean("b", true);
            map.integer("c", 0..=9, "", 0);
            map.one_of("d", &[("new", 1)], 1);
        },
    );
    assert_eq!(found.lines().count(), 4);
    assert!(
        found.contains("`${SECRET}`") && !found.contains("hunter2"),
        "{found}"
    );
}

#[test]
fn a_variable_that_is_not_set_and_a_bad_placeholder_are_problems() {
    let found = problems(
        json!({"a": "${NOT} ${NOR}", "b": "${", "c": "a\0b"}),
        |map| {
            for key in ["a", "b", "c"] {
                map.text(key, "");
            }
        },
    );
    assert_eq!(
        found,
        "it.a: environment variable `NOT` is not set; set it, or write `${NOT:-default}`\n\
         it.a: environment variable `NOR` is not set; set it, or write `${NOR:-default}`\n\
         it.b: `${` is not closed by `}`; write `$${` for a literal `${`\n\
         it.c: text cannot hold a NUL character"
    );
}

#[test]
fn a_flood_of_unknown_keys_gets_few_suggestions() {
    let keys = (0..1000).map(|n| (format!("timeout{n}"), json!(1)));
    let found = problems(Json::Object(keys.collect()), |map| map.know(&["timeout"]));
    assert_eq!(found.matches("did you mean").count(), MOST_SUGGESTIONS);
    assert_eq!(found.lines().count(), 1000);
}

#[test]
fn a_very_long_key_is_cut_in_the_path() {
    let path = join("a", &"é".repeat(100_000));
    assert_eq!(path.chars().count(), "a.".len() + MOST_KEY_CHARACTERS + 1);
}
