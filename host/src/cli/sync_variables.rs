//! What the environment says of `sync`: a variable for each key, `CONFIG_SYNC_DEBOUNCE` and so on.

use serde_json::{Map, Value};

use crate::settings::{KEYS, check, from_text};

/// Those that are set, by their keys.
///
/// # Errors
/// The first that may not be so.
pub(super) fn read() -> Result<Map<String, Value>, String> {
    let mut said = Map::new();
    for key in &KEYS {
        let name = format!("CONFIG_SYNC_{}", key.name.to_ascii_uppercase());
        let Some(text) = std::env::var_os(&name) else {
            continue;
        };
        let value = from_text(key, &text.to_string_lossy());
        check(key, &value).map_err(|error| format!("{name}: {error}"))?;
        said.insert(key.name.to_owned(), value);
    }
    Ok(said)
}
