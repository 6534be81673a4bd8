//! The motor: joins terminal, link and state. Keys come before everything else, what is heard is
//! taken in bounded bites, and drawing happens at most every [`FRAME`], only when there is
//! something new.

use std::fs::File;
use std::io::{self, Write as _};
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use nix::sys::signal::Signal;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::Position;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::draw::{Drawn, Palette, draw};
use super::link::Link;
use super::message::{Ask, Effect, Heard};
use super::state::{Now, State, Tone};
use super::terminal::{self, Screen, Taken};
use crate::manage::Place;

/// Between two frames: 25 a second.
pub(super) const FRAME: Duration = Duration::from_millis(40);
/// What is heard in one bite, between two looks at the keys.
const BITE: usize = 128;
/// What may wait to be heard. Beyond it, the link waits, and the host counts.
const WAITING: usize = 256;
/// Orders that may wait: more than one types.
const ORDERS: usize = 16;
/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// Where the host of a file would be; the error says why that cannot be told.
pub type PlaceOf = Box<dyn Fn(&str) -> Result<Place, String> + Send>;

/// With what the UI begins.
pub struct Options {
    /// Where the host is found.
    pub place: Place,
    /// Where that of another file would be.
    pub place_of: PlaceOf,
    /// The host runs in this process and ends with the UI: a question comes first, if clients are
    /// connected.
    pub owns_host: bool,
}

/// Runs the UI in the terminal of this process, until somebody leaves it. Dropped, it gives the
/// terminal back, too. To be run on the main thread, whose panics end it.
///
/// # Errors
/// When there is no terminal, or it fails.
pub async fn run(options: Options) -> io::Result<()> {
    let Options {
        place,
        place_of,
        owns_host,
    } = options;
    let palette = match std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty()) {
        true => Palette::Plain,
        false => Palette::Sixteen,
    };
    let (heard, hears) = mpsc::channel(WAITING);
    let (asks, asked) = mpsc::channel(ORDERS);
    // Before the terminal is taken, so that no signal finds it taken and nobody listening.
    let sleeps = signal(SignalKind::from_raw(Signal::SIGTSTP as i32))?;
    let continued = signal(SignalKind::from_raw(Signal::SIGCONT as i32))?;
    let (_taken, screen) = Taken::take()?;
    let mut motor = Motor::new(screen, State::new(owns_host), palette, asks);
    let link = Link::new(place, heard, asked).run();
    let turn = motor.turn_in_terminal(hears, sleeps, continued, place_of);
    tokio::select! {
        // The link ends when the motor does; it is dropped with it.
        ended = turn => ended,
        () = link => Ok(()),
    }
}

/// Terminal and state.
pub(super) struct Motor<B: Backend> {
    terminal: Terminal<B>,
    pub(super) state: State,
    palette: Palette,
    asks: mpsc::Sender<Ask>,
    drawn: Drawn,
    began: Instant,
    last: Option<Instant>,
    dirty: bool,
}

impl Motor<ratatui::backend::CrosstermBackend<io::Stdout>> {
    /// Turns, and sleeps when it shall.
    async fn turn_in_terminal(
        &mut self,
        mut hears: mpsc::Receiver<Heard>,
        mut sleeps: tokio::signal::unix::Signal,
        mut continued: tokio::signal::unix::Signal,
        place_of: PlaceOf,
    ) -> io::Result<()> {
        let mut keys = EventStream::new();
        loop {
            let effect = tokio::select! {
                effect = self.turn(&mut keys, &mut hears) => effect?,
                _ = sleeps.recv() => Effect::Suspend,
                _ = continued.recv() => {
                    terminal::continued(self.screen())?;
                    self.dirty = true;
                    continue;
                }
            };
            match effect {
                Effect::Suspend => {
                    terminal::sleep()?;
                    // Nothing is drawn before the terminal is ours again.
                    continued.recv().await;
                    terminal::continued(self.screen())?;
                    self.dirty = true;
                }
                Effect::Copy(text) => terminal::copy(&text)?,
                Effect::Turn(file) => match place_of(&file) {
                    Ok(place) => self.ask(Ask::Turn(file, place)),
                    Err(why) => self.state.note(Tone::Bad, why),
                },
                _ => return Ok(()),
            }
        }
    }

