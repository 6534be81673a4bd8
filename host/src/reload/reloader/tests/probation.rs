//! A change that does not stand its probation is taken back, and nobody else notices.

use std::time::Duration;

use super::super::super::{Ending, OutcomeKind, Trigger};
use super::world::{World, file};

const A: &str = "a: {command: x, args: [well, a1]}";
const OLD: &str = "b: {command: x, args: [well, old]}";
const NEW: &str = "b: {command: x, args: [well, new]}";

fn text(backends: &[&str]) -> String {
    format!("{}sync: {{probation: 30}}\n", file(backends))
}

#[tokio::test(start_paused = true)]
async fn what_dies_on_probation_is_replaced_by_what_served_before() {
    let (old, new) = (text(&[A, OLD]), text(&[A, NEW]));
    let mut world = World::start(&old).await;
    assert_eq!(world.save(&new).await.outcome, OutcomeKind::Applied);
    assert_eq!(
        world.fakes.counts()["b"].alive,
        2,
        "the old one is kept warm"
    );
    world.finished.recv().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.tools(), ["a1", "new"]);

    // Of both of the name b only the new one is to die: it is the one that was started last.
    world.fakes.kill_newest("b");
    let (record, serves) = world.kept().await;
    assert_eq!(
        (record.outcome, record.trigger),
        (OutcomeKind::Reverted, Trigger::Probation)
    );
    assert_eq!(record.reasons, ["backend `b` ended during its probation"]);
    assert_eq!(serves.as_deref(), Some(old.as_bytes()));
    assert_eq!(world.finished.recv().await, Some((2, Ending::Reverted)));
    assert_eq!(world.tools(), ["a1", "old"]);
    assert_eq!(world.current().generation, 3);
    assert_eq!(
        world.fakes.counts()["b"].connects,
        2,
        "nothing had to be started"
    );
    assert_eq!(world.fakes.counts()["a"].connects, 1);
    let event = world.event("reverted").await;
    assert!(event.contains("what served before serves again"), "{event}");
    world.nothing_leaks().await;

    // These bytes are not tried again by themselves, but by force; and those of before serve.
    let record = world.save(&new).await;
    assert_eq!(record.outcome, OutcomeKind::Unchanged);
    assert!(record.reasons[0].contains("ended during its probation"));
    world.hang_up();
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_mute_is_as_good_as_dead() {
    let mut world = World::start(&text(&[A, OLD])).await;
    world.save(&text(&[A, NEW])).await;
    world.fakes.strike_dumb("b");
    let record = world.record().await;
    assert_eq!(record.outcome, OutcomeKind::Reverted);
    assert!(
        record.reasons[0].contains("did not answer `ping` within 10 s"),
        "{record:?}"
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_its_probation_a_backend_is_one_like_all_and_the_old_ones_go() {
    let mut world = World::start(&text(&[A, OLD])).await;
    world.save(&text(&[A, NEW])).await;
    world.event("probation passed").await;
    world.nothing_leaks().await;
    world.fakes.kill("b");
    world.event("backend `b` serves again").await;
    assert_eq!(world.tools(), ["a1", "new"]);
    world.no_record();
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_change_did_not_touch_is_no_reason_to_go_back() {
    let mut world = World::start(&text(&[A, OLD])).await;
    world.save(&text(&[A, NEW])).await;
    world.fakes.kill("a");
    world.event("backend `a` serves again").await;
    assert_eq!(world.tools(), ["a1", "new"]);
    // It went back nowhere, and would go back to the one of `a` that lives.
    world.fakes.kill_newest("b");
    assert_eq!(world.record().await.outcome, OutcomeKind::Reverted);
    assert_eq!(world.tools(), ["a1", "old"]);
    world.nothing_leaks().await;
    assert_eq!(world.fakes.counts()["a"].connects, 2);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_is_applied_ends_the_probation_of_the_one_before() {
    let mut world = World::start(&text(&[A, OLD])).await;
    world.save(&text(&[A, NEW])).await;
    // A broken one does not.
    world.save("{").await;
    assert_eq!(world.fakes.counts()["b"].alive, 2);
    let c = "c: {command: x, args: [well, c1]}";
    world.save(&text(&[A, NEW, c])).await;
    world.nothing_leaks().await;
    // From now on c is on probation, and b is one like all.
    world.fakes.kill("b");
    world.event("backend `b` serves again").await;
    world.fakes.kill("c");
    assert_eq!(world.record().await.outcome, OutcomeKind::Reverted);
    assert_eq!(world.tools(), ["a1", "new"]);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_undoes_the_change_finds_the_old_backends_warm() {
    let mut world = World::start(&text(&[A, OLD])).await;
    world.save(&text(&[A, NEW])).await;
    let record = world.save(&text(&[A, OLD])).await;
    assert_eq!(record.outcome, OutcomeKind::Applied);
    assert_eq!(world.fakes.counts()["b"].connects, 2);
    assert_eq!(world.tools(), ["a1", "old"]);
    world.nothing_leaks().await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_port_and_the_settings_go_back_as_well() {
    let free = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (old_port, new_port) = (free(), free());
    let at = |port: u16, backend| text(&[A, backend]).replace("port: 0", &format!("port: {port}"));
    let mut world = World::start(&at(old_port, OLD)).await;
    let new = at(new_port, NEW).replace("probation: 30", "probation: 30, debounce: 5");
    world.save(&new).await;
    let port = |world: &World| world.gateway.address().unwrap().port();
    let debounce = |world: &World| world.orders.borrow().as_ref().unwrap().settings.debounce;
    assert_eq!((port(&world), debounce(&world).as_secs()), (new_port, 5));
    world.fakes.kill_newest("b");
    assert_eq!(world.record().await.outcome, OutcomeKind::Reverted);
    assert_eq!((port(&world), debounce(&world).as_secs()), (old_port, 1));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_one_probation_keeps_warm_the_end_of_another_does_not_cool() {
    // Longer than the drain time of what is let go.
    let long = |backends: &[&str]| text(backends).replace("probation: 30", "probation: 100");
    let mut world = World::start(&long(&[A, OLD])).await;
    world.save(&long(&[A, NEW])).await;
    let other = "c: {command: x, args: [well, c1]}";
    world.save(&long(&[other])).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.fakes.alive(), ["a", "b", "c"], "warm");
    world.fakes.kill("c");
    assert_eq!(world.record().await.outcome, OutcomeKind::Reverted);
    assert_eq!(world.tools(), ["a1", "new"]);
    world.nothing_leaks().await;
    assert_eq!(world.fakes.counts()["a"].connects, 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_one_that_is_kept_warm_says_of_its_tools_holds_when_it_serves_again() {
    let mut world = World::start(&text(&[A, OLD])).await;
    world.save(&text(&[A, NEW])).await;
    // Both of the name b.
    world.fakes.offer("b", &["old", "more"]);
    world.event("the catalog follows backend `b`").await;
    world.fakes.kill_newest("b");
    assert_eq!(world.record().await.outcome, OutcomeKind::Reverted);
    let follows = world.event("the catalog follows backend `b`: 3 tools");
    let follows = tokio::time::timeout(Duration::from_secs(60), follows).await;
    assert!(follows.is_ok(), "nobody heard it");
    world.end().await;
}
