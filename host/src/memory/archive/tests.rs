use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::sync::broadcast::Receiver;

use super::super::entry::tests::record;
use super::super::history;
use super::*;
use crate::events::SyncEvent;

const WATCHED: &str = "/etc/gateway/config.yaml";

struct Life {
    archive: Archive,
    past: Past,
    events: Receiver<SyncEvent>,
}

fn live(root: &Path) -> Life {
    let bus = EventBus::default();
    let events = bus.subscribe();
    let (archive, past) = Archive::new(Folder::of(root, Path::new(WATCHED)), bus);
    Life {
        archive,
        past,
        events,
    }
}

impl Life {
    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            said.push(format!("{}: {}", event.kind.as_str(), event.details));
        }
        said
    }

    /// An attempt that applies these bytes.
    fn apply(&mut self, generation: u64, bytes: &str) {
        self.archive.began("now", Trigger::Detector);
        let mut applied = record(Trigger::Detector, OutcomeKind::Applied);
        applied.generation = generation;
        let digest = Digest::of(bytes.as_bytes()).to_string();
        applied.digests.seen = Some(digest.clone());
        applied.digests.applied = Some(digest);
        self.archive.serves(generation, bytes.as_bytes());
        self.archive.ended(&applied);
    }

    fn reject(&mut self, bytes: &str) {
        let mut rejected = record(Trigger::Start, OutcomeKind::Rejected);
        rejected.digests.seen = Some(Digest::of(bytes.as_bytes()).to_string());
        rejected.generation = 0;
        self.archive.ended(&rejected);
    }

    fn attempts(&self) -> Vec<JournalLine> {
        let history = history::of(&self.archive.folder).unwrap();
        assert_eq!(history.damaged, 0);
        history.attempts
    }
}

#[test]
fn the_next_life_knows_what_was_applied_and_counts_on() {
    let root = tempfile::tempdir().unwrap();
    let mut life = live(root.path());
    assert_eq!(life.past, Past::default());
    life.apply(1, "one");
    life.apply(2, "two");
    assert!(life.said().is_empty());
    drop(life);

    let mut life = live(root.path());
    assert_eq!((life.past.last_id, life.past.generation), (2, 2));
    life.reject("broken");
    let good = life.archive.last_good().unwrap();
    assert_eq!((good.bytes.as_slice(), good.generation), (&b"two"[..], 2));
    life.apply(3, "three");
    let ids: Vec<_> = life.attempts().iter().map(JournalLine::id).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
}

