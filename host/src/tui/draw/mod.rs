//! Draws the state, and notes where things stand. Changes nothing; what is drawn follows from the
//! state, the size of the screen and the palette alone.

mod backends;
mod canvas;
mod events;
mod history;
mod overlay;
mod palette;
mod settings;
mod status;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub(super) use self::canvas::Drawn;
use self::canvas::{Canvas, cut, cut_before, width};
pub(super) use self::palette::Palette;
use super::state::{
    Context, Key, LEAST_HEIGHT, LEAST_WIDTH, Overlay, Screen, Spot, Standing, State, everywhere,
    keys,
};

/// Columns from which on there is room between the tabs.
const WITH_GAPS: u16 = 60;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, palette: Palette) -> Drawn {
    let area = frame.area();
    let mut canvas = Canvas {
        buffer: frame.buffer_mut(),
        palette,
        drawn: Drawn::default(),
    };
    if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        too_small(&mut canvas, area);
        return canvas.drawn;
    }
    whole(&mut canvas, area, state);
    let drawn = canvas.drawn;
    if let Some(position) = drawn.cursor {
        frame.set_cursor_position(position);
    }
    drawn
}

fn too_small(canvas: &mut Canvas<'_>, area: Rect) {
    let (columns, rows) = (area.width, area.height);
    let lines = [
        format!("Too small: {columns}x{rows}."),
        format!("{LEAST_WIDTH}x{LEAST_HEIGHT} are needed."),
        "q leaves.".to_owned(),
    ];
    for (row, text) in canvas::rows(area).zip(&lines) {
        canvas.text(row, text, Style::new());
    }
}

fn whole(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let row = |y| Rect {
        y,
        height: 1,
        ..area
    };
    header(canvas, inner(row(area.y)), state);
    tabs(canvas, inner(row(area.y + 1)), state);
    canvas.rule(row(area.y + 2), "");
    let body = inner(Rect {
        y: area.y + 3,
        height: area.height - 5,
        ..area
    });
    match state.screen {
        Screen::Status => status::draw(canvas, body, state),
        Screen::Events => events::draw(canvas, body, state),
        Screen::Backends => backends::draw(canvas, body, state),
        Screen::Settings => settings::draw(canvas, body, state),
        Screen::History => history::draw(canvas, body, state),
    }
    let notice = row(area.bottom() - 2);
    canvas.rule(notice, "");
    if let Some(Overlay::Question { lines, .. }) = &state.overlay {
        overlay::question(canvas, body, lines);
    }
    if let Some(Overlay::OtherFile(path)) = &state.overlay {
        overlay::other_file(canvas, body, path);
    }
    if let Some(Overlay::Export(path)) = &state.overlay {
        overlay::export(canvas, body, path, state);
    }
    if state.help {
        overlay::help(canvas, body, state);
    }
    if let Some(told) = &state.notice {
        let text = format!(" {} ", cut(&told.text, usize::from(area.width - 6)));
        let style = canvas.palette.tone(told.tone);
        canvas.text(
            Rect {
                x: 2,
                width: area.width - 4,
                ..notice
            },
            &text,
            style,
        );
    }
    footer(canvas, inner(row(area.bottom() - 1)), state.context());
}

/// A column of air at both sides.
fn inner(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    }
}

/// How the host is, and of which file it is.
fn header(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let Standing { word, why, tone } = state.known.standing(state.now.elapsed);
    let status = state.known.status.as_ref();
    let file = status.map_or("", |it| it.config.as_str());
    let tone = canvas.palette.tone(tone);
    let file = cut_before(file, usize::from(area.width / 2));
    let beside = u16::try_from(width(&file)).unwrap_or_default();
    let left = Rect {
        width: area.width.saturating_sub(beside + 2),
        ..area
    };
    canvas.texts(
        left,
        &[(&word, tone), ("  ", Style::new()), (&why, Style::new())],
    );
    let right = Rect {
        x: area.right() - beside,
        width: beside,
        ..area
    };
    let strong = canvas.palette.strong();
    canvas.text(right, &file, strong);
}

fn tabs(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let mut x = area.x;
    let gap = u16::from(area.width >= WITH_GAPS);
    for (at, screen) in Screen::ALL.into_iter().enumerate() {
        let text = format!(" {} {} ", at + 1, screen.name());
        let columns = u16::try_from(width(&text)).unwrap_or_default();
        let spot = Rect {
            x,
            width: columns.min(area.right().saturating_sub(x)),
            ..area
        };
        let style = match screen == state.screen {
            true => canvas.palette.chosen(),
            false => Style::new(),
        };
        canvas.text(spot, &text, style);
        canvas.drawn.spots.push((spot, Spot::Screen(screen)));
        x = spot.right() + gap;
    }
    let Some(serves) = state
        .known
        .status
        .as_ref()
        .and_then(|it| it.serves.as_ref())
    else {
        return;
    };
    let text = format!("generation {}", serves.generation);
    let columns = u16::try_from(width(&text)).unwrap_or_default();
    if x + columns < area.right() {
        let faint = canvas.palette.faint();
        let right = Rect {
            x: area.right() - columns,
            width: columns,
            ..area
        };
        canvas.text(right, &text, faint);
    }
}

/// The keys, as many as there is room for; help and the way out first.
fn footer(canvas: &mut Canvas<'_>, area: Rect, context: Context) {
    let common = everywhere(context);
    let first = common.iter().take(2);
    let all = first.chain(keys(context)).chain(common.iter().skip(2));
    let mut x = area.x;
    for Key {
        name,
        short,
        action,
        ..
    } in all.copied().filter(|key| !key.short.is_empty())
    {
        let columns = width(name) + 1 + width(short);
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        if x.saturating_add(columns) > area.right() {
            break;
        }
        let spot = Rect {
            x,
            width: columns,
            ..area
        };
        let (key, says) = (canvas.palette.key(), Style::new());
        canvas.texts(spot, &[(name, key), (" ", says), (short, says)]);
        canvas.drawn.spots.push((spot, Spot::Key(*action)));
        x = spot.right() + 2;
    }
}

/// `1 tool`, `2 tools`.
fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// Hex digits of a digest that people compare by.
fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

#[cfg(test)]
mod tests;
