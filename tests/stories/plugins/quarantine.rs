//! Three faults in a row, and a plugin rests: `plugin list`, the status and an event say so, for each
//! kind; one that is better is asked again.

use serde_json::{Value, json};

use super::{GRANTED, LONG, dropped_in, hostile, text};
use crate::harness::{Client, Host, until};

/// What `plugin list` says of `hostile`.
fn listed(host: &Host) -> Value {
    let (all, code) = host.home().answer(&["plugin", "list"]);
    let all = all.as_array().unwrap();
    let well = all.iter().all(|it| it["state"] == "ready");
    assert_eq!(code, Some(i32::from(!well)));
    let found = all.iter().find(|it| it["name"] == "hostile");
    found.unwrap().clone()
}

/// It rests, with this many faults at least, and status and list say so.
async fn rests(host: &Host, fault: &str) {
    let said = listed(host);
    assert_eq!(said["state"], "quarantined", "{said}");
    let count = |key: &str| said[key].as_u64().unwrap();
    assert!(count("strikes") >= 3 && count("faults") >= 3, "{said}");
    assert!(count("calls") >= count("faults"), "{said}");
    let why = said["refused"].as_str().unwrap();
    assert!(why.contains(fault), "{said}");
    let status = host.status_like("the trouble", |it| {
        let troubles = it["troubles"].to_string();
        troubles.contains("plugin `hostile` is quarantined: ")
    });
    status.await;
    let page = host.home().ask(&["status"]).unwrap_err();
    assert!(!page.contains("no host"), "{page}");
}

#[tokio::test]
async fn a_detector_that_keeps_failing_rests_until_it_is_better() {
    let honest = text("hostile", "echo", LONG, "");
    let mut host = Host::start_in(hostile(env!("HOSTILE_DETECTOR")), &honest).await;
    assert_eq!(listed(&host)["strikes"], 0);
    host.save(format!("# sin: trap\n{honest}"));
    let told = host.event("its rest", |it| it.kind == "degraded").await;
    assert!(told.message.contains("`hostile` keeps failing"), "{told:?}");
    rests(&host, "trapped in `observe`").await;
    host.apply(&text("hostile", "add", LONG, "")).await;
    // It is tried again by itself, and is honest now.
    host.status_like("its return", |it| it["detection"]["detector"] == "hostile")
        .await;
    assert_eq!(listed(&host)["state"], "ready");
}

