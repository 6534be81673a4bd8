//! What the screens draw on: rows of cells that never run over, lists and texts with what is seen
//! of them. Notes where things stand, so that a click finds them.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;

use super::palette::Palette;
use crate::tui::state::{Line, List, Pane, Spot, State};

/// Columns of the names before values.
const NAME: u16 = 13;

/// Where things are, once they are drawn.
#[derive(Debug, Default)]
pub(in crate::tui) struct Drawn {
    /// What is under each part of the screen; the last one counts.
    pub(in crate::tui) spots: Vec<(Rect, Spot)>,
    /// What is seen of each list.
    pub(in crate::tui) lists: Vec<(Pane, List)>,
    /// Where one types.
    pub(in crate::tui) cursor: Option<Position>,
}

impl Drawn {
    /// What is at this place.
    pub(in crate::tui) fn at(&self, position: Position) -> Option<Spot> {
        let spots = self.spots.iter().rev();
        let mut under = spots.filter(|(area, _)| area.contains(position));
        under.next().map(|(_, spot)| *spot)
    }
}

/// One cell of a row: how wide, what, and how it looks.
pub(super) type Cell<'a> = (u16, &'a str, Style);

/// The screen while it is drawn.
pub(super) struct Canvas<'a> {
    pub(super) buffer: &'a mut Buffer,
    pub(super) palette: Palette,
    pub(super) drawn: Drawn,
}

impl Canvas<'_> {
    /// One text, cut where it does not fit; says where it ends.
    pub(super) fn text(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        if area.is_empty() {
            return area.x;
        }
        let shown = cut(text, usize::from(area.width));
        let (end, _) =
            self.buffer
                .set_stringn(area.x, area.y, shown, usize::from(area.width), style);
        end
    }

    /// Texts one after the other.
    pub(super) fn texts(&mut self, area: Rect, texts: &[(&str, Style)]) -> u16 {
        let mut rest = area;
        for (text, style) in texts {
            let end = self.text(rest, text, *style);
            rest = Rect::new(end, area.y, area.right().saturating_sub(end), 1);
        }
        rest.x
    }

    /// Cells with two columns between them; the last one gets what is left.
    pub(super) fn cells(&mut self, area: Rect, cells: &[Cell<'_>]) {
        let mut x = area.x;
        for (at, (width, text, style)) in cells.iter().enumerate() {
            let left = area.right().saturating_sub(x);
            let width = match at + 1 == cells.len() {
                true => left,
                false => (*width).min(left),
            };
            self.text(Rect::new(x, area.y, width, 1), text, *style);
            x = x.saturating_add(width + 2);
        }
    }

    /// The names of columns.
    pub(super) fn heads(&mut self, area: Rect, cells: &[(u16, &str)]) {
        let style = self.palette.faint();
        let cells: Vec<_> = cells
            .iter()
            .map(|(width, text)| (*width, *text, style))
            .collect();
        self.cells(area, &cells);
    }

    /// A line across.
    pub(super) fn rule(&mut self, area: Rect, title: &str) {
        let style = self.palette.faint();
        let line = "─".repeat(usize::from(area.width));
        self.text(area, &line, style);
        if !title.is_empty() {
            let inside = Rect {
                x: area.x + 2,
                width: area.width.saturating_sub(4),
                ..area
            };
            self.text(inside, &format!(" {title} "), style);
        }
    }

    /// A list: calls `row` for each one that is seen. Its cells look as if nobody had chosen it;
    /// the chosen one is marked afterwards.
    pub(super) fn list(
        &mut self,
        area: Rect,
        pane: Pane,
        state: &State,
        len: usize,
        marked: bool,
        mut row: impl FnMut(&mut Self, Rect, usize),
    ) {
        let list = state.list(pane).fitted(len, usize::from(area.height));
        self.drawn.spots.push((area, Spot::Pane(pane)));
        self.drawn.lists.push((pane, list));
        for (line, at) in rows(area).zip(list.seen()) {
            row(self, line, at);
            self.drawn.spots.push((line, Spot::Row(pane, at)));
            if at == list.selected && marked {
                let chosen = self.palette.chosen();
                self.buffer.set_style(line, chosen);
            }
        }
        self.more(area, list.seen(), len);
    }

    /// Names and values, wrapped and scrolled. A name without a value is a heading.
    pub(super) fn lines(&mut self, area: Rect, pane: Pane, state: &State, lines: &[Line]) {
        let width = usize::from(area.width.saturating_sub(NAME));
        let wrapped = lines.iter().flat_map(|line| {
            let parts = wrap(&line.text, width).into_iter().enumerate();
            parts.map(|(at, part)| (if at == 0 { line.name } else { "" }, part))
        });
        let wrapped: Vec<_> = wrapped.collect();
        let list = state
            .list(pane)
            .fitted_text(wrapped.len(), usize::from(area.height));
        self.drawn.spots.push((area, Spot::Pane(pane)));
        self.drawn.lists.push((pane, list));
        for (line, (name, text)) in rows(area).zip(&wrapped[list.seen()]) {
            if text.is_empty() {
                let strong = self.palette.strong();
                self.text(line, name, strong);
            } else {
                self.named(line, name, &[(text, Style::new())]);
            }
        }
        self.more(area, list.seen(), wrapped.len());
    }

    /// A name, and what is so called.
    pub(super) fn named(&mut self, area: Rect, name: &str, texts: &[(&str, Style)]) {
        let faint = self.palette.faint();
        self.text(
            Rect {
                width: NAME.min(area.width),
                ..area
            },
            name,
            faint,
        );
        let rest = area.width.saturating_sub(NAME);
        self.texts(Rect::new(area.x + NAME, area.y, rest, 1), texts);
    }

    /// At the right edge: how much there is above and below what is seen.
    fn more(&mut self, area: Rect, seen: Range<usize>, len: usize) {
        let Some(x) = area.right().checked_sub(1).filter(|_| area.height > 0) else {
            return;
        };
        let faint = self.palette.faint();
        if seen.start > 0 {
            self.buffer.set_stringn(x, area.y, "↑", 1, faint);
        }
        if seen.end < len {
            self.buffer.set_stringn(x, area.bottom() - 1, "↓", 1, faint);
        }
    }

    /// An input line, with the cursor in it.
    pub(super) fn input(&mut self, area: Rect, input: &tui_input::Input, style: Style) {
        if area.width < 2 {
            return;
        }
        let width = usize::from(area.width - 1);
        let scroll = input.visual_scroll(width);
        let seen: String = input.value().chars().skip(scroll).collect();
        self.buffer.set_stringn(area.x, area.y, &seen, width, style);
        let before = u16::try_from(input.visual_cursor().saturating_sub(scroll));
        let x = area.x + before.unwrap_or_default().min(area.width - 1);
        self.drawn.cursor = Some(Position::new(x, area.y));
    }
}

