//! What a file did on some machine, written down as a scenario while it happens. The recorder
//! stands where a detector stands, so a trace has exactly the looks that a detector would have
//! had: what woke it, and what it would have been shown. Never judges, and keeps content only if
//! asked to.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use super::words;
use crate::events::Fault;
use crate::target::{Digest, FileError, FileKind, Stat, Target};
use crate::watch::{Detector, Detectors, Observation, Verdict, Wake, Wakes};

/// More than this is not kept of a content, in bytes.
const MAX_CONTENT: u64 = 1024 * 1024;

/// A trace that is being written. Clones write the same.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<Writing>>);

struct Writing {
    out: Box<dyn Write + Send>,
    content: bool,
    /// When the last step was.
    last: Instant,
    seen: Option<Seen>,
    /// The last look was at a tick: another one that finds the same says nothing.
    ticked: bool,
    /// The first that could not be written.
    failed: Option<io::Error>,
}

/// What a look finds.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Nothing,
    Failure(FileError),
    Standing(Stat, Result<Digest, FileError>),
}

impl Trace {
    /// Begins a trace of the file called `name`. With `content`, what is in it is written down too,
    /// where it is text.
    pub fn begin(name: &str, content: bool, out: Box<dyn Write + Send>) -> Self {
        let mut writing = Writing {
            out,
            content,
            last: Instant::now(),
            seen: None,
            ticked: false,
            failed: None,
        };
        let summary = format!("{name}, recorded from {:.0} on", Timestamp::now());
        writing.write(&format!(
            "# Play it with `config-sync plugin test FILE.wasm --steps`, and the name of this file.\n\
             summary: {}\ntimeline:\n",
            quoted(&summary)
        ));
        Self(Arc::new(Mutex::new(writing)))
    }

    /// Adds a line that is no step.
    pub fn remark(&self, text: &str) {
        let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
        self.with(|writing| writing.write(&format!("  # {:.3} {text}\n", Timestamp::now())));
    }

    /// Whether everything could be written so far.
    pub fn is_whole(&self) -> bool {
        self.with(|writing| writing.failed.is_none())
    }

    /// Why the trace could not be written, if it could not.
    pub fn failure(&self) -> Option<io::Error> {
        self.with(|writing| writing.failed.take())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Writing) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Detectors for Trace {
    fn detector(&self, _name: &str) -> Result<Box<dyn Detector>, String> {
        Ok(Box::new(self.clone()))
    }

    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        Ok(Box::new(self.clone()))
    }

    fn names(&self) -> Vec<String> {
        vec!["record".to_owned()]
    }
}

impl Detector for Trace {
    fn name(&self) -> &str {
        "record"
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
        _memory: Option<&[u8]>,
    ) -> Result<Observation, Fault> {
        let seen = look(target.as_ref());
        let verdict = self.with(|writing| writing.add(target.as_ref(), wake, seen, Instant::now()));
        Ok(Observation {
            verdict,
            memory: Vec::new(),
            note: String::new(),
        })
    }
}

fn look(target: &dyn Target) -> Seen {
    match target.stat() {
        Ok(stat) => Seen::Standing(stat, target.digest()),
        Err(FileError::NotFound) => Seen::Nothing,
        Err(error) => Seen::Failure(error),
    }
}

impl Writing {
    fn add(&mut self, target: &dyn Target, wake: &Wake, seen: Seen, now: Instant) -> Verdict {
        let same = self.seen.as_ref() == Some(&seen);
        let ticks = matches!(wake, Wake::Tick);
        if same && ticks && self.ticked {
            return seen.verdict(true);
        }
        self.ticked = ticks;
        let mut after = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        let mut steps = format!("  # {:.3}\n", Timestamp::now());
        let mut step = |text: String| {
            steps += &format!("  - {text}\n    after: {after:.6}\n");
            after = 0.0;
        };
        if !same {
            let failed = matches!(self.seen, Some(Seen::Failure(_)));
            if failed && seen == Seen::Nothing {
                step("recover:".to_owned());
            }
            match &seen {
                // At the beginning there is none anyway.
                Seen::Nothing if self.seen.is_none() => {}
                Seen::Nothing => step("delete:".to_owned()),
                Seen::Failure(FileError::PermissionDenied) => step("lock_folder:".to_owned()),
                Seen::Failure(error) => step(format!("io_error: {}", quoted(&error.to_string()))),
                Seen::Standing(stat, digest) => {
                    let content = self.content.then(|| text(target, stat)).flatten();
                    step(is(stat, digest, content));
                }
            }
        }
        step(match wake {
            Wake::Start => "start:".to_owned(),
            Wake::Tick => "tick:".to_owned(),
            Wake::Overflow => "overflow:".to_owned(),
            Wake::Events(events) => {
                let events: Vec<_> = events.iter().copied().map(words::event).collect();
                format!("events: [{}]", events.join(", "))
            }
        });
        self.write(&steps);
        let first = self.seen.is_none();
        let verdict = seen.verdict(same || first);
        self.seen = Some(seen);
        verdict
    }

