//! What a plugin of any kind may ask the host for besides: its settings always, signals where its
//! user has granted them. In native tests there are no settings and no grants.

use crate::Sections;

pub use crate::bindings::granted::config_sync::plugin::signal::Kind as Signal;

/// The section `settings` of `NAME.yaml` beside the plugin; empty, where it says nothing.
/// `${VAR}` stands as it was written.
pub fn settings() -> Sections {
    #[cfg(target_family = "wasm")]
    let written = crate::bindings::granted::config_sync::plugin::settings::get();
    #[cfg(not(target_family = "wasm"))]
    let written = String::from("{}");
    // The host writes an object, always.
    serde_json::from_str(&written).unwrap_or_default()
}

/// What may be signalled, as the user has named it (`grants: {signal: [...]}`): the path of a
/// pidfile, or a unit of systemd.
pub fn signal_targets() -> Vec<String> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::granted::config_sync::plugin::signal::targets();
    #[cfg(not(target_family = "wasm"))]
    Vec::new()
}

/// Sends a signal to the process whose number stands in the pidfile, or to the main process of
/// the unit.
///
/// # Errors
/// When that is not granted, or there is no such process.
pub fn send_signal(to: &str, signal: Signal) -> Result<(), String> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::granted::config_sync::plugin::signal::send(to, signal);
    #[cfg(not(target_family = "wasm"))]
    Err(format!("{signal:?} to {to}: there is no host"))
}
