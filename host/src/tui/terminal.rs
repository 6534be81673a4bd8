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
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use nix::libc::{TIOCSWINSZ, ioctl};
    use nix::pty::{Winsize, openpty};
    use nix::sys::signal::kill;
    use nix::sys::termios::{LocalFlags, tcgetattr};
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use nix::unistd::Pid;
    use tokio::time::Instant;

    use super::super::motor::{FRAME, Options, run};
    use super::*;
    use crate::manage::Place;

    /// This process is the one that panics.
    const INSIDE: &str = "CONFIG_SYNC_TEST_PANICS";
    const ENTERED: &str = "\u{1b}[?1049h";
    const LEFT: &str = "\u{1b}[?1049l";
    const SAID: &str = "what the panic says";
    const NAME: &str = "tui::terminal::tests::what_a_panic_says_is_read_on_a_terminal_as_it_was";

    const SIZE: Winsize = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };

    #[expect(
        unsafe_code,
        reason = "nix has no safe call that sets the size of a terminal"
    )]
    fn resize(terminal: &OwnedFd, columns: u16) {
        let size = Winsize {
            ws_col: columns,
            ..SIZE
        };
        // SAFETY: the descriptor is open, and the kernel only reads the size.
        let done = unsafe { ioctl(terminal.as_raw_fd(), TIOCSWINSZ, &raw const size) };
        assert_eq!(done, 0);
    }

    /// This test once more, in a process of its own on this terminal.
    fn inside(name: &str, terminal: &OwnedFd) -> Command {
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, "1")
            .env_remove("RUST_BACKTRACE")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        command
    }

    #[test]
    fn while_it_sleeps_nothing_is_drawn_on_what_others_have() {
        const NAME: &str =
            "tui::terminal::tests::while_it_sleeps_nothing_is_drawn_on_what_others_have";
        if std::env::var_os(INSIDE).is_some() {
            let nobody = Place::of(None, None, Path::new("/nobody/config.yaml"));
            let options = Options {
                place: nobody.clone(),
                place_of: Box::new(move |_| Ok(nobody.clone())),
                owns_host: false,
            };
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(run(options)).unwrap();
            return;
        }
        let pty = openpty(&SIZE, None).unwrap();
        let child = Ending(inside(NAME, &pty.slave).spawn().unwrap());
        drop(pty.slave);
        let process = Pid::from_raw(child.0.id().try_into().unwrap());
        let sized = pty.master.try_clone().unwrap();
        let mut master = File::from(pty.master);
        let mut said = Vec::new();
        let mut read_to = |what: &str| {
            said.clear();
            while !String::from_utf8_lossy(&said).contains(what) {
                let mut some = [0; 4096];
                let count = master.read(&mut some).unwrap();
                said.extend_from_slice(&some[..count]);
            }
            String::from_utf8_lossy(&said).into_owned()
        };
        read_to(ENTERED);
        for columns in 81..84 {
            kill(process, Signal::SIGTSTP).unwrap();
            let stopped = waitpid(process, Some(WaitPidFlag::WUNTRACED)).unwrap();
            assert_eq!(stopped, WaitStatus::Stopped(process, Signal::SIGSTOP));
            // All of it is to be drawn anew, and the time for the next frame has come.
            resize(&sized, columns);
            let stopped = Instant::now();
            while stopped.elapsed() < 2 * FRAME {
                std::thread::yield_now();
            }
            kill(process, Signal::SIGCONT).unwrap();
            let said = read_to(ENTERED);
            let (_, asleep) = said.split_once(LEFT).unwrap();
            let (asleep, _) = asleep.split_once(ENTERED).unwrap();
            assert_eq!(asleep.replace("\u{1b}[?25h", ""), "");
        }
    }

    /// A process that ends with the test, however that ends.
    struct Ending(Child);

    impl Drop for Ending {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn what_a_panic_says_is_read_on_a_terminal_as_it_was() {
        if std::env::var_os(INSIDE).is_some() {
            let (_taken, _screen) = Taken::take().unwrap();
            panic!("{SAID}");
        }
        let pty = openpty(&SIZE, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let ended = inside(NAME, &pty.slave).status().unwrap();
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
        let (entered, left) = (place(ENTERED), place(LEFT));
        let said = place(&format!("{SAID}\r\n"));
        assert!(entered < left && left < said, "{text:?}");
        assert_eq!(text.matches(LEFT).count(), 1, "{text:?}");
        assert_eq!(after.local_flags, before.local_flags);
        let lines = LocalFlags::ICANON | LocalFlags::ECHO;
        assert!(after.local_flags.contains(lines));
    }
}
