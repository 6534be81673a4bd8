//! A plugin's logic, tested as plain Rust: a file in memory, and a host that keeps the memory.
//!
//! ```
//! # use config_sync_sdk::{Detector, Observation, DetectorDescriptor, Target, Wakes};
//! use config_sync_sdk::testing::{FakeTarget, Looks};
//! use config_sync_sdk::{Verdict, Wake};
//! # struct Always;
//! # impl Detector for Always {
//! #     type Memory = ();
//! #     fn describe() -> DetectorDescriptor { DetectorDescriptor { summary: String::new(), wakes: Wakes::TICK } }
//! #     fn observe(_: &dyn Target, _: Wake, _: Option<()>) -> Result<Observation<()>, String> {
//! #         Ok(Observation::changed((), "always"))
//! #     }
//! # }
//!
//! let mut target = FakeTarget::new("version: 1");
//! let mut looks = Looks::<Always>::default();
//! looks.look(&target, Wake::Start);
//! target.write("version: 2");
//! assert_eq!(looks.look(&target, Wake::Tick), Ok((Verdict::Changed, "always".to_owned())));
//! ```

use std::cell::Cell;
use std::hash::{DefaultHasher, Hasher};
use std::marker::PhantomData;

use serde_json::Value;

use crate::{
    Change, Detector, Digest, FileError, FileKind, FileStat, Method, Request, Sections, Target,
    Verdict, Wake, guest,
};

/// A second, in the file system's nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// A watched file in memory. Each thing that happens to it takes a second of its own clock.
#[derive(Debug)]
pub struct FakeTarget {
    /// What `stat` answers. Set it by hand for what no method below does.
    pub stat: FileStat,
    bytes: Vec<u8>,
    failure: Option<FileError>,
    digests: Cell<u32>,
}

impl FakeTarget {
    /// A regular file with this content, made at 12:00:00 UTC on the first day of the epoch.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let noon = 12 * 60 * 60 * SECOND;
        let stat = FileStat {
            kind: FileKind::Regular,
            size: bytes.len() as u64,
            modified: noon,
            changed: noon,
            inode: 1,
            device: 1,
        };
        Self {
            stat,
            bytes,
            failure: None,
            digests: Cell::new(0),
        }
    }

    /// Another content in the same inode.
    pub fn write(&mut self, bytes: impl Into<Vec<u8>>) {
        self.rewrite_within_a_clock_tick(bytes);
        self.touch();
    }

    /// Another content that no time stamp tells of.
    pub fn rewrite_within_a_clock_tick(&mut self, bytes: impl Into<Vec<u8>>) {
        self.bytes = bytes.into();
        self.stat.size = self.bytes.len() as u64;
    }

    /// Another file renamed over this one, as most editors do.
    pub fn replace(&mut self, bytes: impl Into<Vec<u8>>) {
        self.write(bytes);
        self.stat.inode += 1;
    }

    /// New times for the same content.
    pub fn touch(&mut self) {
        self.stat.changed += SECOND;
        self.stat.modified = self.stat.changed;
    }

    /// A new mode or owner: only the time of the inode tells of it.
    pub fn chmod(&mut self) {
        self.stat.changed += SECOND;
    }

    /// From now on every look answers this.
    pub fn fail(&mut self, error: FileError) {
        self.failure = Some(error);
    }

    /// The end of [`fail`](Self::fail).
    pub fn recover(&mut self) {
        self.failure = None;
    }

    /// How often the content was digested.
    pub fn digests(&self) -> u32 {
        self.digests.get()
    }

    fn reachable(&self) -> Result<(), FileError> {
        self.failure.clone().map_or(Ok(()), Err)
    }
}

impl Target for FakeTarget {
    fn name(&self) -> String {
        "config.yaml".to_owned()
    }

    fn stat(&self) -> Result<FileStat, FileError> {
        self.reachable().map(|()| self.stat)
    }

    /// Equal for equal bytes, as SHA-256 is, and nothing more than that.
    fn digest(&self) -> Result<Digest, FileError> {
        self.reachable()?;
        self.digests.set(self.digests.get() + 1);
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.bytes);
        Ok(hasher.finish().to_be_bytes().repeat(4).into())
    }

    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, FileError> {
        self.reachable()?;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        let end = start.saturating_add(length as usize).min(self.bytes.len());
        Ok(self.bytes[start..end].to_vec())
    }
}

