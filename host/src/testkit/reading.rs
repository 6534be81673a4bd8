//! A scenario from its YAML, with every problem at once: each has its line, and what was probably
//! meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::beyond::Beyond;
use super::calls;
use super::scenario::{Action, Expect, Offered, Scenario, Step};
use super::words;
use crate::config::{
    MapReader, PluginFile, PluginLimits, Problems, Value, plugin_grants, plugin_settings, read_with,
};
use crate::reload::Ending;

/// Between two steps, where the scenario does not say.
const STEP: f64 = 1.0;

/// Every step that there is.
pub(super) const ACTIONS: [&str; 30] = [
    "write",
    "grow",
    "torn_write",
    "finish_write",
    "map_write",
    "rename_over",
    "link_swap",
    "touch",
    "restore_time",
    "chmod",
    "delete",
    "make_folder",
    "lock_folder",
    "io_error",
    "recover",
    "is",
    "start",
    "tick",
    "events",
    "overflow",
    "outside",
    "restart",
    "swap",
    "forget",
    "propose",
    "compose",
    "finished",
    "configure",
    "request",
    "response",
];

impl Scenario {
    /// Reads the scenario in this file.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it cannot be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(&path.display().to_string(), &folder, &bytes)
            .map_err(|problems| problems.to_string())
    }

    /// Reads the scenario in these bytes; paths in it start at `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, folder: &Path, bytes: &[u8]) -> Result<Self, Problems> {
        let mut scenario = read_with(name, bytes, |map| scenario(map, folder))?;
        scenario.name = name.to_owned();
        scenario.text = String::from_utf8_lossy(bytes).into_owned();
        Ok(scenario)
    }
}

fn scenario(map: &mut MapReader<'_>, folder: &Path) -> Scenario {
    let summary = map.get("summary").and_then(|it| it.written_text());
    let content = match map.get("file") {
        Some(value) => value.written_text().map(Vec::from),
        None => None,
    };
    let limits = map.get("limits").and_then(|it| it.map()).map(limits);
    let file = PluginFile {
        grants: plugin_grants(map),
        settings: plugin_settings(map),
        limits: limits.unwrap_or_default(),
        sha256: None,
    };
    let beyond = Beyond::at_the_beginning(map);
    let steps = map.require(
        "timeline",
        "a list of what happens, one step after the other",
    );
    let mut at = Duration::ZERO;
    let steps = steps
        .and_then(|steps| steps.list("a list of steps"))
        .unwrap_or_default()
        .iter()
        .filter_map(|value| step(value, &mut at))
        .collect();
    Scenario {
        name: String::new(),
        summary: summary.unwrap_or_default().to_owned(),
        folder: folder.to_owned(),
        text: String::new(),
        file,
        beyond,
        content,
        steps,
    }
}

fn limits(mut map: MapReader<'_>) -> PluginLimits {
    let default = PluginLimits::default();
    let limits = PluginLimits {
        time: map.seconds("time", 0.000_001..=60.0, default.time),
        memory_mib: map.integer("memory", 1..=4096, " MiB", default.memory_mib.into()) as u32,
        ..default
    };
    map.finish();
    limits
}

fn step(value: &Value<'_>, at: &mut Duration) -> Option<Step> {
    let mut map = value.map()?;
    let after = map.seconds("after", 0.0..=1e9, Duration::from_secs_f64(STEP));
    *at = at.saturating_add(after);
    let found: Vec<&'static str> = ACTIONS
        .into_iter()
        .filter(|action| map.keys().any(|key| key == *action))
        .collect();
    let known = found.first().copied();
    let action = known.and_then(|name| {
        let value = map.entry(name)?;
        action(name, &value, &mut map)
    });
    let expect = map.get("expect");
    if known.is_none() {
        for action in ACTIONS {
            // They are what was probably meant.
            map.entry(action);
        }
        if map.keys().all(|key| matches!(key, "after" | "expect")) {
            let help = format!("one of {}", ACTIONS.join(", "));
            map.error("nothing happens in this step", Some(help));
        }
    }
    if let [first, second, ..] = found.as_slice() {
        let message = format!("two things in one step: `{first}` and `{second}`");
        map.entry(second);
        map.error(message, Some("make it two steps".to_owned()));
    }
    map.finish();
    let action = action?;
    let expect = match expect {
        Some(value) => Some(expectation(&value, &action)?),
        None => None,
    };
    Some(Step {
        line: value.place().map_or(0, |place| place.line),
        name: known?,
        at: *at,
        action,
        expect,
    })
}

