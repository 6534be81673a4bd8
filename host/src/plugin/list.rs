//! Every plugin of a library, as those who list them see it.

use super::edition::{Edition, Kind};
use super::grants;
use super::library::{DroppedIn, Library};
use super::listed::{Listed, ListedState};
use crate::config::PluginGrants;

impl Library {
    /// Every plugin at hand, and every file that cannot be used: what was dropped in by its name,
    /// then what is built in.
    pub fn list(&self) -> Vec<Listed> {
        let now = self.read();
        let dropped_in = now.dropped_in.iter();
        let dropped_in = dropped_in.map(|(name, here)| dropped_in_as_listed(name, here));
        let built_in = self.all_built_in().filter(|(_, it)| !now.has(it.name));
        let built_in = built_in.map(|(kind, it)| {
            let made = it.made();
            // One is held by the library, one here.
            let in_use = made
                .as_ref()
                .is_some_and(|it| std::sync::Arc::strong_count(it) > 2);
            let mut listed = listed(it.name, Some(kind), made.as_deref());
            listed.in_use = in_use;
            listed
        });
        dropped_in.chain(built_in).collect()
    }
}

fn dropped_in_as_listed(name: &str, here: &DroppedIn) -> Listed {
    let edition = here.edition.as_deref();
    let mut listed = listed(name, edition.map(|it| it.kind), edition);
    listed.path = Some(here.path.display().to_string());
    listed.in_use = here.is_in_use();
    if let Some(wrong) = &here.wrong {
        let usable = edition.is_some();
        listed.state = if usable {
            ListedState::Outdated
        } else {
            ListedState::Refused
        };
        listed.reason = Some(match usable {
            true => format!("the file cannot be used, the one before it goes on: {wrong}"),
            false => wrong.clone(),
        });
    } else if here.removed {
        listed.state = ListedState::Removed;
        listed.reason = Some(
            "its file is gone; it goes on as long as it is in use, and is missing after a restart"
                .to_owned(),
        );
    }
    listed
}

fn listed(name: &str, kind: Option<Kind>, edition: Option<&Edition>) -> Listed {
    let account = edition.map(|it| it.health().account()).unwrap_or_default();
    let state = match account.is_quarantined() {
        true => ListedState::Quarantined,
        false => ListedState::Ready,
    };
    Listed {
        name: name.to_owned(),
        kind: kind.map(|it| it.as_str().to_owned()),
        summary: edition.map_or_else(String::new, |it| it.summary().to_owned()),
        sections: edition.map_or_else(Vec::new, |it| it.sections().to_vec()),
        path: None,
        digest: edition.map(|it| it.digest.to_string()),
        state,
        reason: account.last.filter(|_| state == ListedState::Quarantined),
        grants: edition.map_or_else(Vec::new, |it| keys(&it.grants)),
        in_use: false,
        calls: account.calls,
        faults: account.faults,
        strikes: account.strikes,
    }
}

/// The keys of what is granted.
fn keys(granted: &PluginGrants) -> Vec<String> {
    let keys = ["http", "read", "env", "signal", "clock", "random"];
    let held = keys.into_iter().filter(|key| grants::holds(granted, key));
    held.map(str::to_owned).collect()
}
