//! The file that a plugin in isolation is lent: it is nowhere but here, and its clock moves only
//! when told. What happens to it leaves the stamps that a POSIX file system leaves.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::happening::{Content, Happening, Recorded};
use crate::target::{Digest, FileError, FileKind, Stat, Target};

/// Noon of the first day of the epoch: a number that people can read.
pub(super) const START: Duration = Duration::from_secs(12 * 60 * 60);

/// How old a file is to which a link is swapped.
const OLDER: Duration = Duration::from_secs(60 * 60);

/// Whoever asks is its owner.
const READABLE: u32 = 0o400;

/// The file, as all who look at it see it.
pub(super) struct VirtualFile {
    state: Mutex<State>,
}

struct State {
    now: Duration,
    last_inode: u64,
    stands: Option<Standing>,
    /// What every look answers, in place of what stands.
    failure: Option<FileError>,
    /// What a writer has yet to write.
    unwritten: Option<Vec<u8>>,
    /// What happens after the next call.
    meanwhile: Vec<Happening>,
}

#[derive(Clone)]
struct Standing {
    stat: Stat,
    mode: u32,
    content: Content,
    /// mtime before the last change of the content.
    modified_before: u64,
}

impl VirtualFile {
    /// A file with this content, or none.
    pub(super) fn new(content: Option<Vec<u8>>) -> Self {
        let mut state = State {
            now: START,
            last_inode: 0,
            stands: None,
            failure: None,
            unwritten: None,
            meanwhile: Vec::new(),
        };
        if let Some(bytes) = content {
            state.create(bytes);
        }
        Self {
            state: Mutex::new(state),
        }
    }

    /// Moves the clock, to a time since the epoch.
    pub(super) fn set_time(&self, now: Duration) {
        self.lock().now = now;
    }

    /// Lets something happen now.
    pub(super) fn happen(&self, happening: &Happening) {
        self.lock().happen(happening);
    }

    /// Lets something happen after the next call of a look.
    pub(super) fn happen_meanwhile(&self, happenings: &[Happening]) {
        self.lock().meanwhile = happenings.to_vec();
    }

    /// The look is over: what has not happened meanwhile happens now.
    pub(super) fn look_ended(&self) {
        self.lock().catch_up();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, ask: impl FnOnce(&Standing) -> Result<T, FileError>) -> Result<T, FileError> {
        let mut state = self.lock();
        let answer = match (&state.failure, &state.stands) {
            (Some(failure), _) => Err(failure.clone()),
            (None, None) => Err(FileError::NotFound),
            (None, Some(standing)) => ask(standing),
        };
        state.catch_up();
        answer
    }
}

impl State {
    fn catch_up(&mut self) {
        for happening in std::mem::take(&mut self.meanwhile) {
            self.happen(&happening);
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Write(bytes) => self.write(bytes.clone()),
            Happening::Grow(length) => {
                let mut bytes = self.bytes();
                bytes.extend("# grown\n".bytes().cycle().take(*length));
                self.write(bytes);
            }
            Happening::TornWrite { bytes, at } => {
                self.write(bytes[..*at].to_vec());
                self.unwritten = Some(bytes.clone());
            }
            Happening::FinishWrite => {
                if let Some(bytes) = self.unwritten.take() {
                    self.write(bytes);
                }
            }
            Happening::MapWrite(bytes) => {
                let stands = self.stands.as_ref().map(|standing| standing.stat);
                self.write(bytes.clone());
                if let (Some(before), Some(standing)) = (stands, &mut self.stands) {
                    standing.stat.modified = before.modified;
                    standing.stat.changed = before.changed;
                }
            }
            Happening::RenameOver(bytes) => self.create(bytes.clone()),
            Happening::LinkSwap(bytes) => {
                self.create(bytes.clone());
                let older = nanoseconds(START - OLDER);
                self.with(|standing| {
                    standing.stat.modified = older;
                    standing.stat.changed = older;
                });
            }
            Happening::Touch => {
                let now = nanoseconds(self.now);
                match self.stands {
                    Some(_) => self.with(|standing| {
                        standing.stat.modified = now;
                        standing.stat.changed = now;
                    }),
                    None => self.create(Vec::new()),
                }
            }
            Happening::RestoreTime => {
                let now = nanoseconds(self.now);
                self.with(|standing| {
                    standing.stat.modified = standing.modified_before;
                    standing.stat.changed = now;
                });
            }
            Happening::Chmod(mode) => {
                let now = nanoseconds(self.now);
                self.with(|standing| {
                    standing.mode = *mode;
                    standing.stat.changed = now;
                });
            }
            Happening::Delete => self.stands = None,
            Happening::MakeFolder => {
                self.create(Vec::new());
                self.with(|standing| standing.stat.kind = FileKind::Directory);
            }
            Happening::Fail(error) => self.failure = Some(error.clone()),
            Happening::Recover => self.failure = None,
            Happening::Is(recorded) => self.is(recorded),
        }
    }

    fn is(&mut self, recorded: &Recorded) {
        self.stands = Some(Standing {
            stat: recorded.stat,
            mode: if recorded.readable { READABLE } else { 0 },
            content: recorded.content.clone(),
            modified_before: recorded.stat.modified,
        });
        self.failure = None;
    }

