//! Other handlers, and so other plugins, are at hand: what serves follows them, whatever the file
//! holds meanwhile.

use super::super::super::{OutcomeKind, Trigger};
use super::ports::Deed;
use super::world::{World, file};

const A: &str = "a: {command: x, args: [well, a1]}";
const OLD: &str = "b: {command: x, args: [well, old]}";
const NEW: &str = "b: {command: x, args: [well, new]}";

#[tokio::test(start_paused = true)]
async fn what_serves_follows_other_plugins_though_the_file_will_not_do() {
    let mut world = World::start(&file(&[A])).await;
    assert_eq!(world.save("{").await.outcome, OutcomeKind::Rejected);
    world.replace_handler();
    let record = world.record().await;
    let is = (record.trigger, record.outcome);
    assert_eq!(is, (Trigger::Plugins, OutcomeKind::Rejected), "the file");
    let (record, serves) = world.kept().await;
    let is = (record.trigger, record.outcome);
    assert_eq!(is, (Trigger::Plugins, OutcomeKind::Applied), "what serves");
    assert_eq!(serves.as_deref(), Some(file(&[A]).as_bytes()));
    assert_eq!(world.current().generation, 2);
    assert_eq!(world.fakes.counts()["a"].connects, 1);
    // Once is enough.
    assert_eq!(world.save("[").await.outcome, OutcomeKind::Rejected);
    world.no_record();
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_serves_follows_other_plugins_though_nobody_follows_edits() {
    let mut world = World::start(&file(&[A])).await;
    world.pause();
    world.write(&file(&[OLD]));
    world.replace_handler();
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    assert_eq!(world.tools(), ["a1"], "the edit waits");
    world.no_record();
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_anew_serves_as_it_is_until_it_can() {
    let mut world = World::start(&file(&[A])).await;
    assert_eq!(world.save("{").await.outcome, OutcomeKind::Rejected);
    world.will("propose", Deed::Trap);
    world.replace_handler();
    assert_eq!(world.record().await.outcome, OutcomeKind::Rejected);
    assert_eq!(world.record().await.outcome, OutcomeKind::Failed);
    world.event("cannot be made anew with them").await;
    assert_eq!(world.current().generation, 1);
    assert_eq!(world.save("[").await.outcome, OutcomeKind::Rejected);
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_way_back_leads_to_the_plugins_that_there_are_now() {
    let text = |backend: &str| format!("{}sync: {{probation: 30}}\n", file(&[A, backend]));
    let mut world = World::start(&text(OLD)).await;
    world.write(&text(NEW));
    world.settle();
    world.replace_handler();
    assert_eq!(world.record().await.outcome, OutcomeKind::Applied);
    world.fakes.kill_newest("b");
    assert_eq!(world.record().await.outcome, OutcomeKind::Reverted);
    let (record, serves) = world.kept().await;
    let is = (record.trigger, record.outcome);
    assert_eq!(is, (Trigger::Plugins, OutcomeKind::Applied));
    assert_eq!(serves.as_deref(), Some(text(OLD).as_bytes()));
    assert_eq!(world.tools(), ["a1", "old"]);
    assert_eq!(world.fakes.counts()["b"].connects, 2, "nothing was started");
    world.end().await;
}
