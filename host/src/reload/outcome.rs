//! How a reload ended, sorted by what follows: nothing, a new snapshot, waiting for other bytes,
//! or trying the same bytes again.

use super::{Difference, OutcomeKind};
use crate::gateway::Swapped;

/// The end of a reload.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// What serves is what the file says; the note tells people why nothing follows.
    Unchanged(String),
    /// The new configuration serves.
    Applied {
        /// What the swap changed.
        swapped: Swapped,
        /// What differs, for people.
        differences: Vec<Difference>,
    },
    /// The configuration is wrong: no retry until its bytes change. Each line says where and
    /// what to do.
    Rejected(Vec<String>),
    /// The world is not as the configuration needs it: the same bytes may work later.
    Failed(Vec<String>),
    /// It was cut short before its swap, for other bytes or the host's end: the note says which.
    Abandoned(String),
    /// What was applied did not stand its probation: what served before serves again.
    Reverted {
        /// What the way back changed.
        swapped: Swapped,
        /// Why.
        reason: String,
    },
}

/// [`Outcome`] without its story, as handlers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The new configuration serves.
    Applied,
    /// The configuration is wrong.
    Rejected,
    /// The world is not as the configuration needs it.
    Failed,
    /// It served, and was taken back.
    Reverted,
}

impl Outcome {
    /// What handlers are told; nothing when they were not asked.
    pub fn ending(&self) -> Option<Ending> {
        match self {
            Self::Unchanged(_) => None,
            Self::Applied { .. } => Some(Ending::Applied),
            Self::Rejected(_) => Some(Ending::Rejected),
            Self::Failed(_) | Self::Abandoned(_) => Some(Ending::Failed),
            Self::Reverted { .. } => Some(Ending::Reverted),
        }
    }

    /// In one word.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Unchanged(_) => OutcomeKind::Unchanged,
            Self::Applied { .. } => OutcomeKind::Applied,
            Self::Rejected(_) => OutcomeKind::Rejected,
            Self::Failed(_) | Self::Abandoned(_) => OutcomeKind::Failed,
            Self::Reverted { .. } => OutcomeKind::Reverted,
        }
    }

    /// Why, one line each.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Applied { .. } => Vec::new(),
            Self::Rejected(lines) | Self::Failed(lines) => lines.clone(),
            Self::Unchanged(reason) | Self::Abandoned(reason) | Self::Reverted { reason, .. } => {
                vec![reason.clone()]
            }
        }
    }

    /// What was swapped, if anything was.
    pub fn swapped(&self) -> Option<&Swapped> {
        match self {
            Self::Applied { swapped, .. } | Self::Reverted { swapped, .. } => Some(swapped),
            _ => None,
        }
    }
}

/// One line for the event log: `3 backends reloaded (+ backends.github)`.
pub(super) fn applied(swapped: &Swapped, differences: &[Difference]) -> String {
    /// More than this is a wall of text; the log of the handlers has the rest.
    const SHOWN: usize = 8;
    let mut touched: Vec<_> = swapped.started.iter().chain(&swapped.stopped).collect();
    touched.sort();
    touched.dedup();
    let what = match touched.len() {
        0 => "configuration reloaded".to_owned(),
        1 => "1 backend reloaded".to_owned(),
        count => format!("{count} backends reloaded"),
    };
    if differences.is_empty() {
        return what;
    }
    let mut shown: Vec<_> = differences
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    if differences.len() > SHOWN {
        shown.push(format!("{} more", differences.len() - SHOWN));
    }
    format!("{what} ({})", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::DifferenceKind;

    #[test]
    fn a_replaced_backend_counts_once() {
        let swapped = Swapped {
            started: vec!["web".to_owned(), "new".to_owned()],
            stopped: vec!["web".to_owned()],
            ..Swapped::default()
        };
        let differences = [Difference::at(
            DifferenceKind::Added,
            "backends.new".to_owned(),
        )];
        assert_eq!(
            applied(&swapped, &differences),
            "2 backends reloaded (+ backends.new)"
        );
        assert_eq!(applied(&Swapped::default(), &[]), "configuration reloaded");
    }
}
