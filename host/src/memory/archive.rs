//! What is to be kept, and the files it goes to. What a disk does not take now waits here,
//! bounded, and goes there first when it takes something again. Told once each time: when keeping
//! stops, and when it goes on.

use std::collections::VecDeque;

use super::entry::{Begun, Entry, JournalLine};
use super::good;
use crate::config::{self, Difference};
use crate::events::{EventBus, EventKind};
use crate::reload::{LastGood, OutcomeKind, Record, Trigger};
use crate::state::{Bounds, Copies, Folder, Hold, Lines, StateError};
use crate::target::Digest;

/// 4 MiB hold some ten thousand attempts.
pub(super) const BOUNDS: Bounds = Bounds {
    bytes: 1024 * 1024,
    files: 4,
};
/// Attempts that wait for a disk.
const MOST_WAITING: usize = 100;
/// Of retries in a row that end alike, so many are kept each; then every power of two, so that a
/// backend which is down for a week does not push everything else out of the journal.
const EACH_TRY: u64 = 10;

/// Where things are kept.
pub(super) struct Archive {
    folder: Folder,
    copies: Copies,
    bus: EventBus,
    open: Option<Open>,
    waiting: VecDeque<JournalLine>,
    /// Waited too long.
    dropped: usize,
    /// The newest that was applied, until it is on the disk.
    copy: Option<Copy>,
    next_id: u64,
    /// The attempt that runs.
    begun: Option<u64>,
    last: Option<Record>,
    tries: u64,
    /// What was edited while no host ran.
    since_last_life: Vec<Difference>,
    /// What was told of why keeping stopped.
    told: Option<String>,
    /// The folder was ours already.
    held: bool,
}

struct Open {
    _hold: Hold,
    journal: Lines,
    /// The digest of the newest copy.
    newest: Option<String>,
}

struct Copy {
    generation: u64,
    digest: String,
    bytes: Vec<u8>,
}

/// What readers of JSON that know no integers can still count to (RFC 8259, section 6).
const MOST: u64 = 1 << 53;

/// What earlier lives have left.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) last_id: u64,
    pub(super) generation: u64,
}

