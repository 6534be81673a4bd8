//! A reloader in a world of fakes: a file in memory, backends and handlers that do as they are
//! told, a memory that hands out each record. Time is tokio's, and paused.

use std::path::Path;
use std::sync::Mutex as StdMutex;
use std::sync::mpsc as std_mpsc;

use serde_json::Value;
use tokio::sync::oneshot;

use super::super::super::{
    Ask, Change, Difference, Ending, Last, LastGood, Proposal, Proposed, Record, Refused,
    ReloadHandler,
};
use super::super::*;
use crate::config::Problem;
use crate::events::{Fault, FaultKind, SyncEvent};
use crate::gateway::fakes::Fakes;
use crate::gateway::{Capability, Entry, Offer, Snapshot};
use crate::target::{FileError, FileKind, Stat};
use crate::watch::{Detector, FoundBy};

/// What a port does when it is its turn.
#[derive(Debug)]
pub(super) enum Deed {
    Error,
    Trap,
    Deadline,
    /// Says that it is there, then waits to be let go.
    Hold(mpsc::UnboundedSender<()>, std_mpsc::Receiver<()>),
}

/// Keeps a port where it is until dropped.
pub(super) struct Held {
    entered: mpsc::UnboundedReceiver<()>,
    _release: std_mpsc::Sender<()>,
}

impl Held {
    pub(super) fn new() -> (Deed, Self) {
        let (enter, entered) = mpsc::unbounded_channel();
        let (release, released) = std_mpsc::channel();
        let held = Self {
            entered,
            _release: release,
        };
        (Deed::Hold(enter, released), held)
    }

    pub(super) async fn entered(&mut self) {
        self.entered.recv().await.unwrap();
    }
}

