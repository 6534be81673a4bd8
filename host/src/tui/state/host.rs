//! What is known of the host: whether there is one, how it is, and what that comes to in one
//! word. Pure.

use std::time::Duration;

use crate::manage::{Status, Watching};

/// How grave something is. `draw` gives each a colour; the words must do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Tone {
    /// As it should be.
    Good,
    /// Something is under way.
    Busy,
    /// Less than it should be.
    Warn,
    /// Wrong.
    Bad,
    /// Nothing happens, and nothing should.
    Quiet,
}

/// The host as it was heard of last.
#[derive(Debug, Default)]
pub(in crate::tui) struct Known {
    /// There is one.
    pub(in crate::tui) attached: bool,
    /// Why there is none, once that was found out.
    pub(in crate::tui) lost: Option<String>,
    /// How it is, or was.
    pub(in crate::tui) status: Option<Status>,
    /// When that was heard.
    pub(in crate::tui) heard: Duration,
}

/// How the host is, for people.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tui) struct Standing {
    /// In a word or two.
    pub(in crate::tui) word: String,
    /// Why; empty, where there is nothing to say.
    pub(in crate::tui) why: String,
    /// How grave that is.
    pub(in crate::tui) tone: Tone,
}

impl Known {
    /// How the host is at `now`.
    pub(in crate::tui) fn standing(&self, now: Duration) -> Standing {
        let standing = |word: &str, why: &str, tone| Standing {
            word: word.to_owned(),
            why: why.to_owned(),
            tone,
        };
        if !self.attached {
            return match &self.lost {
                Some(why) => standing("no host", why, Tone::Bad),
                None => standing("looking", "for the host", Tone::Busy),
            };
        }
        let Some(status) = &self.status else {
            return standing("attached", "", Tone::Busy);
        };
        if status.state != "running" {
            return standing(&status.state, "", Tone::Busy);
        }
        if let Some(trigger) = &status.reloading {
            return standing("reloading", &format!("by {trigger}"), Tone::Busy);
        }
        let told = refused(status);
        let first = status.troubles.first().map_or("", String::as_str);
        let trouble = told.as_deref().unwrap_or(first);
        if let Some(left) = self.left(status.retry_in, now) {
            let word = format!("retrying in {} s", left.ceil());
            return standing(&word, trouble, Tone::Warn);
        }
        if self.left(status.settles_in, now).is_some() {
            return standing("settling", "the file has changed", Tone::Busy);
        }
        match status.watching {
            Watching::Paused => standing("paused", "edits are not followed", Tone::Warn),
            Watching::Stopped => standing("stopped", "edits are not followed", Tone::Warn),
            Watching::Off => standing("idle", "the file is not watched", Tone::Quiet),
            Watching::NotYet => standing("starting", "not watching yet", Tone::Busy),
            Watching::On if trouble.is_empty() => standing("live", "", Tone::Good),
            Watching::On => standing("degraded", trouble, Tone::Warn),
        }
    }

    /// What is left at `now` of so many seconds that the status told.
    pub(in crate::tui) fn left(&self, told: Option<f64>, now: Duration) -> Option<f64> {
        let since = now.saturating_sub(self.heard).as_secs_f64();
        Some((told? - since).max(0.0))
    }
}

/// Why what the file holds does not serve, in fewer words than the trouble has.
fn refused(status: &Status) -> Option<String> {
    let last = status.last_reload.as_ref();
    let last = last.filter(|last| !status.on_disk.same && last.digest == status.on_disk.digest)?;
    let reason = last.reasons.first()?;
    (last.outcome != "applied").then(|| format!("{}, {reason}", last.outcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::state::tests::status;

    fn word(change: impl FnOnce(&mut Status)) -> String {
        let mut told = status();
        change(&mut told);
        let known = Known {
            attached: true,
            lost: None,
            status: Some(told),
            heard: Duration::from_secs(100),
        };
        let Standing { word, why, .. } = known.standing(Duration::from_secs(102));
        format!("{word}: {why}")
    }

    #[test]
    fn each_state_has_its_word() {
        assert_eq!(word(|_| ()), "live: ");
        assert_eq!(
            word(|it| it.watching = Watching::Off),
            "idle: the file is not watched"
        );
        assert_eq!(
            word(|it| it.watching = Watching::Paused),
            "paused: edits are not followed"
        );
        assert_eq!(
            word(|it| it.reloading = Some("hangup".into())),
            "reloading: by hangup"
        );
        assert_eq!(word(|it| it.retry_in = Some(9.5)), "retrying in 8 s: ");
        assert_eq!(
            word(|it| it.settles_in = Some(2.5)),
            "settling: the file has changed"
        );
        assert_eq!(
            word(|it| it.troubles = vec!["no".into(), "nor".into()]),
            "degraded: no"
        );
        assert_eq!(word(|it| it.state = "stopping".into()), "stopping: ");
    }

    #[test]
    fn nobody_there_is_told_with_the_reason() {
        let mut known = Known::default();
        assert_eq!(known.standing(Duration::ZERO).word, "looking");
        known.lost = Some("it has ended".to_owned());
        let Standing { word, why, tone } = known.standing(Duration::ZERO);
        assert_eq!(
            (word.as_str(), why.as_str(), tone),
            ("no host", "it has ended", Tone::Bad)
        );
    }
}
