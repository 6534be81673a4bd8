//! The event table: time, event, details; the newest first. Below it, the details of one.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::Canvas;
use crate::events::EventKind;
use crate::tui::state::{Pane, Row, State, Tone};

const HEADS: [(u16, &str); 4] = [(8, "TIME"), (9, "EVENT"), (5, "  GEN"), (7, "DETAILS")];

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    head(canvas, Rect { height: 1, ..area }, state);
    canvas.heads(
        Rect {
            y: area.y + 1,
            height: 1,
            ..area
        },
        &HEADS,
    );
    let rest = Rect {
        y: area.y + 2,
        height: area.height - 2,
        ..area
    };
    let (list, details) = split(rest, state.event_open);
    let len = state.log.len();
    canvas.list(list, Pane::Events, state, len, true, |canvas, line, at| {
        if let Some(event) = state.log.row(at) {
            row(canvas, line, event);
        }
    });
    if len == 0 {
        let text = match state.log.held() {
            0 => "Nothing has happened yet.",
            _ => "Nothing of what is held passes the filter; Esc ends it.",
        };
        let faint = canvas.palette.faint();
        canvas.text(list, text, faint);
    }
    if let Some(details) = details {
        canvas.details(details, Pane::Event, state, &state.event_details());
    }
}

/// A list, and below it the details of one of its rows.
pub(super) fn split(area: Rect, open: bool) -> (Rect, Option<Rect>) {
    if !open {
        return (area, None);
    }
    let above = (area.height / 3).max(3);
    let list = Rect {
        height: above,
        ..area
    };
    let details = Rect {
        y: area.y + above,
        height: area.height - above,
        ..area
    };
    (list, Some(details))
}

/// What is shown of how many, and whether the list follows.
fn head(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let palette = canvas.palette;
    let log = &state.log;
    let shown = match (log.len(), log.held()) {
        (shown, held) if shown == held => format!("{held} events"),
        (shown, held) => format!("{shown} of {held} events"),
    };
    let (follows, tone) = match log.waiting() {
        Some(waiting) => (format!("halted, {waiting} new"), palette.tone(Tone::Warn)),
        None if state.list(Pane::Events).selected == 0 => {
            ("following".to_owned(), palette.tone(Tone::Good))
        }
        None => (
            format!(
                "following, at row {}",
                state.list(Pane::Events).selected + 1
            ),
            palette.tone(Tone::Good),
        ),
    };
    let kind = log.kind().map_or("all", EventKind::as_str);
    let missed = match log.missed() {
        0 => String::new(),
        missed => format!("   {missed} missed"),
    };
    let (faint, plain) = (palette.faint(), Style::new());
    let end = canvas.texts(
        area,
        &[
            (&follows, tone),
            ("   ", plain),
            (&shown, plain),
            (&missed, palette.tone(Tone::Warn)),
            ("   type ", faint),
            (kind, plain),
            ("   filter ", faint),
        ],
    );
    let rest = Rect {
        x: end,
        width: area.right().saturating_sub(end),
        ..area
    };
    match (state.filtering, log.text()) {
        (true, _) => canvas.input(rest, &state.filter, palette.strong()),
        (false, "") => {
            canvas.text(rest, "none", plain);
        }
        (false, _) => {
            canvas.text(rest, state.filter.value(), palette.strong());
        }
    }
}

/// One row of the table.
pub(super) fn row(canvas: &mut Canvas<'_>, area: Rect, row: &Row) {
    let palette = canvas.palette;
    let plain = Style::new();
    let (text, tone) = match row {
        Row::Event(event) => {
            let kind = palette.tone(tone(event.kind));
            let generation = format!("{:>5}", event.generation);
            let cells = [
                (8, event.time.as_str(), plain),
                (9, event.kind.as_str(), kind),
                (5, generation.as_str(), palette.faint()),
                (0, event.details.as_str(), plain),
            ];
            canvas.cells(area, &cells);
            return;
        }
        Row::Missed(1) => ("1 event is missing here".to_owned(), Tone::Warn),
        Row::Missed(count) => (
            format!("{count} events are missing here: told faster than read, or no longer kept"),
            Tone::Warn,
        ),
        Row::Anew => ("the host was started anew".to_owned(), Tone::Busy),
    };
    canvas.text(area, &format!("── {text} ──"), palette.tone(tone));
}

fn tone(kind: EventKind) -> Tone {
    match kind {
        EventKind::Changed => Tone::Good,
        EventKind::NoChange | EventKind::Client => Tone::Quiet,
        EventKind::Error => Tone::Bad,
        EventKind::Degraded => Tone::Warn,
        EventKind::State => Tone::Busy,
    }
}
