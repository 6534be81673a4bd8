//! Where one stands in a list, or in a text: the row that is chosen, and the part that is seen.
//! Knows how many rows there are, and nothing of what is in them.

use std::ops::Range;

/// One list. Where nothing is chosen (a text), only `offset` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::tui) struct List {
    /// The row that is chosen.
    pub(in crate::tui) selected: usize,
    /// The first row that is seen.
    pub(in crate::tui) offset: usize,
    /// How many are seen at once.
    pub(in crate::tui) page: usize,
    /// How many there are.
    pub(in crate::tui) len: usize,
}

impl List {
    /// Chooses the row so far away, or the last one on the way.
    pub(in crate::tui) fn step(&mut self, by: isize) {
        self.select(self.selected.saturating_add_signed(by));
    }

    /// Chooses this row, or the last one.
    pub(in crate::tui) fn select(&mut self, row: usize) {
        self.selected = row.min(self.len.saturating_sub(1));
    }

    /// Moves the part that is seen.
    pub(in crate::tui) fn scroll(&mut self, by: isize) {
        let last = self.len.saturating_sub(self.page);
        self.offset = self.offset.saturating_add_signed(by).min(last);
    }

    /// A step that leaves a line of what was seen.
    pub(in crate::tui) fn a_page(&self) -> isize {
        isize::try_from(self.page.saturating_sub(1).max(1)).unwrap_or(1)
    }

    /// As many rows were put before all others: the chosen one stays chosen, unless it is the
    /// first, which means "the newest".
    pub(in crate::tui) fn put_before(&mut self, rows: usize) {
        self.len += rows;
        if self.selected > 0 {
            self.selected += rows;
            self.offset += rows;
        }
    }

    /// The list with `len` rows on a screen of `page`, the chosen row in sight.
    pub(in crate::tui) fn fitted(mut self, len: usize, page: usize) -> Self {
        self.len = len;
        self.page = page;
        self.select(self.selected);
        self.offset = self.offset.min(self.selected);
        if self.selected >= self.offset + page {
            self.offset = (self.selected + 1).saturating_sub(page);
        }
        self.offset = self.offset.min(len.saturating_sub(page));
        self
    }

    /// The text with `len` lines on a screen of `page`.
    pub(in crate::tui) fn fitted_text(mut self, len: usize, page: usize) -> Self {
        self.len = len;
        self.page = page;
        self.offset = self.offset.min(len.saturating_sub(page));
        self
    }

    /// The rows that are seen.
    pub(in crate::tui) fn seen(&self) -> Range<usize> {
        self.offset..(self.offset + self.page).min(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_row_is_in_sight_wherever_one_goes() {
        let mut list = List::default().fitted(100, 10);
        for by in [1, 8, 30, -5, 1000, -1, -1000, 12] {
            list.step(by);
            list = list.fitted(100, 10);
            assert!(list.seen().contains(&list.selected), "{list:?}");
            assert_eq!(list.seen().len(), 10);
        }
        assert_eq!(list.fitted(3, 10).seen(), 0..3);
        assert_eq!(list.fitted(0, 10).seen(), 0..0);
    }

    #[test]
    fn a_row_stays_chosen_when_others_come_before_it_but_the_newest_is_the_newest() {
        let mut list = List::default().fitted(5, 3);
        list.put_before(1);
        assert_eq!((list.selected, list.len), (0, 6));
        list.select(2);
        list.put_before(3);
        assert_eq!((list.selected, list.len), (5, 9));
    }

    #[test]
    fn a_text_is_never_scrolled_beyond_its_end() {
        let mut list = List::default().fitted_text(12, 10);
        list.scroll(50);
        assert_eq!(list.seen(), 2..12);
        list.scroll(-1);
        assert_eq!(list.seen(), 1..11);
        assert_eq!(list.fitted_text(4, 10).seen(), 0..4);
    }
}
