//! The settings store: one document for each watched file, YAML that people can read, in the
//! user's config folder. Each stored value remembers what the watched file said when it was
//! stored. Written whole or not at all, by one writer at a time.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::{Key, check};
use super::layers::is_same;
use crate::state::{self, Folder, StateError, write_whole};

/// Bytes of a document; one with everything set has a thousand.
const MOST_BYTES: u64 = 1 << 20;
/// How often a document is tried that somebody else is writing, and after how long each time.
const PATIENCE: (u32, Duration) = (40, Duration::from_millis(50));
const HEAD: &str = "\
# Written by Config Sync: settings that were stored, and win over those in the watched file.
# Change them with `config-sync settings set KEY VALUE`, take them back with `settings reset`.
";

/// One stored value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// It.
    pub value: Value,
    /// What the watched file said when it was stored, as it was written; `null` for nothing. Once
    /// the file says something else, that is newer.
    #[serde(default)]
    pub over: Value,
    /// When it was stored (RFC 3339).
    #[serde(default)]
    pub since: String,
}

impl Stored {
    /// Whether the file says by now what it said when this was stored, if it says `value`.
    pub fn is_over(&self, value: &Value) -> bool {
        is_same(&self.over, value)
    }
}

/// Stored values by their keys.
pub type Document = BTreeMap<String, Stored>;

/// The whole file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Of the format.
    version: u32,
    /// Which file the settings are of, for people.
    file: String,
    #[serde(default)]
    settings: BTreeMap<String, Value>,
}

/// Where the settings of one watched file are stored.
#[derive(Debug, Clone)]
pub struct SettingsStore {
    folder: PathBuf,
    document: PathBuf,
    lock: PathBuf,
    watched: PathBuf,
}

/// A document, and what had to be said on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opened {
    /// What is stored.
    pub document: Document,
    /// What was damaged, where that is now, and what to do. One line each.
    pub told: Vec<String>,
}

/// Why nothing could be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error(
        "cannot {doing} {}: {source}; make it usable, or name another folder with \
         CONFIG_SYNC_SETTINGS", path.display()
    )]
    Refused {
        /// What was tried, as in `cannot write`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// In the system's words.
        source: io::Error,
    },
    /// Somebody else is writing, and does not come to an end.
    #[error("{} is being written by another process{process}; try again", path.display())]
    Held {
        /// The document.
        path: PathBuf,
        /// Its id, if its lock says.
        process: String,
    },
}

impl From<StateError> for StoreError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Refused {
                doing,
                path,
                source,
            } => Self::Refused {
                doing,
                path,
                source,
            },
            StateError::Held { path, process } => Self::Held {
                path,
                process: process.map_or_else(String::new, |id| format!(" ({id})")),
            },
        }
    }
}

impl SettingsStore {
    /// The store in `folder` for the file at `watched` (absolute). Touches no disk.
    pub fn of(folder: &Path, watched: &Path) -> Self {
        let of_watched = Folder::of(folder, watched);
        let with = |end: &str| {
            let mut path = OsString::from(of_watched.path());
            path.push(end);
            PathBuf::from(path)
        };
        Self {
            folder: folder.to_owned(),
            document: with(".yaml"),
            lock: with(".lock"),
            watched: watched.to_owned(),
        }
    }

    /// The document.
    pub fn path(&self) -> &Path {
        &self.document
    }