/// One look after the other. It keeps the detector's memory as the host does, as bytes.
#[derive(Debug)]
pub struct Looks<D> {
    memory: Option<Vec<u8>>,
    detector: PhantomData<D>,
}

impl<D> Default for Looks<D> {
    fn default() -> Self {
        Self {
            memory: None,
            detector: PhantomData,
        }
    }
}

impl<D: Detector> Looks<D> {
    /// A detector that has taken its baseline.
    pub fn started(target: &dyn Target) -> Self {
        let mut looks = Self::default();
        // A start that fails is told by the next look.
        let _ = looks.look(target, Wake::Start);
        looks
    }

    /// A detector whose memory another version of it has left.
    pub fn remembering(memory: impl Into<Vec<u8>>) -> Self {
        Self {
            memory: Some(memory.into()),
            ..Self::default()
        }
    }

    /// The verdict and the note of one look. A look that fails leaves the memory as it was.
    pub fn look(&mut self, target: &dyn Target, wake: Wake) -> Result<(Verdict, String), String> {
        let seen = guest::observe::<D>(target, wake, self.memory.as_deref())?;
        self.memory = Some(seen.memory);
        Ok((seen.verdict, seen.note))
    }
}

/// A change for a handler, from documents as `json!` writes them.
pub fn change(previous: Option<Value>, next: Value) -> Change {
    Change {
        generation: 2,
        previous: previous.map(sections),
        next: sections(next),
    }
}

/// A call of a tool for a middleware, with parameters as `json!` writes them.
pub fn request(tool: &str, params: Value) -> Request {
    Request {
        id: 1,
        client: "test/1".to_owned(),
        caller: None,
        method: Method::CallTool,
        name: tool.to_owned(),
        backend: "backend".to_owned(),
        params: params.to_string(),
    }
}

/// The sections in a document as `json!` writes it.
#[expect(clippy::panic, reason = "a test with a wrong fixture must stop")]
pub fn sections(document: Value) -> Sections {
    match document {
        Value::Object(sections) => sections,
        other => panic!("sections are a JSON object, not {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DetectorDescriptor, Observation, Wakes};

    /// Counts its looks.
    struct Counter;

    impl Detector for Counter {
        type Memory = u32;

        fn describe() -> DetectorDescriptor {
            DetectorDescriptor {
                summary: "counts".into(),
                wakes: Wakes::TICK,
            }
        }

        fn observe(
            target: &dyn Target,
            _wake: Wake,
            memory: Option<u32>,
        ) -> Result<Observation<u32>, String> {
            target.stat().map_err(|error| format!("{error:?}"))?;
            let looks = memory.unwrap_or(0) + 1;
            Ok(Observation::unchanged(looks).with_note(looks.to_string()))
        }
    }

    #[test]
    fn memory_lasts_from_look_to_look() {
        let target = FakeTarget::new("");
        let mut looks = Looks::<Counter>::started(&target);
        assert_eq!(
            looks.look(&target, Wake::Tick),
            Ok((Verdict::Unchanged, "2".into()))
        );
    }

    #[test]
    fn memory_that_no_longer_decodes_is_none() {
        let mut looks = Looks::<Counter>::remembering(r#"{"version":0}"#);
        assert_eq!(
            looks.look(&FakeTarget::new(""), Wake::Tick),
            Ok((Verdict::Unchanged, "1".into()))
        );
    }

    #[test]
    fn a_look_that_fails_keeps_the_memory() {
        let mut target = FakeTarget::new("");
        let mut looks = Looks::<Counter>::started(&target);
        target.fail(FileError::NotFound);
        assert!(looks.look(&target, Wake::Tick).is_err());
        target.recover();
        assert_eq!(
            looks.look(&target, Wake::Tick),
            Ok((Verdict::Unchanged, "2".into()))
        );
    }

    #[test]
    fn reading_ends_where_the_file_ends() {
        let target = FakeTarget::new("version");
        assert_eq!(target.read(4, 100), Ok(b"ion".to_vec()));
        assert_eq!(target.read(u64::MAX, u32::MAX), Ok(Vec::new()));
    }
}
