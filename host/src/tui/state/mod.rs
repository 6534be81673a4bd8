//! What the UI knows and where one is in it, folded from what is heard ([`State::hear`]) and
//! typed ([`State::press`]). Pure: `now` is an argument, and what shall happen in the world is
//! answered as [`Effect`]s.

mod act;
mod attempt;
mod details;
mod form;
mod host;
mod keys;
mod list;
mod log;
mod wishes;

use std::time::Duration;

use jiff::Timestamp;
use tui_input::Input;

pub(super) use self::act::Spot;
pub(super) use self::details::Line;
pub(super) use self::form::{Editing, Form, may_be, origin, shown, title};
pub(super) use self::host::{Known, Standing, Tone};
pub(super) use self::keys::{Context, EVERYWHERE, Key, Screen, everywhere, keys};
pub(super) use self::list::List;
#[cfg(test)]
pub(super) use self::log::HELD;
pub(super) use self::log::{Log, Row};
use super::message::{Effect, Heard, Order};
use crate::manage::{Attempt, Backend, Plugin, Reloaded, Told, Tool};

/// Columns below which nothing can be shown.
pub(super) const LEAST_WIDTH: u16 = 60;
/// Rows below which nothing can be shown.
pub(super) const LEAST_HEIGHT: u16 = 16;

/// How long a notice stands.
const NOTICE: Duration = Duration::from_secs(8);

/// When something is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Now {
    /// Since the UI began; never goes back.
    pub(super) elapsed: Duration,
    /// By the clock, for people.
    pub(super) wall: Timestamp,
}

/// A list, or a text, that one moves in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    /// The events.
    Events,
    /// Details of one.
    Event,
    /// The backends.
    Backends,
    /// The tools.
    Tools,
    /// One of them.
    Tool,
    /// The settings.
    Settings,
    /// The words that one may be.
    Words,
    /// The attempts.
    History,
    /// Details of one.
    Attempt,
    /// The help.
    Help,
}

impl Pane {
    /// A text is scrolled, in a list a row is chosen.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Event | Self::Tool | Self::Attempt | Self::Help)
    }
}

/// Where one is on the screen of backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Focus {
    /// Among the backends.
    #[default]
    Backends,
    /// Among the tools.
    Tools,
    /// At one tool.
    Tool,
}

/// What stands over the screen.
#[derive(Debug)]
pub(super) enum Overlay {
    /// Yes or no.
    Question {
        /// What is asked, line by line.
        lines: Vec<String>,
        /// What follows from yes.
        effect: Effect,
    },
    /// Where to write the events.
    Export(Input),
    /// Which other file's host to show.
    OtherFile(Input),
}

/// A line that tells what came of something.
#[derive(Debug)]
pub(super) struct Notice {
    /// It.
    pub(super) text: String,
    /// How grave it is.
    pub(super) tone: Tone,
    /// When it came.
    since: Duration,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// When it is.
    pub(super) now: Now,
    /// Columns and rows.
    pub(super) size: (u16, u16),
    /// The host runs in this process, and ends with the UI.
    pub(super) owns_host: bool,
    /// The host.
    pub(super) known: Known,
    /// Which screen is shown.
    pub(super) screen: Screen,
    /// What stands over it.
    pub(super) overlay: Option<Overlay>,
    /// The help stands over all.
    pub(super) help: bool,
    /// What is told last.
    pub(super) notice: Option<Notice>,
    /// The events.
    pub(super) log: Log,
    /// What they must hold.
    pub(super) filter: Input,
    /// That is being typed.
    pub(super) filtering: bool,
    /// The details of an event are open.
    pub(super) event_open: bool,
    /// All tools.
    pub(super) tools: Vec<Tool>,
    /// All plugins.
    pub(super) plugins: Vec<Plugin>,
    /// Where one is among backends and tools.
    pub(super) focus: Focus,
    /// Only tools of this backend.
    pub(super) tools_of: Option<String>,
    /// What the tools must hold.
    pub(super) search: Input,
    /// That is being typed.
    pub(super) searching: bool,
    /// The settings.
    pub(super) form: Form,
    /// The attempts, newest first.
    pub(super) history: Vec<Attempt>,
    /// The details of an attempt are open.
    pub(super) attempt_open: bool,
    lists: [List; 10],
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(owns_host: bool) -> Self {
        Self {
            owns_host,
            ..Self::default()
        }
    }

    /// Where one is in this list.
    pub(super) fn list(&self, pane: Pane) -> List {
        self.lists[pane as usize]
    }

    /// The same, to change it.
    pub(super) fn list_mut(&mut self, pane: Pane) -> &mut List {
        &mut self.lists[pane as usize]
    }

    /// How many rows there are in each list, which may not have been drawn since they came.
    fn count_rows(&mut self) {
        let words = match &self.form.editing {
            Some(Editing::Word { words, .. }) => words.len(),
            _ => 0,
        };
        for (pane, len) in [
            (Pane::Events, self.log.len()),
            (Pane::Backends, self.backends().len()),
            (Pane::Tools, self.tools_shown().len()),
            (Pane::Settings, self.form.rows().len()),
            (Pane::Words, words),
            (Pane::History, self.history.len()),
        ] {
            self.list_mut(pane).len = len;
        }
    }

    /// Time passes.
    pub(super) fn tick(&mut self, now: Now) {
        self.now = now;
        let over = |notice: &mut Notice| now.elapsed.saturating_sub(notice.since) > NOTICE;
        self.notice.take_if(over);
    }

