//! Signals processes after a reload: those that its user has granted it, in `signal.yaml` beside
//! `signal.wasm`.
//!
//! ```yaml
//! grants: {signal: [/run/nginx.pid, prometheus.service]}
//! settings: {signal: hangup, after: [applied]}   # as it is without settings
//! ```
//!
//! It reads no section of the configuration and wants nothing built. The start of a host is a reload,
//! too. It waits for no process: what becomes of a signal is its receiver's business.

use config_sync_sdk::{
    Change, HandlerDescriptor, Outcome, Problem, Proposal, ReloadHandler, Sections, Signal, Wanted,
    send_signal, settings, signal_targets,
};
use serde::Deserialize;

/// The handler `signal`.
pub struct Signals;

config_sync_sdk::export!(handler: Signals);

/// What its settings say.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Orders {
    signal: Signal,
    after: Vec<Outcome>,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            signal: Signal::Hangup,
            after: vec![Outcome::Applied],
        }
    }
}

impl ReloadHandler for Signals {
    fn describe() -> HandlerDescriptor {
        HandlerDescriptor {
            summary: "signals processes after a reload".into(),
            sections: Vec::new(),
        }
    }

    /// Refuses settings that make no sense before anything is built on them.
    fn propose(_change: Change) -> Result<Proposal, Vec<Problem>> {
        Orders::read(settings()).map_err(|wrong| vec![Problem::error("", wrong)])?;
        Ok(Proposal {
            wanted: Wanted::Nothing,
            differences: Vec::new(),
        })
    }

    fn finished(_generation: u64, outcome: Outcome) -> Result<(), String> {
        let orders = Orders::read(settings())?;
        if !orders.after.contains(&outcome) {
            return Ok(());
        }
        // All of them, whatever becomes of one.
        let failed: Vec<_> = signal_targets()
            .iter()
            .filter_map(|target| send_signal(target, orders.signal).err())
            .collect();
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed.join("; ")),
        }
    }
}

impl Orders {
    fn read(settings: Sections) -> Result<Self, String> {
        serde_json::from_value(settings.into())
            .map_err(|error| format!("the settings of this handler: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::sections;
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> Result<Orders, String> {
        Orders::read(sections(settings))
    }

    #[test]
    fn without_settings_what_was_applied_is_told_by_a_hangup() {
        assert_eq!(read(json!({})), Ok(Orders::default()));
        let orders = Orders {
            signal: Signal::User1,
            after: vec![Outcome::Applied, Outcome::Reverted],
        };
        let settings = json!({ "signal": "user1", "after": ["applied", "reverted"] });
        assert_eq!(read(settings), Ok(orders));
    }

    #[test]
    fn words_that_are_none_are_refused_with_those_that_are() {
        for (settings, told) in [
            (
                json!({ "signal": "HUP" }),
                "expected one of `hangup`, `user1`",
            ),
            (
                json!({ "after": ["applied", "never"] }),
                "unknown variant `never`",
            ),
            (
                json!({ "sginal": "hangup" }),
                "expected `signal` or `after`",
            ),
        ] {
            let wrong = read(settings).unwrap_err();
            assert!(wrong.contains(told), "{wrong}");
        }
    }
}
