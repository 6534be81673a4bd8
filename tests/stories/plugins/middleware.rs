//! Whatever a middleware does, its own calls are refused or pass, as the file says, and nothing
//! else is harmed.

use serde_json::json;

use super::{GRANTED, LONG, READABLE, SHORT, dropped_in, errors, hostile, is_error, text};
use crate::harness::{Client, Host};

const MIDDLEWARE: &str = env!("HOSTILE_MIDDLEWARE");

/// What a middleware does on the way there or back, and what is told of it.
const SINS: [(&str, &str, &str); 14] = [
    ("trap", "trapped", LONG),
    ("recursion", "trapped", LONG),
    ("exit", "trapped", LONG),
    ("memory", "asked for more memory than its limit", LONG),
    ("hoard", "asked for more memory than its limit", LONG),
    ("flood", "said more than its limit", LONG),
    ("sleep", "ran past its deadline", LONG),
    ("refuse", "refused", LONG),
    ("rant", "refused", LONG),
    ("garbage", "gave an answer that makes no sense", LONG),
    ("list", "gave an answer that makes no sense", LONG),
    ("loop", "ran past its deadline", SHORT),
    ("log", "said more than its limit", LONG),
    ("print", "said more than its limit", LONG),
];

fn with(entry: &str, time: &str) -> String {
    text(
        "hash",
        "echo,whoami",
        time,
        &format!("middleware: [{entry}]\n"),
    )
}

