//! Decides by content: a file with the same digest is the same file.
//!
//! Nothing escapes it and nothing deceives it. It never digests by itself (the host does that
//! several times as fast), and it reads the whole file at each look, so it suits small files.

use config_sync_sdk::{
    Compared, Detector, DetectorDescriptor, Digest, FileError, LastSeen, Observation, Target,
    Timestamp, Wake, Wakes,
};
use serde::{Deserialize, Serialize};

/// The detector `hash`.
pub struct Hash;

config_sync_sdk::export!(detector: Hash);

/// The content, and what tells that it was written again.
#[derive(PartialEq, Serialize, Deserialize)]
pub struct Content {
    digest: Digest,
    size: u64,
    modified: Timestamp,
    inode: u64,
}

impl Detector for Hash {
    type Memory = LastSeen<Content>;

    fn describe() -> DetectorDescriptor {
        DetectorDescriptor {
            summary: "compares the SHA-256 of the content".into(),
            wakes: Wakes::TICK,
        }
    }

    fn observe(
        target: &dyn Target,
        _wake: Wake,
        memory: Option<Self::Memory>,
    ) -> Result<Observation<Self::Memory>, String> {
        LastSeen::update(memory, Content::of(target), |before, now| {
            if before == now {
                Compared::Same
            } else if before.digest == now.digest {
                Compared::Touched("touched: same bytes".into())
            } else {
                Compared::Changed(now.since(before))
            }
        })
    }
}

impl Content {
    /// `stat` comes first: a write between the two is then seen as a touch at the next look, and
    /// never as nothing.
    fn of(target: &dyn Target) -> Result<Self, FileError> {
        let stat = target.regular()?;
        Ok(Self {
            digest: target.digest()?,
            size: stat.size,
            modified: stat.modified,
            inode: stat.inode,
        })
    }

    /// "sha256 5feceb66 -> 6b86b273, size 10 -> 12".
    fn since(&self, before: &Self) -> String {
        let mut note = format!("sha256 {:.8} -> {:.8}", before.digest, self.digest);
        if self.size != before.size {
            note += &format!(", size {} -> {}", before.size, self.size);
        }
        note
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::Verdict;
    use config_sync_sdk::testing::{FakeTarget, Looks};

    use super::*;

    fn tick(looks: &mut Looks<Hash>, target: &FakeTarget) -> (Verdict, String) {
        looks.look(target, Wake::Tick).unwrap()
    }

    #[test]
    fn the_start_takes_the_baseline_in_silence() {
        let first = Looks::<Hash>::default().look(&FakeTarget::new("a"), Wake::Start);
        assert_eq!(first, Ok((Verdict::Unchanged, String::new())));
    }

    #[test]
    fn other_bytes_are_a_change_even_where_no_stamp_tells() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.rewrite_within_a_clock_tick("b");
        let (verdict, note) = tick(&mut looks, &target);
        assert_eq!(verdict, Verdict::Changed);
        // "sha256 ", eight digits, " -> " and eight digits.
        assert_eq!((&note[..7], note.len()), ("sha256 ", 27), "{note}");
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, String::new())
        );
    }

    #[test]
    fn a_touched_file_with_the_same_bytes_is_told_as_no_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.touch();
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, "touched: same bytes".into())
        );
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, String::new())
        );
    }

    #[test]
    fn a_replaced_file_with_the_same_bytes_is_told_as_no_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.stat.inode += 1;
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, "touched: same bytes".into())
        );
    }

    #[test]
    fn an_absence_is_told_once_and_the_same_bytes_may_come_back() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.fail(FileError::NotFound);
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Missing, "not found".into())
        );
        assert_eq!(tick(&mut looks, &target), (Verdict::Missing, String::new()));
        target.recover();
        target.replace("a");
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Unchanged, "touched: same bytes".into())
        );
    }

    #[test]
    fn an_unreadable_file_is_an_absence_and_any_other_error_fails_the_look() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::<Hash>::started(&target);
        target.fail(FileError::PermissionDenied);
        assert_eq!(
            tick(&mut looks, &target),
            (Verdict::Missing, "permission denied".into())
        );
        target.fail(FileError::Other("i/o error".into()));
        assert_eq!(looks.look(&target, Wake::Tick), Err("i/o error".into()));
    }
}
