use serde_json::json;

use super::super::reader::Findings;
use super::*;

fn spec(name: &str, json: Json) -> Result<MiddlewareSpec, String> {
    MiddlewareSpec::from_json(name, &json, &|_| None).map_err(|problems| {
        let lines = problems.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>().join("\n")
    })
}

/// The problems of a section, one a line.
fn section(list: Json) -> String {
    let node = super::super::node::Node::from_json(&json!({ "middleware": list }));
    let findings = Findings::new(&|_| None, Vec::new());
    let root = Value::new(&node, String::new(), None, &findings);
    check(&mut root.map().unwrap());
    drop(root);
    let lines = findings
        .into_problems()
        .into_iter()
        .map(|it| it.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_proposal_gives_a_spec() {
    let audit = |file: &str| MiddlewareSpec::Audit { file: file.into() };
    let timeout = |millis| MiddlewareSpec::Timeout {
        after: Duration::from_millis(millis),
    };
    assert_eq!(spec("audit", json!(null)), Ok(audit("audit.jsonl")));
    assert_eq!(spec("audit", json!({"file": "a/b"})), Ok(audit("a/b")));
    assert_eq!(spec("timeout", json!({})), Ok(timeout(60_000)));
    assert_eq!(
        spec("timeout", json!({"name": "timeout", "seconds": 0.001})),
        Ok(timeout(1))
    );
    assert_eq!(spec("recovery", json!({})), Ok(MiddlewareSpec::Recovery));
}

#[test]
fn a_bad_proposal_is_refused_with_every_problem() {
    assert_eq!(
        spec("timeout", json!({"seconds": 0, "file": "x"})).unwrap_err(),
        "middleware.timeout.seconds: expected 0.001 to 86400 seconds, found 0\n\
         middleware.timeout.file: unknown key; known keys: name, seconds"
    );
    assert_eq!(
        spec("timout", json!({})).unwrap_err(),
        "middleware.timout: unknown middleware; did you mean `timeout`?"
    );
    assert!(spec("audit", json!({"file": " "})).is_err());
    assert!(spec("audit", json!("x")).is_err());
}

#[test]
fn an_entry_has_three_forms() {
    let list = json!(["recovery", {"audit": {"file": "x"}}, {"name": "timeout", "seconds": 5}]);
    assert_eq!(section(list), "");
    assert_eq!(section(json!([{"audit": null}, {"name": "timeout"}])), "");
    assert_eq!(section(json!([])), "");
}

#[test]
fn every_bad_entry_is_found() {
    let list = json!([
        "audit", {"audit": {}}, "audti", {"timeout": {"second": 5}}, {"name": "recovery", "x": 1},
        5, {"a": 1, "b": 2}, {}, {"audti": {}}, null
    ]);
    assert_eq!(
        section(list),
        "middleware[1]: this middleware is there already; keep one of them\n\
         middleware[2]: `audti` is none of audit, timeout, recovery; did you mean `audit`?\n\
         middleware[3].timeout.second: unknown key; did you mean `seconds`?\n\
         middleware[4].x: unknown key; known keys: name\n\
         middleware[5]: expected a name or a map, found a number\n\
         middleware[6]: this middleware has no `name`; write `- audit`, or `- name: audit` with \
         its settings below\n\
         middleware[7]: this middleware has no `name`; write `- audit`, or `- name: audit` with \
         its settings below\n\
         middleware[8].audti: unknown middleware; did you mean `audit`?\n\
         middleware[9]: expected a name or a map, found nothing"
    );
}
