//! What is done about a backend that gives no answer.

use super::*;
use tokio::time::{Instant, advance};

fn timeout() -> Value {
    json!({"timeout": {"seconds": 1}})
}

#[tokio::test(start_paused = true)]
async fn what_is_read_only_is_called_again_ever_later() {
    let retry = json!({"retry": {"attempts": 3, "backoff": 2}});
    let world = World::new(&["read_a"], json!([retry, timeout()])).await;
    world.silence();
    let began = Instant::now();
    assert_eq!(
        message(world.call("x", "read_a", "").await),
        "`read_a` took longer than 1 s"
    );
    assert_eq!(world.arrived(), 3);
    assert_eq!(began.elapsed().as_secs(), 1 + 2 + 1 + 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_do_harm_is_called_once() {
    let world = World::new(&["write_a"], json!([{"retry": {}}, timeout()])).await;
    world.silence();
    assert!(world.call("x", "write_a", "").await.is_err());
    assert_eq!(world.arrived(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_not_asked_for_again_even_if_the_tool_says_that_it_failed() {
    let world = World::new(&["read_a"], json!([{"retry": {}}])).await;
    let params = json!({"name": "read_a"});
    let call = Call {
        params: members(&params),
        repeatable: true,
        ..call("read_a")
    };
    let result = json_of(world.gateway.current().serve(call).await);
    assert_eq!(result["isError"], true);
    assert_eq!(world.arrived(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_the_trying() {
    let world = World::new(
        &["read_a"],
        json!([{"retry": {"backoff": 60, "max_backoff": 60}}, timeout()]),
    )
    .await;
    world.silence();
    let cancelled = CancellationToken::new();
    let call = Call {
        repeatable: true,
        cancelled: cancelled.clone(),
        ..call("read_a")
    };
    let (reply, ()) = tokio::join!(world.gateway.current().serve(call), async {
        tokio::time::sleep(5 * SECOND).await;
        cancelled.cancel();
    });
    assert_eq!(message(reply), "the call was cancelled");
    assert_eq!(world.arrived(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_backend_ends_is_called_again_where_it_was_started_anew() {
    let retry = json!({"retry": {"attempts": 2, "backoff": 0.2}});
    let breaker = json!({"circuit-breaker": {"failures": 1}});
    let world = World::new(&["slow"], json!([retry, breaker])).await;
    let call = Call {
        params: members(&json!({"name": "slow", "arguments": {"text": "hi"}})),
        repeatable: true,
        ..call("slow")
    };
    let (reply, ()) = tokio::join!(world.gateway.current().serve(call), async {
        tokio::time::sleep(SECOND / 2).await;
        world.fakes.kill("one");
        tokio::time::sleep(3 * SECOND).await;
        let restarted = world.gateway.restart("one").unwrap().await;
        let (mut candidate, _) = world.gateway.mend(vec![restarted], &[]);
        let offers = candidate.offers();
        candidate.compose(None, &offers).unwrap();
        world.gateway.swap(candidate);
    });
    assert_eq!(text(reply), "hi");
    assert_eq!(world.arrived(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_ended_is_not_waited_for_for_ever() {
    let retry = json!({"retry": {"attempts": 3, "backoff": 1, "max_backoff": 5}});
    let world = World::new(&["slow"], json!([retry])).await;
    let call = || Call {
        params: members(&json!({"name": "slow"})),
        repeatable: true,
        ..call("slow")
    };
    let began = Instant::now();
    let serve = world.gateway.current().serve(call());
    let (reply, ()) = tokio::join!(serve, async {
        tokio::time::sleep(SECOND / 2).await;
        world.fakes.kill("one");
    });
    assert_eq!(message(reply), "backend `one` did not answer: it ended");
    // Each second, then every other.
    assert_eq!(began.elapsed(), SECOND / 2 + 5 * SECOND + 4 * SECOND);
    let (before, began) = (world.gateway.current(), Instant::now());
    let nothing = world
        .gateway
        .build(&Wanted::default(), Default::default())
        .await;
    world.gateway.swap(nothing.unwrap());
    assert_eq!(
        message(before.serve(call()).await),
        "backend `one` did not answer: it ended"
    );
    assert_eq!(began.elapsed(), 3 * SECOND, "nobody starts it again");
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_person_answers_is_not_the_backends() {
    let breaker = json!({"circuit-breaker": {"failures": 1}});
    let tools = ["asks_a", "slow_b"];
    let limit = json!({"timeout": {"seconds": 2}});
    let mut world = World::new(&tools, json!([{"retry": {}}, breaker, limit])).await;
    let client = FakeClient::thinking("x", 40 * SECOND);
    let snapshot = world.gateway.current();
    let serve = |tool: &str| {
        let arguments = json!({"name": tool, "arguments": {"text": "hi"}});
        let call = Call {
            client: Arc::clone(&client),
            params: members(&arguments),
            repeatable: true,
            ..call(tool)
        };
        Arc::clone(&snapshot).serve(call)
    };
    // On one connection nobody can tell which of the two asks.
    let (asks, other) = tokio::join!(serve("asks_a"), serve("slow_b"));
    assert_eq!(text(asks), "{}");
    assert_eq!(text(other), "hi");
    assert_eq!(world.arrived(), 2, "each was called once");
    assert_eq!(world.notice(), None);
}

fn breaker() -> Value {
    json!({"circuit-breaker": {"failures": 2, "open": 30}})
}

#[tokio::test(start_paused = true)]
async fn a_backend_without_answers_is_left_alone_then_tried_once() {
    let mut world = World::new(&["a"], json!([breaker(), timeout()])).await;
    world.silence();
    for _ in 0..2 {
        assert!(world.call("x", "a", "").await.is_err());
    }
    assert_eq!(world.notice(), Some(NoticeKind::LeftAlone(30 * SECOND)));
    let error = world.call("x", "a", "").await.unwrap_err();
    assert_eq!(
        error.message,
        "backend `one` gave no answer lately and is left alone for now; try again in 30 s"
    );
    assert_eq!(error.code, 429);
    assert_eq!(world.arrived(), 2, "it was not asked");

    advance(30 * SECOND).await;
    let (one, two) = tokio::join!(world.call("x", "a", ""), world.call("x", "a", ""));
    assert_eq!(message(one), "`a` took longer than 1 s");
    assert!(message(two).contains("left alone"));
    assert_eq!(world.arrived(), 3, "one tried");
    assert_eq!(world.notice(), None, "said already");
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_breaker_and_a_backend_started_anew_begins_with_a_closed_one() {
    let mut world = World::new(&["a"], json!([breaker(), timeout()])).await;
    world.silence();
    for _ in 0..2 {
        assert!(world.call("x", "a", "").await.is_err());
    }
    assert!(world.notice().is_some());
    world
        .reload(&["a"], json!([{"retry": {}}, breaker(), timeout()]))
        .await;
    assert!(message(world.call("x", "a", "").await).contains("left alone"));
    world
        .reload(&["a", "b"], json!([breaker(), timeout()]))
        .await;
    assert_eq!(text(world.call("x", "a", "hi").await), "hi");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_client_takes_back_is_no_failure() {
    let breaker = json!({"circuit-breaker": {"failures": 1}});
    let mut world = World::new(&["slow"], json!([breaker])).await;
    let begun = world.call("x", "slow", "");
    assert!(tokio::time::timeout(SECOND / 2, begun).await.is_err());
    assert!(world.call("x", "slow", "").await.is_ok());
    assert_eq!(world.notice(), None);
}

#[tokio::test(start_paused = true)]
async fn the_order_of_the_list_is_the_order_of_the_chain() {
    // Refused by the limit before the breaker is asked, or after it.
    let limit = json!({"rate-limit": {"calls": 2}});
    for (chain, said) in [
        (json!([limit, breaker(), timeout()]), "too many calls"),
        (json!([breaker(), limit, timeout()]), "left alone"),
    ] {
        let world = World::new(&["a"], chain).await;
        world.silence();
        for _ in 0..2 {
            assert!(world.call("x", "a", "").await.is_err());
        }
        let refused = message(world.call("x", "a", "").await);
        assert!(refused.contains(said), "{refused}");
    }
}
