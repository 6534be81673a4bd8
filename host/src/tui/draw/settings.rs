//! SyncConfigPanel: every setting of `sync` with its value and where it comes from; what is being
//! changed, and whether that will do; what it may be.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, Cell, rows, wrap};
use super::cut_before;
use crate::manage::{Setting, Word};
use crate::tui::state::{Editing, Pane, State, Tone, may_be, origin, shown, title};

const TITLE: u16 = 17;
const VALUE: u16 = 22;
/// Columns for the word on how to see another file.
const ANOTHER: usize = 15;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let Some(settings) = &state.form.settings else {
        let faint = canvas.palette.faint();
        canvas.text(area, "The host has not told its settings yet.", faint);
        return;
    };
    if let Some(Editing::Word { key, words }) = &state.form.editing {
        choice(canvas, area, state, key, words);
        return;
    }
    let faint = canvas.palette.faint();
    // Where the two files are, if there is room for more than the form itself.
    let count = u16::try_from(settings.settings.len()).unwrap_or(u16::MAX);
    let mut rest = area;
    if area.height > count + 6 {
        let columns = usize::from(area.width.saturating_sub(19));
        let file = cut_before(&settings.file, columns.saturating_sub(ANOTHER));
        let store = settings
            .store
            .as_deref()
            .unwrap_or("nowhere: there is no home folder");
        let store = cut_before(store, columns);
        let file = match state.owns_host {
            true => file,
            false => format!("{file}   (o: another)"),
        };
        for (name, text) in [("Watched file", file), ("Stored in", store)] {
            let row = Rect { height: 1, ..rest };
            canvas.cells(row, &[(TITLE, name, faint), (0, &text, Style::new())]);
            rest = Rect {
                y: rest.y + 1,
                height: rest.height - 1,
                ..rest
            };
        }
        rest = Rect {
            y: rest.y + 1,
            height: rest.height - 1,
            ..rest
        };
    }
    let heads = [(TITLE, "SETTING"), (VALUE, "VALUE"), (0, "FROM")];
    canvas.heads(Rect { height: 1, ..rest }, &heads);
    let below = rest.height.saturating_sub(count + 1).max(2);
    let list = Rect {
        y: rest.y + 1,
        height: rest.height - 1 - below,
        ..rest
    };
    let len = settings.settings.len();
    canvas.list(
        list,
        Pane::Settings,
        state,
        len,
        true,
        |canvas, line, at| {
            if let Some(setting) = settings.settings.get(at) {
                row(canvas, line, state, setting);
            }
        },
    );
    let about = Rect {
        y: list.bottom(),
        height: below,
        ..rest
    };
    // An input line stands in its row; it is not marked over.
    if let Some(Editing::Number { key, input }) = &state.form.editing {
        let at = settings.settings.iter().position(|it| it.key == *key);
        let row = rows(list).nth(at.unwrap_or_default()).unwrap_or(list);
        let value = Rect {
            x: row.x + TITLE + 2,
            width: VALUE,
            ..row
        };
        let strong = canvas.palette.strong();
        canvas.buffer.set_style(row, Style::reset());
        canvas.text(value, &" ".repeat(usize::from(VALUE)), Style::reset());
        canvas.input(value, input, strong);
    }
    describe(canvas, about, state);
}

fn row(canvas: &mut Canvas<'_>, line: Rect, state: &State, setting: &Setting) {
    let plain = Style::new();
    let value = shown(&setting.bounds, &setting.value);
    let (value, from, tone) = match state.form.edit(&setting.key) {
        Some(edit) => {
            let edit = shown(&setting.bounds, edit);
            let tone = canvas.palette.tone(Tone::Warn);
            (
                format!("{edit} (now {value})"),
                "not saved".to_owned(),
                tone,
            )
        }
        None => (value, origin(setting), plain),
    };
    let cells: [Cell<'_>; 3] = [
        (TITLE, title(&setting.key), plain),
        (VALUE, &value, canvas.palette.strong()),
        (0, &from, tone),
    ];
    canvas.cells(line, &cells);
}

/// What the chosen setting is, or what is wrong with what is typed.
fn describe(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let Some(setting) = state.form.rows().get(state.list(Pane::Settings).selected) else {
        return;
    };
    let problem = state
        .form
        .problem()
        .map(|it| (it, canvas.palette.tone(Tone::Bad)));
    let layers = setting.layers.iter().map(|layer| {
        let value = shown(&setting.bounds, &layer.value);
        format!("{} {value}", layer.origin.as_str())
    });
    let layers = layers.collect::<Vec<_>>().join(" < ");
    let faint = canvas.palette.faint();
    let said = problem.unwrap_or_else(|| {
        (
            format!("It may be: {}.", may_be(&setting.bounds)),
            Style::new(),
        )
    });
    let key = format!("sync.{}: {}", setting.key, setting.summary);
    let weakest = format!("Who says what, the last one counts: {layers}.");
    let lines = [(key, Style::new()), said, (weakest, faint)];
    let columns = usize::from(area.width);
    // In two rows: what it is, and what it may be.
    let lines: Vec<_> = match area.height {
        0..=3 => lines
            .into_iter()
            .map(|(text, style)| (super::cut(&text, columns), style))
            .collect(),
        _ => {
            let blank = (String::new(), Style::new());
            let wrapped = lines.iter().flat_map(|(text, style)| {
                wrap(text, columns).into_iter().map(|part| (part, *style))
            });
            std::iter::once(blank).chain(wrapped).collect()
        }
    };
    for (row, (text, style)) in rows(area).zip(&lines) {
        canvas.text(row, text, *style);
    }
}

/// The words that a setting may be, each with what it means.
fn choice(canvas: &mut Canvas<'_>, area: Rect, state: &State, key: &str, words: &[Word]) {
    let strong = canvas.palette.strong();
    canvas.text(area, title(key), strong);
    let dropped_in = |word: &str| {
        let mut plugins = state.plugins.iter();
        key == "detection" && plugins.any(|it| it.name == word && !it.built_in)
    };
    let now = state.form.setting(key).and_then(|it| it.value.as_str());
    let list = Rect {
        y: area.y + 2,
        height: area.height - 2,
        ..area
    };
    canvas.list(
        list,
        Pane::Words,
        state,
        words.len(),
        true,
        |canvas, line, at| {
            let Some(Word { word, summary }) = words.get(at) else {
                return;
            };
            let mut what = summary.clone();
            if dropped_in(word) {
                what = format!("dropped in; {what}");
            }
            if now == Some(word) {
                what = format!("in force; {what}");
            }
            let strong = canvas.palette.strong();
            canvas.cells(line, &[(16, word, strong), (0, &what, Style::new())]);
        },
    );
}
