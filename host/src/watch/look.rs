//! One look at the files: arm the events again, ask the detector, compare by content, see whether
//! one has come to rest, each where that is due. Runs beside the watcher on a thread of its own,
//! since any of it may block on a dead file system; so it takes all it needs along and brings it
//! back.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arm::{Arm, Armed, Unseen};
use super::due::{Afresh, Due, Job};
use super::first_look::FirstLook;
use super::{Detector, Observation, Verdict, Wake};
use crate::events::{Fault, FaultKind};
use crate::target::{Digest, FileError, Rest, Target};

/// Faults of its own in one look after which a detector is asked no more: each may have taken all
/// the time it has. What it refuses for the file's sake costs nothing.
const MAX_FAULTS: usize = 3;
/// After so many ticks a file in a watched folder that is gone is forgotten. One that comes back
/// later is new.
const GONE: u32 = 10;

/// Makes the target of a file that was found in a watched folder.
pub type Open = fn(PathBuf) -> Arc<dyn Target>;

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
    /// New files, each with its number.
    pub(super) appeared: Vec<(usize, Arc<Path>)>,
    /// Numbers of files that are forgotten.
    pub(super) vanished: Vec<usize>,
    /// How many looks the detector did well.
    pub(super) good: usize,
    /// Where there is something to tell.
    pub(super) looked: Vec<Looked>,
}

/// One file as the look knows it.
struct File {
    target: Arc<dyn Target>,
    memory: Option<Vec<u8>>,
    /// It was not there, or not readable, at the last look.
    missing: bool,
    /// For so many ticks.
    missed: u32,
    /// It was found in a folder, and nobody named it.
    found: bool,
    /// Somebody had it open for writing, or mapped: what is stored through a map changes no
    /// stamp and makes no event, so as long as that lasts, each tick compares by content.
    held: bool,
}

