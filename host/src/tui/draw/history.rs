//! The attempts at a reload, newest first: when, why, how it ended, what differs. Below them, the
//! details of one.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, Cell};
use super::events::split;
use crate::tui::state::{Pane, State, Tone};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    // With the date, where there is room for it.
    let (time, from, trigger) = match area.width < 90 {
        true => (8, 11, 14),
        false => (19, 0, 16),
    };
    canvas.heads(
        Rect { height: 1, ..area },
        &[
            (5, "   ID"),
            (time, "TIME"),
            (trigger, "TRIGGER"),
            (10, "OUTCOME"),
            (4, " GEN"),
            (0, "WHAT"),
        ],
    );
    let rest = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    let (list, details) = split(rest, state.attempt_open);
    let (palette, plain) = (canvas.palette, Style::new());
    let len = state.history.len();
    canvas.list(list, Pane::History, state, len, true, |canvas, line, at| {
        let Some(attempt) = state.history.get(at) else {
            return;
        };
        let id = format!("{:>5}", attempt.id);
        let moment = attempt.started.get(from..19).unwrap_or(&attempt.started);
        let (moment, cause) = (moment.replacen('T', " ", 1), attempt.cause());
        let generation = match attempt.generation {
            0 => String::new(),
            generation => format!("{generation:>4}"),
        };
        let about = attempt.about();
        let cells: [Cell<'_>; 6] = [
            (5, &id, palette.faint()),
            (time, &moment, plain),
            (trigger, &cause, plain),
            (10, attempt.ending(), palette.tone(tone(attempt.ending()))),
            (4, &generation, palette.faint()),
            (0, &about, plain),
        ];
        canvas.cells(line, &cells);
    });
    if len == 0 {
        canvas.text(list, "No attempt is known yet.", palette.faint());
    }
    if let Some(details) = details {
        canvas.rule(
            Rect {
                height: 1,
                ..details
            },
            "details",
        );
        let inside = Rect {
            y: details.y + 1,
            height: details.height - 1,
            ..details
        };
        canvas.lines(inside, Pane::Attempt, state, &state.attempt_details());
    }
}

fn tone(outcome: &str) -> Tone {
    match outcome {
        "applied" => Tone::Good,
        "unchanged" => Tone::Quiet,
        "unfinished" => Tone::Warn,
        _ => Tone::Bad,
    }
}