/// Calls in which it sins end as `fail` says, a fault is told by its name, and every other call
/// passes.
async fn nothing_else_is_harmed(way: &str, time: &str) {
    let folder = hostile(MIDDLEWARE);
    let mut host = Host::start_in(folder, &with("", time)).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;
    let sins = SINS.iter().filter(|(_, _, limit)| *limit == time);
    for (round, (sin, fault, _)) in sins.enumerate() {
        for fail in ["closed", "open"] {
            // Another setting makes another middleware, whose first fault is told.
            let entry = format!("{{hostile: {{round: {round}, fail: {fail}}}}}");
            host.apply(&with(&entry, time)).await;
            let command = json!({"text": "through", "in": way, "sin": sin});
            let answer = client.call("echo", command).await;
            match fail {
                "open" => assert_eq!(answer.as_deref(), Ok("through"), "{sin}"),
                _ => {
                    let refused = answer.unwrap_err();
                    let said = "the middleware `hostile` failed, so this call did not pass";
                    assert!(refused.contains(said), "{sin}: {refused}");
                    assert!(refused.len() < READABLE);
                }
            }
            let told = host.event("a fault", is_error).await;
            let begin = format!("middleware `hostile`: plugin `hostile` {fault} in `on-{way}`: ");
            assert!(told.message.starts_with(&begin), "{sin}: {told:?}");
            assert!(told.message.len() < READABLE, "{}", told.message.len());
            assert_eq!(client.process("whoami").await, process, "{sin}");
        }
    }
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_middleware_that_fails_on_the_way_there_harms_its_own_call_only() {
    nothing_else_is_harmed("request", LONG).await;
}

#[tokio::test]
async fn a_middleware_that_never_decides_harms_its_own_call_only() {
    nothing_else_is_harmed("request", SHORT).await;
}

#[tokio::test]
async fn a_middleware_that_fails_on_the_way_back_harms_its_own_call_only() {
    nothing_else_is_harmed("response", LONG).await;
}

#[tokio::test]
async fn a_middleware_that_never_comes_back_harms_its_own_call_only() {
    nothing_else_is_harmed("response", SHORT).await;
}

#[tokio::test]
async fn a_middleware_answers_denies_and_leads_no_call_astray() {
    let folder = hostile(MIDDLEWARE);
    let host = Host::start_in(folder, &with("hostile", LONG)).await;
    let client = Client::connect(host.url()).await;
    let told = async |way: &str, sin: &str| {
        let command = json!({"text": "through", "in": way, "sin": sin});
        client.call("echo", command).await
    };
    for way in ["request", "response"] {
        assert_eq!(told(way, "answer").await.as_deref(), Ok("answered"));
        let denied = told(way, "deny").await.unwrap_err();
        assert!(denied.contains("-32050: denied as commanded"), "{denied}");
        assert!(denied.contains("hostile"), "its data: {denied}");
    }
    // The parameters lost their arguments, and the call still went to `echo`.
    let astray = told("request", "astray").await;
    assert!(!format!("{astray:?}").contains("elsewhere"), "{astray:?}");
    assert_eq!(errors(&host), 0);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn one_that_keeps_failing_is_left_alone_and_a_reload_without_it_frees_the_calls() {
    let folder = hostile(MIDDLEWARE);
    let mut host = Host::start_in(folder, &with("hostile", LONG)).await;
    let client = Client::connect(host.url()).await;
    let trap = json!({"text": "x", "in": "request", "sin": "trap"});
    for _ in 0..3 {
        assert!(client.call("echo", trap.clone()).await.is_err());
    }
    let told = host.event("a rest", |it| it.kind == "degraded").await;
    let say = "middleware `hostile` is left alone for 5 s after 3 faults in a row; meanwhile its \
               calls are refused (fail: closed); the last: plugin `hostile` trapped in";
    assert!(told.message.starts_with(say), "{told:?}");
    let refused = client.call("echo", json!({"text": "x"})).await.unwrap_err();
    assert!(
        refused.contains("fails, and no call passes it; try again in"),
        "{refused}"
    );

    host.apply(&with("", LONG)).await;
    assert_eq!(
        client.call("echo", json!({"text": "x"})).await.unwrap(),
        "x"
    );
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn settings_are_followed_live_and_wrong_ones_are_rejected_with_their_place() {
    let fixed = |text: &str| format!("{{arguments: {{fixed: {{echo: {{text: {text}}}}}}}}}");
    let folder = dropped_in(&[(
        "mine.wasm",
        &std::fs::read(env!("MIDDLEWARE_ARGUMENTS")).unwrap(),
    )]);
    let mut host = Host::start_in(folder, &with(&fixed("one"), LONG)).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;
    let said = async || client.call("echo", json!({"text": "x"})).await.unwrap();
    assert_eq!(said().await, "one");
    host.apply(&with(&fixed("two"), LONG)).await;
    assert_eq!(said().await, "two");

    // A drop-in under the name of its file.
    host.apply(&with(&fixed("three").replace("arguments", "mine"), LONG))
        .await;
    assert_eq!(said().await, "three");

    for (entry, place, why) in [
        (
            "{mine: {fixd: {}}}",
            "config.yaml:",
            "middleware[0].mine.fixd: unknown key; known keys: defaults, fixed",
        ),
        (
            "mein",
            "config.yaml:",
            "middleware[0]: `mein` is none of audit, auth, allow, deny, rate-limit, \
             concurrency-limit, timeout, retry, circuit-breaker, redact, recovery, arguments, mine",
        ),
    ] {
        let rejected = host.settle(with(entry, LONG)).await;
        assert!(rejected.message.starts_with("rejected: "), "{rejected:?}");
        assert!(rejected.message.contains(place), "{rejected:?}");
        assert!(rejected.message.contains(why), "{rejected:?}");
        let checked = host.home().command(&["check"]).output().unwrap();
        assert!(!checked.status.success());
        let report = String::from_utf8_lossy(&checked.stderr).replace('\n', " ");
        let first = why.split(": ").nth(1).unwrap();
        assert!(
            report.contains(first.split(';').next().unwrap()),
            "{report}"
        );
        assert_eq!(said().await, "three");
    }
    host.apply(&with("", LONG)).await;
    assert_eq!(said().await, "x");
    assert_eq!(client.process("whoami").await, process);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_middleware_that_cannot_take_its_settings_fails_the_reload() {
    let folder = hostile(MIDDLEWARE);
    let mut host = Host::start_in(folder, &with("", SHORT)).await;
    let client = Client::connect(host.url()).await;
    for (sin, outcome) in [
        ("trap", "failed: plugin `hostile` trapped in `configure`"),
        (
            "loop",
            "failed: plugin `hostile` ran past its deadline in `configure`",
        ),
        ("refuse", "middleware[0].hostile.sin: as commanded"),
    ] {
        let told = host
            .settle(with(&format!("{{hostile: {{sin: {sin}}}}}"), SHORT))
            .await;
        assert_eq!((told.kind.as_str(), told.generation), ("error", 1));
        assert!(told.message.contains(outcome), "{told:?}");
        assert_eq!(
            client.call("echo", json!({"text": "x"})).await.unwrap(),
            "x"
        );
    }
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_middleware_with_the_name_of_one_of_the_host_s_own_is_refused() {
    let component = std::fs::read(MIDDLEWARE).unwrap();
    let folder = dropped_in(&[("audit.yaml", GRANTED), ("audit.wasm", &component)]);
    let host = Host::start_in(folder, &with("", LONG)).await;
    let told = host.events();
    let told = told.iter().find(|event| is_error(event)).unwrap();
    assert!(
        told.message
            .contains("the host has a middleware `audit` of its own")
    );
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_middleware_that_traps_in_the_third_call_refuses_that_call_and_no_other() {
    let host = Host::start_in(hostile(MIDDLEWARE), &with("hostile", LONG)).await;
    let client = Client::connect(host.url()).await;
    for round in 0..3 {
        for call in 1..=3 {
            let third = json!({"text": "x", "in": "request", "sin": "third"});
            let passed = client.call("echo", third).await.is_ok();
            assert_eq!(passed, call < 3, "round {round}, call {call}");
        }
    }
    // What happens again is not told again.
    assert_eq!(errors(&host), 1);
    assert!(host.events().iter().all(|it| it.kind != "degraded"));
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_message_that_it_cannot_hold_is_refused_and_every_other_call_passes() {
    let host = Host::start_in(hostile(MIDDLEWARE), &with("hostile", LONG)).await;
    let client = Client::connect(host.url()).await;
    // 3 MB of JSON, and dozens of times as much once it is read.
    let much = json!({"text": "x", "much": vec![json!([]); 1_000_000]});
    for _ in 0..4 {
        let refused = client.call("echo", much.clone()).await.unwrap_err();
        assert!(refused.contains("so this call did not pass"), "{refused}");
    }
    let passed = client.call("echo", json!({"text": "x"})).await;
    assert_eq!(passed.as_deref(), Ok("x"));
    let told = host.events();
    let fault = "asked for more memory than its limit in `on-request`";
    assert!(told.iter().any(|it| it.message.contains(fault)));
    assert!(host.stop().await.success());
}
