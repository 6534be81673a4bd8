//! The motor on paused time.

use std::sync::atomic::Ordering;

use super::super::{HeardBy, Wake};
use super::*;

use crate::events::SyncEvent;
use crate::target::{Digest, Target};

mod schedule;
mod stage;

use stage::{MS, Stage};

#[tokio::test(start_paused = true)]
async fn two_edits_inside_the_window_are_one_reload_with_the_last_bytes() {
    let mut stage = Stage::open("any");
    stage.pass(500 * MS).await;
    stage.target.save("a: 1");
    stage.pass(900 * MS).await;
    assert!(stage.settled.try_recv().is_err(), "not quiet yet");
    stage.target.save("a: 2");
    stage.pass(900 * MS).await;
    assert!(
        stage.settled.try_recv().is_err(),
        "the second edit began the window anew"
    );
    assert_eq!(stage.loaded().await, Digest::of(b"a: 2"));
    stage.pass(10_000 * MS).await;
    assert!(stage.settled.try_recv().is_err(), "once");
}

#[tokio::test(start_paused = true)]
async fn an_edit_just_before_the_window_closes_is_seen_before_it_settles() {
    let mut stage = Stage::open("any");
    stage.order(|orders| orders.settings.poll_interval = 2000 * MS);
    stage.pass(500 * MS).await;
    stage.target.save("a: 1");
    stage.pass(2000 * MS).await;
    // Polling comes again after 2 s, the window closes after 1 s: the look in between sees this.
    stage.target.save("a: 2");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 2"));
    stage.pass(10_000 * MS).await;
    assert!(stage.settled.try_recv().is_err(), "both edits were one");
}

