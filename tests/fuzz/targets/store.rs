//! The document of the settings store: damaged or not, it is read, and what is stored next can be
//! read again.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use config_sync::settings::SettingsStore;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let store = SettingsStore::of(FOLDER.path(), Path::new("/srv/config.yaml"));
    fs::write(store.path(), bytes).unwrap();
    let first = store.read().unwrap();
    let second = store.read().unwrap();
    assert!(second.told.is_empty(), "mended once: {:?}", second.told);
    assert_eq!(first.document, second.document);
    for entry in fs::read_dir(FOLDER.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
});
