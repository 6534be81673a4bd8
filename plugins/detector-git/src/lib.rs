//! Decides by git: the file has changed when another commit is checked out and the file is another
//! one with it. An edit that nobody has committed is told, and is no change. What it reads stands
//! in `git.yaml` beside `git.wasm`:
//!
//! ```yaml
//! grants: {read: [/srv/app/.git]}
//! settings: {git: /srv/app/.git}   # without it, the `.git` in the nearest folder above the file
//! ```
//!
//! It reads `HEAD`, the branch that stands there, and `packed-refs`; of a linked worktree also what
//! its `.git` leads to, which must be granted as well. It reads no object of git, so it does not know
//! what is in a commit: an edit that lies there uncommitted goes along with the next commit of
//! anything. Refs that are kept as a reftable it cannot read, and says so. The host looks by content
//! each `sync.safety_interval` whatever a detector says: where an uncommitted edit must never serve,
//! set that to 0.

mod repository;

use std::path::{Path, PathBuf};

use config_sync_sdk::{
    Compared, Detector, DetectorDescriptor, Digest, FileError, LastSeen, Observation, Target, Wake,
    Wakes, settings,
};
use serde::{Deserialize, Serialize};

use repository::commit;

/// The detector `git`.
pub struct Git;

config_sync_sdk::export!(detector: Git);

/// What was checked out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedOut {
    commit: String,
    /// Of the file when this commit was first seen.
    digest: Digest,
    /// Of an edit since.
    edited: Option<Digest>,
}

impl Detector for Git {
    type Memory = LastSeen<CheckedOut>;

    fn describe() -> DetectorDescriptor {
        DetectorDescriptor {
            summary: "compares the commit that is checked out".into(),
            // Events tell of the file, and not of what git keeps.
            wakes: Wakes::TICK | Wakes::EVENTS,
        }
    }

    fn observe(
        target: &dyn Target,
        _wake: Wake,
        memory: Option<Self::Memory>,
    ) -> Result<Observation<Self::Memory>, String> {
        let read = |path: &Path| std::fs::read_to_string(path).ok();
        // Before the file: git writes the files first, and then says which commit they are of.
        let commit = commit(&folder(target, &read)?, &read)?;
        let before = memory.as_ref().and_then(LastSeen::seen);
        let now = CheckedOut::of(target, commit, before);
        LastSeen::update(memory, now, CheckedOut::compare)
    }
}

impl CheckedOut {
    fn of(target: &dyn Target, commit: String, before: Option<&Self>) -> Result<Self, FileError> {
        target.regular()?;
        let digest = target.digest()?;
        Ok(match before {
            Some(before) if before.commit == commit && before.digest != digest => Self {
                edited: Some(digest),
                ..before.clone()
            },
            _ => Self {
                commit,
                digest,
                edited: None,
            },
        })
    }

    fn compare(before: &Self, now: &Self) -> Compared {
        if before.commit == now.commit {
            return match &now.edited {
                edited if *edited == before.edited => Compared::Same,
                Some(_) => Compared::Touched("edited, and not committed".into()),
                None => Compared::Touched("as it is committed again".into()),
            };
        }
        let commits = format!("commit {:.8} -> {:.8}", before.commit, now.commit);
        match before.digest == now.digest {
            true => Compared::Touched(format!("{commits}, the same file")),
            false => Compared::Changed(commits),
        }
    }
}

/// Where git keeps what belongs to the file.
fn folder(target: &dyn Target, read: repository::Read<'_>) -> Result<PathBuf, String> {
    if let Some(git) = settings().get("git") {
        let git = git.as_str().ok_or("settings.git: must be a path")?;
        return Ok(git.into());
    }
    let file = PathBuf::from(target.name());
    let above = file.ancestors().skip(1).map(|folder| folder.join(".git"));
    above
        .into_iter()
        .find_map(|git| repository::at(&git, read))
        .ok_or_else(|| {
            format!(
                "no .git above {} can be read; name it in grants.read and as settings.git",
                file.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::FakeTarget;

    use super::*;

    /// What a look says after this commit, with the file as it is.
    fn look(memory: &mut Option<CheckedOut>, target: &FakeTarget, commit: &str) -> Compared {
        let before = memory.take();
        let now = CheckedOut::of(target, commit.to_owned(), before.as_ref()).unwrap();
        let compared = match &before {
            Some(before) => CheckedOut::compare(before, &now),
            None => Compared::Same,
        };
        *memory = Some(now);
        compared
    }

    #[test]
    fn a_commit_that_has_the_file_is_a_change_and_an_edit_is_none() {
        let mut target = FakeTarget::new("a: 1");
        let mut memory = None;
        look(&mut memory, &target, "one");
        target.write("a: 2");
        let edited = Compared::Touched("edited, and not committed".into());
        assert_eq!(look(&mut memory, &target, "one"), edited);
        assert_eq!(look(&mut memory, &target, "one"), Compared::Same);
        let committed = Compared::Changed("commit one -> two".into());
        assert_eq!(look(&mut memory, &target, "two"), committed);
        let elsewhere = Compared::Touched("commit two -> three, the same file".into());
        assert_eq!(look(&mut memory, &target, "three"), elsewhere);
    }

    #[test]
    fn an_edit_that_is_taken_back_leaves_nothing() {
        let mut target = FakeTarget::new("a: 1");
        let mut memory = None;
        look(&mut memory, &target, "one");
        target.write("a: 2");
        look(&mut memory, &target, "one");
        target.write("a: 1");
        let back = Compared::Touched("as it is committed again".into());
        assert_eq!(look(&mut memory, &target, "one"), back);
    }
}
