//! Bytes as a component: refused with a reason, or used within its limits.

#![no_main]

use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use config_sync::config::PluginLimits;
use config_sync::plugin::{Library, PluginEngine, inspect};
use config_sync::target::{LocalFile, Target};
use config_sync::watch::{Detectors, Wake};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().unwrap());
static ENGINE: LazyLock<PluginEngine> = LazyLock::new(|| {
    let limits = PluginLimits {
        time: Duration::from_millis(100),
        ..PluginLimits::default()
    };
    // What is built in is compiled once.
    PluginEngine::new(limits.into(), Some(FOLDER.path().join("cache"))).unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let plugins = FOLDER.path().join("plugins");
    fs::create_dir_all(&plugins).unwrap();
    let path = plugins.join("any.wasm");
    fs::write(&path, bytes).unwrap();
    if let Err(why) = inspect(&path, &ENGINE) {
        assert!(!why.is_empty());
    }
    let library = Library::load(ENGINE.clone(), &[plugins]);
    match library.detector("any") {
        Ok(mut detector) => {
            let target: Arc<dyn Target> = Arc::new(LocalFile::new(&path));
            let _ = detector.observe(&target, &Wake::Start, None);
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
});
