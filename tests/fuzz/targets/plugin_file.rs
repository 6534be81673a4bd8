//! The file beside a plugin: grants, limits and settings.

#![no_main]

use config_sync::config::{PluginLimits, plugin_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let env = |name: &str| (name == "SET").then(|| "1".to_owned());
    if let Err(problems) = plugin_file("it.yaml", bytes, &env, PluginLimits::default()) {
        assert!(!problems.to_string().is_empty());
    }
});
