//! The terminal: taken when the UI begins, given back as it was when it ends, also by a panic or
//! while the process sleeps. The only file that writes to it beside what is drawn.

use std::io::{self, Stdout, stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// It is ours, and has not been given back. To leave the other screen twice would move the cursor
/// over what a panic has said between.
static OURS: AtomicBool = AtomicBool::new(false);

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
    OURS.store(true, Ordering::Relaxed);
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
    if !OURS.swap(false, Ordering::Relaxed) {
        return;
    }
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use nix::pty::{Winsize, openpty};
    use nix::sys::termios::{LocalFlags, tcgetattr};

    use super::*;

    /// This process is the one that panics.
    const INSIDE: &str = "CONFIG_SYNC_TEST_PANICS";
    const SAID: &str = "what the panic says";
    const NAME: &str = "tui::terminal::tests::what_a_panic_says_is_read_on_a_terminal_as_it_was";

    #[test]
    fn what_a_panic_says_is_read_on_a_terminal_as_it_was() {
        if std::env::var_os(INSIDE).is_some() {
            let (_taken, _screen) = Taken::take().unwrap();
            panic!("{SAID}");
        }
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(INSIDE, "1")
            .env_remove("RUST_BACKTRACE")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .status()
            .unwrap();
        assert!(!ended.success());
        let after = tcgetattr(&pty.slave).unwrap();
        drop(pty.slave);
        let mut text = Vec::new();
        // At the end of a terminal there is an error, not an end.
        let _ = File::from(pty.master).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        let place = |what: &str| {
            text.find(what)
                .unwrap_or_else(|| panic!("{what:?}: {text:?}"))
        };
        let (entered, left) = (place("\u{1b}[?1049h"), place("\u{1b}[?1049l"));
        let said = place(&format!("{SAID}\r\n"));
        assert!(entered < left && left < said, "{text:?}");
        assert_eq!(text.matches("\u{1b}[?1049l").count(), 1, "{text:?}");
        assert_eq!(after.local_flags, before.local_flags);
        let lines = LocalFlags::ICANON | LocalFlags::ECHO;
        assert!(after.local_flags.contains(lines));
    }
}
