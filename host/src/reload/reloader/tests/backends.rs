//! Only what changed is touched; what is down is missed, told, and started again.

use std::time::Duration;

use tokio::time::Instant;

use super::super::super::OutcomeKind;
use super::world::{World, file};
use crate::gateway::fakes::{Counts, Fakes};

const A: &str = "a: {command: x, args: [well, a1]}";
const B: &str = "b: {command: x, args: [told, b1]}";

fn many(count: usize, changed: &str) -> String {
    let lines: Vec<_> = (0..count)
        .map(|n| match n {
            100 => changed.to_owned(),
            n => format!("b{n}: {{command: x, args: [well, tool{n}]}}"),
        })
        .collect();
    file(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test(start_paused = true)]
async fn one_changed_backend_among_two_hundred_is_one_connection_and_one_list() {
    let fakes = Fakes::slow(Duration::from_millis(20));
    let text = many(200, "b100: {command: x, args: [well, old]}");
    let mut world = World::try_start(&text, fakes, None).await.unwrap();
    world.record().await;
    let before = world.fakes.counts();
    assert!(
        before
            .values()
            .all(|it| (it.connects, it.lists, it.alive) == (1, 1, 1))
    );
    assert_eq!(before.len(), 200);
    assert_eq!(
        world.fakes.most_connecting(),
        16,
        "side by side, with a bound"
    );

    let record = world
        .save(&many(200, "b100: {command: x, args: [well, new]}"))
        .await;
    assert_eq!(record.backends_started, ["b100"]);
    assert_eq!(record.backends_stopped, ["b100"]);
    world.nothing_leaks().await;
    for (name, counts) in world.fakes.counts() {
        let times = if name == "b100" { 2 } else { 1 };
        let expected = Counts {
            connects: times,
            lists: times,
            alive: 1,
        };
        assert_eq!(counts, expected, "{name}");
    }
    assert!(world.tools().contains(&"new".to_owned()));

    // What is no part of the connection is no reason to connect.
    let counts = world.fakes.counts();
    let text = "b100: {command: x, args: [well, new], group: g, required: false, \
                filters: {tools: {deny: [x]}}}";
    let record = world.save(&many(200, text)).await;
    assert_eq!(record.outcome, OutcomeKind::Applied);
    assert_eq!(world.fakes.counts(), counts);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_down_at_the_start_does_not_keep_the_others_from_serving() {
    let fakes = Fakes::default();
    fakes.tell("b", "refuses");
    let mut world = World::try_start(&file(&[A, B]), fakes, None).await.unwrap();
    assert_eq!(
        world.event("missing").await,
        "backend `b` is missing: it refuses"
    );
    assert_eq!(world.tools(), ["a1"]);
    // It is tried again and again, ever later.
    let began = Instant::now();
    while world.fakes.counts()["b"].connects < 6 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(2 * (1 + 2 + 4 + 8)), "{took:?}");
    world.fakes.tell("b", "well");
    assert_eq!(world.event("again").await, "backend `b` serves again");
    assert_eq!(world.tools(), ["a1", "b1"]);
    assert_eq!(world.fakes.counts()["a"].connects, 1);
    assert_eq!(world.current().generation, 2);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_new_and_down_fails_the_reload_unless_it_is_not_required() {
    let mut world = World::start(&file(&[A])).await;
    world.fakes.tell("b", "refuses");
    let record = world.save(&file(&[A, B])).await;
    assert_eq!(record.outcome, OutcomeKind::Failed);
    assert_eq!(
        record.reasons,
        ["config.yaml:5:3: backends.b: it does not start: it refuses"]
    );
    assert_eq!(world.current().generation, 1);

    let record = world
        .save(&file(&[A, &B.replace("x,", "x, required: false,")]))
        .await;
    assert_eq!(record.outcome, OutcomeKind::Applied);
    assert_eq!(
        world.event("missing").await,
        "backend `b` is missing: it refuses"
    );
    assert_eq!(world.tools(), ["a1"]);
    world.fakes.tell("b", "well");
    world.event("backend `b` serves again").await;
    assert_eq!(world.tools(), ["a1", "b1"]);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_is_started_again_and_the_catalog_follows_once() {
    let mut world = World::start(&file(&[A, B])).await;
    world.fakes.kill("b");
    world
        .event("backend `b` is down: its connection ended;")
        .await;
    assert_eq!(world.tools(), ["a1", "b1"], "not given up at once");
    world.event("backend `b` serves again").await;
    assert_eq!(world.current().generation, 2);
    assert_eq!(world.fakes.counts()["b"].connects, 2);
    world.nothing_leaks().await;

    // It does not come back at once: it is gone from the catalog, then it is there again.
    world.fakes.tell("b", "refuses");
    world.fakes.kill("b");
    world.event("backend `b` is missing").await;
    assert_eq!((world.current().generation, world.tools().len()), (3, 1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.current().generation, 3, "still missing is no news");
    world.fakes.tell("b", "well");
    world.event("backend `b` serves again").await;
    assert_eq!((world.current().generation, world.tools().len()), (4, 2));
    assert_eq!(world.fakes.counts()["a"].connects, 1);
    world.no_record();
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_dead_holds_up_no_change_of_another_and_is_tried_again_at_once() {
    let mut world = World::start(&file(&[A, B])).await;
    world.fakes.tell("b", "hangs");
    world.fakes.kill("b");
    world
        .event("backend `b` is down: its connection ended;")
        .await;
    let began = Instant::now();
    let record = world.save(&file(&[&A.replace("a1", "a2"), B])).await;
    assert_eq!(record.outcome, OutcomeKind::Applied);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(world.tools(), ["a2", "b1"]);
    while world.fakes.counts()["b"].connects < 2 {
        tokio::task::yield_now().await;
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "the edit ends the waiting"
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_does_not_keep_a_dead_backend_from_coming_back() {
    let mut world = World::start(&file(&[A, B])).await;
    assert_eq!(world.save("{").await.outcome, OutcomeKind::Rejected);
    world.fakes.kill("b");
    world.event("backend `b` serves again").await;
    assert_eq!(world.tools(), ["a1", "b1"]);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_offers_something_else_is_followed() {
    let mut world = World::start(&file(&[A, B])).await;
    world.fakes.offer("b", &["b1", "b2"]);
    world
        .event("the catalog follows backend `b`: 3 tools")
        .await;
    assert_eq!(world.fakes.counts()["a"].lists, 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_whose_tools_change_without_pause_is_asked_for_them_ever_more_rarely() {
    let mut world = World::start(&file(&[A, &B.replace("told", "restless")])).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let lists = world.fakes.counts()["b"].lists;
    assert!((5..25).contains(&lists), "{lists}");
    world.fakes.offer("b", &["b1", "b2"]);
    world
        .event("the catalog follows backend `b`: 3 tools")
        .await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_say_what_it_offers_now_is_asked_again() {
    let mut world = World::start(&file(&[A, B])).await;
    world.fakes.behave("b", "wrong");
    world.fakes.offer("b", &["b1", "b2"]);
    world
        .event("the catalog stays, and it is asked again")
        .await;
    assert_eq!(world.tools(), ["a1", "b1"]);
    world.fakes.behave("b", "well");
    world
        .event("the catalog follows backend `b`: 3 tools")
        .await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_offers_something_else_while_it_is_started_again_is_followed() {
    let mut world = World::start(&file(&[A, B])).await;
    world.fakes.tell("b", "restless");
    world.fakes.kill("b");
    world.event("backend `b` serves again").await;
    world.fakes.offer("b", &["b1", "b2"]);
    let follows = world.event("the catalog follows backend `b`: 3 tools");
    let follows = tokio::time::timeout(Duration::from_secs(60), follows).await;
    assert!(follows.is_ok(), "nobody heard it");
    world.end().await;
}