    /// What is stored. A damaged document is set aside, and what is whole in it stays. Where
    /// nothing is stored nothing is written.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn read(&self) -> Result<Opened, StoreError> {
        match self.bytes()? {
            None => Ok(Opened::default()),
            Some(bytes) if read(&bytes).1.is_empty() => Ok(Opened {
                document: read(&bytes).0,
                told: Vec::new(),
            }),
            Some(_) => self.change(|_| {}),
        }
    }

    /// Changes what is stored, whatever somebody else has stored meanwhile, and writes it.
    ///
    /// # Errors
    /// When the system refuses, or another writer does not end; then the document is as it was.
    pub fn change(&self, change: impl FnOnce(&mut Document)) -> Result<Opened, StoreError> {
        state::make(&self.folder)?;
        let _hold = self.hold()?;
        let mut told = Vec::new();
        let before = self.bytes()?.unwrap_or_default();
        let (mut document, wrong) = read(&before);
        if !wrong.is_empty() {
            let aside = self.set_aside(&before)?;
            told.push(format!(
                "the settings store {} is damaged ({}); it is set aside as {}, and what was \
                 whole in it counts",
                self.document.display(),
                wrong.join("; "),
                aside.display()
            ));
        }
        let whole = document.clone();
        change(&mut document);
        if document != whole || !wrong.is_empty() {
            write_whole(&self.document, self.text(&document)?.as_bytes())?;
        }
        Ok(Opened { document, told })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "another process tells nobody when it is done, and this runs off the async threads"
    )]
    fn hold(&self) -> Result<state::Hold, StoreError> {
        let (tries, pause) = PATIENCE;
        for _ in 1..tries {
            match state::hold(&self.lock, &self.document) {
                Err(StateError::Held { .. }) => std::thread::sleep(pause),
                done => return Ok(done?),
            }
        }
        Ok(state::hold(&self.lock, &self.document)?)
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |error| StateError::of("read", &self.document)(error);
        let file = match File::open(&self.document) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let mut bytes = Vec::new();
        // One byte more, so that what is too long is seen to be.
        let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(failed)?;
        Ok(Some(bytes))
    }

    fn set_aside(&self, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
        let mut path = OsString::from(&self.document);
        path.push(format!(".damaged-{time}"));
        let path = PathBuf::from(path);
        // What is too long to be read is not copied either.
        match bytes.len() as u64 > MOST_BYTES {
            true => fs::rename(&self.document, &path)
                .map_err(|error| StateError::of("move away", &self.document)(error))?,
            false => write_whole(&path, bytes)?,
        }
        Ok(path)
    }

    fn text(&self, document: &Document) -> Result<String, StoreError> {
        let failed = |error: serde_yaml::Error| StoreError::Refused {
            doing: "write",
            path: self.document.clone(),
            source: io::Error::other(error.to_string()),
        };
        let settings = document.iter().map(|(key, stored)| {
            let value = serde_json::to_value(stored).unwrap_or_default();
            (key.clone(), value)
        });
        let written = Written {
            version: 1,
            file: self.watched.display().to_string(),
            settings: settings.collect(),
        };
        Ok(HEAD.to_owned() + &serde_yaml::to_string(&written).map_err(failed)?)
    }
}

/// What is whole in these bytes, and what is wrong with the rest.
fn read(bytes: &[u8]) -> (Document, Vec<String>) {
    if bytes.is_empty() {
        return (Document::new(), Vec::new());
    }
    if bytes.len() as u64 > MOST_BYTES {
        let wrong = format!("it has more than {MOST_BYTES} bytes");
        return (Document::new(), vec![wrong]);
    }
    let written: Written = match serde_yaml::from_slice(bytes) {
        Ok(written) => written,
        Err(error) => return (Document::new(), vec![error.to_string()]),
    };
    if written.version != 1 {
        let wrong = format!("its version is {}, not 1", written.version);
        return (Document::new(), vec![wrong]);
    }
    let mut document = Document::new();
    let mut wrong = Vec::new();
    for (name, value) in written.settings {
        match entry(&name, value) {
            Ok(stored) => drop(document.insert(name, stored)),
            Err(error) => wrong.push(error),
        }
    }
    (document, wrong)
}