/// The rows of an area.
pub(super) fn rows(area: Rect) -> impl Iterator<Item = Rect> {
    (area.y..area.bottom()).map(move |y| Rect {
        y,
        height: 1,
        ..area
    })
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text that fits, in one line: what is cut off leaves `…`, and what would steer the terminal
/// is a space.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut shown = String::new();
    let mut taken = 0;
    for letter in text.chars().map(plain) {
        let wide = width(letter.encode_utf8(&mut [0; 4]));
        if taken + wide > columns {
            while taken + 1 > columns {
                let last = shown.pop();
                taken -= last.map_or(taken, |it| width(it.encode_utf8(&mut [0; 4])));
                if last.is_none() {
                    return shown;
                }
            }
            shown.push('…');
            return shown;
        }
        shown.push(letter);
        taken += wide;
    }
    shown
}

/// The end of a text, where its beginning does not fit: for paths.
pub(super) fn cut_before(text: &str, columns: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= columns {
        return cut(text, columns);
    }
    let kept = columns.saturating_sub(1);
    let tail: String = letters[letters.len() - kept..].iter().collect();
    cut(&format!("…{tail}"), columns)
}

/// Lines of at most so many columns, broken at spaces where there are any.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let indent = text.len() - text.trim_start_matches(' ').len();
    for word in text.trim_start_matches(' ').split(' ') {
        let mut word = word;
        if line.is_empty() && lines.is_empty() {
            line = " ".repeat(indent.min(columns / 2));
        } else if width(&line) + 1 + width(word) <= columns {
            line.push(' ');
        } else {
            lines.push(std::mem::take(&mut line));
        }
        while width(&line) + width(word) > columns {
            let room = columns - width(&line).min(columns);
            let fits = word.char_indices().scan(0, |taken, (at, letter)| {
                *taken += width(letter.encode_utf8(&mut [0; 4]));
                (*taken <= room).then_some(at + letter.len_utf8())
            });
            let end = fits.last().unwrap_or_else(|| {
                // A letter that is wider than the screen.
                if line.is_empty() {
                    word.chars().next().map_or(0, char::len_utf8)
                } else {
                    0
                }
            });
            line.push_str(&word[..end]);
            word = &word[end..];
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_fits_and_says_so() {
        assert_eq!(cut("backends", 8), "backends");
        assert_eq!(cut("backends", 7), "backen…");
        assert_eq!(cut("a\u{1b}[31m\tb", 80), "a [31m b");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日", 1), "…");
        assert_eq!(cut("a", 0), "");
        assert_eq!(cut_before("/srv/mcp/config.yaml", 12), "…config.yaml");
    }

    #[test]
    fn a_wrapped_text_loses_no_letter() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrap("  \"type\": 1", 20), ["  \"type\": 1"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("日本", 1), ["日", "本", ""]);
        for columns in 1..30 {
            let text = "sync.debounse: unknown key; did you mean `debounce`?";
            let letters = |text: &str| text.chars().filter(|it| *it != ' ').collect::<String>();
            let lines = wrap(text, columns);
            assert_eq!(letters(&lines.concat()), letters(text));
            assert!(lines.iter().all(|line| width(line) <= columns), "{lines:?}");
        }
    }
}
