//! One look at the files: arm the events again, ask the detector, compare by content, see whether
//! one has come to rest, each where that is due. Runs beside the watcher on a thread of its own,
//! since any of it may block on a dead file system; so it takes all it needs along and brings it
//! back.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Detector, FileEvent, Observation, Verdict, Wake};
use crate::events::{Fault, FaultKind};
use crate::target::{Digest, FileError, Rest, Target};

/// Faults in one look after which the rest of the files is left for the next.
const MAX_FAULTS: usize = 3;

/// Puts watches of the operating system on the way to the files. A port, so that tests need
/// no operating system. May block.
pub trait Arm: Send + 'static {
    /// Arms what is not armed.
    fn arm(&mut self) -> Armed;

    /// The same for what is new at this path in a watched folder.
    fn arm_inside(&mut self, path: &Path) -> Armed;
}

/// How arming went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Armed {
    /// A watch is new: what happened before it was there went unseen.
    pub renewed: bool,
    /// Why events cannot be trusted, with the remedy.
    pub trouble: Option<String>,
    /// Everything lies on file systems of this machine, which answer at once.
    pub local: bool,
    /// The files in watched folders.
    pub found: Vec<PathBuf>,
}

impl Armed {
    pub(super) fn untrusted(reason: String) -> Self {
        Self {
            trouble: Some(reason),
            ..Self::default()
        }
    }
}

/// Makes the target of a file that was found in a watched folder.
pub type Open = fn(PathBuf) -> Arc<dyn Target>;

/// What is due at a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Due {
    pub(super) start: bool,
    pub(super) tick: bool,
    pub(super) events: Vec<FileEvent>,
    pub(super) overflow: bool,
    pub(super) by_content: bool,
    /// Whether it has come to rest; holds what events say of a writer.
    pub(super) rest: Option<bool>,
}

impl Due {
    pub(super) fn any(&self) -> bool {
        self.start
            || self.tick
            || !self.events.is_empty()
            || self.overflow
            || self.by_content
            || self.rest.is_some()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.start |= other.start;
        self.tick |= other.tick;
        self.events.extend_from_slice(&other.events);
        self.overflow |= other.overflow;
        self.by_content |= other.by_content;
        self.rest = self.rest.or(other.rest);
    }
}

/// What of the way to the files must be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Afresh {
    #[default]
    Nothing,
    /// Paths in watched folders.
    Inside(Vec<PathBuf>),
    Everything,
}

/// What to do in one look.
#[derive(Debug, Clone, Default)]
pub(super) struct Job {
    pub(super) afresh: Afresh,
    /// Due at every file.
    pub(super) all: Due,
    /// Due at some, by number, besides.
    pub(super) some: HashMap<usize, Due>,
    /// There is no debounce: a change is to be looked at for rest in the same look.
    pub(super) at_once: bool,
    /// Events were lost, or cannot be trusted: whoever lives on them must look by itself.
    pub(super) mistrust: bool,
}

/// What a look found at one file.
pub(super) struct Looked {
    pub(super) file: usize,
    /// The detector begins with it, or it was away.
    pub(super) afresh: bool,
    pub(super) observation: Option<Result<Observation, Fault>>,
    pub(super) digest: Option<Digest>,
    pub(super) rest: Option<Result<Rest, FileError>>,
}

/// What a whole look found.
#[derive(Default)]
pub(super) struct Findings {
    /// Unless nothing had to be armed.
    pub(super) armed: Option<Armed>,
    /// New files. Their numbers follow those that were given before.
    pub(super) appeared: Vec<Arc<Path>>,
    /// Where there is something to tell.
    pub(super) looked: Vec<Looked>,
}

/// One file as the look knows it.
struct File {
    target: Arc<dyn Target>,
    memory: Option<Vec<u8>>,
    /// It was not there, or not readable, at the last look.
    missing: bool,
    /// Somebody had it open for writing, or mapped: what is stored through a map changes no
    /// stamp and makes no event, so as long as that lasts, each tick compares by content.
    held: bool,
}

/// All that a look needs, and what must survive it.
pub(super) struct Look {
    pub(super) arm: Box<dyn Arm>,
    pub(super) detector: Box<dyn Detector>,
    files: Vec<File>,
    /// Their paths.
    known: HashSet<PathBuf>,
    open: Open,
}

impl Look {
    pub(super) fn new(
        arm: Box<dyn Arm>,
        detector: Box<dyn Detector>,
        targets: Vec<Arc<dyn Target>>,
        open: Open,
    ) -> Self {
        let mut look = Self {
            arm,
            detector,
            files: Vec::new(),
            known: HashSet::new(),
            open,
        };
        for target in targets {
            look.add(target);
        }
        look
    }

    /// A detector that knows nothing of the files yet.
    pub(super) fn replace(&mut self, detector: Box<dyn Detector>) {
        self.detector = detector;
        for file in &mut self.files {
            file.memory = None;
        }
    }

