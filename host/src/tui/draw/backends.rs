//! Backends, how they are and how their calls go; the tools that clients see; one tool with what
//! it takes.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, Cell, width};
use crate::manage::{Backend, BackendState};
use crate::tui::state::{Focus, Pane, State, Tone};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    if state.focus == Focus::Tool {
        canvas.lines(area, Pane::Tool, state, &state.tool_details());
        return;
    }
    // All backends where they leave half of the room to the tools; at least a few of them.
    let count = u16::try_from(state.backends().len()).unwrap_or(u16::MAX);
    let above = count.saturating_add(1).clamp(2, area.height / 2);
    backends(
        canvas,
        Rect {
            height: above,
            ..area
        },
        state,
    );
    let reason = Rect {
        y: area.y + above,
        height: 1,
        ..area
    };
    why(canvas, reason, state);
    let below = Rect {
        y: reason.y + 1,
        height: area.height - above - 1,
        ..area
    };
    tools(canvas, below, state);
}

fn backends(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let wide = area.width >= 76;
    let name = names(
        state.backends().iter().map(|it| it.name.as_str()),
        area.width / 4,
    );
    let mut heads = vec![
        (name, "BACKEND"),
        (10, "STATE"),
        (8, " CALLS/S"),
        (9, "      P50"),
    ];
    heads.truncate(if wide { 4 } else { 3 });
    heads.extend([(9, "      P95"), (8, "RESTARTS"), (5, "TOOLS"), (0, "")]);
    if wide {
        heads.pop();
        heads.extend([(7, "PROCESS"), (0, "")]);
    }
    canvas.heads(Rect { height: 1, ..area }, &heads);
    let rows = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    let len = state.backends().len();
    let marked = state.focus == Focus::Backends;
    canvas.list(
        rows,
        Pane::Backends,
        state,
        len,
        marked,
        |canvas, line, at| {
            if let Some(backend) = state.backends().get(at) {
                row(canvas, line, backend, name, wide);
            }
        },
    );
    if len == 0 {
        let faint = canvas.palette.faint();
        canvas.text(rows, "No backend is configured.", faint);
    }
}

fn row(canvas: &mut Canvas<'_>, line: Rect, backend: &Backend, name: u16, wide: bool) {
    let (plain, faint) = (Style::new(), canvas.palette.faint());
    let (state, tone) = match (backend.state, backend.word()) {
        (BackendState::Serving, word @ "serving") => (word, Tone::Good),
        (BackendState::Serving | BackendState::Apart, word) => (word, Tone::Warn),
        (BackendState::Ended | BackendState::Missing, word) => (word, Tone::Bad),
    };
    let load = &backend.load;
    let rate = format!("{:>8.2}", load.per_second);
    let time = |ms: Option<f64>| match ms {
        Some(ms) if ms < 10_000.0 => format!("{ms:>6.1} ms"),
        Some(ms) => format!("{:>7.1} s", ms / 1000.0),
        None => format!("{:>9}", "-"),
    };
    let half = time(load.latency.map(|it| it.p50));
    let most = time(load.latency.map(|it| it.p95));
    let restarts = format!("{:>8}", load.restarts);
    let tools = format!("{:>5}", backend.tools);
    let process = backend.process.map_or("-".to_owned(), |it| it.to_string());
    let process = format!("{process:>7}");
    let mut cells: Vec<Cell<'_>> = vec![
        (name, &backend.name, plain),
        (10, state, canvas.palette.tone(tone)),
        (8, &rate, plain),
    ];
    if wide {
        cells.push((9, &half, plain));
    }
    let again = match load.restarts {
        0 => faint,
        _ => canvas.palette.tone(Tone::Warn),
    };
    cells.extend([
        (9, most.as_str(), plain),
        (8, &restarts, again),
        (5, &tools, plain),
    ]);
    if wide {
        cells.push((7, &process, faint));
    }
    cells.push((0, "", plain));
    canvas.cells(line, &cells);
}

/// What there is to say of the chosen backend.
fn why(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let Some(backend) = state.backends().get(state.list(Pane::Backends).selected) else {
        return;
    };
    let (load, name) = (&backend.load, &backend.name);
    let (text, tone) = match &backend.reason {
        Some(reason) => (format!("{name}: {reason}"), canvas.palette.tone(Tone::Bad)),
        None => (
            format!(
                "{name}: {} calls, {} without an answer, {} under way",
                load.calls, load.unanswered, load.under_way
            ),
            canvas.palette.faint(),
        ),
    };
    canvas.text(area, &text, tone);
}

fn tools(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let shown = state.tools_shown();
    let title = match &state.tools_of {
        Some(backend) => format!("tools of {backend}: {}", shown.len()),
        None => format!("tools: {} of {}", shown.len(), state.tools.len()),
    };
    let head = Rect { height: 1, ..area };
    canvas.rule(head, &title);
    if state.searching || !state.search.value().is_empty() {
        let before = u16::try_from(width(&title)).unwrap_or_default() + 6;
        let rest = Rect {
            x: area.x + before,
            width: area.width.saturating_sub(before),
            ..head
        };
        let (faint, strong) = (canvas.palette.faint(), canvas.palette.strong());
        let end = canvas.text(rest, " find ", faint);
        let rest = Rect {
            x: end,
            width: rest.right().saturating_sub(end).min(30),
            ..rest
        };
        canvas.text(rest, &" ".repeat(30), faint);
        match state.searching {
            true => canvas.input(rest, &state.search, strong),
            false => {
                canvas.text(rest, state.search.value(), strong);
            }
        }
    }
    let rows = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    let name = names(shown.iter().map(|it| it.name.as_str()), area.width / 3);
    let backend = names(shown.iter().map(|it| it.backend.as_str()), area.width / 4);
    let marked = state.focus == Focus::Tools;
    canvas.list(
        rows,
        Pane::Tools,
        state,
        shown.len(),
        marked,
        |canvas, line, at| {
            let Some(tool) = shown.get(at) else { return };
            let (plain, faint) = (Style::new(), canvas.palette.faint());
            let what = tool.description.as_deref().unwrap_or_default();
            let what = what.lines().next().unwrap_or_default();
            canvas.cells(
                line,
                &[
                    (name, &tool.name, plain),
                    (backend, &tool.backend, faint),
                    (0, what, plain),
                ],
            );
        },
    );
    if shown.is_empty() {
        let faint = canvas.palette.faint();
        canvas.text(rows, "No tool.", faint);
    }
}

/// Columns for these names, but not more than there is room for.
fn names<'a>(names: impl Iterator<Item = &'a str>, most: u16) -> u16 {
    let widest = names.map(width).max().unwrap_or_default().max(7);
    u16::try_from(widest).unwrap_or(u16::MAX).min(most.max(8))
}