impl Archive {
    /// Opens what is there. Where that fails it says so, and tries again with the next attempt.
    pub(super) fn new(folder: Folder, bus: EventBus) -> (Self, Past) {
        let mut archive = Self {
            copies: Copies::of(&folder),
            folder,
            bus,
            open: None,
            waiting: VecDeque::new(),
            dropped: 0,
            copy: None,
            next_id: 1,
            begun: None,
            last: None,
            tries: 1,
            since_last_life: Vec::new(),
            told: None,
            held: false,
        };
        archive.catch_up();
        // Also of a folder that can be read and not written.
        let past = past(&archive.folder, &archive.copies);
        archive.next_id = past.last_id + 1;
        (archive, past)
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether something waits, or could not be kept.
    pub(super) fn is_behind(&self) -> bool {
        self.told.is_some()
    }

    /// The newest copy that is whole. None when it is what the file holds: that has just failed.
    pub(super) fn last_good(&self) -> Option<LastGood> {
        let copies = match self.copies.list() {
            Ok(copies) => copies,
            Err(error) => {
                self.bus.publish(EventKind::Degraded, error.to_string());
                return None;
            }
        };
        let mut tell = |details| self.bus.publish(EventKind::Degraded, details);
        let good = good::newest(&copies, &mut tell)?;
        let failed = self
            .last
            .as_ref()
            .and_then(|last| last.digests.seen.as_ref());
        (failed != Some(&Digest::of(&good.bytes).to_string())).then_some(good)
    }

    /// An attempt begins. Retries are too many to be told twice each.
    pub(super) fn began(&mut self, started: &str, trigger: Trigger) {
        if trigger == Trigger::Retry {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.begun = Some(id);
        let begun = Begun {
            id,
            begun: started.to_owned(),
            trigger,
        };
        self.put(JournalLine::Begun(begun));
        self.catch_up();
    }

    /// These bytes serve from now on.
    pub(super) fn serves(&mut self, generation: u64, bytes: &[u8]) {
        if self.last.is_none() {
            self.since_last_life = self.differences_of(bytes);
        }
        self.copy = Some(Copy {
            generation,
            digest: Digest::of(bytes).to_string(),
            bytes: bytes.to_vec(),
        });
        self.catch_up();
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, record: &Record) {
        let mut record = record.clone();
        if record.trigger == Trigger::Start {
            record.differences = std::mem::take(&mut self.since_last_life);
        }
        self.tries = match &self.last {
            Some(last) if is_same_retry(last, &record) => self.tries + 1,
            _ => 1,
        };
        self.last = Some(record.clone());
        if self.tries <= EACH_TRY || self.tries.is_power_of_two() {
            let id = self.begun.take().unwrap_or_else(|| {
                self.next_id += 1;
                self.next_id - 1
            });
            let entry = Entry::of(record, id, self.tries);
            self.put(JournalLine::Ended(Box::new(entry)));
        }
        self.catch_up();
    }

    /// How they differ from what was applied last.
    fn differences_of(&self, bytes: &[u8]) -> Vec<Difference> {
        let sections = |bytes: &[u8]| config::parse("", bytes).ok().map(|it| it.sections());
        let copies = self.copies.list().unwrap_or_default();
        let before = good::newest(&copies, &mut |_| {});
        let before = before.and_then(|good| sections(&good.bytes));
        match (before, sections(bytes)) {
            (Some(before), Some(after)) => config::differences(&before, &after),
            _ => Vec::new(),
        }
    }

    fn put(&mut self, attempt: JournalLine) {
        self.waiting.push_back(attempt);
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
        }
    }

    /// Writes what waits, as far as the disk takes it.
    pub(super) fn catch_up(&mut self) {
        let place = self.folder.path().display().to_string();
        match self.write() {
            Ok(()) => {
                if self.told.take().is_some() {
                    let lost = match std::mem::take(&mut self.dropped) {
                        0 => "nothing was lost".to_owned(),
                        count => format!("{count} attempts are missing in the journal"),
                    };
                    let details = format!("memory is kept again in {place}; {lost}");
                    self.bus.publish(EventKind::State, details);
                }
            }
            Err(error) => {
                // Whatever is open may be in any state now.
                self.open = None;
                let cause = error.cause();
                if self.told.as_ref() != Some(&cause) {
                    let details = format!(
                        "no memory is kept: {error}; serving goes on, and this is tried again by itself"
                    );
                    self.bus.publish(EventKind::Degraded, details);
                    self.told = Some(cause);
                }
            }
        }
    }

    /// The copy first: what serves after the next start matters more than what one can look up.
    fn write(&mut self) -> Result<(), StateError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.reopen()?,
        };
        if let Some(copy) = &self.copy {
            if open.newest.as_ref() != Some(&copy.digest) {
                self.copies
                    .keep(copy.generation, &copy.digest, &copy.bytes)?;
                open.newest = Some(copy.digest.clone());
            }
            self.copy = None;
        }
        while let Some(attempt) = self.waiting.front() {
            open.journal.append(&attempt.to_line())?;
            self.waiting.pop_front();
        }
        self.open = Some(open);
        Ok(())
    }

    /// Numbers what is not written yet anew, if need be, so that it follows the attempt `last`.
    fn count_on(&mut self, last: u64) {
        let mut waiting = self.waiting.iter();
        let first = waiting.next().map(JournalLine::id);
        let first = first.or(self.begun).unwrap_or(self.next_id);
        let later = (last + 1).saturating_sub(first);
        for attempt in &mut self.waiting {
            attempt.count_on(later);
        }
        self.begun = self.begun.map(|id| id + later);
        self.next_id += later;
    }

    fn reopen(&mut self) -> Result<Open, StateError> {
        let hold = self.folder.hold()?;
        if !std::mem::replace(&mut self.held, true) && self.is_behind() {
            // Another host may have kept it meanwhile.
            self.count_on(past(&self.folder, &self.copies).last_id);
        }
        let whole = |line: &[u8]| JournalLine::from_line(line).is_some();
        let (journal, repairs) = Lines::open(&self.folder, BOUNDS, &whole)?;
        if repairs.damaged > 0 {
            let (count, path) = (repairs.damaged, repairs.set_aside.display());
            let details = format!(
                "{count} damaged lines of the journal are set aside in {path}; the rest is whole"
            );
            self.bus.publish(EventKind::Degraded, details);
        }
        let newest = self.copies.list()?.pop().map(|copy| copy.digest);
        Ok(Open {
            _hold: hold,
            journal,
            newest,
        })
    }
}

/// Whether a retry ended as the attempt before it did.
fn is_same_retry(last: &Record, record: &Record) -> bool {
    record.trigger == Trigger::Retry
        && record.outcome != OutcomeKind::Applied
        && record.outcome == last.outcome
        && record.reasons == last.reasons
        && record.digests == last.digests
}

/// What the files say of earlier lives, as far as they can be read. A number beyond all that was
/// ever counted is not counted on.
fn past(folder: &Folder, copies: &Copies) -> Past {
    let highest = |one: u64, other: u64| match other {
        ..MOST => one.max(other),
        _ => one,
    };
    let mut past = Past::default();
    for line in Lines::read(folder).unwrap_or_default() {
        if let Some(attempt) = JournalLine::from_line(&line) {
            past.last_id = highest(past.last_id, attempt.id());
            if let JournalLine::Ended(entry) = attempt {
                past.generation = highest(past.generation, entry.record.generation);
            }
        }
    }
    for copy in copies.list().unwrap_or_default() {
        past.generation = highest(past.generation, copy.generation);
    }
    past
}

#[cfg(test)]
mod tests;
