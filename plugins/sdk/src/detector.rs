use std::fmt::{self, Display, Formatter};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{DetectorDescriptor, FileError, FileEvent, FileKind, FileStat, Verdict, Wake};

/// A strategy that decides whether the watched file has changed.
pub trait Detector {
    /// What is remembered from one look to the next. The host keeps it, as
    /// [`remember`](Self::remember) writes it.
    type Memory: Serialize + DeserializeOwned;

    /// What the detector is, and what it wants to be woken for.
    fn describe() -> DetectorDescriptor;

    /// One look at the file. There is no `memory` at the first look, and none that an older
    /// version of the plugin left and this one cannot read: take a baseline then.
    ///
    /// An `Err` says that the look itself failed; the host asks again and keeps the memory.
    fn observe(
        target: &dyn Target,
        wake: Wake,
        memory: Option<Self::Memory>,
    ) -> Result<Observation<Self::Memory>, String>;

    /// The memory as the host keeps it: JSON, or, for a detector that counts microseconds,
    /// [`packed`](crate::packed).
    fn remember(memory: &Self::Memory) -> Result<Vec<u8>, String> {
        serde_json::to_vec(memory).map_err(|error| error.to_string())
    }

    /// What [`remember`](Self::remember) wrote. An `Err` makes the detector start over.
    fn recall(bytes: &[u8]) -> Result<Self::Memory, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

/// The one watched file, lent by the host for the length of a look.
pub trait Target {
    /// The path as configured, for messages only.
    fn name(&self) -> String;

    /// What the file system says about the file, after following every link.
    fn stat(&self) -> Result<FileStat, FileError>;

    /// SHA-256 of the whole content. The host computes it, several times as fast as a plugin can.
    fn digest(&self) -> Result<Digest, FileError>;

    /// At most `length` bytes from `offset`; empty at the end of the file.
    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, FileError>;

    /// [`stat`](Target::stat), where anything but a regular file is [`FileError::NotAFile`].
    fn regular(&self) -> Result<FileStat, FileError> {
        self.stat().and_then(|stat| match stat.kind {
            FileKind::Regular => Ok(stat),
            FileKind::Directory | FileKind::Other => Err(FileError::NotAFile),
        })
    }
}

/// The digest of a content: equal for equal bytes. It reads as hexadecimal; `{:.8}` shows the eight
/// digits that people compare by eye.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) Vec<u8>);

impl From<Vec<u8>> for Digest {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Display for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        f.pad(&digits.map(digit).collect::<String>())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let bytes = digits.as_bytes().chunks(2).map(|pair| {
            let pair = str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes = bytes.collect::<Option<_>>();
        bytes
            .map(Self)
            .ok_or_else(|| D::Error::custom("no hexadecimal digits"))
    }
}

/// What a detector found, and what it wants to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation<M> {
    /// Whether the file has changed since the last look.
    pub verdict: Verdict,
    /// What the next look is given.
    pub memory: M,
    /// What was seen, for people: "mtime 12:00:01 -> 12:00:05". Empty when there is nothing to tell.
    pub note: String,
}

impl<M> Observation<M> {
    /// Nothing happened.
    pub fn unchanged(memory: M) -> Self {
        Self {
            verdict: Verdict::Unchanged,
            memory,
            note: String::new(),
        }
    }

    /// The file is another one than at the last look.
    pub fn changed(memory: M, note: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Changed,
            memory,
            note: note.into(),
        }
    }

    /// There is no file to serve from. Remember that it was told, and leave the note empty while
    /// it stays away.
    pub fn missing(memory: M, note: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Missing,
            memory,
            note: note.into(),
        }
    }

    /// The same with a note. On an unchanged file it is told as a `no-change` event: something
    /// happened, and it was no change.
    #[must_use]
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }
}

/// Why there is no file to look at. Unlike the rest of [`FileError`] it is no failure of the look,
/// and it can be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// Nothing is at the path.
    NotFound,
    /// Something is there, and the host may not read it.
    PermissionDenied,
    /// A folder, a pipe or a device is there.
    NotAFile,
}

impl Display for Absence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::PermissionDenied => "permission denied",
            Self::NotAFile => "not a regular file",
        })
    }
}

impl FileError {
    /// Why there is no file, or the operating system's words where the look failed.
    pub fn absence(self) -> Result<Absence, String> {
        match self {
            Self::NotFound => Ok(Absence::NotFound),
            Self::PermissionDenied => Ok(Absence::PermissionDenied),
            Self::NotAFile => Ok(Absence::NotAFile),
            Self::Other(message) => Err(message),
        }
    }
}

/// For notes: "written".
impl Display for FileEvent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Written => "written",
            Self::Closed => "closed",
            Self::Renamed => "renamed",
            Self::Removed => "removed",
            Self::Metadata => "metadata",
        })
    }
}
