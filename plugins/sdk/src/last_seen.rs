use serde::{Deserialize, Serialize};

use crate::{Absence, FileError, Observation};

/// The memory that most detectors want: what was last seen of the file, kept while it is away.
///
/// So a file that comes back as it was is unchanged, one that comes back different is changed, and
/// an absence is told once instead of at every look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen<T> {
    pub(crate) seen: Option<T>,
    pub(crate) absent: Option<Absence>,
}

/// How what is seen now compares with what was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Nothing to tell.
    Same,
    /// Something happened, and it was no change.
    Touched(String),
    /// A change.
    Changed(String),
}

impl<T> LastSeen<T> {
    /// What was last seen of the file, also while it is away.
    pub fn seen(&self) -> Option<&T> {
        self.seen.as_ref()
    }

    /// The observation for one look. `compare` is given what was seen before and what is seen now,
    /// and is asked only when there are both.
    pub fn update(
        memory: Option<Self>,
        look: Result<T, FileError>,
        compare: impl FnOnce(&T, &T) -> Compared,
    ) -> Result<Observation<Self>, String> {
        match look {
            Ok(now) => Ok(Self::present(memory, now, compare)),
            Err(error) => Ok(Self::missing(memory, error.absence()?)),
        }
    }

    fn present(
        memory: Option<Self>,
        now: T,
        compare: impl FnOnce(&T, &T) -> Compared,
    ) -> Observation<Self> {
        let (verdict, was_absent) = match &memory {
            None => (Compared::Same, false),
            Some(Self { seen: None, .. }) => (Compared::Changed("appeared".into()), false),
            Some(Self {
                seen: Some(before),
                absent,
            }) => (compare(before, &now), absent.is_some()),
        };
        let memory = Self {
            seen: Some(now),
            absent: None,
        };
        match verdict {
            Compared::Same if was_absent => {
                Observation::unchanged(memory).with_note("back as it was")
            }
            Compared::Same => Observation::unchanged(memory),
            Compared::Touched(note) => Observation::unchanged(memory).with_note(note),
            Compared::Changed(note) => Observation::changed(memory, note),
        }
    }

    fn missing(memory: Option<Self>, why: Absence) -> Observation<Self> {
        let told = memory.as_ref().and_then(|memory| memory.absent) == Some(why);
        let memory = Self {
            seen: memory.and_then(|memory| memory.seen),
            absent: Some(why),
        };
        Observation::missing(memory, if told { String::new() } else { why.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    fn look(memory: &mut Option<LastSeen<u8>>, look: Result<u8, FileError>) -> (Verdict, String) {
        let seen = LastSeen::update(memory.take(), look, |before, now| {
            if before == now {
                Compared::Same
            } else {
                Compared::Changed(format!("{before} -> {now}"))
            }
        })
        .unwrap();
        *memory = Some(seen.memory);
        (seen.verdict, seen.note)
    }

    #[test]
    fn the_first_look_is_the_baseline() {
        assert_eq!(look(&mut None, Ok(1)), (Verdict::Unchanged, String::new()));
    }

    #[test]
    fn a_file_that_comes_back_as_it_was_is_unchanged() {
        let mut memory = None;
        look(&mut memory, Ok(1));
        look(&mut memory, Err(FileError::NotFound));
        assert_eq!(
            look(&mut memory, Ok(1)),
            (Verdict::Unchanged, "back as it was".into())
        );
        assert_eq!(
            look(&mut memory, Ok(1)),
            (Verdict::Unchanged, String::new())
        );
    }

    #[test]
    fn a_file_that_comes_back_different_is_changed() {
        let mut memory = None;
        look(&mut memory, Ok(1));
        look(&mut memory, Err(FileError::NotFound));
        assert_eq!(
            look(&mut memory, Ok(2)),
            (Verdict::Changed, "1 -> 2".into())
        );
    }

    #[test]
    fn a_file_that_was_never_seen_appears() {
        let mut memory = None;
        look(&mut memory, Err(FileError::NotFound));
        assert_eq!(
            look(&mut memory, Ok(1)),
            (Verdict::Changed, "appeared".into())
        );
    }

    #[test]
    fn an_absence_is_told_once_and_again_when_its_reason_changes() {
        let mut memory = None;
        assert_eq!(
            look(&mut memory, Err(FileError::NotFound)),
            (Verdict::Missing, "not found".into())
        );
        assert_eq!(
            look(&mut memory, Err(FileError::NotFound)),
            (Verdict::Missing, String::new())
        );
        assert_eq!(
            look(&mut memory, Err(FileError::NotAFile)),
            (Verdict::Missing, "not a regular file".into())
        );
    }

    #[test]
    fn any_other_error_fails_the_look() {
        let failed = LastSeen::update(
            None,
            Err::<u8, _>(FileError::Other("i/o error".into())),
            |_, _| Compared::Same,
        );
        assert_eq!(failed, Err("i/o error".into()));
    }
}
