//! The motor on paused time, with a target in memory and detectors on a string.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast::Receiver;

use super::super::{Arm, Armed, Detector, Detectors, HeardBy, Hearing, Wake, Wakes};
use super::*;
use crate::events::{FaultKind, SyncEvent};
use crate::target::{FileError, FileKind, Stat, Target};

mod schedule;

const MS: Duration = Duration::from_millis(1);

/// A file in memory; none while there are no bytes to it.
#[derive(Default)]
struct MemoryTarget {
    bytes: Mutex<Option<Vec<u8>>>,
    /// Somebody has it open for writing.
    written: std::sync::atomic::AtomicBool,
}

impl MemoryTarget {
    fn save(&self, text: &str) {
        *self.bytes.lock().unwrap() = Some(text.as_bytes().to_vec());
    }
    fn remove(&self) {
        *self.bytes.lock().unwrap() = None;
    }
    fn set_written(&self, written: bool) {
        self.written.store(written, Ordering::SeqCst);
    }
    fn bytes(&self) -> Result<Vec<u8>, FileError> {
        self.bytes
            .lock()
            .unwrap()
            .clone()
            .ok_or(FileError::NotFound)
    }
}

impl Target for MemoryTarget {
    fn path(&self) -> &Path {
        Path::new("/config.yaml")
    }
    fn stat(&self) -> Result<Stat, FileError> {
        let size = self.bytes()?.len() as u64;
        Ok(Stat {
            kind: FileKind::Regular,
            size,
            modified: 1,
            changed: 1,
            inode: 1,
            device: 1,
        })
    }
    fn digest(&self) -> Result<Digest, FileError> {
        Ok(Digest::of(&self.bytes()?))
    }
    fn read(&self, _offset: u64, _length: u32) -> Result<Vec<u8>, FileError> {
        self.bytes()
    }
    fn read_all(&self, _limit: u64) -> Result<Vec<u8>, FileError> {
        self.bytes()
    }
    fn is_open_for_writing(&self) -> Option<bool> {
        Some(self.written.load(Ordering::SeqCst))
    }
}

/// What is wrong with events, as a test wants it.
#[derive(Clone, Default)]
struct FakeArm(Arc<Mutex<Option<String>>>);

impl Arm for FakeArm {
    fn arm(&mut self) -> Armed {
        Armed {
            trouble: self.0.lock().unwrap().clone(),
            ..Armed::default()
        }
    }
    fn arm_inside(&mut self, _path: &Path) -> Armed {
        Armed::default()
    }
}

/// What a detector of each name does.
#[derive(Default)]
struct Bench {
    looks: Mutex<Vec<(String, Wake, bool)>>,
    faults_left: AtomicUsize,
}

struct Scripted {
    name: String,
    bench: Arc<Bench>,
}

impl Detector for Scripted {
    fn name(&self) -> &str {
        &self.name
    }
    fn wakes(&self) -> Wakes {
        Wakes {
            tick: true,
            events: true,
        }
    }
    fn observe(
        &mut self,
        target: &Arc<dyn Target>,
        wake: &Wake,
        memory: Option<&[u8]>,
    ) -> Result<Observation, Fault> {
        let look = (self.name.clone(), wake.clone(), memory.is_some());
        self.bench.looks.lock().unwrap().push(look);
        let left = self.bench.faults_left.load(Ordering::SeqCst);
        if self.name == "faulty" && left > 0 {
            self.bench.faults_left.store(left - 1, Ordering::SeqCst);
            let plugin = self.name.clone();
            return Err(Fault {
                plugin,
                call: "observe",
                kind: FaultKind::Trap,
                message: "on purpose".to_owned(),
            });
        }
        let Ok(digest) = target.digest() else {
            return Ok(Observation {
                verdict: Verdict::Missing,
                memory: memory.unwrap_or_default().to_vec(),
                note: String::new(),
            });
        };
        let digest = digest.as_bytes().to_vec();
        let same = memory.is_none_or(|memory| memory == digest) || self.name == "blind";
        let verdict = if same {
            Verdict::Unchanged
        } else {
            Verdict::Changed
        };
        Ok(Observation {
            verdict,
            memory: digest,
            note: String::new(),
        })
    }
}

