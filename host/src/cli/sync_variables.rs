//! What the environment says of `sync`: a variable for each key, `CONFIG_SYNC_DEBOUNCE` and so on;
//! and which variables are probably slips of one of ours.

use serde_json::{Map, Value};

use crate::config;
use crate::settings::{KEYS, check, from_text};

const OURS: &str = "CONFIG_SYNC_";
/// The variables that are no keys of `sync`. The last two `config-sync watch` gives its commands.
const OTHERS: [&str; 7] = [
    "CONFIG", "LOG", "SECRETS", "SETTINGS", "STATE", "DIGEST", "PATH",
];

/// Those that are set, by their keys.
///
/// # Errors
/// The first that may not be so.
pub(super) fn read() -> Result<Map<String, Value>, String> {
    let mut said = Map::new();
    for key in &KEYS {
        let name = format!("{OURS}{}", key.name.to_ascii_uppercase());
        let Some(text) = std::env::var_os(&name) else {
            continue;
        };
        let value = from_text(key, &text.to_string_lossy());
        check(key, &value).map_err(|error| format!("{name}: {error}"))?;
        said.insert(key.name.to_owned(), value);
    }
    Ok(said)
}

/// What to tell of the variables of this process that look like ours and are none.
pub(super) fn misspelt() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut told: Vec<_> = names.filter_map(|name| slip(&name)).collect();
    told.sort();
    told
}

/// Others may begin as ours do (Kubernetes names some after a service): only what is nearly one of
/// ours is a slip.
fn slip(name: &str) -> Option<String> {
    let word = name.strip_prefix(OURS)?;
    let keys = KEYS.iter().map(|key| key.name.to_ascii_uppercase());
    let known: Vec<_> = keys.chain(OTHERS.map(str::to_owned)).collect();
    if known.iter().any(|known| known == word) {
        return None;
    }
    let meant = config::nearest(word, known.iter().map(String::as_str))?;
    Some(format!(
        "{name}: unknown variable of the environment, so it says nothing; did you mean \
         `{OURS}{meant}`?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_with_what_was_meant_and_what_is_no_slip_is_not() {
        let told = slip("CONFIG_SYNC_DEBOUNSE").unwrap();
        assert!(
            told.ends_with("did you mean `CONFIG_SYNC_DEBOUNCE`?"),
            "{told}"
        );
        let told = slip("CONFIG_SYNC_poll-interval").unwrap();
        assert!(told.contains("`CONFIG_SYNC_POLL_INTERVAL`"), "{told}");
        assert!(slip("CONFIG_SYNC_SETINGS").unwrap().contains("_SETTINGS`"));
        for fine in [
            "CONFIG_SYNC_DEBOUNCE",
            "CONFIG_SYNC_STATE",
            "CONFIG_SYNC_SERVICE_HOST",
            "CONFIG_SYNC_PORT_9000_TCP_ADDR",
            "CONFIG_SYNC_SEED",
            "DEBOUNSE",
        ] {
            assert_eq!(slip(fine), None, "{fine}");
        }
    }
}
