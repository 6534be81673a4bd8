//! Every phase and every way to fail in it.

use super::super::super::{Ending, OutcomeKind, Phase};
use super::ports::{Deed, Held};
use super::world::{World, file};

const A: &str = "a: {command: x, args: [well, a1]}";
const OLD: [&str; 2] = [A, "b: {command: x, args: [well, b1]}"];
const NEW: [&str; 3] = [
    A,
    "b: {command: x, args: [well, b2]}",
    "c: {command: x, args: [well, c1]}",
];

/// How one cell of the table is brought about.
enum Cell {
    /// The port does it.
    Port(&'static str, Deed),
    /// It stands in the file.
    File(String),
}

/// What is left afterwards.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Left {
    /// The old generation, to the last bit.
    Old(OutcomeKind),
    /// The new one.
    New,
}

fn with_c(behaviour: &str) -> Cell {
    let c = format!("c: {{command: x, args: [{behaviour}, c1]}}");
    Cell::File(file(&[A, NEW[1], &c]))
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_in_whichever_phase_the_old_or_the_new_serves_and_nothing_leaks() {
    use OutcomeKind::{Failed, Rejected, Unchanged};
    let (new, old) = (Left::New, Left::Old);
    let invalid = |what: &str| Cell::File(format!("{}{what}\n", file(&NEW)));
    let table = [
        (
            "read, error",
            Cell::Port("read", Deed::Error),
            Phase::Read,
            old(Failed),
        ),
        (
            "read, trap",
            Cell::Port("read", Deed::Trap),
            Phase::Read,
            old(Failed),
        ),
        (
            "parse, error",
            invalid("middleware: ["),
            Phase::Parse,
            old(Rejected),
        ),
        (
            "parse, nothing there",
            Cell::File(String::new()),
            Phase::Parse,
            old(Unchanged),
        ),
        (
            "validate, error",
            invalid("sync: {debounce: x}"),
            Phase::Validate,
            old(Rejected),
        ),
        (
            "validate, no detector",
            invalid("sync: {detection: nose}"),
            Phase::Validate,
            old(Rejected),
        ),
        (
            "propose, error",
            Cell::Port("propose", Deed::Error),
            Phase::Propose,
            old(Rejected),
        ),
        (
            "propose, trap",
            Cell::Port("propose", Deed::Trap),
            Phase::Propose,
            old(Failed),
        ),
        (
            "propose, timeout",
            Cell::Port("propose", Deed::Deadline),
            Phase::Propose,
            old(Failed),
        ),
        (
            "build, refused",
            with_c("refuses"),
            Phase::Build,
            old(Failed),
        ),
        (
            "build, nonsense",
            with_c("wrong"),
            Phase::Build,
            old(Failed),
        ),
        (
            "build, timeout of init",
            with_c("hangs"),
            Phase::Build,
            old(Failed),
        ),
        (
            "build, timeout of lists",
            with_c("mute"),
            Phase::Build,
            old(Failed),
        ),
        (
            "compose, error",
            Cell::Port("compose", Deed::Error),
            Phase::Compose,
            old(Rejected),
        ),
        (
            "compose, trap",
            Cell::Port("compose", Deed::Trap),
            Phase::Compose,
            old(Failed),
        ),
        (
            "compose, timeout",
            Cell::Port("compose", Deed::Deadline),
            Phase::Compose,
            old(Failed),
        ),
        (
            "finish, error",
            Cell::Port("finished", Deed::Error),
            Phase::Finish,
            new,
        ),
        (
            "finish, trap",
            Cell::Port("finished", Deed::Trap),
            Phase::Finish,
            new,
        ),
        (
            "finish, timeout",
            Cell::Port("finished", Deed::Deadline),
            Phase::Finish,
            new,
        ),
    ];
    for (what, cell, phase, left) in table {
        let mut world = World::start(&file(&OLD)).await;
        let before = world.current();
        let text = match cell {
            Cell::Port(function, deed) => {
                world.will(function, deed);
                file(&NEW)
            }
            Cell::File(text) => text,
        };
        let record = world.save(&text).await;
        let last = record.phases.iter().map(|it| it.phase).rev();
        let reached = last.clone().find(|it| *it != Phase::Finish).unwrap();
        match left {
            Left::Old(outcome) => {
                assert_eq!(record.outcome, outcome, "{what}: {record:?}");
                assert_eq!(reached, phase, "{what}");
                assert!(std::sync::Arc::ptr_eq(&before, &world.current()), "{what}");
                assert!(!record.reasons.is_empty(), "{what}");
                assert_eq!(world.tools(), ["a1", "b1"], "{what}");
            }
            Left::New => {
                assert_eq!(record.outcome, OutcomeKind::Applied, "{what}: {record:?}");
                assert_eq!(reached, Phase::Swap, "{what}");
                assert_eq!(world.current().generation, 2, "{what}");
                assert_eq!(world.tools(), ["a1", "b2", "c1"], "{what}");
            }
        }
        drop(before);
        world.nothing_leaks().await;
        // Handlers that were asked hear how it ended, once.
        if reached >= Phase::Propose {
            let (generation, ending) = world.finished.recv().await.unwrap();
            let expected = match record.outcome {
                OutcomeKind::Applied => Ending::Applied,
                OutcomeKind::Rejected => Ending::Rejected,
                _ => Ending::Failed,
            };
            assert_eq!((generation, ending), (2, expected), "{what}");
        }
        world.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stops_in_whichever_phase_leaves_the_old_or_the_new_and_nothing_behind() {
    for (function, served) in [("read", 1), ("propose", 1), ("compose", 1), ("finished", 2)] {
        let world = World::start(&file(&OLD)).await;
        let (deed, mut held) = Held::new();
        world.will(function, deed);
        world.write(&file(&NEW));
        world.settle();
        held.entered().await;
        assert_eq!(world.current().generation, served, "{function}");
        world.cancel.cancel();
        tokio::task::yield_now().await;
        drop(held);
        world.end().await;
    }
    // Nobody holds a backend that hangs: it is dropped where it is.
    let mut world = World::start(&file(&OLD)).await;
    let Cell::File(text) = with_c("hangs") else {
        return;
    };
    world.write(&text);
    world.settle();
    while world.fakes.counts().get("c").is_none_or(|c| c.alive == 0) {
        tokio::task::yield_now().await;
    }
    world.cancel.cancel();
    let record = world.record().await;
    assert_eq!(record.reasons, ["given up, for the host stops"]);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_edit_in_whichever_phase_is_what_serves_in_the_end() {
    let newest = file(&[A, "d: {command: x, args: [well, d1]}"]);
    for (function, generation) in [("read", 2), ("propose", 2), ("compose", 2), ("finished", 3)] {
        let mut world = World::start(&file(&OLD)).await;
        let (deed, mut held) = Held::new();
        world.will(function, deed);
        world.write(&file(&NEW));
        world.settle();
        held.entered().await;
        world.write(&newest);
        world.settle();
        if ["propose", "compose"].contains(&function) {
            // The attempt is given up while the plugin is still at it.
            world.event("given up for a newer edit").await;
        }
        drop(held);
        let mut outcomes = Vec::new();
        while world.tools() != ["a1", "d1"] {
            outcomes.push(world.record().await.outcome);
        }
        assert_eq!(
            world.current().generation,
            generation,
            "{function}: {outcomes:?}"
        );
        world.nothing_leaks().await;
        world.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_edit_does_not_wait_for_a_backend_that_hangs() {
    let mut world = World::start(&file(&OLD)).await;
    let began = tokio::time::Instant::now();
    let Cell::File(text) = with_c("hangs") else {
        return;
    };
    world.write(&text);
    world.settle();
    while world.fakes.counts().get("c").is_none_or(|c| c.alive == 0) {
        tokio::task::yield_now().await;
    }
    let record = world.save(&file(&NEW)).await;
    assert_eq!(record.outcome, OutcomeKind::Failed);
    assert_eq!(record.reasons, ["given up for a newer edit"]);
    let record = world.record().await;
    assert_eq!(record.outcome, OutcomeKind::Applied);
    assert_eq!(world.tools(), ["a1", "b2", "c1"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(1));
    world.nothing_leaks().await;
    world.end().await;
}
