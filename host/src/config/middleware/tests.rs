use serde_json::json;

use std::time::Duration;

use super::super::reader::Findings;
use super::super::template::Template;
use super::*;

const MIB: u64 = 1 << 20;

fn env(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("0123456789abcdef".to_owned()),
        "SHORT" => Some("hunter2".to_owned()),
        "BLANK" => Some("0123456789 abcdef".to_owned()),
        _ => None,
    }
}

fn spec(name: &str, json: Json) -> Result<MiddlewareSettings, String> {
    let spec = MiddlewareSpec::from_json(name, name, &json, &env);
    spec.map(|spec| spec.settings).map_err(|problems| {
        let lines = problems.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>().join("\n")
    })
}

/// The problems of a section, one a line.
fn section(list: Json) -> String {
    let node = super::super::node::Node::from_json(&json!({ "middleware": list }));
    let findings = Findings::new(&env, Vec::new());
    let root = Value::new(&node, String::new(), None, &findings);
    let plugins = || vec!["quota".to_owned()];
    check(&mut root.map().unwrap(), Some(&plugins));
    drop(root);
    let lines = findings
        .into_problems()
        .into_iter()
        .map(|it| it.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_proposal_gives_a_spec() {
    let audit = |file: &str| {
        MiddlewareSettings::Audit(AuditSettings {
            file: file.into(),
            max_size: 10 * MIB,
            files: 5,
            arguments: false,
            redact: None,
            fail: OnFault::Closed,
        })
    };
    let timeout = |millis| MiddlewareSettings::Timeout {
        after: Duration::from_millis(millis),
    };
    assert_eq!(spec("audit", json!(null)), Ok(audit("audit.jsonl")));
    assert_eq!(spec("audit", json!({"file": "a/b"})), Ok(audit("a/b")));
    assert_eq!(spec("timeout", json!({})), Ok(timeout(60_000)));
    assert_eq!(
        spec("timeout", json!({"name": "timeout", "seconds": 0.001})),
        Ok(timeout(1))
    );
    assert_eq!(
        spec("recovery", json!({})),
        Ok(MiddlewareSettings::Recovery)
    );
}

#[test]
fn a_bad_proposal_is_refused_with_every_problem() {
    assert_eq!(
        spec("timeout", json!({"seconds": 0, "file": "x"})).unwrap_err(),
        "middleware.timeout.seconds: expected 0.001 to 86400 seconds, found 0\n\
         middleware.timeout.file: unknown key; known keys: name, type, seconds"
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
        "middleware[1]: this middleware is there already; keep one of them, or give one a `name` of its \
         own beside its `type`\n\
         middleware[2]: `audti` is none of audit, auth, allow, deny, rate-limit, concurrency-limit, \
         timeout, retry, circuit-breaker, redact, recovery, quota; did you mean `audit`?\n\
         middleware[3].timeout.second: unknown key; did you mean `seconds`?\n\
         middleware[4].x: unknown key; known keys: name, type\n\
         middleware[5]: expected a name or a map, found a number\n\
         middleware[6]: this middleware has no `name`; write `- audit`, or `- name: audit` with \
         its settings below\n\
         middleware[7]: this middleware has no `name`; write `- audit`, or `- name: audit` with \
         its settings below\n\
         middleware[8].audti: unknown middleware; did you mean `audit`?\n\
         middleware[9]: expected a name or a map, found nothing"
    );
}

#[test]
fn what_is_none_of_ours_is_a_plugin_s_and_keeps_its_settings_as_written() {
    let settings = json!({"type": "x", "fail": "open", "limit": "${NOT}", "deep": {"name": 1}});
    let plugged = |settings: Json, fail| {
        Ok(MiddlewareSettings::Plugged(PluggedSettings {
            plugin: "quota".to_owned(),
            settings: settings.as_object().unwrap().clone(),
            fail,
        }))
    };
    let told = json!({"limit": "${NOT}", "deep": {"name": 1}});
    assert_eq!(spec("quota", settings), plugged(told, OnFault::Open));
    assert_eq!(
        spec("quota", json!(null)),
        plugged(json!({}), OnFault::Closed)
    );
    assert_eq!(
        spec("quota", json!({"fail": "shut"})).unwrap_err(),
        "middleware.quota.fail: `shut` is none of closed, open"
    );
    let list = json!(["quota", {"second": {"type": "quota", "limit": 1}}, {"name": "third", "type": "quota"}]);
    assert_eq!(section(list), "");
    assert_eq!(
        section(json!([{"name": "x", "type": "quote"}, {"nothing-like-it": {}}])),
        "middleware[0].type: `quote` is none of audit, auth, allow, deny, rate-limit, \
         concurrency-limit, timeout, retry, circuit-breaker, redact, recovery, quota; did you mean `quota`?\n\
         middleware[1].nothing-like-it: unknown middleware; there are audit, auth, allow, deny, \
         rate-limit, concurrency-limit, timeout, retry, circuit-breaker, redact, recovery, quota; \
         others go as NAME.wasm into the plugins folder"
    );
}

#[test]
fn two_of_one_kind_have_names_of_their_own() {
    let list = json!([
        {"rate-limit": {"calls": 5}},
        {"name": "a day", "type": "rate-limit", "calls": 500, "seconds": 86400},
        {"reads": {"type": "rate-limit", "calls": 9, "tools": ["read_*"]}},
        {"type": "audit"},
    ]);
    assert_eq!(section(list), "");
    let spec = MiddlewareSpec::from_json("a day", "rate-limit", &json!({"calls": 1}), &env);
    assert_eq!(spec.unwrap().name, "a day");
}

#[test]
fn a_limit_has_bounds_and_needs_its_number() {
    let rate = RateSettings {
        calls: 60,
        time: Duration::from_secs(60),
        burst: 60,
        per: Per::ClientAndTool,
        tools: None,
    };
    let limit = MiddlewareSettings::RateLimit(rate);
    assert_eq!(spec("rate-limit", json!({"calls": 60})), Ok(limit));
    assert_eq!(
        spec(
            "rate-limit",
            json!({"seconds": 0, "per": "clent", "bursts": 1})
        )
        .unwrap_err(),
        "middleware.rate-limit: `calls` is missing; write `calls: 60, seconds: 60` for sixty in a \
         minute\n\
         middleware.rate-limit.seconds: expected 0.01 to 86400 seconds, found 0\n\
         middleware.rate-limit.per: `clent` is none of client-and-tool, client, tool, backend, \
         all; did you mean `client`?\n\
         middleware.rate-limit.bursts: unknown key; did you mean `burst`?"
    );
    assert_eq!(
        spec("concurrency-limit", json!({"calls": 0})).unwrap_err(),
        "middleware.concurrency-limit.calls: expected a whole number, 1 to 10000 calls, found 0"
    );
    assert_eq!(
        section(json!(["rate-limit"])),
        "middleware[0]: this middleware needs settings; write them below it, as `- NAME: {...}`"
    );
}

#[test]
fn globs_and_expressions_are_checked_where_they_stand() {
    assert!(
        spec(
            "deny",
            json!({"tools": ["a*", "{b,c}"], "resources": ["file://*"]})
        )
        .is_ok()
    );
    assert_eq!(
        spec("deny", json!({"tools": ["[a", "!b", 5]})).unwrap_err(),
        "middleware.deny.tools[0]: this is no glob: unclosed character class; missing ']'\n\
         middleware.deny.tools[1]: a glob cannot be turned round; `allow` and `deny` say which; \
         write it without `!`\n\
         middleware.deny.tools[2]: expected text, found a number; put it in quotes to make it text"
    );
    assert_eq!(
        spec("allow", json!({})).unwrap_err(),
        "middleware.allow: nothing is named; write `tools: [\"read_*\"]`, or `prompts` or \
         `resources`"
    );
    assert_eq!(
        spec("allow", json!({"tools": []})).unwrap_err(),
        "middleware.allow.tools: expected 1 to 256 of them, found 0"
    );
    assert_eq!(
        spec("redact", json!({"patterns": ["(", "a*", "(x{999}){999}"]})).unwrap_err(),
        "middleware.redact.patterns[0]: this is no regular expression: unclosed group\n\
         middleware.redact.patterns[1]: this expression matches nothing at all; let it match at \
         least one character\n\
         middleware.redact.patterns[2]: this is no regular expression: it would take too much \
         memory"
    );
}

#[test]
fn a_token_comes_from_a_variable_is_long_and_in_no_message() {
    assert!(spec("auth", json!({"token": "${TOKEN}"})).is_ok());
    assert!(spec("auth", json!({"tokens": {"alice": "${TOKEN}"}})).is_ok());
    for (auth, said) in [
        (json!({}), "nobody is let in; write `token"),
        (json!({"tokens": {}}), "`tokens` is empty: nobody is let in"),
        (
            json!({"token": "${SHORT}"}),
            "a token has at least 16 characters; make one",
        ),
        (
            json!({"token": "${BLANK}"}),
            "a token has no blanks, and only characters",
        ),
        (
            json!({"token": "${NONE}"}),
            "environment variable `NONE` is not set",
        ),
    ] {
        let problems = spec("auth", auth).unwrap_err();
        assert!(problems.contains(said), "{problems}");
        assert!(
            !problems.contains("hunter2") && !problems.contains("0123"),
            "{problems}"
        );
    }
    assert_eq!(
        section(json!([{"auth": {"token": "0123456789abcdef"}}])),
        "middleware[0].auth.token: a token in the file is seen by plugins; write `\"${NAME}\"`, \
         and set that variable where the host is started"
    );
    assert_eq!(
        section(json!([
            {"auth": {"token": "${TOKEN}"}}, {"name": "more", "type": "auth", "token": "${TOKEN}"}
        ])),
        "middleware[1]: there can be one `auth` only; put all tokens into one, under `tokens`"
    );
    let spec = spec("auth", json!({"token": "0123456789abcdef"})).unwrap();
    assert!(!format!("{spec:?}").contains("0123"));
}

#[test]
fn signed_tokens_need_to_be_by_somebody_for_somebody_and_never_with_a_secret() {
    let auth = |jwt: Json| spec("auth", json!({ "jwt": jwt }));
    let jwt = |jwks: &str| {
        auth(
            json!({"jwks": jwks, "issuer": "https://issuer", "audience": ["x", "https://here/mcp"]}),
        )
    };
    let Ok(MiddlewareSettings::Auth(settings)) = jwt("https://issuer/keys") else {
        panic!()
    };
    let read = settings.jwt.unwrap();
    let keys = Template::parse("https://issuer/keys").unwrap();
    assert_eq!(read.keys, KeyPlace::Url(keys));
    assert_eq!(read.issuers, ["https://issuer"]);
    assert_eq!(read.resource.as_deref(), Some("https://here/mcp"));
    assert_eq!(read.caller, "sub");
    assert_eq!(read.leeway, Duration::from_secs(60));
    for here in [
        "http://127.0.0.1:1/k",
        "http://localhost/k",
        "http://[::1]:1/k",
        "keys.json",
    ] {
        assert!(jwt(here).is_ok(), "{here}");
    }
    for there in [
        "http://issuer/k",
        "http://localhost:x@issuer/k",
        "http://127.0.0.1.issuer/k",
    ] {
        let problem = jwt(there).unwrap_err();
        assert!(
            problem.contains("keys that come over http can be anybody's"),
            "{problem}"
        );
    }
    assert_eq!(
        auth(json!({"algorithms": ["HS256", "none"], "leeway": 999, "resource": "here"}))
            .unwrap_err(),
        "middleware.auth.jwt: `jwks` is missing; name the file or the https:// address of the key set\n\
         middleware.auth.jwt: `issuer` is missing; write it as it stands in the tokens' `iss`\n\
         middleware.auth.jwt: `audience` is missing; name what tokens for this server have in `aud`; \
         most often its own address\n\
         middleware.auth.jwt.algorithms[0]: `HS256` is none of RS256, RS384, RS512, PS256, PS384, \
         PS512, ES256, ES384, EdDSA; did you mean `RS256`?\n\
         middleware.auth.jwt.algorithms[1]: `none` is none of RS256, RS384, RS512, PS256, PS384, \
         PS512, ES256, ES384, EdDSA\n\
         middleware.auth.jwt.leeway: expected 0 (off) or 1 to 300 seconds, found 999\n\
         middleware.auth.jwt.resource: expected the address of this server; such as \
         `https://tools.example.com/mcp`"
    );
}