    /// Looks. Even a defect of the host on the way leaves the watcher able to look again.
    pub(super) fn run(&mut self, job: &Job) -> Findings {
        // Whatever was half done is done anew by the next look: memory is only ever replaced whole.
        let findings = catch_unwind(AssertUnwindSafe(|| self.look(job)));
        findings.unwrap_or_else(|_| Findings {
            armed: Some(Armed::untrusted("arming failed".to_owned())),
            looked: vec![Looked {
                file: 0,
                afresh: false,
                observation: Some(Err(Fault {
                    plugin: self.detector.name().to_owned(),
                    call: "observe",
                    kind: FaultKind::Trap,
                    message: "a defect of the host; its log has the place".to_owned(),
                })),
                digest: None,
                rest: None,
            }],
            ..Findings::default()
        })
    }

    fn add(&mut self, target: Arc<dyn Target>) {
        self.known.insert(target.path().to_owned());
        self.files.push(File {
            target,
            memory: None,
            missing: false,
            held: false,
        });
    }

    fn look(&mut self, job: &Job) -> Findings {
        let armed = match &job.afresh {
            Afresh::Nothing => None,
            Afresh::Everything => Some(self.arm.arm()),
            Afresh::Inside(paths) => {
                paths
                    .iter()
                    .map(|path| self.arm.arm_inside(path))
                    .reduce(|mut all, mut one| {
                        all.renewed |= one.renewed;
                        all.trouble = all.trouble.or(one.trouble);
                        all.local &= one.local;
                        all.found.append(&mut one.found);
                        all
                    })
            }
        };
        let mut findings = Findings::default();
        let (mut mistrust, mut unseen) = (job.mistrust, false);
        if let Some(armed) = &armed {
            mistrust |= armed.trouble.is_some();
            unseen = armed.renewed && self.detector.wakes().events;
            for path in &armed.found {
                if !self.known.contains(path) {
                    self.add((self.open)(path.clone()));
                    findings.appeared.push(path.as_path().into());
                }
            }
        }
        let appeared = self.files.len() - findings.appeared.len()..self.files.len();
        let start = Due {
            start: true,
            by_content: true,
            ..Due::default()
        };
        let mut some = job.some.clone();
        some.extend(appeared.map(|number| (number, start.clone())));
        let everything = job.all.any() || unseen;
        let numbers: Vec<usize> = if everything {
            (0..self.files.len()).collect()
        } else {
            some.keys().copied().collect()
        };
        let mut faults = 0;
        for number in numbers {
            let mut due = some.remove(&number).unwrap_or_default();
            due.add(&job.all);
            let looked = self.look_at(number, &due, unseen, mistrust, job.at_once);
            faults += usize::from(matches!(looked.observation, Some(Err(_))));
            if looked.tells() {
                findings.looked.push(looked);
            }
            if faults >= MAX_FAULTS {
                break;
            }
        }
        findings.armed = armed;
        findings
    }

    fn look_at(
        &mut self,
        number: usize,
        due: &Due,
        unseen: bool,
        mistrust: bool,
        at_once: bool,
    ) -> Looked {
        let mut looked = Looked {
            file: number,
            afresh: due.start,
            observation: None,
            digest: None,
            rest: None,
        };
        let Some(file) = self.files.get_mut(number) else {
            return looked;
        };
        let wakes = self.detector.wakes();
        let wake = if due.start || file.memory.is_none() {
            Some(Wake::Start)
        } else if due.overflow || unseen || (wakes.events && due.tick && mistrust) {
            // What happened while nobody listened can only be found by looking.
            Some(Wake::Overflow)
        } else if wakes.events && !due.events.is_empty() {
            Some(Wake::Events(due.events.clone()))
        } else if wakes.tick && (due.tick || due.rest.is_some()) {
            Some(Wake::Tick)
        } else if due.rest.is_some() {
            // It lives on events alone, and the newest may still be on its way.
            Some(Wake::Overflow)
        } else {
            None
        };
        let was_missing = file.missing;
        // By content first: what is saved between the two is the detector's to see.
        if due.by_content || (file.held && due.tick) {
            file.held = file.target.is_open_for_writing() == Some(true);
            let digest = file.target.digest();
            file.missing |= digest.is_err();
            looked.digest = digest.ok();
        }
        looked.observation = wake.map(|wake| {
            self.detector
                .observe(&file.target, &wake, file.memory.as_deref())
        });
        let mut changed = false;
        if let Some(Ok(observation)) = &mut looked.observation {
            file.memory = Some(std::mem::take(&mut observation.memory));
            file.missing = observation.verdict == Verdict::Missing;
            changed = observation.verdict == Verdict::Changed;
        }
        // What comes back may be another one, whatever its stamps say.
        let back = was_missing && !file.missing && looked.observation.is_some();
        if back {
            looked.afresh = true;
            let digest = file.target.digest();
            file.missing |= digest.is_err();
            looked.digest = digest.ok();
        }
        if due.rest.is_some() || (at_once && (changed || looked.digest.is_some())) {
            let rest = file.target.rest(due.rest.unwrap_or(false));
            file.missing |= rest.is_err();
            file.held = matches!(rest, Ok(Rest::Written(_)));
            looked.rest = Some(rest);
        }
        looked
    }
}

impl Looked {
    /// Whether anything follows from it.
    fn tells(&self) -> bool {
        let silent = match &self.observation {
            None => true,
            Some(Ok(observation)) => {
                observation.verdict == Verdict::Unchanged && observation.note.is_empty()
            }
            Some(Err(_)) => false,
        };
        !silent || self.digest.is_some() || self.rest.is_some()
    }
}