    /// In the same inode, which is made where there is none.
    fn write(&mut self, bytes: Vec<u8>) {
        self.unwritten = None;
        let now = nanoseconds(self.now);
        match &mut self.stands {
            Some(standing) if standing.stat.kind == FileKind::Regular => {
                standing.modified_before = standing.stat.modified;
                standing.stat.size = bytes.len() as u64;
                standing.stat.modified = now;
                standing.stat.changed = now;
                standing.content = Content::Bytes(bytes);
            }
            _ => self.create(bytes),
        }
    }

    /// Another inode.
    fn create(&mut self, bytes: Vec<u8>) {
        self.unwritten = None;
        let now = nanoseconds(self.now);
        let before = self.stands.as_ref();
        let modified_before = before.map_or(now, |standing| standing.stat.modified);
        self.last_inode += 1;
        self.stands = Some(Standing {
            stat: Stat {
                kind: FileKind::Regular,
                size: bytes.len() as u64,
                modified: now,
                changed: now,
                inode: self.last_inode,
                device: 1,
            },
            mode: 0o644,
            content: Content::Bytes(bytes),
            modified_before,
        });
    }

    fn with(&mut self, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = &mut self.stands {
            change(standing);
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.stands {
            Some(Standing {
                content: Content::Bytes(bytes),
                ..
            }) => bytes.clone(),
            _ => Vec::new(),
        }
    }
}

impl Standing {
    fn open(&self) -> Result<&Content, FileError> {
        if self.stat.kind != FileKind::Regular {
            return Err(FileError::NotAFile);
        }
        match self.mode & READABLE {
            0 => Err(FileError::PermissionDenied),
            _ => Ok(&self.content),
        }
    }

    fn read(&self) -> Result<&[u8], FileError> {
        match self.open()? {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Digest(_) => Err(FileError::Other(
                "the trace has no content; record it with --content".to_owned(),
            )),
        }
    }
}

impl Target for VirtualFile {
    fn path(&self) -> &Path {
        Path::new("config.yaml")
    }

    fn stat(&self) -> Result<Stat, FileError> {
        self.ask(|standing| Ok(standing.stat))
    }

    fn digest(&self) -> Result<Digest, FileError> {
        self.ask(|standing| match standing.open()? {
            Content::Bytes(bytes) => Ok(Digest::of(bytes)),
            Content::Digest(digest) => Ok(*digest),
        })
    }

    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, FileError> {
        self.ask(|standing| {
            let bytes = standing.read()?;
            let start = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
            let end = start.saturating_add(length as usize).min(bytes.len());
            Ok(bytes[start..end].to_vec())
        })
    }

    fn read_all(&self, limit: u64) -> Result<Vec<u8>, FileError> {
        self.ask(|standing| {
            let bytes = standing.read()?;
            let size = bytes.len() as u64;
            match size > limit {
                true => Err(FileError::TooLarge { size, limit }),
                false => Ok(bytes.to_vec()),
            }
        })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        text.into()
    }

    #[test]
    fn what_happens_leaves_its_stamps() {
        let file = VirtualFile::new(Some(text("a")));
        let first = file.stat().unwrap();
        file.set_time(START + Duration::from_secs(1));
        file.happen(&Happening::Write(text("bb")));
        let written = file.stat().unwrap();
        assert_eq!((written.size, written.inode), (2, first.inode));
        assert_eq!(written.modified, first.modified + 1_000_000_000);
        file.happen(&Happening::RestoreTime);
        assert_eq!(file.stat().unwrap().modified, first.modified);
        file.happen(&Happening::RenameOver(text("c")));
        assert_ne!(file.stat().unwrap().inode, first.inode);
        file.happen(&Happening::MapWrite(text("d")));
        assert_eq!(file.stat().unwrap().changed, written.changed);
        assert_eq!(file.digest(), Ok(Digest::of(b"d")));
    }

    #[test]
    fn what_happens_meanwhile_is_seen_by_the_second_call() {
        let file = VirtualFile::new(Some(text("a")));
        file.happen_meanwhile(&[Happening::Write(text("bb"))]);
        assert_eq!(file.stat().unwrap().size, 1);
        assert_eq!(file.stat().unwrap().size, 2);
    }

    #[test]
    fn a_torn_write_shows_what_is_written_so_far() {
        let file = VirtualFile::new(None);
        assert_eq!(file.stat(), Err(FileError::NotFound));
        file.happen(&Happening::TornWrite {
            bytes: text("abcd"),
            at: 2,
        });
        assert_eq!(file.read_all(9), Ok(text("ab")));
        file.happen(&Happening::FinishWrite);
        assert_eq!(file.read_all(9), Ok(text("abcd")));
    }

    #[test]
    fn a_mode_without_reading_hides_the_content_and_not_the_stamps() {
        let file = VirtualFile::new(Some(text("a")));
        file.happen(&Happening::Chmod(0o200));
        assert!(file.stat().is_ok());
        assert_eq!(file.digest(), Err(FileError::PermissionDenied));
    }
}