struct Shelf(Arc<Bench>);

impl Detectors for Shelf {
    fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String> {
        Ok(Box::new(Scripted {
            name: name.to_owned(),
            bench: Arc::clone(&self.0),
        }))
    }
    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        self.detector("hash")
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

struct Stage {
    target: Arc<MemoryTarget>,
    bench: Arc<Bench>,
    inbox: Arc<Inbox>,
    orders: watch::Sender<Option<Orders>>,
    trouble: FakeArm,
    hearing: watch::Receiver<Option<Hearing>>,
    settled: mpsc::UnboundedReceiver<Settled>,
    events: Receiver<SyncEvent>,
    _cancel: tokio_util::sync::DropGuard,
}

impl Stage {
    /// A watcher that polls every 100 ms, waits for 1 s of quiet and never longer than 5 s.
    fn open(detection: &str) -> Self {
        let (target, bench, inbox) = (
            Arc::<MemoryTarget>::default(),
            Arc::<Bench>::default(),
            Arc::<Inbox>::default(),
        );
        let settings = SyncSettings {
            poll_interval: 100 * MS,
            debounce: 1000 * MS,
            max_debounce: 5000 * MS,
            safety_interval: 60_000 * MS,
            detection: detection.to_owned(),
            ..SyncSettings::default()
        };
        target.save("");
        let (orders, obeyed) = watch::channel(Some(Orders {
            settings,
            stopped: false,
            known: Known::Content(target.digest().unwrap()),
        }));
        let (settle, settled) = mpsc::unbounded_channel();
        let (told, hearing) = watch::channel(None);
        let trouble = FakeArm::default();
        let bus = EventBus::default();
        let events = bus.subscribe();
        let watcher = ConfigWatcher::new(Wires {
            targets: vec![target.clone()],
            arm: Box::new(trouble.clone()),
            inbox: Arc::clone(&inbox),
            detectors: Arc::new(Shelf(Arc::clone(&bench))),
            orders: obeyed,
            settled: settle,
            hearing: told,
            bus,
        });
        let cancel = CancellationToken::new();
        tokio::spawn(watcher.unwrap().run(cancel.clone()));
        Self {
            target,
            bench,
            inbox,
            orders,
            trouble,
            hearing,
            settled,
            events,
            _cancel: cancel.drop_guard(),
        }
    }

    /// An event of the operating system about the file.
    fn event(&self, event: FileEvent) {
        let about = About::File(self.target.path().into());
        self.inbox.push(about, event);
    }

    /// The watcher runs on for so long.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Reloads what settles next.
    async fn loaded(&mut self) -> Digest {
        let settled = self.settled.recv().await.unwrap();
        let digest = self.target.digest().unwrap();
        assert_eq!(settled.digest, digest, "what settled is what is there");
        self.order(|orders| orders.known = Known::Content(digest));
        digest
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders
            .send_modify(|orders| change(orders.as_mut().unwrap()));
    }

    fn looks(&self) -> Vec<(String, Wake, bool)> {
        std::mem::take(&mut self.bench.looks.lock().unwrap())
    }
}

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
                "`faulty` failed 3 times in a row; `hash` takes over"
            );
            break;
        }
    }
    stage.target.save("a: 1");
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
    assert_eq!(
        stage
            .looks()
            .iter()
            .filter(|(name, ..)| name == "faulty")
            .count(),
        3
    );
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
    stage.target.save("");
    stage.event(FileEvent::Written);
    stage.pass(5 * MS).await;
    assert!(stage.looks().is_empty());
    stage.target.save("a: 1");
    stage.event(FileEvent::Closed);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
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