fn entry(name: &str, value: Value) -> Result<Stored, String> {
    let key = Key::named(name)?;
    let stored: Stored =
        serde_json::from_value(value).map_err(|error| format!("sync.{}: {error}", key.name))?;
    check(key, &stored.value)?;
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn store(folder: &tempfile::TempDir) -> SettingsStore {
        SettingsStore::of(
            &folder.path().join("config-sync"),
            Path::new("/srv/config.yaml"),
        )
    }

    fn stored(value: Value, over: Value) -> Stored {
        Stored {
            value,
            over,
            since: "2026-11-24T11:20:00Z".to_owned(),
        }
    }

    #[test]
    fn what_is_stored_comes_back_and_people_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert_eq!(store.read().unwrap(), Opened::default());
        assert!(!store.path().exists(), "reading writes nothing");
        let all = [
            ("detection", stored(json!("hash"), json!("mtime"))),
            ("debounce", stored(json!(0.5), Value::Null)),
        ];
        let all: Document = all.map(|(key, value)| (key.to_owned(), value)).into();
        store.change(|document| *document = all.clone()).unwrap();
        assert_eq!(store.read().unwrap().document, all);
        let text = fs::read_to_string(store.path()).unwrap();
        assert!(text.contains("file: /srv/config.yaml\n"), "{text}");
        assert!(
            text.contains("  detection:\n    value: hash\n    over: mtime\n"),
            "{text}"
        );
        let mode = fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_document_is_set_aside_and_what_is_whole_in_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let head = "version: 1\nfile: x\nsettings:\n  detection: {value: hash}\n";
        for (text, said, whole) in [
            ("version: 1\nfile: '", "scanning", 0),
            ("\u{0}\u{1}", "control characters", 0),
            ("version: 7\nfile: x\n", "version is 7", 0),
            ("version: 1\nfile: x\nsetings: {}\n", "setings", 0),
            (
                &format!("{head}  debounce: {{value: -1}}\n"),
                "0 to 3600 seconds",
                1,
            ),
            (
                &format!("{head}  debounse: {{value: 1}}\n"),
                "did you mean",
                1,
            ),
            (&format!("{head}  debounce: 1\n"), "sync.debounce", 1),
        ] {
            store.change(|document| document.clear()).unwrap();
            fs::write(store.path(), text).unwrap();
            let opened = store.read().unwrap();
            assert_eq!(opened.document.len(), whole, "{text}");
            let [told] = &opened.told[..] else {
                panic!("{text}: {:?}", opened.told)
            };
            assert!(told.contains(said), "{text}: {told}");
            let aside = told.split("set aside as ").nth(1).unwrap();
            let aside = aside.split(',').next().unwrap();
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
            assert_eq!(
                store.read().unwrap().told,
                Vec::<String>::new(),
                "said once"
            );
        }
    }

    #[test]
    fn a_document_beyond_all_bounds_is_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.change(|_| {}).unwrap();
        fs::write(store.path(), vec![b' '; 2 << 20]).unwrap();
        let opened = store.read().unwrap();
        assert!(
            opened.told[0].contains("more than 1048576 bytes"),
            "{opened:?}"
        );
        assert!(store.read().unwrap().told.is_empty());
    }

    #[test]
    fn two_writers_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        std::thread::scope(|scope| {
            for key in ["debounce", "poll_interval", "probation", "safety_interval"] {
                let store = store.clone();
                scope.spawn(move || {
                    for value in 1..=10 {
                        let value = stored(json!(value), Value::Null);
                        let put = |document: &mut Document| {
                            document.insert(key.to_owned(), value);
                        };
                        // Whoever has it may have it for longer than one waits.
                        loop {
                            match store.change(put.clone()) {
                                Err(StoreError::Held { .. }) => {}
                                done => break drop(done.unwrap()),
                            }
                        }
                    }
                });
            }
        });
        let document = store.read().unwrap().document;
        assert_eq!(document.len(), 4);
        assert!(document.values().all(|stored| stored.value == json!(10)));
    }

    #[test]
    fn a_writer_that_does_not_end_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.change(|_| {}).unwrap();
        let _hold = state::hold(&store.lock, store.path()).unwrap();
        let said = store.change(Document::clear).unwrap_err().to_string();
        let process = std::process::id();
        assert!(
            said.contains(&format!("another process ({process})")),
            "{said}"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config-sync"), "a file").unwrap();
        let said = store(&folder).change(|_| {}).unwrap_err().to_string();
        assert!(said.contains("CONFIG_SYNC_SETTINGS"), "{said}");
    }
}
