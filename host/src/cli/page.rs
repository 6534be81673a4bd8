//! Text for a terminal: a line is a line, whatever is in it, and nobody minds a reader who has
//! read enough.

use std::io::{self, IsTerminal, Write as _};

use serde::Serialize;

use super::folders::variable;

/// The terminal is not for what others say to do what it likes with.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(plain_letter).collect()
}

/// As [`plain`].
pub(super) fn plain_letter(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

/// Whether what is written there may have colours (no-color.org).
pub(super) fn has_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && variable("NO_COLOR").is_none()
}

/// A moment as people read it in a table: without milliseconds and offset.
pub(super) fn time(moment: &str) -> String {
    let seconds = moment.get(..19).unwrap_or(moment);
    seconds.replacen('T', " ", 1)
}

/// Writes lines; false when nobody reads any more (`config-sync events | head`).
pub(super) fn print(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_ok()
}

/// Writes JSON as people read it.
pub(super) fn print_json(answer: &impl Serialize) -> Result<(), String> {
    let json = serde_json::to_string_pretty(answer).map_err(|error| error.to_string())?;
    print(&(json + "\n"));
    Ok(())
}

/// `1 tool`, `2 tools`.
pub(super) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
