//! When a reload follows, when none does, and when it is tried again.

use std::time::Duration;

use tokio::time::Instant;

use super::super::super::{LastGood, OutcomeKind, Trigger};
use super::ports::{Deed, Held};
use super::world::{World, file};
use crate::gateway::fakes::Fakes;
use crate::target::Digest;

const A: &str = "a: {command: x, args: [well, a1]}";
const TOLD: &str = "b: {command: x, args: [told, b1]}";

fn with_sync(sync: &str, backends: &[&str]) -> String {
    format!("{}sync: {{{sync}}}\n", file(backends))
}

fn hex(text: &str) -> Option<String> {
    Some(Digest::of(text.as_bytes()).to_string())
}

#[tokio::test(start_paused = true)]
async fn the_three_digests_are_kept_apart() {
    let (good, bad) = (file(&[A]), "{".to_owned());
    let mut world = World::start(&good).await;
    let record = world.save(&bad).await;
    assert_eq!(record.digests.seen, hex(&bad));
    assert_eq!(record.digests.applied, hex(&good));
    assert_eq!(record.digests.rejected, hex(&bad));

    // Seen again, they are not tried again; not even when somebody touches the file.
    let record = world.save(&bad).await;
    assert_eq!(record.outcome, OutcomeKind::Unchanged);
    assert!(
        record.reasons[0].starts_with("same bytes as those that were rejected: config.yaml:1:1: ")
    );
    // By force they are.
    world.hang_up();
    let record = world.record().await;
    assert_eq!(
        (record.outcome, record.trigger),
        (OutcomeKind::Rejected, Trigger::Hangup)
    );

    // Back to what serves.
    let record = world.save(&good).await;
    assert_eq!(record.outcome, OutcomeKind::Unchanged);
    assert_eq!(record.digests.rejected, None);
    // And to the others again: somebody wants to hear what is wrong with them.
    assert_eq!(world.save(&bad).await.outcome, OutcomeKind::Rejected);
    assert_eq!(world.current().generation, 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_on_the_world_is_tried_again_ever_later_until_an_edit_comes() {
    let mut world = World::start(&file(&[A])).await;
    world.fakes.tell("b", "refuses");
    let text = file(&[A, TOLD]);
    assert_eq!(world.save(&text).await.outcome, OutcomeKind::Failed);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let since = Instant::now();
        let record = world.record().await;
        assert_eq!(
            (record.outcome, record.trigger),
            (OutcomeKind::Failed, Trigger::Retry)
        );
        waits.push(since.elapsed());
    }
    assert!(waits[0] >= Duration::from_secs(2) && waits[0] <= Duration::from_secs(5));
    assert!(waits[4] > 4 * waits[0] / 2, "{waits:?}");
    assert!(waits[11] <= Duration::from_secs(301), "{waits:?}");

    // An edit does not wait, whatever it changes.
    let since = Instant::now();
    let record = world.save(&format!("# now\n{text}")).await;
    assert_eq!(record.trigger, Trigger::Detector);
    assert!(since.elapsed() < Duration::from_secs(1));
    world.fakes.tell("b", "well");
    let record = world.record().await;
    assert_eq!(
        (record.outcome, record.trigger),
        (OutcomeKind::Applied, Trigger::Retry)
    );
    assert!(since.elapsed() < Duration::from_secs(6), "it begins anew");
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn fixed_tries_again_at_each_poll_interval() {
    let sync = "on_failure: fixed, poll_interval: 7";
    let mut world = World::start(&with_sync(sync, &[A])).await;
    world.fakes.tell("b", "refuses");
    world.save(&with_sync(sync, &[A, TOLD])).await;
    for _ in 0..5 {
        let since = Instant::now();
        assert_eq!(world.record().await.trigger, Trigger::Retry);
        let waited = since.elapsed().as_secs_f64();
        assert!((6.9..7.5).contains(&waited), "{waited}");
    }
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn stop_stops_watching_until_somebody_asks() {
    let sync = "on_failure: stop";
    let mut world = World::start(&with_sync(sync, &[A])).await;
    let stopped = |world: &World| world.orders.borrow().as_ref().unwrap().stopped;
    world.fakes.tell("b", "refuses");
    world.save(&with_sync(sync, &[A, TOLD])).await;
    assert!(stopped(&world));
    assert!(world.event("watching has stopped").await.contains("SIGHUP"));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    world.no_record();

    world.fakes.tell("b", "well");
    world.hang_up();
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    assert!(!stopped(&world));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_tries_nothing_again_and_lasts_until_sighup() {
    let mut world = World::start(&file(&[A])).await;
    world.fakes.tell("b", "refuses");
    let failed = world.save(&file(&[A, TOLD])).await;
    assert_eq!(failed.outcome, OutcomeKind::Failed);
    world.pause();
    world.fakes.tell("b", "well");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    world.no_record();

    world.call(Trigger::Api);
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    assert!(world.is_paused(), "one reload is no end of it");
    world.hang_up();
    assert_eq!(world.record().await.outcome, OutcomeKind::Unchanged);
    assert!(!world.is_paused());
    world.event("after a pause").await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_backend_that_somebody_wants_is_started_at_once() {
    let fakes = Fakes::default();
    fakes.tell("b", "refuses");
    let mut world = World::try_start(&file(&[A, TOLD]), fakes, None)
        .await
        .unwrap();
    assert!(!world.gateway.want("a"), "it serves");
    assert!(!world.gateway.want("c"), "there is none");
    // The waits have grown to minutes.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    world.fakes.tell("b", "well");
    let asked = tokio::time::Instant::now();
    assert!(world.gateway.want("b"));
    world.event("backend `b` serves again").await;
    assert!(asked.elapsed() < Duration::from_secs(1));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn several_calls_at_once_are_one_reload_with_the_newest_bytes() {
    let mut world = World::start(&file(&[A])).await;
    let (deed, mut held) = Held::new();
    world.will("finished", deed);
    world.write(&file(&[&A.replace("a1", "a2")]));
    world.settle();
    held.entered().await;
    // While the first is being told: an edit, a signal, an edit.
    world.write(&file(&[&A.replace("a1", "a3")]));
    world.settle();
    world.hang_up();
    world.write(&file(&[&A.replace("a1", "a4")]));
    world.settle();
    drop(held);
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    let record = world.record().await;
    assert_eq!(
        (record.outcome, record.trigger),
        (OutcomeKind::Applied, Trigger::Hangup)
    );
    assert_eq!(world.tools(), ["a4"]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.no_record();
    assert_eq!(world.current().generation, 3);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_for_the_same_bytes_is_answered_by_the_attempt_that_runs() {
    let mut world = World::start(&file(&[A])).await;
    let (deed, mut held) = Held::new();
    world.will("propose", deed);
    world.write(&file(&[A, TOLD]));
    world.settle();
    held.entered().await;
    world.pause();
    world.hang_up();
    world.heard().await;
    let told = world.ask();
    world.heard().await;
    drop(held);
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    assert_eq!(told.await.unwrap().outcome, OutcomeKind::Applied);
    assert!(!world.is_paused(), "SIGHUP ends it");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.current().generation, 2);
    assert_eq!(world.fakes.counts()["b"].connects, 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_calls_after_the_file_was_read_is_told_of_the_next_attempt() {
    let mut world = World::start(&file(&[A])).await;
    let (deed, mut held) = Held::new();
    world.will("finished", deed);
    world.write(&file(&[A, TOLD]));
    world.settle();
    held.entered().await;
    world.write("broken: [");
    let told = world.ask();
    drop(held);
    let told = told.await.unwrap();
    assert_eq!(told.outcome, OutcomeKind::Rejected);
    assert!(!told.serves);
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    assert_eq!(world.record().await.outcome, OutcomeKind::Rejected);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_saved_without_pause_is_followed_nevertheless() {
    let mut world = World::start(&file(&[A])).await;
    let text = |n: usize| file(&[&A.replace("a1", &format!("n{n}"))]);
    let (deed, mut held) = Held::new();
    world.will("propose", deed);
    world.write(&text(0));
    world.settle();
    // A new save during every single attempt.
    for n in 1..10 {
        held.entered().await;
        let (deed, next) = Held::new();
        world.will("propose", deed);
        world.write(&text(n));
        world.settle();
        // Three are cut short, the fourth hears of nothing.
        if n % 4 != 0 {
            world.event("given up for a newer edit").await;
        }
        held = next;
    }
    drop(held);
    let mut outcomes = Vec::new();
    while world.tools() != ["n9"] {
        outcomes.push(world.record().await.outcome);
    }
    use OutcomeKind::{Applied, Failed};
    assert_eq!(outcomes[..8], [Failed, Failed, Failed, Applied].repeat(2));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_gone_is_unchanged_and_the_last_good_serves() {
    let mut world = World::start(&file(&[A])).await;
    world.remove();
    world.settle();
    let record = world.record().await;
    assert_eq!(record.outcome, OutcomeKind::Unchanged);
    assert_eq!(record.digests.seen, None);
    assert_eq!(world.tools(), ["a1"]);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn at_the_start_the_last_good_serves_for_a_file_that_is_broken() {
    let good = LastGood {
        bytes: file(&[A]).into(),
        generation: 7,
    };
    let mut world = World::try_start("{", Fakes::default(), Some(good))
        .await
        .unwrap();
    assert_eq!(world.record().await.outcome, OutcomeKind::Rejected);
    let event = world.event("last good").await;
    assert!(event.contains("generation 7 of an earlier run"), "{event}");
    assert_eq!(world.tools(), ["a1"]);
    let record = world.save(&file(&[A, TOLD])).await;
    assert_eq!(record.outcome, OutcomeKind::Applied);
    assert_eq!(world.fakes.counts()["a"].connects, 1);
    world.end().await;

    let nothing = World::try_start("{", Fakes::default(), None).await;
    assert!(nothing.err().unwrap()[0].starts_with("config.yaml:1:1:"));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_what_serves() {
    let mut world = World::start(&file(&[A])).await;
    let next = file(&[A, TOLD]);
    world.write(&next);
    world.settle();
    let (record, serves) = world.kept().await;
    assert_eq!(record.outcome, OutcomeKind::Applied);
    assert_eq!(serves.as_deref(), Some(next.as_bytes()));
    world.will("propose", Deed::Trap);
    world.write(&file(&[]));
    world.settle();
    let (record, serves) = world.kept().await;
    assert_eq!((record.outcome, serves), (OutcomeKind::Failed, None));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_finds_other_bytes_tells_what_became_of_them() {
    let good = file(&[A]);
    let mut world = World::start(&good).await;
    world.fakes.tell("b", "refuses");
    assert_eq!(
        world.save(&file(&[A, TOLD])).await.outcome,
        OutcomeKind::Failed
    );
    // The watcher has not seen it yet.
    world.write(&format!("# back\n{good}"));
    let record = world.record().await;
    assert_eq!(
        (record.outcome, record.trigger),
        (OutcomeKind::Unchanged, Trigger::Retry)
    );
    world.event("only comments or formatting changed").await;
    world.end().await;
}
