//! What is let through, how often, and how much of it at the same time.

use super::*;
use tokio::time::{Instant, advance};

#[tokio::test(start_paused = true)]
async fn a_client_over_its_limit_is_told_when_to_come_back_and_others_are_left_in_peace() {
    let limit = json!([{"rate-limit": {"calls": 2, "seconds": 10}}]);
    let world = World::new(&["a", "b"], limit).await;
    for _ in 0..2 {
        assert_eq!(text(world.call("x", "a", "hi").await), "hi");
    }
    let error = world.call("x", "a", "hi").await.unwrap_err();
    assert_eq!(
        error.message,
        "too many calls of `a`: 2 in 10 s; try again in 5 s"
    );
    assert_eq!(error.code, 429);
    assert_eq!(error.data.unwrap().get(), r#"{"retryAfter":5.0}"#);
    assert!(world.call("x", "b", "hi").await.is_ok(), "another tool");
    assert!(world.call("y", "a", "hi").await.is_ok(), "another client");
    advance(5 * SECOND).await;
    assert!(world.call("x", "a", "hi").await.is_ok());
    assert!(world.call("x", "a", "hi").await.is_err());
    assert_eq!(world.arrived(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_limit_can_be_for_some_tools_and_for_all_clients_together() {
    let limit = json!([{"rate-limit": {"calls": 1, "per": "all", "tools": ["a*"]}}]);
    let world = World::new(&["a1", "a2", "b"], limit).await;
    assert!(world.call("x", "a1", "").await.is_ok());
    assert!(world.call("y", "a2", "").await.is_err());
    for _ in 0..5 {
        assert!(world.call("x", "b", "").await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_leaves_a_limit_as_it_was_leaves_what_it_counted() {
    let limit = |calls| json!({"rate-limit": {"calls": calls}});
    let world = World::new(&["a"], json!([limit(1)])).await;
    assert!(world.call("x", "a", "").await.is_ok());
    let timeout = json!({"timeout": {"seconds": 5}});
    world.reload(&["a"], json!([timeout, limit(1)])).await;
    assert!(world.call("x", "a", "").await.is_err(), "the same limit");
    world.reload(&["a"], json!([limit(2)])).await;
    assert!(world.call("x", "a", "").await.is_ok(), "another limit");
    assert_eq!(
        world.fakes.counts()["one"].connects,
        1,
        "no backend is touched"
    );
}

#[tokio::test(start_paused = true)]
async fn two_limits_that_are_alike_but_for_their_names_count_apart() {
    let one = |name: &str| json!({name: {"type": "rate-limit", "calls": 3}});
    let world = World::new(&["a"], json!([one("first"), one("second")])).await;
    for _ in 0..3 {
        assert!(
            world.call("x", "a", "").await.is_ok(),
            "each counts a call once"
        );
    }
    assert!(world.call("x", "a", "").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_too_many_waits_for_its_turn() {
    let limit = json!([{"concurrency-limit": {"calls": 1, "wait": 5}}]);
    let world = World::new(&["slow"], limit).await;
    let began = Instant::now();
    let (one, two) = tokio::join!(world.call("x", "slow", "1"), world.call("y", "slow", "2"));
    assert_eq!((text(one), text(two)), ("1".into(), "2".into()));
    assert_eq!(began.elapsed().as_secs(), 2, "one after the other");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_than_it_may_and_not_at_all_behind_too_many() {
    let limit = json!([{"concurrency-limit": {"calls": 1, "wait": 0.5, "queue": 1}}]);
    let world = World::new(&["slow"], limit).await;
    let began = Instant::now();
    let in_vain = async {
        let refused = message(world.call("y", "slow", "").await);
        (refused, began.elapsed())
    };
    let behind = async {
        let refused = message(world.call("z", "slow", "").await);
        (refused, began.elapsed())
    };
    let (one, two, three) = tokio::join!(world.call("x", "slow", "1"), in_vain, behind);
    assert_eq!(text(one), "1");
    let said = "`slow` has to wait: 1 calls at the same time are under way; try again later";
    assert_eq!(two.0, said);
    assert_eq!(two.1.as_millis(), 500);
    assert_eq!(three, (said.to_owned(), Duration::ZERO));
    assert!(
        world.call("y", "slow", "").await.is_ok(),
        "the turn is free again"
    );
}

#[tokio::test(start_paused = true)]
async fn without_waiting_a_call_too_many_is_refused_at_once() {
    let limit = json!([{"concurrency-limit": {"calls": 1, "wait": 0, "per": "client"}}]);
    let world = World::new(&["slow"], limit).await;
    let (one, two, other) = tokio::join!(
        world.call("x", "slow", "1"),
        world.call("x", "slow", "2"),
        world.call("y", "slow", "3"),
    );
    assert!(one.is_ok() && two.is_err() && other.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_not_listed_and_a_call_of_it_is_refused() {
    let world = World::new(
        &["get", "set", "drop_all"],
        json!([{"deny": {"tools": ["drop_*"]}}]),
    )
    .await;
    assert_eq!(world.tools(), ["get", "set"]);
    let error = world.call("x", "drop_all", "").await.unwrap_err();
    assert_eq!(error.code, 403);
    assert_eq!(
        error.message,
        "the tool `drop_all` is not allowed by the gateway's configuration"
    );
    assert_eq!(
        message(world.call("x", "dorp", "").await),
        "unknown tool: dorp"
    );
    assert_eq!(world.arrived(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_allowed_alone_is_listed_and_deny_stands_over_it() {
    let allow = json!({"allow": {"tools": ["get*"]}});
    let deny = json!({"deny": {"tools": ["*secret"]}});
    let world = World::new(&["get", "get_secret", "set"], json!([allow, deny])).await;
    assert_eq!(world.tools(), ["get"]);
    assert!(world.call("x", "get", "").await.is_ok());
    assert!(world.call("x", "get_secret", "").await.is_err());
    assert!(world.call("x", "set", "").await.is_err());
    world.reload(&["get", "get_secret", "set"], json!([])).await;
    assert_eq!(world.tools().len(), 3, "followed live");
    assert_eq!(world.fakes.counts()["one"].connects, 1);
}
