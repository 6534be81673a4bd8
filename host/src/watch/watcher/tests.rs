//! The motor on paused time, with a target in memory and detectors on a string.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast::Receiver;

use super::super::{Armed, Wakes};
use super::*;
use crate::events::{FaultKind, SyncEvent};
use crate::target::{FileError, FileKind, Stat};

const MS: Duration = Duration::from_millis(1);

#[derive(Default)]
struct MemoryTarget(Mutex<Vec<u8>>);

impl MemoryTarget {
    fn save(&self, text: &str) {
        *self.0.lock().unwrap() = text.as_bytes().to_vec();
    }
}

impl Target for MemoryTarget {
    fn path(&self) -> &Path {
        Path::new("/config.yaml")
    }
    fn stat(&self) -> Result<Stat, FileError> {
        let size = self.0.lock().unwrap().len() as u64;
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
        Ok(Digest::of(&self.0.lock().unwrap()))
    }
    fn read(&self, _offset: u64, _length: u32) -> Result<Vec<u8>, FileError> {
        Ok(self.0.lock().unwrap().clone())
    }
    fn read_all(&self, _limit: u64) -> Result<Vec<u8>, FileError> {
        self.read(0, 0)
    }
}

struct NoEvents;

impl Arm for NoEvents {
    fn arm(&mut self) -> Armed {
        Armed {
            renewed: false,
            trouble: None,
        }
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
        let digest = target.digest().unwrap().as_bytes().to_vec();
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
    seen: watch::Sender<Option<Digest>>,
    settled: mpsc::Receiver<Settled>,
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
        let (orders, obeyed) = watch::channel(Some(Orders {
            settings,
            stopped: false,
        }));
        let (seen, seen_by_watcher) = watch::channel(Some(target.digest().unwrap()));
        let (settle, settled) = mpsc::channel(1);
        let bus = EventBus::default();
        let events = bus.subscribe();
        let watcher = ConfigWatcher::new(
            target.clone(),
            Box::new(NoEvents),
            Arc::clone(&inbox),
            Arc::new(Shelf(Arc::clone(&bench))),
            obeyed,
            seen_by_watcher,
            settle,
            bus,
        );
        let cancel = CancellationToken::new();
        tokio::spawn(watcher.unwrap().run(cancel.clone()));
        Self {
            target,
            bench,
            inbox,
            orders,
            seen,
            settled,
            events,
            _cancel: cancel.drop_guard(),
        }
    }

    /// The watcher runs on for so long.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn loaded(&mut self) -> Digest {
        self.settled.recv().await.unwrap();
        let digest = self.target.digest().unwrap();
        self.seen.send_replace(Some(digest));
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
    stage.inbox.push(FileEvent::Closed);
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
    stage.inbox.push(FileEvent::Closed);
    stage.pass(100_000 * MS).await;
    assert!(stage.looks().is_empty());
    stage.order(|orders| orders.stopped = false);
    assert_eq!(stage.loaded().await, Digest::of(b"a: 1"));
}
