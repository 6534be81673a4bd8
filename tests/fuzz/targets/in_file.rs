//! One value changed in a text: either it is refused, or the text means what it meant but for that
//! value. (`edit` checks so itself; here it must neither panic nor take long.)

#![no_main]

use config_sync::config::{Known, Load, load};
use config_sync::settings::{KEYS, edit};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn env(name: &str) -> Option<String> {
    (name == "SET").then(|| "1".to_owned())
}

fuzz_target!(|bytes: &[u8]| {
    let [which, text @ ..] = bytes else { return };
    let key = &KEYS[usize::from(*which) % KEYS.len()];
    let value: Value = match which >> 4 {
        0 => json!(false),
        1 => json!("hash"),
        2 => json!("${SET}"),
        _ => json!(0.25),
    };
    if let Ok(after) = edit("config.yaml", text, &[(key, value)], &env) {
        let known = Known::default();
        let was_right = matches!(load("config.yaml", text, &env, known), Load::Valid { .. });
        let is_right = !matches!(
            load("config.yaml", after.as_bytes(), &env, known),
            Load::Invalid(_)
        );
        assert!(is_right || !was_right, "{after}");
    }
});
