//! The journal and the names of the copies beside it: damaged or not, they are read, a host opens
//! them, and what it notes next can be read again.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use config_sync::events::EventBus;
use config_sync::memory::{DiskMemory, history, last_good};
use config_sync::reload::{Memory, Trigger};
use config_sync::state::Folder;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let (root, watched) = (FOLDER.path(), Path::new("/srv/config.yaml"));
    let folder = Folder::of(root, watched).path().to_owned();
    let copies = folder.join("copies");
    fs::create_dir_all(&copies).unwrap();
    let (name, journal) = bytes.split_at(bytes.len().min(40));
    fs::write(folder.join("journal-000001.jsonl"), journal).unwrap();
    let name = String::from_utf8_lossy(name).replace(['/', '\0'], "-");
    let _ = fs::write(copies.join(name), journal);

    let before = history(root, watched).unwrap();
    let mut memory = DiskMemory::open(root, watched, EventBus::default());
    memory.last_good();
    memory.began("now", Trigger::Detector);
    memory.serves(memory.generation() + 1, b"version: 1");
    let after = history(root, watched).unwrap();
    assert_eq!(after.damaged, 0, "what is damaged is set aside");
    assert_eq!(after.attempts.len(), before.attempts.len() + 1);
    assert!(last_good(root, watched).is_some());
    drop(memory);
    fs::remove_dir_all(&folder).unwrap();
});
