//! `sharing: per-client`: each client has a connection to the backend that is its own, from its
//! first call until it leaves. On a shared one, what cannot be told apart is said to be so.

use tempfile::TempDir;

use super::harness::{
    Client, Host, RAW_BACKEND, Way, Wire, answer_to, config, demo, is_gone, until,
};

fn alone(tools: &str) -> String {
    demo("one", tools).replace("]}", "], sharing: per-client}")
}

fn raw(sharing: &str, n: u8) -> String {
    let raw =
        format!("  raw: {{command: \"{RAW_BACKEND}\", env: {{N: \"{n}\"}}, sharing: {sharing}}}\n");
    config("mtime", &raw, "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_has_a_process_of_its_own_until_it_leaves() {
    let text = |backends: &str| config("mtime", backends, "");
    let mut host = Host::start(&text(&alone("whoami,sleep"))).await;
    let (first, second) = (
        Client::connect(host.url()).await,
        Client::connect(host.url()).await,
    );
    let processes = async || {
        (
            first.process("whoami").await,
            second.process("whoami").await,
        )
    };
    let before = processes().await;
    assert_ne!(before.0, before.1);
    // What another backend is makes no difference.
    let more = alone("whoami,sleep") + &demo("two", "echo");
    host.apply(&text(&more)).await;
    assert_eq!(processes().await, before);
    // Replaced, each has another, and a call ends where it began.
    let slow = first.call("sleep", serde_json::json!({"ms": 300}));
    let replaced = text(&alone("whoami,add"));
    let (slow, _) = tokio::join!(slow, host.apply(&replaced));
    slow.unwrap();
    let after = processes().await;
    assert!(after.0 != before.0 && after.1 != before.1 && after.0 != after.1);
    until("what was replaced to be gone", || {
        is_gone(before.0) && is_gone(before.1)
    })
    .await;

    first.leave().await;
    until("its process to be gone", || is_gone(after.0)).await;
    assert_eq!(second.process("whoami").await, after.1);
    assert!(host.stop().await.success());
    assert!(is_gone(after.1));
}

/// What is asked of this client, up to the end of its call. It answers as `who`.
async fn answers(client: &mut Wire, call: &str, who: &str) -> String {
    loop {
        let message = client.hear("a question").await;
        if let Some(answer) = answer_to(call, &message) {
            return answer;
        }
        let (_, rest) = message.split_once(r#""id":"#).unwrap();
        let (id, _) = rest.split_once(',').unwrap();
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"who":"{who}"}}}}"#);
        client.say(&answer).await;
    }
}

