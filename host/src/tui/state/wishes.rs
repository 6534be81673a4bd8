//! What is wanted of the host or of the world, and the questions before it: nothing that is not
//! easily undone happens without one.

use serde_json::{Map, Value};
use tui_input::Input;

use super::details;
use super::form;
use super::keys::Context;
use super::{Overlay, Pane, Row, State, Tone};
use crate::manage::{BackendState, Origin, SaveTo};
use crate::tui::message::{Effect, Order};

impl State {
    pub(super) fn end(&mut self) -> Option<Effect> {
        let ends = |it: &Overlay| {
            matches!(
                it,
                Overlay::Question {
                    effect: Effect::End,
                    ..
                }
            )
        };
        let asked = self.overlay.as_ref().is_some_and(ends);
        let serves = self.known.status.as_ref().and_then(|it| it.serves.as_ref());
        let clients = serves.map_or(0, |it| it.clients);
        if !self.owns_host || clients == 0 || asked {
            return Some(Effect::End);
        }
        self.help = false;
        self.overlay = Some(Overlay::Question {
            lines: vec![
                format!("The host runs in this terminal. Clients connected: {clients}."),
                "Let their calls end, and stop it?".to_owned(),
            ],
            effect: Effect::End,
        });
        None
    }

    pub(super) fn copy(&mut self) -> Option<Effect> {
        let text = match self.context() {
            Context::Events if self.event_open => details::text(&self.event_details()),
            Context::Events => {
                let event = self.log.event(self.list(Pane::Events).selected)?;
                let (kind, generation) = (event.kind.as_str(), event.generation);
                format!("{} {kind} {generation} {}", event.timestamp, event.details)
            }
            Context::Tool => details::text(&self.tool_details()),
            Context::History => details::text(&self.attempt_details()),
            _ => return None,
        };
        self.note(Tone::Good, "copied, if this terminal allows it (OSC 52)");
        Some(Effect::Copy(text))
    }

    pub(super) fn ask_where(&mut self) {
        let Some(newest) = self.log.event(0).or_else(|| self.log.event(1)) else {
            self.note(Tone::Warn, "there is no event to export");
            return;
        };
        let digits = |it: &char| it.is_ascii_digit() || *it == 'T';
        let moment: String = newest.timestamp.chars().take(19).filter(digits).collect();
        let path = format!("config-sync-events-{moment}.jsonl");
        self.overlay = Some(Overlay::Export(Input::new(path)));
    }

    /// A host keeps its file: what it remembers, what is stored for it and where it is found all
    /// follow from that.
    pub(super) fn ask_which_file(&mut self) {
        if self.owns_host {
            self.note(
                Tone::Warn,
                "the host in this terminal keeps its file; `config-sync run --config FILE` starts \
                 another",
            );
            return;
        }
        let file = self.form.settings.as_ref().map(|it| it.file.clone());
        self.overlay = Some(Overlay::OtherFile(Input::new(file.unwrap_or_default())));
    }

    /// The events that are shown, oldest first, one JSON object a line.
    pub(super) fn exported(&self) -> String {
        let mut lines: Vec<_> = self
            .log
            .rows()
            .map(|row| match row {
                // Texts and numbers: there is nothing in it that JSON could not hold.
                Row::Event(event) => serde_json::to_string(event).unwrap_or_default(),
                Row::Missed(count) => format!("{{\"missed\":{count}}}"),
                Row::Anew => "{\"restarted\":true}".to_owned(),
            })
            .collect();
        lines.reverse();
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    pub(super) fn reconnect(&mut self) -> Option<Effect> {
        let chosen = self.list(Pane::Backends).selected;
        let backend = self.backends().get(chosen)?;
        let name = backend.name.clone();
        if backend.state == BackendState::Serving {
            self.note(
                Tone::Warn,
                format!("{name} serves; to start it anew, change it in the file"),
            );
            return None;
        }
        Some(Effect::Order(Order::Reconnect(name)))
    }

    pub(super) fn save(&mut self) -> Option<Effect> {
        let changes = self.form.changes();
        if changes.is_empty() {
            self.note(
                Tone::Warn,
                "nothing is changed; Enter edits the value of this row",
            );
            return None;
        }
        let to = SaveTo::Store;
        Some(Effect::Order(Order::Save { changes, to }))
    }

    /// The key of the setting that is chosen.
    fn key(&self) -> Option<String> {
        let chosen = self.list(Pane::Settings).selected;
        let setting = self.form.rows().get(chosen);
        setting.map(|setting| setting.key.clone())
    }

    /// What was changed goes into the file; where nothing was, what is stored of this row.
    pub(super) fn ask_to_save_in_file(&mut self) {
        let mut changes = self.form.changes();
        if changes.is_empty()
            && let Some(setting) = self.key().and_then(|key| self.form.setting(&key))
            && setting.origin == Origin::Stored
        {
            changes.insert(setting.key.clone(), setting.value.clone());
        }
        let Some(settings) = self.form.settings.as_ref().filter(|_| !changes.is_empty()) else {
            self.note(
                Tone::Warn,
                "nothing is changed; Enter edits the value of this row",
            );
            return;
        };
        let mut lines = vec![format!("Write into {}?", settings.file)];
        for (key, value) in &changes {
            let Some(setting) = self.form.setting(key) else {
                continue;
            };
            let value = form::shown(&setting.bounds, value);
            let now = form::shown(&setting.bounds, &setting.value);
            let now = match now == value {
                true => "as it is stored".to_owned(),
                false => format!("now {now}"),
            };
            lines.push(format!("  sync.{key}: {value}   ({now})"));
        }
        lines.push("Every other byte of the file stays as it is.".to_owned());
        let to = SaveTo::File;
        let effect = Effect::Order(Order::Save { changes, to });
        self.overlay = Some(Overlay::Question { lines, effect });
    }

    pub(super) fn reset(&mut self) -> Option<Effect> {
        let key = self.key()?;
        if self.form.forget(&key) {
            self.note(Tone::Good, format!("sync.{key} is as it was"));
            return None;
        }
        let setting = self.form.setting(&key)?;
        if !setting.layers.iter().any(|it| it.origin == Origin::Stored) {
            let from = setting.origin.as_str();
            self.note(
                Tone::Warn,
                format!("nothing is stored of sync.{key}; it is from: {from}"),
            );
            return None;
        }
        let mut changes = Map::new();
        changes.insert(key, Value::Null);
        let to = SaveTo::Store;
        Some(Effect::Order(Order::Save { changes, to }))
    }

    pub(super) fn ask_to_restore(&mut self) {
        let chosen = self.list(Pane::History).selected;
        let Some(attempt) = self.history.get(chosen) else {
            return;
        };
        let (id, generation) = (attempt.id, attempt.generation);
        if attempt.outcome.as_deref() != Some("applied") {
            let ending = attempt.ending().to_owned();
            let text = format!("attempt {id} is {ending}; choose one that was applied");
            self.note(Tone::Warn, text);
            return;
        }
        let file = self
            .known
            .status
            .as_ref()
            .map_or("the file", |it| &it.config);
        let digest = attempt.digests.applied.as_deref().unwrap_or_default();
        let digest = digest.get(..8).unwrap_or(digest);
        let lines = vec![
            format!("Write generation {generation} ({digest}) back over"),
            format!("  {file}?"),
            "Byte for byte as it was applied. What the file holds now is kept.".to_owned(),
        ];
        let effect = Effect::Order(Order::Restore(generation));
        self.overlay = Some(Overlay::Question { lines, effect });
    }
}