#[test]
fn who_takes_over_from_another_host_counts_on_from_there() {
    let root = tempfile::tempdir().unwrap();
    let mut first = live(root.path());
    first.apply(1, "one");
    let mut second = live(root.path());
    assert!(second.said()[0].contains("no memory is kept"));
    second.apply(2, "two");
    first.apply(2, "two");
    first.apply(3, "three");
    second.archive.began("now", Trigger::Detector);
    drop(first);
    second.archive.catch_up();
    let ended = record(Trigger::Detector, OutcomeKind::Applied);
    second.archive.ended(&ended);
    let ids: Vec<_> = second.attempts().iter().map(JournalLine::id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
}

#[test]
fn numbers_that_nobody_has_counted_to_are_not_counted_on() {
    let root = tempfile::tempdir().unwrap();
    let mut life = live(root.path());
    life.apply(u64::MAX, "one");
    life.archive.next_id = u64::MAX;
    life.archive.put(JournalLine::Begun(Begun {
        id: u64::MAX,
        begun: "then".to_owned(),
        trigger: Trigger::Detector,
    }));
    life.archive.catch_up();
    drop(life);
    let life = live(root.path());
    assert_eq!((life.past.last_id, life.past.generation), (1, 0));
}

#[test]
fn the_bytes_that_have_just_failed_are_not_tried_as_the_last_good() {
    let root = tempfile::tempdir().unwrap();
    live(root.path()).apply(1, "one");
    let mut life = live(root.path());
    life.reject("one");
    assert_eq!(life.archive.last_good(), None);
}

#[test]
fn a_restart_on_the_same_bytes_pushes_no_copy_out() {
    let root = tempfile::tempdir().unwrap();
    for generation in 1..=30 {
        live(root.path()).apply(generation, "same");
    }
    let life = live(root.path());
    assert_eq!(life.archive.copies.list().unwrap().len(), 1);
    assert_eq!(life.past.generation, 30);
}

#[test]
fn an_attempt_that_never_ended_is_in_the_journal() {
    let root = tempfile::tempdir().unwrap();
    let mut life = live(root.path());
    life.archive.began("then", Trigger::Hangup);
    drop(life);
    let mut life = live(root.path());
    life.apply(1, "one");
    let attempts = life.attempts();
    assert_eq!(attempts.len(), 2);
    let JournalLine::Begun(begun) = &attempts[0] else {
        panic!("{attempts:?}");
    };
    assert_eq!((begun.id, begun.trigger), (1, Trigger::Hangup));
}

#[test]
fn a_damaged_copy_is_passed_over_and_told() {
    let root = tempfile::tempdir().unwrap();
    let mut life = live(root.path());
    life.apply(1, "one");
    life.apply(2, "two");
    let newest = life.archive.copies.list().unwrap().pop().unwrap();
    fs::write(&newest.path, "tw").unwrap();
    let good = life.archive.last_good();
    // Nothing failed in this life, so the copy before it will do.
    assert_eq!(good.unwrap().bytes, b"one");
    let said = life.said();
    assert!(
        said[0].contains("is damaged; the copy before it is taken"),
        "{said:?}"
    );
}

#[test]
fn a_second_host_keeps_nothing_is_told_and_takes_over() {
    let root = tempfile::tempdir().unwrap();
    let mut first = live(root.path());
    first.apply(1, "one");
    let mut second = live(root.path());
    assert_eq!(second.past.generation, 1, "it can read");
    second.apply(2, "two");
    let said = second.said();
    assert_eq!(said.len(), 1, "once: {said:?}");
    assert!(
        said[0].starts_with("degraded: no memory is kept: "),
        "{said:?}"
    );
    assert!(
        said[0].contains("is kept by another host (process "),
        "{said:?}"
    );
    assert_eq!(first.attempts().len(), 1);
    drop(first);
    second.archive.catch_up();
    assert!(second.said()[0].contains("kept again"));
    assert_eq!(second.attempts().len(), 2);
    assert_eq!(second.archive.copies.list().unwrap().len(), 2);
}

#[test]
fn what_cannot_be_written_waits_bounded_and_is_told_once_each_way() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("state");
    // Root writes whatever the mode is; a file in its place stops everybody.
    fs::write(&place, "in the way").unwrap();
    let mut life = live(&place);
    for generation in 1..=150 {
        life.apply(generation, &format!("bytes {generation}"));
    }
    let said = life.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("move away what stands there"), "{said:?}");
    assert!(life.archive.is_behind());
    assert!(life.archive.waiting.len() <= MOST_WAITING);

    fs::remove_file(&place).unwrap();
    life.archive.catch_up();
    let said = life.said();
    assert!(said[0].contains("200 attempts are missing"), "{said:?}");
    assert!(!life.archive.is_behind());
    let copies = life.archive.copies.list().unwrap();
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0].read().unwrap(), b"bytes 150");
    let mode = fs::metadata(&copies[0].path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn retries_that_end_alike_do_not_flood_the_journal() {
    let root = tempfile::tempdir().unwrap();
    let mut life = live(root.path());
    let mut failed = record(Trigger::Detector, OutcomeKind::Failed);
    failed.reasons = vec!["it does not answer".into()];
    life.archive.ended(&failed);
    failed.trigger = Trigger::Retry;
    for _ in 0..1000 {
        life.archive.began("now", Trigger::Retry);
        life.archive.ended(&failed);
    }
    let tries: Vec<_> = life
        .attempts()
        .iter()
        .map(|attempt| match attempt {
            JournalLine::Ended(entry) => entry.tries,
            JournalLine::Begun(begun) => panic!("{begun:?}"),
        })
        .collect();
    let expected: Vec<u64> = (1..=10).chain([16, 32, 64, 128, 256, 512]).collect();
    assert_eq!(tries, expected);
    failed.reasons = vec!["it answers nonsense".into()];
    life.archive.ended(&failed);
    assert_eq!(life.attempts().len(), 17);
}

#[test]
fn damaged_lines_are_told_once_and_never_fatal() {
    let root = tempfile::tempdir().unwrap();
    let mut life = live(root.path());
    life.apply(1, "one");
    let folder = life.archive.folder.path().to_owned();
    drop(life);
    let journal = folder.join("journal-000001.jsonl");
    let mut bytes = fs::read(&journal).unwrap();
    bytes.extend_from_slice(b"\0\0\0\xff\n{\"id\":9,\"started\":");
    fs::write(&journal, bytes).unwrap();
    let mut life = live(root.path());
    let said = life.said();
    assert!(said[0].starts_with("degraded: 1 damaged lines"), "{said:?}");
    life.apply(2, "two");
    assert_eq!(life.attempts().len(), 2);
    drop(life);
    assert!(live(root.path()).said().is_empty());
}

#[test]
fn the_start_tells_what_was_edited_while_no_host_ran() {
    let root = tempfile::tempdir().unwrap();
    live(root.path()).apply(1, "backends: {a: {url: x}}");
    let mut life = live(root.path());
    let bytes = b"backends: {a: {url: y}, b: {}}";
    life.archive.serves(2, bytes);
    let started = record(Trigger::Start, OutcomeKind::Applied);
    life.archive.ended(&started);
    let Some(JournalLine::Ended(entry)) = life.attempts().pop() else {
        panic!("it has ended");
    };
    let told: Vec<_> = entry
        .record
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, ["~ backends.a.url", "+ backends.b"]);
}
