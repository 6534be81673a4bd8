//! What the world of a reloader is made of: ports that do as they are told.

use std::path::Path;
use std::sync::Mutex as StdMutex;
use std::sync::mpsc as std_mpsc;

use serde_json::Value;

use super::super::super::{
    Change, Difference, Ending, LastGood, Proposal, Proposed, Record, Refused, ReloadHandler,
};
use super::super::*;
use crate::config::Problem;
use crate::events::{Fault, FaultKind};
use crate::gateway::{Entry, Offer};
use crate::target::{FileError, FileKind, Stat};

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
pub(super) type Deeds = Arc<StdMutex<Vec<(&'static str, Deed)>>>;
/// Hears how reloads end, each by its generation.
pub(super) type Finished = mpsc::UnboundedSender<(u64, Ending)>;

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
    pub(super) text: StdMutex<Option<Vec<u8>>>,
    pub(super) deeds: Deeds,
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
    finished: Finished,
}

pub(super) fn told(deeds: &Deeds, finished: &Finished) -> Box<dyn ReloadHandler> {
    Box::new(Told {
        sections: vec!["backends".to_owned()],
        deeds: Arc::clone(deeds),
        finished: finished.clone(),
    })
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
pub(super) struct Recording {
    pub(super) records: mpsc::UnboundedSender<(Record, Option<Vec<u8>>)>,
    pub(super) serves: Option<Vec<u8>>,
    pub(super) last_good: Option<LastGood>,
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
