//! Colours. Only the sixteen that every terminal has, as its user has set them; none at all where
//! `NO_COLOR` is set. Whatever a colour says, a word beside it says, too.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::state::Tone;

/// Which colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Palette {
    /// Sixteen.
    Sixteen,
    /// None.
    Plain,
}

impl Palette {
    /// For this tone.
    pub(super) fn tone(self, tone: Tone) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let coloured = |colour| match self {
            Self::Sixteen => bold.fg(colour),
            Self::Plain => bold,
        };
        match tone {
            Tone::Good => coloured(Color::Green),
            Tone::Busy => coloured(Color::Cyan),
            Tone::Warn => coloured(Color::Yellow),
            Tone::Bad => coloured(Color::Red),
            Tone::Quiet => self.faint(),
        }
    }

    /// What is looked at last: names of columns, lines between things.
    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What is looked at first.
    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The row that is chosen.
    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A key that can be pressed.
    pub(super) fn key(self) -> Style {
        match self {
            Self::Sixteen => self.strong().fg(Color::Cyan),
            Self::Plain => self.strong(),
        }
    }
}