/// Before the reload that it takes part in has ended, or after.
async fn is_told_to_be_asked_again(host: &Host) {
    until("the word", || {
        let events = host.events();
        let mut words = events.iter().map(|it| it.message.as_str());
        words.any(|it| it == "handler `hostile` is asked again")
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_keeps_failing_rests_until_a_new_file_comes() {
    let component = env!("HOSTILE_HANDLER");
    let command = "hostile: {in: propose, sin: trap}\n";
    let mut host = Host::start_in(hostile(component), &text("hash", "echo", LONG, "")).await;
    let client = Client::connect(host.url()).await;
    let wanted = text("hash", "add", LONG, command);
    host.save(&wanted);
    let told = host.event("its rest", |it| it.kind == "degraded").await;
    let say = "handler `hostile` has failed 3 times in a row, and is asked again ever later; \
               reloads that concern it fail meanwhile; the last: plugin `hostile` trapped in \
               `propose`: ";
    assert!(told.message.starts_with(say), "{told:?}");
    rests(&host, "trapped in `propose`").await;
    assert_eq!(client.tools().await, ["echo"], "what serves goes on");

    // Another file, which is honest in every way.
    let other = std::fs::read(env!("HANDLER_TOOLS")).unwrap();
    std::fs::write(host.folder().join("plugins/hostile.wasm"), other).unwrap();
    // A try of the old one may be under way.
    while host.outcome(&wanted).await.kind != "changed" {}
    is_told_to_be_asked_again(&host).await;
    assert_eq!(listed(&host)["state"], "ready");
    assert_eq!(client.tools().await, ["add"]);
}

#[tokio::test]
async fn a_handler_that_is_better_by_itself_is_asked_again() {
    let command = "hostile: {in: propose, sin: trap}\n";
    let mut host = Host::start_in(
        hostile(env!("HOSTILE_HANDLER")),
        &text("hash", "echo", LONG, ""),
    )
    .await;
    host.save(text("hash", "add", LONG, command));
    host.event("its rest", |it| it.kind == "degraded").await;
    let better = text("hash", "add", LONG, "");
    host.save(&better);
    // It fails as long as it rests, and is tried again until it does not.
    while host.outcome(&better).await.kind != "changed" {}
    is_told_to_be_asked_again(&host).await;
}

#[tokio::test]
async fn a_middleware_that_keeps_failing_rests() {
    let component = std::fs::read(env!("HOSTILE_MIDDLEWARE")).unwrap();
    let folder = dropped_in(&[("hostile.yaml", GRANTED), ("hostile.wasm", &component)]);
    let entry = "middleware: [hostile]\n";
    let mut host = Host::start_in(folder, &text("hash", "echo", LONG, entry)).await;
    let client = Client::connect(host.url()).await;
    let trap = json!({"text": "x", "in": "request", "sin": "trap"});
    for strike in 1..=3 {
        assert!(client.call("echo", trap.clone()).await.is_err());
        assert_eq!(listed(&host)["strikes"], strike);
    }
    host.event("its rest", |it| it.kind == "degraded").await;
    rests(&host, "trapped in `on-request`").await;
}

#[tokio::test]
async fn a_middleware_that_fails_in_one_function_rests_whatever_the_other_does() {
    let entry = "middleware: [hostile]\n";
    for (way, sin, fault) in [
        (
            "request",
            "list",
            "gave an answer that makes no sense in `on-request`",
        ),
        ("response", "trap", "trapped in `on-response`"),
    ] {
        let folder = hostile(env!("HOSTILE_MIDDLEWARE"));
        let host = Host::start_in(folder, &text("hash", "echo", LONG, entry)).await;
        let client = Client::connect(host.url()).await;
        for strike in 1..=3 {
            let call = json!({"text": "x", "in": way, "sin": sin});
            assert!(client.call("echo", call).await.is_err());
            assert_eq!(listed(&host)["strikes"], strike, "{way}");
        }
        rests(&host, fault).await;
    }
}

#[tokio::test]
async fn settings_on_which_a_middleware_traps_count_against_no_one_that_serves() {
    let with = |settings: &str| {
        let entry = format!("middleware: [{{hostile: {settings}}}]\n");
        text("hash", "echo", LONG, &entry)
    };
    let folder = hostile(env!("HOSTILE_MIDDLEWARE"));
    let mut host = Host::start_in(folder, &with("{}")).await;
    let next = host.folder().join("next.yaml");
    std::fs::write(&next, with("{sin: trap}")).unwrap();
    for _ in 0..3 {
        let (planned, code) = host.home().answer(&["plan", next.to_str().unwrap()]);
        assert_eq!(code, Some(1), "{planned}");
        let why = planned.to_string();
        assert!(why.contains("trapped in `configure`"), "{why}");
    }
    host.settle(with("{sin: trap}")).await;
    assert_eq!(listed(&host)["strikes"], 0);
}

#[tokio::test]
async fn a_plan_on_which_a_handler_traps_counts_against_nobody() {
    let serving = text("hash", "echo", LONG, "");
    let mut host = Host::start_in(hostile(env!("HOSTILE_HANDLER")), &serving).await;
    let command = "hostile: {in: propose, sin: trap}\n";
    let next = host.folder().join("next.yaml");
    std::fs::write(&next, text("hash", "add", LONG, command)).unwrap();
    let next = next.to_str().unwrap();
    for _ in 0..4 {
        let (planned, code) = host.home().answer(&["plan", next]);
        assert_eq!(code, Some(1), "{planned}");
        let why = planned.to_string();
        assert!(why.contains("trapped in `propose`: "), "{why}");
        assert!(!why.contains("it is not asked"), "{why}");
    }
    assert_eq!(listed(&host)["strikes"], 0);
    host.apply(&text("hash", "add", LONG, "")).await;
}