    fn screen(&mut self) -> &mut Screen {
        &mut self.terminal
    }
}

impl<B: Backend> Motor<B> {
    pub(super) fn new(
        terminal: Terminal<B>,
        state: State,
        palette: Palette,
        asks: mpsc::Sender<Ask>,
    ) -> Self {
        Self {
            terminal,
            state,
            palette,
            asks,
            drawn: Drawn::default(),
            began: Instant::now(),
            last: None,
            dirty: true,
        }
    }

    /// Turns until something shall happen that only the terminal can do, or the UI shall end.
    /// Cancel safe.
    pub(super) async fn turn(
        &mut self,
        keys: &mut (impl Stream<Item = io::Result<Event>> + Unpin),
        hears: &mut mpsc::Receiver<Heard>,
    ) -> io::Result<Effect> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bite = Vec::with_capacity(BITE);
        loop {
            let next = self.last.map_or(self.began, |last| last + FRAME);
            if self.dirty && Instant::now() >= next {
                self.draw()?;
                continue;
            }
            tokio::select! {
                biased;
                key = keys.next() => {
                    // The terminal is gone.
                    let Some(key) = key else { return Ok(Effect::End) };
                    if let Some(effect) = self.take(&key?) {
                        match effect {
                            Effect::Order(order) => self.ask(Ask::Order(order)),
                            Effect::Export { path, text } => self.export(&path, &text),
                            other => return Ok(other),
                        }
                    }
                }
                () = sleep_until(next), if self.dirty => {}
                _ = ticks.tick() => {
                    self.state.tick(self.now());
                    self.dirty = true;
                }
                count = hears.recv_many(&mut bite, BITE) => {
                    if count == 0 {
                        return Ok(Effect::End);
                    }
                    self.state.tick(self.now());
                    for heard in bite.drain(..) {
                        self.state.hear(heard);
                    }
                    self.dirty = true;
                }
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            elapsed: self.began.elapsed(),
            wall: Timestamp::now(),
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let size = self.terminal.size().map_err(said)?;
        self.state.size = (size.width, size.height);
        let (state, palette) = (&self.state, self.palette);
        let mut drawn = Drawn::default();
        let frame = self
            .terminal
            .draw(|frame| drawn = draw(frame, state, palette));
        frame.map_err(said)?;
        for (pane, list) in &drawn.lists {
            *self.state.list_mut(*pane) = *list;
        }
        self.drawn = drawn;
        self.last = Some(Instant::now());
        self.dirty = false;
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Option<Effect> {
        self.dirty = true;
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => None,
            Event::Key(_) | Event::Paste(_) => self.state.press(event),
            Event::Mouse(mouse) => {
                let at = self.drawn.at(Position::new(mouse.column, mouse.row));
                self.state.point(mouse.kind, at)
            }
            Event::Resize(columns, rows) => {
                self.state.size = (*columns, *rows);
                None
            }
            Event::FocusGained | Event::FocusLost => None,
        }
    }

    fn ask(&mut self, ask: Ask) {
        if self.asks.try_send(ask).is_err() {
            let text = "the host is still busy with what was ordered before";
            self.state.note(Tone::Warn, text);
        }
    }

    fn export(&mut self, path: &str, text: &str) {
        let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
        match written {
            Ok(()) => {
                let count = text.lines().count();
                self.state
                    .note(Tone::Good, format!("{count} rows are in {path}"));
            }
            Err(error) => self.state.note(Tone::Bad, format!("{path}: {error}")),
        }
    }
}

fn said(error: impl std::error::Error) -> io::Error {
    io::Error::other(error.to_string())
}