/// What is to be done, by the function that does it; each once.
type Deeds = Arc<StdMutex<Vec<(&'static str, Deed)>>>;

fn turn(deeds: &Deeds, function: &str) -> Option<Deed> {
    let mut deeds = deeds.lock().unwrap();
    let at = deeds.iter().position(|(other, _)| *other == function)?;
    let deed = deeds.remove(at).1;
    drop(deeds);
    if let Deed::Hold(enter, released) = deed {
        enter.send(()).unwrap();
        // Let go when the other end is dropped.
        let _ = released.recv();
        return None;
    }
    Some(deed)
}

/// The file.
pub(super) struct Paper {
    text: StdMutex<Option<Vec<u8>>>,
    deeds: Deeds,
}

impl Paper {
    fn bytes(&self) -> Result<Vec<u8>, FileError> {
        self.text.lock().unwrap().clone().ok_or(FileError::NotFound)
    }
}

impl Target for Paper {
    fn path(&self) -> &Path {
        Path::new("/config.yaml")
    }
    fn stat(&self) -> Result<Stat, FileError> {
        Ok(Stat {
            kind: FileKind::Regular,
            size: self.bytes()?.len() as u64,
            modified: 0,
            changed: 0,
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
        match turn(&self.deeds, "read") {
            Some(Deed::Trap) => panic!("on purpose"),
            Some(_) => Err(FileError::Other("on purpose".to_owned())),
            None => self.bytes(),
        }
    }
}

/// Wants the backends as they are written, and shows what they offer.
struct Told {
    sections: Vec<String>,
    deeds: Deeds,
    finished: mpsc::UnboundedSender<(u64, Ending)>,
}

impl Told {
    fn turn(&self, call: &'static str) -> Result<(), Refused> {
        let kind = match turn(&self.deeds, call) {
            None => return Ok(()),
            Some(Deed::Error) => {
                return Err(Refused::Problems(vec![Problem::error("backends", "no")]));
            }
            Some(Deed::Deadline) => FaultKind::Deadline,
            Some(_) => FaultKind::Trap,
        };
        Err(Refused::Fault(fault(call, kind)))
    }
}

fn fault(call: &'static str, kind: FaultKind) -> Fault {
    Fault {
        plugin: "told".to_owned(),
        call,
        kind,
        message: "on purpose".to_owned(),
    }
}

impl ReloadHandler for Told {
    fn name(&self) -> &str {
        "told"
    }
    fn sections(&self) -> &[String] {
        &self.sections
    }
    fn propose(&mut self, change: &Change) -> Result<Proposal, Refused> {
        self.turn("propose")?;
        let backends = change.next["backends"].as_object().cloned();
        let backends = backends.unwrap_or_default().into_iter();
        let spec = |mut spec: Value| {
            let entry = spec.as_object_mut().unwrap();
            entry.retain(|key, _| key != "filters" && key != "group");
            spec
        };
        Ok(Proposal {
            wanted: Proposed::Backends(backends.map(|(name, entry)| (name, spec(entry))).collect()),
            differences: Vec::<Difference>::new(),
        })
    }
    fn compose(&mut self, _next: &Value, _offers: &[Offer]) -> Result<Option<Vec<Entry>>, Refused> {
        self.turn("compose")?;
        Ok(None)
    }
    fn finished(&mut self, generation: u64, ending: Ending) -> Result<(), Fault> {
        let _ = self.finished.send((generation, ending));
        match self.turn("finished") {
            Ok(()) => Ok(()),
            Err(Refused::Fault(fault)) => Err(fault),
            Err(Refused::Problems(_)) => Err(fault("finished", FaultKind::Refusal)),
        }
    }
}

/// Hands out each record.
struct Recording {
    records: mpsc::UnboundedSender<(Record, Option<Vec<u8>>)>,
    serves: Option<Vec<u8>>,
    last_good: Option<LastGood>,
}

impl Memory for Recording {
    fn last_good(&mut self) -> Option<LastGood> {
        self.last_good.take()
    }
    fn serves(&mut self, _generation: u64, bytes: &[u8]) {
        self.serves = Some(bytes.to_vec());
    }

    fn ended(&mut self, record: &Record) {
        let _ = self.records.send((record.clone(), self.serves.take()));
    }
}

struct OnlyMtime;

impl Detectors for OnlyMtime {
    fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String> {
        Err(format!("there is no detector `{name}`; known are mtime"))
    }
    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        self.detector("hash")
    }
    fn names(&self) -> Vec<String> {
        vec!["mtime".to_owned()]
    }
}

/// The world, and the reloader that runs in it.
pub(super) struct World {
    pub(super) fakes: Arc<Fakes>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) orders: watch::Receiver<Option<Orders>>,
    command: watch::Sender<Option<Orders>>,
    pub(super) finished: mpsc::UnboundedReceiver<(u64, Ending)>,
    pub(super) cancel: CancellationToken,
    paper: Arc<Paper>,
    deeds: Deeds,
    events: tokio::sync::broadcast::Receiver<SyncEvent>,
    records: mpsc::UnboundedReceiver<(Record, Option<Vec<u8>>)>,
    settled: mpsc::UnboundedSender<Settled>,
    asked: mpsc::Sender<Ask>,
    running: tokio::task::JoinHandle<()>,
}

impl World {
    /// Starts on this text, which must serve.
    pub(super) async fn start(text: &str) -> Self {
        let mut world = Self::try_start(text, Fakes::default(), None).await.unwrap();
        world.record().await;
        while world.finished.try_recv().is_ok() {}
        world
    }

    pub(super) async fn try_start(
        text: &str,
        fakes: Fakes,
        last_good: Option<LastGood>,
    ) -> Result<Self, Vec<String>> {
        let fakes = Arc::new(fakes);
        let (gateway, notices) = Gateway::connected_by(fakes.clone());
        let deeds = Deeds::default();
        let paper = Arc::new(Paper {
            text: StdMutex::new(Some(text.into())),
            deeds: Arc::clone(&deeds),
        });
        let (tell_finished, finished) = mpsc::unbounded_channel();
        let told = Told {
            sections: vec!["backends".to_owned()],
            deeds: Arc::clone(&deeds),
            finished: tell_finished,
        };
        let (records_out, records) = mpsc::unbounded_channel();
        let (orders_out, orders) = watch::channel(None);
        let bus = EventBus::default();
        let events = bus.subscribe();
        let mut reloader = Reloader::new(Ports {
            target: paper.clone(),
            gateway: Arc::clone(&gateway),
            handlers: Handlers::new(vec![Box::new(told)]),
            detectors: Arc::new(OnlyMtime),
            others: None,
            settings: LiveSettings::of_file_alone(bus.clone()),
            bus,
            orders: orders_out.clone(),
            standing: tokio::sync::watch::Sender::default(),
            in_force: tokio::sync::watch::Sender::default(),
            memory: Box::new(Recording {
                records: records_out,
                serves: None,
                last_good,
            }),
        });
        reloader.start().await?;
        let (settled, settled_changes) = mpsc::unbounded_channel();
        let (asked, asks) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let running = reloader.run(settled_changes, asks, notices, cancel.clone());
        Ok(Self {
            fakes,
            gateway,
            orders,
            command: orders_out,
            finished,
            cancel,
            paper,
            deeds,
            events,
            records,
            settled,
            asked,
            running: tokio::spawn(running),
        })
    }

    /// The function does this when it is called next.
    pub(super) fn will(&self, function: &'static str, deed: Deed) {
        self.deeds.lock().unwrap().push((function, deed));
    }

    /// Writes the file, and tells nobody.
    pub(super) fn write(&self, text: &str) {
        *self.paper.text.lock().unwrap() = Some(text.into());
    }

    pub(super) fn remove(&self) {
        *self.paper.text.lock().unwrap() = None;
    }

    /// The watcher sees a change come to rest.
    pub(super) fn settle(&self) {
        let digest = self.paper.digest();
        let _ = self.settled.send(Settled {
            path: self.paper.path().into(),
            digest: digest.unwrap_or_else(|_| Digest::of(b"gone")),
            found_by: FoundBy::Detector,
            detector: "mtime".to_owned(),
            same: false,
        });
    }

    pub(super) fn hang_up(&self) {
        let _ = self.asked.try_send(Trigger::Hangup.into());
    }

    /// Somebody wants no edit to be followed.
    pub(super) fn pause(&self) {
        self.command.send_modify(|orders| {
            orders.as_mut().unwrap().paused = true;
        });
    }

    pub(super) fn is_paused(&self) -> bool {
        self.orders.borrow().as_ref().unwrap().paused
    }

    pub(super) fn call(&self, trigger: Trigger) {
        self.asked.try_send(trigger.into()).unwrap();
    }

    /// Calls, and wants to hear how it ends.
    pub(super) fn ask(&self) -> oneshot::Receiver<Last> {
        let (ask, hears) = Ask::to_be_told(Trigger::Api);
        self.asked.try_send(ask).unwrap();
        hears
    }

    /// Comes back when nobody called who has not been heard.
    pub(super) async fn heard(&self) {
        while self.asked.capacity() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Saves the file, and comes back with the record of what followed.
    pub(super) async fn save(&mut self, text: &str) -> Record {
        self.write(text);
        self.settle();
        self.record().await
    }

    pub(super) async fn record(&mut self) -> Record {
        self.kept().await.0
    }

    /// The next record, and the bytes to keep with it.
    pub(super) async fn kept(&mut self) -> (Record, Option<Vec<u8>>) {
        self.records.recv().await.unwrap()
    }

    /// No record has come since the last one.
    pub(super) fn no_record(&mut self) {
        assert!(self.records.try_recv().is_err());
    }

    /// The details of the next event that contains this.
    pub(super) async fn event(&mut self, like: &str) -> String {
        loop {
            let event = self.events.recv().await.unwrap();
            if event.details.contains(like) {
                return event.details;
            }
        }
    }

    pub(super) fn current(&self) -> Arc<Snapshot> {
        self.gateway.current()
    }

    /// What clients see, sorted.
    pub(super) fn tools(&self) -> Vec<String> {
        let mut tools = self.current().shown(Capability::Tool);
        tools.sort();
        tools
    }

    /// Comes back when exactly those backends live that serve.
    pub(super) async fn nothing_leaks(&self) {
        let current = self.current();
        let mut serving: Vec<_> = current
            .backends()
            .map(|(name, _)| name.to_owned())
            .collect();
        serving.sort();
        drop(current);
        for _ in 0..1000 {
            if self.fakes.alive() == serving {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{:?} live, {serving:?} serve", self.fakes.alive());
    }

    /// Ends the host. Nothing may be left.
    pub(super) async fn end(self) {
        self.cancel.cancel();
        self.running.await.unwrap();
        assert!(self.gateway.shut_down(Duration::from_secs(60)).await);
        for _ in 0..100 {
            if self.fakes.alive().is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{:?} still live", self.fakes.alive());
    }
}

/// A file with these lines below `backends:`.
pub(super) fn file(backends: &[&str]) -> String {
    let lines: String = backends.iter().map(|line| format!("  {line}\n")).collect();
    let none = if lines.is_empty() { " {}" } else { "" };
    format!("version: '1'\nserver: {{port: 0}}\nbackends:{none}\n{lines}")
}
