//! The events, as they are looked through: kept up to a bound, filtered, halted. Pure.

use std::collections::VecDeque;

use crate::events::{EventKind, SyncEvent};

/// How many rows are held: ten times what the host keeps, for a UI that is left running.
pub(in crate::tui) const HELD: usize = 5000;

/// One row.
#[derive(Debug, Clone)]
pub(in crate::tui) enum Row {
    /// What happened.
    Event(SyncEvent),
    /// So many events were not told.
    Missed(u64),
    /// What follows is of a host that was started anew.
    Anew,
}

/// The events.
#[derive(Debug, Default)]
pub(in crate::tui) struct Log {
    /// Oldest first, numbered from `first`.
    rows: VecDeque<Row>,
    first: u64,
    /// The numbers of those that pass the filter and were there before the halt, oldest first.
    shown: VecDeque<u64>,
    text: String,
    kind: Option<EventKind>,
    /// The number from which on rows wait until the list goes on.
    halted: Option<u64>,
    /// Events that were not told, in all.
    missed: u64,
}

impl Row {
    fn passes(&self, text: &str, kind: Option<EventKind>) -> bool {
        let Self::Event(event) = self else {
            // That something is missing is seen through any filter.
            return true;
        };
        if kind.is_some_and(|kind| kind != event.kind) {
            return false;
        }
        let holds = |field: &str| field.to_lowercase().contains(text);
        text.is_empty() || holds(&event.details) || holds(event.kind.as_str()) || holds(&event.time)
    }
}

impl Log {
    /// One more row. Says how many rows more there are to see: none or one.
    pub(in crate::tui) fn push(&mut self, row: Row) -> usize {
        if let Row::Missed(count) = row {
            self.missed += count;
        }
        let number = self.first + self.rows.len() as u64;
        let seen = self.halted.is_none() && row.passes(&self.text, self.kind);
        self.rows.push_back(row);
        if seen {
            self.shown.push_back(number);
        }
        if self.rows.len() > HELD {
            self.rows.pop_front();
            self.first += 1;
            if self.shown.front().is_some_and(|it| *it < self.first) {
                self.shown.pop_front();
            }
        }
        usize::from(seen)
    }

    /// How many rows there are to see.
    pub(in crate::tui) fn len(&self) -> usize {
        self.shown.len()
    }

    /// How many are held.
    pub(in crate::tui) fn held(&self) -> usize {
        self.rows.len()
    }

    /// How many events were not told, in all.
    pub(in crate::tui) fn missed(&self) -> u64 {
        self.missed
    }

    /// The rows to see, newest first.
    pub(in crate::tui) fn rows(&self) -> impl Iterator<Item = &Row> {
        let numbers = self.shown.iter().rev();
        numbers.filter_map(|number| self.at(*number))
    }

    /// The row at this place, counted from the newest.
    pub(in crate::tui) fn row(&self, place: usize) -> Option<&Row> {
        let from_oldest = self.shown.len().checked_sub(place + 1)?;
        self.at(*self.shown.get(from_oldest)?)
    }

    /// The event at this place.
    pub(in crate::tui) fn event(&self, place: usize) -> Option<&SyncEvent> {
        match self.row(place)? {
            Row::Event(event) => Some(event),
            Row::Missed(_) | Row::Anew => None,
        }
    }

    fn at(&self, number: u64) -> Option<&Row> {
        let place = number.checked_sub(self.first)?;
        self.rows.get(usize::try_from(place).ok()?)
    }

    /// What is shown must hold this text.
    pub(in crate::tui) fn text(&self) -> &str {
        &self.text
    }

    /// What is shown is of this type.
    pub(in crate::tui) fn kind(&self) -> Option<EventKind> {
        self.kind
    }

    /// Shows only what holds this text, in whatever case.
    pub(in crate::tui) fn filter(&mut self, text: &str) {
        self.text = text.to_lowercase();
        self.sift();
    }