    fn write(&mut self, text: &str) {
        let written = self.out.write_all(text.as_bytes());
        if let Err(error) = written.and_then(|()| self.out.flush()) {
            self.failed.get_or_insert(error);
        }
    }
}

impl Seen {
    fn verdict(&self, same: bool) -> Verdict {
        match self {
            Self::Standing(_, Ok(_)) if same => Verdict::Unchanged,
            Self::Standing(_, Ok(_)) => Verdict::Changed,
            _ => Verdict::Missing,
        }
    }
}

/// The content, where it is text and belongs to this look.
fn text(target: &dyn Target, stat: &Stat) -> Option<String> {
    let bytes = target.read_all(MAX_CONTENT).ok()?;
    let same = target.stat() == Ok(*stat);
    String::from_utf8(bytes).ok().filter(|_| same)
}

fn is(stat: &Stat, digest: &Result<Digest, FileError>, content: Option<String>) -> String {
    let mut is = format!(
        "is:\n      kind: {}\n      size: {}\n      modified: {}\n      changed: {}\n      \
         inode: {}\n      device: {}",
        words::kind(stat.kind),
        stat.size,
        stat.modified,
        stat.changed,
        stat.inode,
        stat.device
    );
    match (content, digest) {
        (Some(content), Ok(digest)) if Digest::of(content.as_bytes()) == *digest => {
            is += &format!("\n      content: {}", quoted(&content));
        }
        (_, Ok(digest)) => is += &format!("\n      digest: {}", quoted(&digest.to_string())),
        (_, Err(_)) if stat.kind == FileKind::Regular => is += "\n      readable: false",
        (_, Err(_)) => {}
    }
    is
}

/// A text as JSON has it is one as YAML has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::super::file::VirtualFile;
    use super::super::happening::Happening;
    use super::super::{Scenario, scenario};
    use super::*;
    use crate::watch::FileEvent;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_trace_is_a_scenario_with_the_same_file_in_it() {
        let page = Page::default();
        let mut trace = Trace::begin("config.yaml", true, Box::new(page.clone()));
        let file = Arc::new(VirtualFile::new(None));
        let target: Arc<dyn Target> = Arc::clone(&file) as _;
        let mut verdicts = Vec::new();
        let mut look = |wake: Wake| {
            let seen = trace.observe(&target, &wake, None).unwrap();
            verdicts.push(seen.verdict);
        };
        look(Wake::Start);
        file.happen(&Happening::Write(b"a: \"1\"\n".into()));
        look(Wake::Events(vec![FileEvent::Created, FileEvent::Closed]));
        look(Wake::Tick);
        look(Wake::Tick);
        file.happen(&Happening::Fail(FileError::Other(
            "stale: handle".to_owned(),
        )));
        look(Wake::Tick);
        file.happen(&Happening::Recover);
        file.happen(&Happening::Write(vec![0xff]));
        look(Wake::Tick);
        file.happen(&Happening::Delete);
        look(Wake::Overflow);
        use Verdict::{Changed, Missing, Unchanged};
        assert_eq!(
            verdicts,
            [
                Missing, Changed, Unchanged, Unchanged, Missing, Changed, Missing
            ]
        );

        let text = page.0.lock().unwrap().clone();
        let again = Scenario::parse("trace.yaml", Path::new(""), &text).unwrap();
        let names: Vec<_> = again.steps.iter().map(|step| step.name).collect();
        assert_eq!(
            names,
            [
                "start", "is", "events", "tick", "io_error", "tick", "is", "tick", "delete",
                "overflow"
            ]
        );
        let replayed = VirtualFile::new(None);
        for step in &again.steps[..3] {
            if let scenario::Action::Happens(happening) = &step.action {
                replayed.happen(happening);
            }
        }
        assert_eq!(replayed.read_all(99), Ok(b"a: \"1\"\n".into()));
        assert!(
            again
                .steps
                .iter()
                .all(|step| step.at < Duration::from_secs(60))
        );
    }
}
