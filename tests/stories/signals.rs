//! SIGHUP reloads now, whether the file is watched or not.

use nix::sys::signal::Signal;
use serde_json::json;

use super::harness::List::Tools;
use super::harness::{Client, Host, config, demo, digest};

#[tokio::test]
async fn without_watching_an_edit_waits_for_sighup() {
    let unwatched = |tool| {
        let text = config("mtime", &demo("one", &format!("sleep,{tool}=echo")), "");
        text.replace("sync: {", "sync: {enabled: false, ")
    };
    let mut host = Host::start(&unwatched("a")).await;
    let client = Client::connect(host.url()).await;

    host.save(unwatched("b"));
    // Ten times as long as a watched file would wait, by the backend's clock.
    let slept = client.call("sleep", json!({"ms": 1000})).await;
    assert_eq!(slept.unwrap(), "slept 1000 ms");
    host.signal(Signal::SIGHUP);
    let event = host.outcome(unwatched("b")).await;
    assert_eq!(
        event.kind, "changed",
        "by SIGHUP, and not before: {event:?}"
    );
    assert_eq!(client.tools().await, ["b", "sleep"]);
    assert_eq!(client.told(1).await, [Tools]);

    // Watching begins with the file that says so.
    let watched = unwatched("b").replace("enabled: false, ", "");
    host.save(&watched);
    host.signal(Signal::SIGHUP);
    assert_eq!(host.outcome(&watched).await.kind, "changed");
    host.apply(&watched.replace("b=", "c=")).await;
    assert_eq!(client.tools().await, ["c", "sleep"]);
}

#[tokio::test]
async fn sighup_without_an_edit_is_no_change() {
    let text = config("mtime", &demo("one", "echo"), "");
    let mut host = Host::start(&text).await;
    host.signal(Signal::SIGHUP);
    let event = host.event("the answer to SIGHUP", |it| it.kind == "no-change");
    let event = event.await;
    assert_eq!(event.message, "same bytes as what serves");
    assert_eq!(event.digest, Some(digest(&text)));
    assert_eq!(event.generation, 1);
}