    /// Shows the next type alone; after the last one, all.
    pub(in crate::tui) fn next_kind(&mut self) {
        let all = EventKind::ALL;
        self.kind = match self.kind {
            None => all.first().copied(),
            Some(kind) => {
                let place = all.iter().position(|it| *it == kind);
                place.and_then(|place| all.get(place + 1)).copied()
            }
        };
        self.sift();
    }

    /// Halts the list, or lets it go on.
    pub(in crate::tui) fn halt(&mut self) {
        self.halted = match self.halted {
            Some(_) => None,
            None => Some(self.first + self.rows.len() as u64),
        };
        self.sift();
    }

    /// How many rows wait, while the list is halted.
    pub(in crate::tui) fn waiting(&self) -> Option<usize> {
        let end = self.first + self.rows.len() as u64;
        let waiting = end - self.halted?.max(self.first);
        usize::try_from(waiting).ok()
    }

    fn sift(&mut self) {
        let end = self.halted.unwrap_or(u64::MAX);
        let numbered = (self.first..).zip(&self.rows);
        self.shown = numbered
            .take_while(|(number, _)| *number < end)
            .filter(|(_, row)| row.passes(&self.text, self.kind))
            .map(|(number, _)| number)
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, kind: EventKind, details: &str) -> Row {
        let at = "2026-11-24T14:32:05+00:00[UTC]".parse().unwrap();
        let mut event = SyncEvent::new(&at, kind, details);
        event.number = number;
        Row::Event(event)
    }

    fn details(log: &Log) -> Vec<String> {
        let rows = log.rows().map(|row| match row {
            Row::Event(event) => event.details.clone(),
            Row::Missed(count) => format!("missed {count}"),
            Row::Anew => "anew".to_owned(),
        });
        rows.collect()
    }

    fn log() -> Log {
        let mut log = Log::default();
        log.push(event(1, EventKind::Changed, "1 backend reloaded"));
        log.push(event(2, EventKind::Error, "rejected: Line 3"));
        log.push(Row::Missed(7));
        log.push(event(3, EventKind::NoChange, "same bytes"));
        log
    }

    #[test]
    fn the_newest_is_first_and_a_filter_hides_no_gap() {
        let mut log = log();
        assert_eq!(
            details(&log),
            [
                "same bytes",
                "missed 7",
                "rejected: Line 3",
                "1 backend reloaded"
            ]
        );
        log.filter("LINE");
        assert_eq!(details(&log), ["missed 7", "rejected: Line 3"]);
        log.filter("");
        log.next_kind();
        assert_eq!(log.kind(), Some(EventKind::Changed));
        assert_eq!(details(&log), ["missed 7", "1 backend reloaded"]);
        for _ in 1..=EventKind::ALL.len() {
            log.next_kind();
        }
        assert_eq!((log.kind(), log.len(), log.missed()), (None, 4, 7));
        assert!(log.event(1).is_none() && log.event(2).is_some());
    }

    #[test]
    fn what_comes_while_it_is_halted_waits_and_is_counted() {
        let mut log = log();
        log.halt();
        assert_eq!(log.push(event(4, EventKind::Error, "later")), 0);
        assert_eq!((log.len(), log.waiting()), (4, Some(1)));
        log.filter("later");
        assert_eq!(log.len(), 1, "only the gap");
        log.halt();
        assert_eq!(details(&log), ["later", "missed 7"]);
        assert_eq!(log.waiting(), None);
    }

    #[test]
    fn it_is_bounded_whatever_happens() {
        let mut log = Log::default();
        log.push(event(0, EventKind::Error, "first"));
        log.halt();
        for number in 1..=20_000 {
            log.push(event(number, EventKind::State, "x"));
        }
        assert_eq!((log.held(), log.len()), (HELD, 0));
        assert_eq!(log.waiting(), Some(HELD));
        log.halt();
        assert_eq!((log.len(), log.shown.len()), (HELD, HELD));
        assert_eq!(log.event(0).unwrap().number, 20_000);
        assert_eq!(log.event(HELD - 1).unwrap().number, 15_001);
    }
}