/// All that a look needs, and what must survive it.
pub(super) struct Look {
    pub(super) arm: Box<dyn Arm>,
    pub(super) detector: Box<dyn Detector>,
    /// By number. A number that is free is given again.
    files: Vec<Option<File>>,
    free: Vec<usize>,
    /// By path.
    known: HashMap<PathBuf, usize>,
    /// The detector took over from another component of its name, and has not looked yet.
    swapped: bool,
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
            free: Vec::new(),
            known: HashMap::new(),
            swapped: false,
            open,
        };
        for target in targets {
            look.add(target, false);
        }
        look
    }

    /// A detector that knows nothing of the files yet.
    pub(super) fn replace(&mut self, detector: Box<dyn Detector>) {
        self.detector = detector;
        for file in self.files.iter_mut().flatten() {
            file.memory = None;
        }
    }

    /// Another component of the same name: it gets what the one before remembered.
    pub(super) fn swap(&mut self, detector: Box<dyn Detector>) {
        self.detector = detector;
        self.swapped = true;
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

    fn add(&mut self, target: Arc<dyn Target>, found: bool) -> usize {
        let path = target.path().to_owned();
        let file = Some(File {
            target,
            memory: None,
            missing: false,
            missed: 0,
            found,
            held: false,
        });
        let number = self.free.pop().unwrap_or(self.files.len());
        self.known.insert(path, number);
        match self.files.get_mut(number) {
            Some(slot) => *slot = file,
            None => self.files.push(file),
        }
        number
    }

    /// Forgets a file that has been gone from its folder for long enough.
    fn forget(&mut self, number: usize) -> bool {
        let Some(slot) = self.files.get_mut(number) else {
            return false;
        };
        let Some(file) = slot.take_if(|file| file.found && file.missed >= GONE) else {
            return false;
        };
        self.known.remove(file.target.path());
        self.free.push(number);
        true
    }

    /// The files there, by number. Only what is not a file needs a search: a folder.
    fn covered(&self, unseen: &Unseen) -> Vec<usize> {
        let Unseen::At(paths) = unseen else {
            return Vec::new();
        };
        if paths.iter().all(|path| self.known.contains_key(path)) {
            return paths
                .iter()
                .filter_map(|it| self.known.get(it).copied())
                .collect();
        }
        let known = self.known.iter().filter(|(path, _)| unseen.covers(path));
        known.map(|(_, number)| *number).collect()
    }

    fn look(&mut self, job: &Job) -> Findings {
        let armed = match &job.afresh {
            Afresh::Nothing => None,
            Afresh::Everything => Some(self.arm.arm()),
            Afresh::At(paths) => {
                paths
                    .iter()
                    .map(|path| self.arm.arm_at(path))
                    .reduce(|mut all, mut one| {
                        all.unseen.merge(one.unseen);
                        all.trouble = all.trouble.or(one.trouble);
                        all.local &= one.local;
                        all.found.append(&mut one.found);
                        all
                    })
            }
        };
        let mut findings = Findings::default();
        let (mut mistrust, mut unseen) = (job.mistrust, Unseen::Nothing);
        if let Some(armed) = &armed {
            mistrust |= armed.trouble.is_some();
            if self.detector.wakes().events {
                unseen = armed.unseen.clone();
            }
            for path in &armed.found {
                if !self.known.contains_key(path) {
                    let number = self.add((self.open)(path.clone()), true);
                    findings.appeared.push((number, path.as_path().into()));
                }
            }
        }
        let appeared = findings.appeared.iter().map(|(number, _)| *number);
        let mut some = job.some.clone();
        some.extend(appeared.map(|number| (number, Due::from_scratch())));
        let everything = job.all.any() || unseen == Unseen::Everything;
        let numbers: Vec<usize> = if everything {
            (0..self.files.len()).collect()
        } else {
            let mut numbers: BTreeSet<usize> = some.keys().copied().collect();
            numbers.extend(self.covered(&unseen));
            numbers.into_iter().collect()
        };
        let swapped = self.swapped && everything;
        let mut faults = 0;
        for number in numbers {
            let mut due = some.remove(&number).unwrap_or_default();
            due.add(&job.all);
            let asked = faults < MAX_FAULTS;
            let looked = self.look_at(number, &due, asked, &unseen, mistrust, job.at_once);
            match &looked.observation {
                Some(Ok(_)) => findings.good += 1,
                Some(Err(fault)) if fault.kind != FaultKind::Refusal => faults += 1,
                _ => {}
            }
            if looked.tells() {
                findings.looked.push(looked);
            }
            if due.tick && self.forget(number) {
                findings.vanished.push(number);
            }
        }
        findings.armed = armed;
        self.swapped &= !swapped;
        findings
    }

    fn look_at(
        &mut self,
        number: usize,
        due: &Due,
        asked: bool,
        unseen: &Unseen,
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
        let Some(Some(file)) = self.files.get_mut(number) else {
            return looked;
        };
        let wakes = self.detector.wakes();
        let unseen = unseen.covers(file.target.path());
        let wake = if !asked {
            None
        } else if due.start || file.memory.is_none() {
            Some(Wake::Start)
        } else if due.overflow || unseen || (wakes.events && due.tick && mistrust) {
            // What happened while nobody listened can only be found by looking.
            Some(Wake::Overflow)
        } else if wakes.events && !due.events.is_empty() {
            Some(Wake::Events(due.events.clone()))
        } else if wakes.tick && (due.tick || due.rest) {
            Some(Wake::Tick)
        } else if due.rest {
            // It lives on events alone, and the newest may still be on its way.
            Some(Wake::Overflow)
        } else {
            None
        };
        let was_missing = file.missing;
        // By content first: what is saved between the two is the detector's to see. But where it
        // takes its baseline, it sees nothing of what was saved before.
        let by_content = due.by_content || (file.held && due.tick);
        let starts = wake == Some(Wake::Start) || (self.swapped && wake.is_some());
        looked.afresh |= self.swapped && by_content;
        if by_content && !starts {
            looked.digest = file.compare();
        }
        let target: Arc<dyn Target> = match at_once {
            true => Arc::new(FirstLook::at(&file.target)),
            false => Arc::clone(&file.target),
        };
        looked.observation = wake.map(|wake| {
            let memory = file.memory.as_deref();
            let observed = self.detector.observe(&target, &wake, memory);
            if !self.swapped || observed.is_ok() || memory.is_none() {
                return observed;
            }
            // It cannot read what the one before remembered: it begins with nothing.
            self.detector.observe(&target, &Wake::Start, None)
        });
        let mut changed = false;
        if let Some(Ok(observation)) = &mut looked.observation {
            file.memory = Some(std::mem::take(&mut observation.memory));
            file.missing = observation.verdict == Verdict::Missing;
            file.missed = match file.missing {
                true => file.missed + u32::from(due.tick),
                false => 0,
            };
            changed = observation.verdict == Verdict::Changed;
        }
        // What comes back may be another one, whatever its stamps say.
        let back = was_missing && !file.missing && looked.observation.is_some();
        if back || (by_content && starts) {
            looked.afresh |= back;
            looked.digest = file.compare();
        }
        if due.rest || (at_once && (changed || looked.digest.is_some())) {
            let rest = target.rest(due.written);
            file.missing |= rest.is_err();
            file.held = matches!(rest, Ok(Rest::Written(_)));
            looked.rest = Some(rest);
        }
        looked
    }
}

impl File {
    /// Its digest; none, if it cannot be read.
    fn compare(&mut self) -> Option<Digest> {
        self.held = self.target.is_open_for_writing() == Some(true);
        let digest = self.target.digest();
        self.missing |= digest.is_err();
        digest.ok()
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
