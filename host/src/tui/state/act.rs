//! What follows from a key, a click or the wheel: the state changes, and at most one thing shall
//! happen in the world.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};
use tui_input::backend::crossterm::EventHandler as _;

use super::attempt::attempt_of;
use super::details::{self, Line};
use super::keys::{self, Action, Context, Screen};
use super::{Focus, Overlay, Pane, State, Tone};
use crate::manage::Watching;
use crate::tui::message::{Effect, Order};

/// How many rows a turn of the wheel moves.
const WHEEL: isize = 3;

/// What is under the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Spot {
    /// A tab.
    Screen(Screen),
    /// A row of a list.
    Row(Pane, usize),
    /// Somewhere in a list or a text.
    Pane(Pane),
    /// A key in the footer.
    Key(Action),
}

impl State {
    /// Something is typed.
    pub(in crate::tui) fn press(&mut self, event: &Event) -> Option<Effect> {
        self.count_rows();
        let context = self.context();
        if let Event::Key(KeyEvent {
            code, modifiers, ..
        }) = event
        {
            if modifiers.contains(KeyModifiers::CONTROL) {
                match code {
                    KeyCode::Char('c') => return self.end(),
                    KeyCode::Char('z') => return Some(Effect::Suspend),
                    _ => {}
                }
            }
            let known = match modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
                true => None,
                false => keys::action(context, *code),
            };
            if let Some(action) = known {
                return self.act(action);
            }
        }
        if context.types() {
            self.type_into(context, event);
        }
        None
    }

    fn type_into(&mut self, context: Context, event: &Event) {
        // What is pasted is typed, in one line.
        if let Event::Paste(text) = event {
            for letter in text.chars().filter(|letter| !letter.is_control()) {
                let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
                self.type_into(context, &Event::Key(key));
            }
            return;
        }
        match context {
            Context::Filter => {
                self.filter.handle_event(event);
                self.refilter();
            }
            Context::Search => {
                self.search.handle_event(event);
                self.list_mut(Pane::Tools).select(0);
            }
            Context::Number => self.form.typed(event),
            _ => {
                if let Some(Overlay::Export(path) | Overlay::OtherFile(path)) = &mut self.overlay {
                    path.handle_event(event);
                }
            }
        }
    }

    /// Something is clicked, or the wheel is turned over it.
    pub(in crate::tui) fn point(
        &mut self,
        kind: MouseEventKind,
        at: Option<Spot>,
    ) -> Option<Effect> {
        self.count_rows();
        let pane = match at? {
            Spot::Row(pane, _) | Spot::Pane(pane) => Some(pane),
            Spot::Screen(_) | Spot::Key(_) => None,
        };
        match (kind, at?) {
            (MouseEventKind::ScrollDown, _) => self.step(pane?, WHEEL),
            (MouseEventKind::ScrollUp, _) => self.step(pane?, -WHEEL),
            (MouseEventKind::Down(MouseButton::Left), spot) => match spot {
                Spot::Screen(screen) => return self.act(Action::Show(screen)),
                Spot::Key(action) => return self.act(action),
                Spot::Pane(_) => {}
                Spot::Row(pane, row) => return self.click(pane, row),
            },
            _ => {}
        }
        None
    }

    /// The first click on a row chooses it, the second one opens it.
    fn click(&mut self, pane: Pane, row: usize) -> Option<Effect> {
        match pane {
            Pane::Backends => self.focus = Focus::Backends,
            Pane::Tools => self.focus = Focus::Tools,
            _ => {}
        }
        let list = self.list_mut(pane);
        if list.selected != row {
            list.select(row);
            self.of_another_row(pane);
            return None;
        }
        match pane {
            Pane::Words => self.act(Action::Accept),
            _ => self.act(Action::Open),
        }
    }

    /// The list or the text in which keys move.
    fn pane(&self) -> Option<Pane> {
        if self.help {
            return Some(Pane::Help);
        }
        match self.context() {
            Context::Events | Context::Filter => Some(Pane::Events),
            Context::Backends => Some(Pane::Backends),
            Context::Tools | Context::Search => Some(Pane::Tools),
            Context::Tool => Some(Pane::Tool),
            Context::Settings => Some(Pane::Settings),
            Context::Words => Some(Pane::Words),
            Context::History => Some(Pane::History),
            _ => None,
        }
    }

    fn step(&mut self, pane: Pane, by: isize) {
        let list = self.list_mut(pane);
        if pane.is_text() {
            list.scroll(by);
        } else {
            list.step(by);
            self.of_another_row(pane);
        }
    }

    /// Details are read from their beginning.
    fn of_another_row(&mut self, pane: Pane) {
        match pane {
            Pane::Events => self.list_mut(Pane::Event).offset = 0,
            Pane::History => self.list_mut(Pane::Attempt).offset = 0,
            Pane::Tools => self.list_mut(Pane::Tool).offset = 0,
            _ => {}
        }
    }

    fn page(&mut self, by: isize) {
        let pane = match self.pane() {
            Some(Pane::Events) if self.event_open => Some(Pane::Event),
            Some(Pane::History) if self.attempt_open => Some(Pane::Attempt),
            pane => pane,
        };
        if let Some(pane) = pane {
            let page = self.list(pane).a_page();
            self.step(pane, by * page);
        }
    }

    /// Does what a key stands for.
    pub(in crate::tui) fn act(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Help => {
                self.help = !self.help;
                self.list_mut(Pane::Help).offset = 0;
            }
            Action::End => return self.end(),
            Action::Right => self.turn(1),
            Action::Left => self.turn(Screen::ALL.len() - 1),
            Action::Show(screen) => self.screen = screen,
            Action::Step(by) => self.step(self.pane()?, by),
            Action::Page(by) => self.page(by),
            Action::First => self.step(self.pane()?, isize::MIN / 2),
            Action::Last => self.step(self.pane()?, isize::MAX / 2),
            Action::Find => self.find(),
            Action::Kind => {
                self.log.next_kind();
                self.refilter();
            }
            Action::Halt => {
                self.log.halt();
                self.refilter();
            }
            Action::Copy => return self.copy(),
            Action::Export => self.ask_where(),
            Action::OtherFile => self.ask_which_file(),
            Action::Open => self.open(),
            Action::Close => self.close(),
            Action::Accept => return self.accept(),
            Action::Reload => {
                self.note(Tone::Busy, "reloading");
                return Some(Effect::Order(Order::Reload));
            }
            Action::Pause => {
                let status = self.known.status.as_ref()?;
                let order = match status.watching {
                    Watching::Paused | Watching::Stopped => Order::Resume,
                    _ => Order::Pause,
                };
                return Some(Effect::Order(order));
            }
            Action::Reconnect => return self.reconnect(),
            Action::Save => return self.save(),
            Action::SaveInFile => self.ask_to_save_in_file(),
            Action::Reset => return self.reset(),
            Action::Restore => self.ask_to_restore(),
            Action::Yes => match self.overlay.take() {
                Some(Overlay::Question { effect, .. }) => return Some(effect),
                other => self.overlay = other,
            },
        }
        None
    }

    fn turn(&mut self, by: usize) {
        let all = Screen::ALL;
        let at = all.iter().position(|it| *it == self.screen);
        let next = (at.unwrap_or_default() + by) % all.len();
        self.screen = all.get(next).copied().unwrap_or_default();
    }

    fn find(&mut self) {
        match self.screen {
            Screen::Events => {
                self.filtering = true;
                self.event_open = false;
            }
            Screen::Backends => {
                if self.focus == Focus::Backends {
                    self.tools_of = None;
                }
                self.focus = Focus::Tools;
                self.searching = true;
            }
            _ => {}
        }
    }

    fn refilter(&mut self) {
        self.log.filter(self.filter.value());
        self.count_rows();
        self.list_mut(Pane::Events).select(0);
        self.of_another_row(Pane::Events);
    }

    /// The lines of the event that is chosen.
    pub(in crate::tui) fn event_details(&self) -> Vec<Line> {
        let event = self.log.event(self.list(Pane::Events).selected);
        event.map_or_else(Vec::new, |event| {
            // Newest first here, oldest first there.
            let history: Vec<_> = self.history.iter().rev().cloned().collect();
            details::of_event(event, attempt_of(&history, event))
        })
    }

    /// The lines of the attempt that is chosen.
    pub(in crate::tui) fn attempt_details(&self) -> Vec<Line> {
        let attempt = self.history.get(self.list(Pane::History).selected);
        attempt.map_or_else(Vec::new, details::of_attempt)
    }

    /// The lines of the tool that is chosen.
    pub(in crate::tui) fn tool_details(&self) -> Vec<Line> {
        self.tool().map_or_else(Vec::new, details::of_tool)
    }

    fn open(&mut self) {
        match self.context() {
            Context::Events => self.event_open = !self.event_open,
            Context::Backends => {
                let chosen = self.list(Pane::Backends).selected;
                let Some(backend) = self.backends().get(chosen) else {
                    return;
                };
                self.tools_of = Some(backend.name.clone());
                self.search.reset();
                self.focus = Focus::Tools;
                self.list_mut(Pane::Tools).selected = 0;
            }
            Context::Tools if self.tool().is_some() => {
                self.focus = Focus::Tool;
                self.of_another_row(Pane::Tools);
            }
            Context::Settings => {
                let row = self.list(Pane::Settings).selected;
                let word = self.form.open(row);
                self.list_mut(Pane::Words).selected = word;
            }
            Context::History => self.attempt_open = !self.attempt_open,
            _ => {}
        }
    }

    fn close(&mut self) {
        match self.context() {
            Context::Help => self.help = false,
            Context::Question | Context::Export | Context::OtherFile => self.overlay = None,
            Context::Events if self.event_open => self.event_open = false,
            Context::Filter | Context::Events => {
                self.filtering = false;
                self.filter.reset();
                self.refilter();
            }
            Context::Search => {
                self.searching = false;
                self.search.reset();
            }
            Context::Tools if !self.search.value().is_empty() => self.search.reset(),
            Context::Tools => {
                self.focus = Focus::Backends;
                self.tools_of = None;
            }
            Context::Tool => self.focus = Focus::Tools,
            Context::Number | Context::Words => self.form.editing = None,
            Context::History => self.attempt_open = false,
            _ => {}
        }
    }

    fn accept(&mut self) -> Option<Effect> {
        match self.context() {
            Context::Filter => self.filtering = false,
            Context::Search => self.searching = false,
            Context::Number | Context::Words => {
                let word = self.list(Pane::Words).selected;
                self.form.accept(word);
            }
            Context::Export => {
                let Some(Overlay::Export(path)) = self.overlay.take() else {
                    return None;
                };
                let (path, text) = (path.value().to_owned(), self.exported());
                return Some(Effect::Export { path, text });
            }
            Context::OtherFile => {
                let Some(Overlay::OtherFile(path)) = self.overlay.take() else {
                    return None;
                };
                return Some(Effect::Turn(path.value().to_owned()));
            }
            _ => {}
        }
        None
    }
}
