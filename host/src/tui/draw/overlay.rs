//! What stands over a screen: a question, the name of a file to write, the keys.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, Widget as _};
use tui_input::Input;

use super::canvas::{Canvas, rows, width};
use crate::tui::state::{EVERYWHERE, Key, Line, Pane, Spot, State, Tone, everywhere, keys};

/// Clears a place of this size in the middle of the body, and frames it. What was under it cannot
/// be clicked any more.
fn frame(canvas: &mut Canvas<'_>, body: Rect, columns: usize, lines: usize, title: &str) -> Rect {
    let columns = u16::try_from(columns + 4)
        .unwrap_or(u16::MAX)
        .min(body.width);
    let lines = u16::try_from(lines + 2)
        .unwrap_or(u16::MAX)
        .min(body.height);
    let area = Rect {
        x: body.x + (body.width - columns) / 2,
        y: body.y + (body.height - lines) / 2,
        width: columns,
        height: lines,
    };
    canvas
        .drawn
        .spots
        .retain(|(_, spot)| matches!(spot, Spot::Key(_)));
    canvas.drawn.cursor = None;
    for row in rows(area) {
        let blank = " ".repeat(usize::from(area.width));
        canvas.buffer.set_style(row, Style::reset());
        canvas.text(row, &blank, Style::reset());
    }
    Block::bordered()
        .title(format!(" {title} "))
        .border_style(canvas.palette.faint())
        .title_style(canvas.palette.strong())
        .render(area, canvas.buffer);
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width - 4,
        height: area.height - 2,
    }
}

pub(super) fn question(canvas: &mut Canvas<'_>, body: Rect, lines: &[String]) {
    let columns = lines
        .iter()
        .map(|line| width(line))
        .max()
        .unwrap_or_default();
    let area = frame(canvas, body, columns.max(20), lines.len() + 2, "question");
    let (tone, plain) = (canvas.palette.tone(Tone::Warn), Style::new());
    for (at, (row, line)) in rows(area).zip(lines).enumerate() {
        canvas.text(row, line, if at == 0 { tone } else { plain });
    }
    let last = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    let key = canvas.palette.key();
    canvas.texts(
        last,
        &[("y", key), (" yes   ", plain), ("n", key), (" no", plain)],
    );
}

pub(super) fn export(canvas: &mut Canvas<'_>, body: Rect, path: &Input, state: &State) {
    let text = format!(
        "Write the {} rows that are shown, as JSON lines, to:",
        state.log.len()
    );
    let below = "A file that is there already is left alone.";
    asked(canvas, body, "export", &text, path, below);
}

pub(super) fn other_file(canvas: &mut Canvas<'_>, body: Rect, path: &Input) {
    let below = "A host keeps its file: this leaves it as it is.";
    asked(
        canvas,
        body,
        "another file",
        "Show the host of:",
        path,
        below,
    );
}

/// A line to type into, with what is asked above it and what that means below.
fn asked(canvas: &mut Canvas<'_>, body: Rect, title: &str, text: &str, path: &Input, below: &str) {
    let area = frame(canvas, body, 60, 4, title);
    canvas.text(area, text, Style::new());
    let line = Rect {
        y: area.y + 1,
        height: 1,
        ..area
    };
    let strong = canvas.palette.strong();
    canvas.input(line, path, strong);
    let faint = canvas.palette.faint();
    let last = Rect {
        y: area.y + 3,
        height: 1,
        ..area
    };
    canvas.text(last, below, faint);
}

/// Every key that counts here, then those of the other screens.
pub(super) fn help(canvas: &mut Canvas<'_>, body: Rect, state: &State) {
    let here = state.context_below_help();
    let mut lines = Vec::new();
    let mut part = |name: &'static str, keys: &[&'static Key]| {
        if !lines.is_empty() {
            lines.push(line("", String::new()));
        }
        lines.push(line(name, String::new()));
        let said = keys.iter().filter(|key| !key.long.is_empty());
        lines.extend(said.map(|key| line(key.name, key.long.to_owned())));
    };
    part(here.name(), keys(here));
    if !everywhere(here).is_empty() {
        part("Everywhere", EVERYWHERE);
    }
    let words = "Colours say nothing that words do not say, too; NO_COLOR takes them away.";
    lines.push(line("", String::new()));
    lines.push(line("", words.to_owned()));
    let area = frame(
        canvas,
        body,
        usize::from(body.width),
        usize::from(body.height),
        "help",
    );
    canvas.lines(area, Pane::Help, state, &lines);
}

fn line(name: &'static str, text: String) -> Line {
    Line { name, text }
}
