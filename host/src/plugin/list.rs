//! Every plugin of a library, as those who list them see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::edition::Edition;
use super::grants;
use super::library::{DroppedIn, Library};
use crate::config::PluginGrants;
use crate::manage::{Plugin, PluginKind, PluginState};

impl Library {
    /// Every plugin at hand, and every file that cannot be used: what was dropped in by its name,
    /// then what is built in. Blocks, for what nobody has wanted yet is compiled.
    pub fn list(&self) -> Vec<Plugin> {
        let now = self.read();
        let dropped_in = now.dropped_in.iter();
        let dropped_in = dropped_in.map(|(name, here)| dropped_in_as_listed(name, here));
        let mut all: Vec<_> = dropped_in.collect();
        let built_in = self.all_built_in();
        let built_in = built_in.filter(|(kind, it)| !now.has(it.name, *kind));
        let (built_in, engine) = (built_in.collect::<Vec<_>>(), now.engine.clone());
        drop(now);
        all.extend(built_in.into_iter().map(|(kind, it)| {
            let made = it.get(&engine);
            // One is held by the library, one here.
            let in_use = made.as_ref().is_ok_and(|it| Arc::strong_count(it) > 2);
            let mut listed = listed(it.name, Some(kind), made.as_deref().ok());
            (listed.built_in, listed.in_use) = (true, in_use);
            if let Err(error) = &made {
                listed.state = PluginState::Refused;
                listed.refused = Some(error.clone());
            }
            listed
        }));
        all
    }

    /// The handlers that have failed so often in a row that they are not asked for a time, each
    /// with its last fault.
    pub fn resting_handlers(&self) -> BTreeMap<String, String> {
        let now = self.read();
        let dropped_in = now.dropped_in.iter();
        let resting = dropped_in.filter_map(|(name, here)| {
            let edition = here.edition.as_ref();
            let account = edition
                .filter(|it| it.kind == PluginKind::Handler)?
                .health()
                .account();
            let rests = account.is_quarantined();
            rests.then(|| (name.clone(), account.last.unwrap_or_default()))
        });
        resting.collect()
    }

    /// What is wrong with plugins that somebody has dropped in, one line each, with what to do.
    pub fn troubles(&self) -> Vec<String> {
        let now = self.read();
        let dropped_in = now.dropped_in.iter();
        let listed = dropped_in.map(|(name, here)| dropped_in_as_listed(name, here));
        listed.filter_map(|it| it.trouble()).collect()
    }
}

fn dropped_in_as_listed(name: &str, here: &DroppedIn) -> Plugin {
    let edition = here.edition.as_deref();
    let mut listed = listed(name, edition.map(|it| it.kind), edition);
    listed.path = Some(here.path.display().to_string());
    listed.in_use = here.is_in_use();
    if let Some(wrong) = &here.wrong {
        let goes_on = edition.filter(|it| it.withdrawn().is_none());
        (listed.state, listed.refused) = match goes_on {
            None => (PluginState::Refused, Some(wrong.clone())),
            Some(_) => {
                let told = format!("the file cannot be used, the one before it goes on: {wrong}");
                (PluginState::Outdated, Some(told))
            }
        };
    } else if here.removed {
        let told = "its file is gone; it goes on as long as it is in use, and is missing after a \
                    restart";
        listed.state = PluginState::Removed;
        listed.refused = Some(told.to_owned());
    }
    listed
}

fn listed(name: &str, kind: Option<PluginKind>, edition: Option<&Edition>) -> Plugin {
    let account = edition.map(|it| it.health().account()).unwrap_or_default();
    let quarantined = account.is_quarantined();
    Plugin {
        name: name.to_owned(),
        kind,
        summary: edition.map_or_else(String::new, |it| it.summary().to_owned()),
        built_in: false,
        state: match quarantined {
            true => PluginState::Quarantined,
            false => PluginState::Ready,
        },
        refused: account.last.filter(|_| quarantined),
        sections: edition.map_or_else(Vec::new, |it| it.sections().to_vec()),
        path: None,
        digest: edition.map(|it| it.digest.to_string()),
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
