//! config.yaml, with what its placeholders stand for: every problem has a place and words, and no
//! value of a secret is in them.

#![no_main]

use config_sync::config::{Known, Load, differences, load, shown};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "XX-canary-XX";

fn env(name: &str) -> Option<String> {
    match name {
        "SET" | "secret:set" => Some(SECRET.to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fuzz_target!(|bytes: &[u8]| {
    match load("config.yaml", bytes, &env, Known::default()) {
        Load::Empty => {}
        Load::Invalid(problems) => {
            let said = problems.to_string();
            assert!(!said.is_empty() && (!said.contains(SECRET) || holds_secret(bytes)));
        }
        Load::Valid {
            config, warnings, ..
        } => {
            assert!(!warnings.to_string().contains(SECRET) || holds_secret(bytes));
            let _ = shown(&config.sections);
            let none = differences(&config.sections, &config.sections);
            assert!(none.is_empty(), "{none:?}");
        }
    }
});

/// The fuzzer may have read this source.
fn holds_secret(bytes: &[u8]) -> bool {
    bytes.windows(6).any(|part| part == b"canary")
}