#[tokio::test]
async fn a_question_reaches_the_client_whose_connection_it_is() {
    let mut host = Host::start(&raw("per-client", 1)).await;
    let mut first = Wire::to(host.url(), Way::Session).await;
    let mut second = Wire::to(host.url(), Way::Session).await;
    for n in 2..4 {
        // Both are asked before either answers.
        let ask = r#""name":"ask""#;
        let calls = (
            first.request("tools/call", ask, "").await,
            second.request("tools/call", ask, "").await,
        );
        let (one, other) = tokio::join!(
            answers(&mut first, &calls.0, "first"),
            answers(&mut second, &calls.1, "second"),
        );
        for (answer, mine, others) in [(one, "first", "second"), (other, "second", "first")] {
            let count = |who: &str| answer.matches(&format!(r#"{{"who":"{who}"}}"#)).count();
            assert_eq!((count(mine), count(others)), (4, 0), "{answer}");
        }
        // And so it is with the connections that follow.
        host.apply(&raw("per-client", n)).await;
    }
}

/// This of what the tool says beside its call, which may come before its answer, too.
async fn beside(client: &mut Wire, tool: &str, what: &str) -> String {
    let params = format!(r#""name":"{tool}""#);
    let (before, _) = client.ask("tools/call", &params, "").await;
    let mut said = before.into_iter();
    loop {
        let next = match said.next() {
            Some(next) => next,
            None => client.hear(what).await,
        };
        if next.contains(what) {
            return next;
        }
    }
}

#[tokio::test]
async fn what_is_said_and_asked_beside_calls_is_for_the_client_whose_connection_it_is() {
    let mut host = Host::start(&raw("per-client", 1)).await;
    let mut first = Wire::to(host.url(), Way::Session).await;
    let mut second = Wire::to(host.url(), Way::Session).await;
    second.ask("tools/call", r#""name":"golden""#, "").await;
    beside(&mut first, "announce", "notifications/vendor/news").await;
    let asked = beside(&mut first, "beside", r#""method":"roots/list""#).await;
    let (_, rest) = asked.split_once(r#""id":"#).unwrap();
    let (id, _) = rest.split_once(',').unwrap();
    first
        .say(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"roots":[]}}}}"#
        ))
        .await;
    loop {
        let (_, heard) = first.ask("tools/call", r#""name":"heard""#, "").await;
        if heard.contains(r#""id":"beside","result":{"roots":[]}"#) {
            break;
        }
    }
    // What it follows it goes on following when the connection is replaced, without a call.
    first
        .ask("resources/subscribe", r#""uri":"raw://thing""#, "")
        .await;
    host.apply(&raw("per-client", 2)).await;
    let told = "notifications/resources/updated";
    while !first
        .hear("that it is to be read again")
        .await
        .contains(told)
    {}
    beside(&mut first, "announce", told).await;
    // The other one has heard of none of it.
    let (before, _) = second.ask("ping", "", "").await;
    assert_eq!(before, [""; 0]);
}

#[tokio::test]
async fn on_a_shared_connection_a_question_that_may_be_anybodys_is_refused() {
    let host = Host::start(&raw("shared", 1)).await;
    let mut first = Wire::to(host.url(), Way::Session).await;
    let mut second = Wire::to(host.url(), Way::Session).await;
    let folder = TempDir::new().unwrap();
    let hold = format!(
        r#""name":"hold","arguments":{{"folder":"{}"}}"#,
        folder.path().display()
    );
    let held = first.request("tools/call", &hold, "").await;
    until("the call to be there", || {
        folder.path().join("held").exists()
    })
    .await;
    let (before, answer) = second.ask("tools/call", r#""name":"ask""#, "").await;
    assert_eq!(before, [""; 0]);
    assert_eq!(answer.matches("sharing: per-client").count(), 4, "{answer}");
    std::fs::write(folder.path().join("release"), "").unwrap();
    let released = first.hear("the end of the call").await;
    assert!(answer_to(&held, &released).is_some(), "{released}");
    // Beside any call it is nobody's, too.
    second.ask("tools/call", r#""name":"beside""#, "").await;
    loop {
        let (_, heard) = second.ask("tools/call", r#""name":"heard""#, "").await;
        if heard.contains(r#""id":"beside","error""#) {
            break;
        }
    }
}

#[tokio::test]
async fn a_log_level_reaches_backends_before_it_is_confirmed() {
    let host = Host::start(&raw("shared", 1)).await;
    let mut first = Wire::to(host.url(), Way::Session).await;
    let mut second = Wire::to(host.url(), Way::Session).await;
    first
        .ask("logging/setLevel", r#""level":"warning""#, "")
        .await;
    // A call of the other one, which wants none.
    let (_, heard) = second.ask("tools/call", r#""name":"heard""#, "").await;
    let told = r#""method":"logging/setLevel","params":{"level":"warning"}"#;
    assert!(heard.contains(told), "{heard}");
}

#[tokio::test]
async fn on_a_shared_connection_roots_are_asked_of_the_client_that_said_they_changed() {
    let host = Host::start(&raw("shared", 1)).await;
    let mut first = Wire::to(host.url(), Way::Session).await;
    let mut second = Wire::to(host.url(), Way::Session).await;
    let call = first.request("tools/call", r#""name":"ask""#, "").await;
    answers(&mut first, &call, "first").await;
    first
        .say(r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#)
        .await;
    second.ask("tools/call", r#""name":"beside""#, "").await;
    let asked = first.hear("a question").await;
    assert!(asked.contains(r#""method":"roots/list""#), "{asked}");
}