    /// Tells something below the screen.
    pub(super) fn note(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            tone,
            since: self.now.elapsed,
        });
    }

    /// Something is heard of the host.
    pub(super) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Turned(file) => self.turn_to(&file),
            Heard::Attached => {
                if self.known.lost.take().is_some() && self.known.status.is_some() {
                    self.note(Tone::Good, "there is a host again; what follows is of it");
                }
                self.known.attached = true;
            }
            Heard::Lost(why) => {
                self.known.attached = false;
                self.known.lost = Some(why);
            }
            Heard::Status(status) => {
                self.known.status = Some(*status);
                self.known.heard = self.now.elapsed;
            }
            Heard::Kept(events, before) => {
                if before > 0 {
                    self.push(Row::Missed(before));
                }
                for event in events {
                    self.push(Row::Event(event));
                }
            }
            Heard::Told(told) => match told {
                Told::Event(event) => self.push(Row::Event(event)),
                Told::Missed(count) => self.push(Row::Missed(count)),
                Told::Restarted => {
                    self.push(Row::Anew);
                    self.note(Tone::Warn, "the host was started anew");
                }
            },
            Heard::Tools(tools) => self.tools = tools,
            Heard::History(mut attempts) => {
                attempts.reverse();
                let known = self.history.first().map_or(0, |it| it.id);
                let new = attempts.iter().filter(|it| it.id > known).count();
                if !self.history.is_empty() {
                    self.list_mut(Pane::History).put_before(new);
                }
                self.history = attempts;
            }
            Heard::Settings(settings) => {
                let words = self.list(Pane::Words).selected;
                self.list_mut(Pane::Words).selected = self.form.hear(*settings, words);
            }
            Heard::Plugins(plugins) => self.plugins = plugins,
            Heard::Answered(order, answer) => self.answered(&order, answer),
        }
    }

    /// Nothing is known of the host of this file yet.
    fn turn_to(&mut self, file: &str) {
        *self = Self {
            now: self.now,
            size: self.size,
            screen: self.screen,
            ..Self::new(self.owns_host)
        };
        self.note(Tone::Busy, format!("this is the host of {file}"));
    }

    fn push(&mut self, row: Row) {
        let rows = self.log.push(row);
        self.list_mut(Pane::Events).put_before(rows);
    }

    fn answered(&mut self, order: &Order, answer: Result<String, String>) {
        match answer {
            Ok(done) => {
                if let Order::Save { changes, .. } = order {
                    self.form.saved(changes);
                }
                self.note(Tone::Good, done);
            }
            Err(why) => self.note(Tone::Bad, why),
        }
    }

    /// Every backend that should serve.
    pub(super) fn backends(&self) -> &[Backend] {
        let status = self.known.status.as_ref();
        status.map_or(&[], |it| it.backends.as_slice())
    }

    /// The tools to see: of the chosen backend, with what is searched in them.
    pub(super) fn tools_shown(&self) -> Vec<&Tool> {
        let text = self.search.value().to_lowercase();
        let holds = |field: &str| field.to_lowercase().contains(&text);
        let wanted = |tool: &&Tool| {
            let of = self.tools_of.as_ref().is_none_or(|it| *it == tool.backend);
            let described = tool.description.as_deref().unwrap_or_default();
            of && (text.is_empty()
                || holds(&tool.name)
                || holds(&tool.original)
                || holds(described))
        };
        self.tools.iter().filter(wanted).collect()
    }

    /// The tool that is chosen.
    pub(super) fn tool(&self) -> Option<&Tool> {
        let chosen = self.list(Pane::Tools).selected;
        self.tools_shown().get(chosen).copied()
    }

    /// What the keys mean now.
    pub(super) fn context(&self) -> Context {
        if self.size.0 < LEAST_WIDTH || self.size.1 < LEAST_HEIGHT {
            return Context::TooSmall;
        }
        match self.help {
            true => Context::Help,
            false => self.context_below_help(),
        }
    }

    /// The same, as if there were no help.
    pub(super) fn context_below_help(&self) -> Context {
        match &self.overlay {
            Some(Overlay::Question { .. }) => return Context::Question,
            Some(Overlay::Export(_)) => return Context::Export,
            Some(Overlay::OtherFile(_)) => return Context::OtherFile,
            None => {}
        }
        match self.screen {
            Screen::Status => Context::Status,
            Screen::Events if self.filtering => Context::Filter,
            Screen::Events => Context::Events,
            Screen::Backends => match self.focus {
                _ if self.searching => Context::Search,
                Focus::Backends => Context::Backends,
                Focus::Tools => Context::Tools,
                Focus::Tool => Context::Tool,
            },
            Screen::Settings => match &self.form.editing {
                None => Context::Settings,
                Some(Editing::Number { .. }) => Context::Number,
                Some(Editing::Word { .. }) => Context::Words,
            },
            Screen::History => Context::History,
        }
    }
}

/// What a reload came to, in a line.
pub(super) fn reloaded(reloaded: &Reloaded) -> Result<String, String> {
    match reloaded {
        Reloaded::UnderWay => Ok("the reload takes longer; the events will tell".to_owned()),
        Reloaded::Ended(last) => {
            let why = last.reasons.first().map_or("", String::as_str);
            let generation = last.generation;
            match last.outcome.as_str() {
                "applied" => Ok(format!("applied: generation {generation} serves")),
                "unchanged" => Ok(format!("unchanged: {why}")),
                outcome => Err(format!("{outcome}: {why}")),
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