/// These say all that there is to say.
const BARE: [&str; 12] = [
    "finish_write",
    "touch",
    "restore_time",
    "delete",
    "make_folder",
    "lock_folder",
    "recover",
    "start",
    "tick",
    "overflow",
    "restart",
    "forget",
];

fn action(name: &'static str, value: &Value<'_>, map: &mut MapReader<'_>) -> Option<Action> {
    if BARE.contains(&name) {
        value.nothing(&format!(
            "`{name}` takes nothing; what else belongs to the step stands beside it, in its column"
        ))?;
    }
    Some(match name {
        "start" | "tick" | "events" | "overflow" => {
            let meanwhile = map.get("meanwhile").map(|it| it.list("a list of steps"));
            let meanwhile = meanwhile.flatten().unwrap_or_default();
            let meanwhile = meanwhile.iter().filter_map(words::meanwhile).collect();
            Action::Look(words::wake(name, value)?, meanwhile)
        }
        "propose" => Action::Propose(sections(value)?),
        "compose" => {
            let mut map = value.map()?;
            let next = match map.get("config") {
                Some(config) => Some(sections(&config)?),
                None => None,
            };
            let offers = map.get("offers").map(|it| it.list("a list of offers"));
            let offers = offers.flatten().unwrap_or_default();
            map.finish();
            Action::Compose(next, offers.iter().filter_map(offer).collect())
        }
        "finished" => Action::Finished(value.one_of(&[
            ("applied", Ending::Applied),
            ("rejected", Ending::Rejected),
            ("failed", Ending::Failed),
            ("reverted", Ending::Reverted),
        ])?),
        "configure" => Action::Configure(calls::settings(value)?),
        "request" => Action::Request(calls::request(value)?),
        "response" => {
            let (call, reply) = calls::response(value)?;
            Action::Response(call, reply)
        }
        "outside" => Action::Beyond(Beyond::later(value)?),
        "restart" => Action::Restart,
        "forget" => Action::Forget,
        "swap" => Action::Swap(PathBuf::from(value.written_text()?)),
        happening => Action::Happens(words::happening(happening, value)?),
    })
}

fn sections(value: &Value<'_>) -> Option<Json> {
    value.map()?;
    Some(match value.json() {
        Json::Null => Json::Object(Map::new()),
        sections => sections,
    })
}

fn offer(value: &Value<'_>) -> Option<Offered> {
    let mut map = value.map()?;
    let text = |map: &mut MapReader<'_>, key| Some(map.get(key)?.written_text()?.to_owned());
    let kinds = words::CAPABILITIES.map(|kind| (kind, kind));
    let offered = Offered {
        backend: map
            .require("backend", "the name of a backend")?
            .written_text()?
            .to_owned(),
        kind: map.one_of("kind", &kinds, "tool"),
        name: map
            .require("name", "what the backend calls it")?
            .written_text()?
            .to_owned(),
        description: text(&mut map, "description"),
    };
    map.finish();
    Some(offered)
}

fn expectation(value: &Value<'_>, action: &Action) -> Option<Expect> {
    let keys = action.answers();
    let Some(first) = keys.first() else {
        let help = "a look, or a question to a handler, has one";
        value.key_error("nothing answers this step", Some(help.to_owned()));
        return None;
    };
    let key = value.place().map_or(0..0, |place| place.range.clone());
    let json = value.json();
    let (answer, short) = match &json {
        Json::Object(answer) => {
            let mut map = value.map()?;
            for key in keys {
                map.entry(key);
            }
            map.finish();
            (answer.clone(), false)
        }
        Json::String(_) => (Map::from_iter([((*first).to_owned(), json)]), true),
        _ => {
            value.error("expected a word, or a map", None);
            return None;
        }
    };
    if let Some(word) = answer.get(*first).and_then(Json::as_str) {
        words::check_answer(value, word, action)?;
    }
    Some(Expect { answer, short, key })
}
