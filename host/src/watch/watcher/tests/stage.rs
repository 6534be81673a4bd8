//! What the tests of the motor stand on: a file in memory, detectors on a string, and paused time.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::broadcast::Receiver;

use super::super::*;
use crate::events::{Fault, FaultKind, SyncEvent};
use crate::target::{Digest, FileError, FileKind, Stat, Target};
use crate::watch::{Arm, Armed, Detector, Detectors, Hearing, Wake, Wakes};

pub(super) const MS: Duration = Duration::from_millis(1);

/// A file in memory; none while there are no bytes to it.
#[derive(Default)]
pub(super) struct MemoryTarget {
    bytes: Mutex<Option<Vec<u8>>>,
    /// Somebody has it open for writing.
    written: std::sync::atomic::AtomicBool,
    /// The system does not tell of that.
    hidden: std::sync::atomic::AtomicBool,
}

impl MemoryTarget {
    pub(super) fn save(&self, text: &str) {
        *self.bytes.lock().unwrap() = Some(text.as_bytes().to_vec());
    }
    pub(super) fn remove(&self) {
        *self.bytes.lock().unwrap() = None;
    }
    pub(super) fn set_written(&self, written: bool) {
        self.written.store(written, Ordering::SeqCst);
    }
    pub(super) fn hide_writers(&self) {
        self.hidden.store(true, Ordering::SeqCst);
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
        let hidden = self.hidden.load(Ordering::SeqCst);
        (!hidden).then(|| self.written.load(Ordering::SeqCst))
    }
}

/// What is wrong with events, as a test wants it.
#[derive(Clone, Default)]
pub(super) struct FakeArm(pub(super) Arc<Mutex<Option<String>>>);

impl Arm for FakeArm {
    fn arm(&mut self) -> Armed {
        Armed {
            trouble: self.0.lock().unwrap().clone(),
            ..Armed::default()
        }
    }
    fn arm_at(&mut self, _path: &Path) -> Armed {
        Armed::default()
    }
}

/// What a detector of each name does.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) looks: Mutex<Vec<(String, Wake, bool)>>,
    pub(super) faults_left: AtomicUsize,
    /// Which component stands behind every name.
    pub(super) edition: AtomicU64,
    /// The next look hangs until something comes.
    pub(super) hangs: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

pub(super) struct Scripted {
    name: String,
    pub(super) bench: Arc<Bench>,
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
        let hangs = self.bench.hangs.lock().unwrap().take();
        if let Some(end) = hangs {
            end.recv().unwrap();
        }
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

pub(super) struct Shelf(Arc<Bench>);

impl Detectors for Shelf {
    fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String> {
        if name == "absent" {
            return Err("there is none".to_owned());
        }
        Ok(Box::new(Scripted {
            name: name.to_owned(),
            bench: Arc::clone(&self.0),
        }))
    }
    fn edition(&self, _name: &str) -> u64 {
        self.0.edition.load(Ordering::SeqCst)
    }
    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        self.detector("hash")
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

pub(super) struct Stage {
    pub(super) target: Arc<MemoryTarget>,
    pub(super) bench: Arc<Bench>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) orders: watch::Sender<Option<Orders>>,
    pub(super) trouble: FakeArm,
    pub(super) hearing: watch::Receiver<Option<Hearing>>,
    pub(super) settled: mpsc::UnboundedReceiver<Settled>,
    pub(super) events: Receiver<SyncEvent>,
    _cancel: tokio_util::sync::DropGuard,
}

impl Stage {
    /// A watcher that polls every 100 ms, waits for 1 s of quiet and never longer than 5 s.
    pub(super) fn open(detection: &str) -> Self {
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
            paused: false,
            resumed: 0,
            baseline: Baseline::Content(target.digest().unwrap()),
            reads: 0,
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
            settling: watch::Sender::new(None),
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
    pub(super) fn event(&self, event: FileEvent) {
        let about = About::File(self.target.path().into());
        self.inbox.push(about, event);
    }

    /// The watcher runs on for so long.
    pub(super) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Reloads what settles next.
    pub(super) async fn loaded(&mut self) -> Digest {
        let settled = self.settled.recv().await.unwrap();
        let digest = self.target.digest().unwrap();
        assert_eq!(settled.digest, digest, "what settled is what is there");
        self.order(|orders| {
            orders.baseline = Baseline::Content(digest);
            orders.reads += 1;
        });
        digest
    }

    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders
            .send_modify(|orders| change(orders.as_mut().unwrap()));
    }

    pub(super) fn looks(&self) -> Vec<(String, Wake, bool)> {
        std::mem::take(&mut self.bench.looks.lock().unwrap())
    }
}
