//! The terminal: taken when the UI begins, given back as it was when it ends, also by a panic or
//! while the process sleeps. The only file that writes to it beside what is drawn.

use std::io::{self, Stdout, stdout};
use std::panic;
use std::sync::Once;
use std::thread;

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use nix::sys::signal::{Signal, raise};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// The screen of this process.
pub(super) type Screen = Terminal<CrosstermBackend<Stdout>>;

/// As long as this lives, the terminal is ours.
#[derive(Debug)]
pub(super) struct Taken;

impl Taken {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<(Self, Screen)> {
        give_back_at_a_panic();
        enter()?;
        // Dropped if what follows fails.
        let taken = Self;
        let screen = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok((taken, screen))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        leave();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        stdout(),
        EnterAlternateScreen,
        EnableMouseCapture,
        EnableBracketedPaste
    )
}

/// Whatever of it fails, the rest is tried; there is nobody left to tell.
fn leave() {
    let _ = execute!(
        stdout(),
        DisableBracketedPaste,
        DisableMouseCapture,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

/// A panic of the thread that draws ends the UI: its message shall be readable. One of another
/// thread does not, and must not write over the screen: it goes to the log.
fn give_back_at_a_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ours = thread::current().id();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().id() == ours {
                leave();
                before(panic);
            } else {
                tracing::error!("{panic}");
            }
        }));
    });
}

/// Gives the terminal back and stops this process until somebody continues it
/// ([`continued`] takes the terminal again).
pub(super) fn sleep() -> io::Result<()> {
    leave();
    // Not SIGTSTP, which is caught.
    raise(Signal::SIGSTOP).map_err(io::Error::from)
}

/// The process was continued: whoever had the terminal meanwhile has left it in another state.
pub(super) fn continued(screen: &mut Screen) -> io::Result<()> {
    let _ = disable_raw_mode();
    enter()?;
    // Not `clear`, which asks the terminal where its cursor is: the keys are read already, and
    // they would swallow the answer.
    let size = screen.size()?;
    screen.resize(size.into())
}

/// Into the clipboard, by OSC 52.
pub(super) fn copy(text: &str) -> io::Result<()> {
    execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
}
