//! Decides by what `stat` says: modification time, size and which file it is.
//!
//! The cheapest look there is. It never reads the content, so an edit that keeps size and
//! modification time within one tick of the file system's clock escapes it, until the host's
//! safety look.

mod clock;

use config_sync_sdk::{
    Compared, Detector, DetectorDescriptor, FileStat, LastSeen, Observation, Target, Timestamp,
    Wake, Wakes,
};
use serde::{Deserialize, Serialize};

/// The detector `mtime`.
pub struct Mtime;

config_sync_sdk::export!(detector: Mtime);

/// What tells one state of the file from another. With the inode and the device, a restored
/// modification time (`cp -p`, `mv`, a backup) does not hide another file.
#[derive(PartialEq, Serialize, Deserialize)]
pub struct Identity {
    modified: Timestamp,
    size: u64,
    inode: u64,
    device: u64,
}

impl Detector for Mtime {
    type Memory = LastSeen<Identity>;

    fn describe() -> DetectorDescriptor {
        DetectorDescriptor {
            summary: "compares modification time, size and inode".into(),
            wakes: Wakes::TICK,
        }
    }

    fn observe(
        target: &dyn Target,
        _wake: Wake,
        memory: Option<Self::Memory>,
    ) -> Result<Observation<Self::Memory>, String> {
        LastSeen::update(
            memory,
            target.regular().map(Identity::from),
            |before, now| {
                if before == now {
                    Compared::Same
                } else {
                    Compared::Changed(now.since(before))
                }
            },
        )
    }
}

impl From<FileStat> for Identity {
    fn from(stat: FileStat) -> Self {
        Self {
            modified: stat.modified,
            size: stat.size,
            inode: stat.inode,
            device: stat.device,
        }
    }
}

impl Identity {
    /// "mtime 12:00:01 -> 12:00:05, size 10 -> 12".
    fn since(&self, before: &Self) -> String {
        let mut notes = Vec::new();
        if self.modified != before.modified {
            notes.push(format!(
                "mtime {}",
                clock::step(before.modified, self.modified)
            ));
        }
        for (name, from, to) in [
            ("size", before.size, self.size),
            ("inode", before.inode, self.inode),
            ("device", before.device, self.device),
        ] {
            if from != to {
                notes.push(format!("{name} {from} -> {to}"));
            }
        }
        notes.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::{FakeTarget, Looks};
    use config_sync_sdk::{FileError, FileKind, Verdict};

    use super::*;

    fn tick(looks: &mut Looks<Mtime>, target: &FakeTarget) -> (Verdict, String) {
        looks.look(target, Wake::Tick).unwrap()
    }

    #[test]
    fn the_start_takes_the_baseline_in_silence() {
        let first = Looks::<Mtime>::default().look(&FakeTarget::new("a"), Wake::Start);
        assert_eq!(first, Ok((Verdict::Unchanged, String::new())));
    }

    #[test]
    fn a_new_time_is_a_change_once() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.write("b");
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Changed, "mtime 12:00:00 -> 12:00:01".into())
        );
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, String::new())
        );
    }

    #[test]
    fn a_change_while_the_host_was_away_is_seen_at_the_start() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::<Mtime>::started(&target);
        target.write("b");
        assert_eq!(
            looks.look(&target, Wake::Start).unwrap().0,
            Verdict::Changed
        );
    }

    #[test]
    fn a_restored_time_does_not_hide_a_replaced_file() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        let modified = target.stat.modified;
        target.replace("b");
        target.stat.modified = modified;
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Changed, "inode 1 -> 2".into())
        );
    }

    #[test]
    fn another_size_or_device_is_a_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.rewrite_within_a_clock_tick("abc");
        target.stat.device = 7;
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Changed, "size 1 -> 3, device 1 -> 7".into())
        );
    }

    #[test]
    fn a_chmod_is_no_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.chmod();
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, String::new())
        );
    }

    #[test]
    fn an_absence_is_told_once_and_the_same_file_may_come_back() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.fail(FileError::NotFound);
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Missing, "not found".into())
        );
        assert_eq!(tick(&mut looks, &target), (Verdict::Missing, String::new()));
        target.recover();
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, "back as it was".into())
        );
    }

    #[test]
    fn another_file_that_comes_back_is_a_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.fail(FileError::PermissionDenied);
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Missing, "permission denied".into())
        );
        target.recover();
        target.write("b");
        assert_eq!(tick(&mut looks, &target).0, Verdict::Changed);
    }

    #[test]
    fn a_folder_in_its_place_is_an_absence() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.stat.kind = FileKind::Directory;
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Missing, "not a regular file".into())
        );
    }

    #[test]
    fn any_other_error_fails_the_look_and_loses_nothing() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::<Mtime>::started(&target);
        target.fail(FileError::Other("stale file handle".into()));
        assert_eq!(
            looks.look(&target, Wake::Tick),
            Err("stale file handle".into())
        );
        target.recover();
        target.write("b");
        assert_eq!(tick(&mut looks, &target).0, Verdict::Changed);
    }
}