#[tokio::test(start_paused = true)]
async fn edits_that_never_end_are_loaded_at_the_cap() {
    let mut stage = Stage::open("any");
    stage.pass(500 * MS).await;
    for edit in 0..12 {
        stage.target.save(&format!("a: {edit}"));
        stage.pass(500 * MS).await;
    }
    assert!(stage.settled.try_recv().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_event_wakes_the_detector_at_once() {
    let mut stage = Stage::open("any");
    stage.order(|orders| {
        orders.settings.poll_interval = 3_600_000 * MS;
        orders.settings.debounce = Duration::ZERO;
    });
    stage.pass(500 * MS).await;
    stage.looks();
    stage.target.save("a: 1");
    stage.event(FileEvent::Closed);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    assert_eq!(stage.looks()[0].1, Wake::Events(vec![FileEvent::Closed]));
    stage.inbox.overflow();
    stage.pass(500 * MS).await;
    assert_eq!(stage.looks()[0].1, Wake::Overflow);
}

#[tokio::test(start_paused = true)]
async fn a_trap_loses_the_look_and_not_the_change() {
    let mut stage = Stage::open("faulty");
    stage.pass(500 * MS).await;
    stage.looks();
    stage.bench.faults_left.store(2, Ordering::SeqCst);
    stage.target.save("a: 1");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    let event = stage.events.recv().await.unwrap();
    assert_eq!(event.kind, EventKind::Error);
    assert!(
        event
            .details
            .starts_with("plugin `faulty` trapped in `observe`: on purpose")
    );
    assert!(stage.looks().iter().all(|(_, _, remembers)| *remembers));
}

#[tokio::test(start_paused = true)]
async fn after_three_faults_in_a_row_hash_takes_over() {
    let mut stage = Stage::open("faulty");
    stage.bench.faults_left.store(usize::MAX, Ordering::SeqCst);
    loop {
        let event = stage.events.recv().await.unwrap();
        if event.kind == EventKind::Degraded {
            assert_eq!(
                event.details,
                "`faulty` keeps failing; `hash` looks in its place"
            );
            break;
        }
    }
    stage.target.save("a: 1");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    let looks = stage.looks();
    let names: Vec<_> = looks
        .iter()
        .take(4)
        .map(|(name, ..)| name.as_str())
        .collect();
    assert_eq!(names, ["faulty", "faulty", "faulty", "hash"]);
}

#[tokio::test(start_paused = true)]
async fn hash_takes_over_also_where_another_detector_was_wanted_and_could_not_be_had() {
    let mut stage = Stage::open("faulty");
    stage.pass(500 * MS).await;
    stage.order(|orders| orders.settings.detection = "absent".to_owned());
    stage.pass(500 * MS).await;
    stage.bench.faults_left.store(usize::MAX, Ordering::SeqCst);
    stage.target.save("a: 1");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    let told: Vec<_> = std::iter::from_fn(|| stage.events.try_recv().ok())
        .map(|event| event.details)
        .filter(|details| !details.contains("trapped"))
        .collect();
    assert_eq!(
        told,
        [
            "detection `absent`: there is none; `faulty` goes on",
            "`faulty` keeps failing; `hash` looks in its place",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_is_told_and_so_is_its_end() {
    let mut stage = Stage::open("any");
    stage.pass(500 * MS).await;
    let (end, hangs) = std::sync::mpsc::channel();
    *stage.bench.hangs.lock().unwrap() = Some(hangs);
    stage.inbox.overflow();
    while stage.bench.hangs.lock().unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    let degraded =
        |event: SyncEvent| event.kind == EventKind::Degraded && event.details.contains("30 s");
    while !stage.events.try_recv().is_ok_and(degraded) {
        tokio::time::advance(1000 * MS).await;
    }
    end.send(()).unwrap();
    while stage.events.recv().await.unwrap().details != "the look at the file has come back" {}
}

#[tokio::test(start_paused = true)]
async fn a_detector_that_failed_is_tried_again_and_stays_once_it_works() {
    let mut stage = Stage::open("faulty");
    stage.order(|orders| orders.settings.on_failure = crate::config::OnFailure::Fixed);
    stage.bench.faults_left.store(4, Ordering::SeqCst);
    stage.pass(10_000 * MS).await;
    let looks = stage.looks();
    let faulty = looks.iter().filter(|(name, ..)| name == "faulty").count();
    assert!(faulty > 50, "it looks again: {faulty} of {}", looks.len());
    assert_eq!(looks.last().unwrap().0, "faulty");
    stage.target.save("a: 1");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
}

#[tokio::test(start_paused = true)]
async fn a_detector_that_fails_under_stop_stops_the_watch_until_somebody_asks() {
    let mut stage = Stage::open("faulty");
    stage.order(|orders| orders.settings.on_failure = crate::config::OnFailure::Stop);
    stage.bench.faults_left.store(3, Ordering::SeqCst);
    stage.pass(10_000 * MS).await;
    assert_eq!(stage.looks().len(), 3);
    stage.target.save("a: 1");
    stage.pass(100_000 * MS).await;
    assert!(stage.looks().is_empty());
    // As any plugin does that comes or goes.
    stage.order(|_| {});
    stage.pass(100_000 * MS).await;
    assert!(stage.looks().is_empty());
    assert!(stage.hearing.borrow().as_ref().unwrap().given_up);
    // As SIGHUP does.
    stage.order(|orders| orders.resumed += 1);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    assert!(!stage.hearing.borrow().as_ref().unwrap().given_up);

    // Another component of its name is another chance.
    stage.bench.faults_left.store(3, Ordering::SeqCst);
    stage.pass(10_000 * MS).await;
    stage.target.save("a: 2");
    stage.pass(100_000 * MS).await;
    assert!(stage.settled.try_recv().is_err());
    stage.bench.edition.store(2, Ordering::SeqCst);
    stage.order(|_| {});
    assert_eq!(stage.loaded().await, Digest::of(b"a: 2"));
}

#[tokio::test(start_paused = true)]
async fn a_change_between_two_detectors_is_not_lost() {
    let mut stage = Stage::open("one");
    stage.pass(500 * MS).await;
    stage.looks();
    stage.target.save("a: 1");
    stage.order(|orders| orders.settings.detection = "two".to_owned());
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    assert_eq!(stage.looks()[0], ("two".to_owned(), Wake::Start, false));
}

#[tokio::test(start_paused = true)]
async fn what_a_detector_cannot_see_the_look_by_content_finds() {
    let mut stage = Stage::open("blind");
    stage.pass(500 * MS).await;
    stage.target.save("a: 1");
    stage.pass(58_000 * MS).await;
    assert!(stage.settled.try_recv().is_err());
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_while_watching_is_off_and_nothing_is_lost() {
    let mut stage = Stage::open("any");
    stage.pass(500 * MS).await;
    stage.order(|orders| orders.stopped = true);
    stage.pass(500 * MS).await;
    stage.looks();
    stage.target.save("a: 1");
    stage.event(FileEvent::Closed);
    stage.pass(100_000 * MS).await;
    assert!(stage.looks().is_empty());
    stage.order(|orders| orders.stopped = false);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_has_it_open_is_waited_for() {
    let mut stage = Stage::open("any");
    stage.order(|orders| orders.settings.debounce = 50 * MS);
    stage.pass(500 * MS).await;
    stage.target.set_written(true);
    for piece in 0..30 {
        stage.target.save(&format!("a: {piece}"));
        stage.pass(100 * MS).await;
    }
    assert!(stage.settled.try_recv().is_err(), "it is still open");
    stage.target.set_written(false);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 29"));
    stage.pass(10_000 * MS).await;
    assert!(stage.settled.try_recv().is_err(), "once");
}

#[tokio::test(start_paused = true)]
async fn what_is_still_written_at_the_cap_is_told_and_read_when_stable() {
    let mut stage = Stage::open("any");
    stage.pass(500 * MS).await;
    stage.target.set_written(true);
    for piece in 0..60 {
        stage.target.save(&format!("a: {piece}"));
        stage.pass(100 * MS).await;
    }
    assert!(stage.settled.try_recv().is_err());
    let event = stage.events.recv().await.unwrap();
    assert_eq!(event.kind, EventKind::Degraded);
    assert_eq!(
        event.details,
        "config.yaml is still being written; it is read once it is stable"
    );
    stage.target.set_written(false);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 59"));
}

#[tokio::test(start_paused = true)]
async fn an_edit_made_while_the_file_was_away_is_not_lost_on_a_blind_detector() {
    let mut stage = Stage::open("blind");
    stage.pass(500 * MS).await;
    stage.target.remove();
    stage.pass(500 * MS).await;
    stage.target.save("a: 1");
    let began = Instant::now();
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    assert!(
        began.elapsed() < 2000 * MS,
        "the safety look is a minute away"
    );
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_after_it_could_not_be_read_is_read() {
    let mut stage = Stage::open("any");
    stage.pass(500 * MS).await;
    stage.target.save("a: 1");
    stage.pass(500 * MS).await;
    stage.target.remove();
    stage.pass(5000 * MS).await;
    assert!(stage.settled.try_recv().is_err(), "nothing to read");
    stage.target.save("a: 1");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_has_not_closed_is_not_looked_at_for_a_moment() {
    let mut stage = Stage::open("any");
    stage.order(|orders| {
        orders.settings.poll_interval = 3_600_000 * MS;
        orders.settings.debounce = Duration::ZERO;
    });
    stage.pass(500 * MS).await;
    stage.looks();
    stage.target.set_written(true);
    stage.target.save("");
    stage.event(FileEvent::Written);
    stage.pass(5 * MS).await;
    assert!(stage.looks().is_empty());
    stage.target.save("a: ");
    stage.event(FileEvent::Written);
    stage.target.save("a: 1");
    stage.target.set_written(false);
    stage.event(FileEvent::Closed);
    let began = Instant::now();
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    assert!(began.elapsed() < 2 * MS, "{:?}", began.elapsed());
    assert_eq!(stage.looks().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn auto_listens_where_events_can_be_trusted_and_hashes_where_not() {
    let mut stage = Stage::open("auto");
    stage.pass(500 * MS).await;
    let hearing = stage.hearing.borrow_and_update().clone().unwrap();
    assert_eq!(
        (hearing.detector.as_str(), hearing.by),
        ("inotify", HeardBy::Events)
    );
    *stage.trouble.0.lock().unwrap() = Some("the limit of watches is reached".to_owned());
    stage.pass(500 * MS).await;
    let hearing = stage.hearing.borrow_and_update().clone().unwrap();
    assert_eq!(
        (hearing.detector.as_str(), hearing.by),
        ("hash", HeardBy::Polling)
    );
    assert_eq!(hearing.degraded.unwrap(), "the limit of watches is reached");
    stage.target.save("a: 1");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    *stage.trouble.0.lock().unwrap() = None;
    stage.pass(500 * MS).await;
    let hearing = stage.hearing.borrow_and_update().clone().unwrap();
    assert_eq!(
        (hearing.detector.as_str(), hearing.degraded),
        ("inotify", None)
    );
    let told: Vec<_> = std::iter::from_fn(|| stage.events.try_recv().ok())
        .map(|event| event.kind)
        .collect();
    assert_eq!(told, [EventKind::Degraded, EventKind::State]);
}

#[tokio::test(start_paused = true)]
async fn lost_events_are_told_and_made_good_by_a_look() {
    let mut stage = Stage::open("any");
    stage.pass(500 * MS).await;
    stage.inbox.overflow();
    stage.pass(50 * MS).await;
    let hearing = stage.hearing.borrow_and_update().clone().unwrap();
    assert!(hearing.degraded.unwrap().contains("queue was full"));
    stage.pass(500 * MS).await;
    let hearing = stage.hearing.borrow_and_update().clone().unwrap();
    assert_eq!((hearing.by, hearing.degraded), (HeardBy::Events, None));
}

#[tokio::test(start_paused = true)]
async fn where_leases_do_not_tell_the_events_of_a_writer_do_also_at_a_poll() {
    let mut stage = Stage::open("any");
    stage.order(|orders| orders.settings.debounce = Duration::ZERO);
    stage.target.hide_writers();
    stage.pass(500 * MS).await;
    for piece in 0..30 {
        stage.target.save(&format!("a: {piece}"));
        stage.event(FileEvent::Written);
        stage.pass(100 * MS).await;
    }
    assert!(stage.settled.try_recv().is_err(), "it has not closed");
    stage.event(FileEvent::Closed);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 29"));
}
