use proptest::prelude::*;
use serde_json::json;

use super::*;

fn sections(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn told(before: Json, after: Json) -> Vec<String> {
    let found = differences(&sections(before), &sections(after));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn what_one_side_has_is_told_at_its_root_and_what_both_have_at_the_leaves() {
    let before = json!({"backends": {
        "web": {"url": "http://a", "headers": {"Authorization": "secret"}},
        "old": {"command": "x", "args": ["a"]},
    }});
    let after = json!({"backends": {
        "web": {"url": "http://b", "headers": {"Authorization": "another"}},
        "github": {"command": "y", "env": {"TOKEN": "secret"}},
    }});
    assert_eq!(
        told(before, after),
        [
            "+ backends.github",
            "- backends.old",
            "~ backends.web.headers.Authorization",
            "~ backends.web.url",
        ]
    );
}

#[test]
fn values_stand_beside_their_places_but_for_what_may_be_a_secret() {
    let s = "hunter2-hunter2";
    let before = json!({
        "sync": {"debounce": 1, "detection": "mtime"},
        "backends": {"a": {"command": "x", "args": [s], "env": {"T": s}}, "b": {"command": "y"}},
        "middleware": ["audit", {"rate-limit": {"calls": 60, "tools": ["a"]}}],
    });
    let after = json!({
        "sync": {"debounce": 0.5, "debounse": 2, "token": s},
        "backends": {"b": {"command": "y"}, "a": {"command": "x", "args": ["another"],
                     "env": {"T": "another"}, "cwd": "é".repeat(200)}},
        "middleware": [{"rate-limit": {"calls": 70, "tools": ["b"]}}, "audit"],
    });
    let found = differences(&sections(before), &sections(after));
    let told: Vec<_> = found.iter().map(Difference::with_values).collect();
    let long = format!("+ backends.a.cwd: \"{}…", "é".repeat(99));
    assert_eq!(
        told,
        [
            r#"~ backends: ["a","b"] -> ["b","a"]"#,
            r#"~ backends.a.args[0]: "[redacted]""#,
            &long,
            r#"~ backends.a.env.T: "[redacted]""#,
            r#"~ middleware[0]: "audit" -> {"rate-limit":{"calls":70,"tools":["b"]}}"#,
            r#"~ middleware[1]: {"rate-limit":{"calls":60,"tools":["a"]}} -> "audit""#,
            "~ sync.debounce: 1 -> 0.5",
            "+ sync.debounse: 2",
            r#"- sync.detection: "mtime""#,
            r#"+ sync.token: "[redacted]""#,
        ]
    );
}

#[test]
fn values_of_named_items_are_hidden_and_shown_as_those_of_any_other() {
    let list = |calls: u64, token: &str| {
        json!({"middleware": [{"rate-limit": {"calls": calls}}, {"auth": {"token": token}},
                              {"name": "mine", "type": "rate-limit", "calls": calls}]})
    };
    let found = differences(&sections(list(1, "hunter2")), &sections(list(2, "hunter3")));
    let told: Vec<_> = found.iter().map(Difference::with_values).collect();
    assert_eq!(
        told,
        [
            r#"~ middleware.auth.token: "[redacted]""#,
            "~ middleware.mine.calls: 1 -> 2",
            "~ middleware.rate-limit.calls: 1 -> 2",
        ]
    );
}

#[test]
fn another_type_is_a_change_of_the_whole() {
    assert_eq!(told(json!({"a": {"b": 1}}), json!({"a": [1]})), ["~ a"]);
    assert_eq!(told(json!({"a": null}), json!({"a": {}})), ["~ a"]);
}

#[test]
fn list_items_go_by_their_places_and_by_what_was_put_between() {
    let list = |items: &[&str]| json!({"args": items});
    let all = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    assert_eq!(
        told(list(&["b", "c"]), list(&["a", "b", "c"])),
        ["+ args[0]"]
    );
    assert_eq!(
        told(list(&["a", "b", "c"]), list(&["a", "c"])),
        ["- args[1]"]
    );
    assert_eq!(told(list(&["a", "b"]), list(&["a", "x"])), ["~ args[1]"]);
    let told = told(list(&[]), list(&all));
    assert_eq!(told[2], "+ args[2]");
    assert_eq!(told[10], "+ args[10]");
}

#[test]
fn named_items_go_by_their_names() {
    let before = json!({"middleware": [{"audit": {"file": "a"}}, {"timeout": {"seconds": 1}}]});
    let after = json!({"middleware": [{"timeout": {"seconds": 2}}, {"cache": {}}]});
    assert_eq!(
        told(before.clone(), after),
        [
            "- middleware.audit",
            "+ middleware.cache",
            "~ middleware.timeout.seconds",
        ]
    );
    let turned = json!({"middleware": [{"timeout": {"seconds": 1}}, {"audit": {"file": "b"}}]});
    assert_eq!(
        told(before, turned),
        ["~ middleware", "~ middleware.audit.file"]
    );
    let users = |token| json!({"x": [{"name": "ann", "token": token}, {"name": "bob"}]});
    assert_eq!(told(users("1"), users("2")), ["~ x.ann.token"]);
}

#[test]
fn names_that_are_not_unique_are_none() {
    let twice = |value| json!({"x": [{"name": "a"}, {"name": "a", "v": value}]});
    assert_eq!(told(twice(1), twice(2)), ["~ x[1].v"]);
}

#[test]
fn bare_texts_are_never_shown() {
    let told = told(
        json!({"args": ["--token", "hunter2"]}),
        json!({"args": ["hunter3"]}),
    );
    assert_eq!(told, ["~ args[0]", "- args[1]"]);
}

#[test]
fn the_order_counts_for_backends_alone() {
    let turned = |key: &str| {
        told(
            json!({key: {"a": 1, "b": 2}}),
            json!({key: {"b": 2, "a": 1}}),
        )
    };
    assert_eq!(turned("backends"), ["~ backends"]);
    assert!(turned("sync").is_empty());
}

#[test]
fn keys_that_would_be_misread_are_quoted() {
    let key = |key: &str| told(json!({}), json!({key: 1})).remove(0);
    for (written, path) in [
        ("z.dot", r#"+ "z.dot""#),
        ("z[0]", r#"+ "z[0]""#),
        ("z\nline\u{1b}", r#"+ "z\nline\u001b""#),
        ("zwei Wörter", "+ zwei Wörter"),
        ("z\"", r#"+ "z\"""#),
    ] {
        assert_eq!(key(written), path);
    }
    assert_eq!(told(json!({}), json!({"": 1})), [r#"+ """#]);
}

fn tree() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0..4).prop_map(Json::from),
        "SECRET[ab]".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec(("[ab.\\[ ]{0,2}|name", inner), 0..4)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

fn root() -> impl Strategy<Value = Map<String, Json>> {
    prop::collection::vec(("backends|middleware|[ab]", tree()), 0..4)
        .prop_map(|entries| entries.into_iter().collect())
}

/// Alike in meaning: the order of keys does not count, but for backends.
fn alike(one: &Map<String, Json>, other: &Map<String, Json>) -> bool {
    let order = |map: &Map<String, Json>| {
        let backends = map.get("backends").and_then(Json::as_object);
        backends.map(|map| map.keys().cloned().collect::<Vec<_>>())
    };
    one == other && order(one) == order(other)
}

proptest! {
    #[test]
    fn there_are_none_exactly_when_both_mean_the_same(one in root(), other in root()) {
        prop_assert_eq!(differences(&one, &other).is_empty(), alike(&one, &other));
        prop_assert!(differences(&one, &one).is_empty());
    }

    #[test]
    fn the_way_back_has_the_same_places_with_the_signs_turned(one in root(), other in root()) {
        let turned = |found: Vec<Difference>| -> BTreeSet<(String, DifferenceKind)> {
            let turn = |kind| match kind {
                DifferenceKind::Added => DifferenceKind::Removed,
                DifferenceKind::Removed => DifferenceKind::Added,
                DifferenceKind::Changed => kind,
            };
            found.into_iter().map(|it| (it.path, turn(it.kind))).collect()
        };
        let there: BTreeSet<_> = differences(&one, &other)
            .into_iter()
            .map(|it| (it.path, it.kind))
            .collect();
        prop_assert_eq!(there, turned(differences(&other, &one)));
    }

    #[test]
    fn values_are_never_shown_and_lines_stay_whole(one in root(), other in root()) {
        // A `name` is shown: that is what it is for.
        let mut named = format!("{one:?}{other:?}");
        named.retain(|letter| !letter.is_whitespace());
        prop_assume!(!named.contains("\"name\":String(\"SECRET"));
        for difference in differences(&one, &other) {
            prop_assert!(!difference.path.contains("SECRET"), "{}", difference);
            prop_assert!(!difference.path.contains('\n'));
        }
    }
}
