//! Decides by what the operating system reports, within milliseconds of an edit.
//!
//! An event says where to look and never what to believe: events also concern the folders and
//! links on the way to the file, they are merged and they get lost. So each one only leads to a
//! look, by `stat`, and by digest where an edit may hide within one tick of the file's clock. It
//! never asks for the poll timer, and never trusts an event alone.

use config_sync_sdk::packed::{self, Packed};
use config_sync_sdk::{
    Compared, Detector, DetectorDescriptor, Digest, FileError, FileEvent, FileStat, LastSeen,
    Observation, Target, Timestamp, Wake, Wakes,
};
use serde::{Deserialize, Serialize};

/// The detector `inotify`.
pub struct Inotify;

config_sync_sdk::export!(detector: Inotify);

/// What the file was at the last look.
#[derive(Serialize, Deserialize)]
pub struct State {
    identity: Identity,
    digest: Digest,
}

/// All that `stat` tells: a file in which nothing of this changed was not written, unless within
/// one tick of its clock.
#[derive(PartialEq, Serialize, Deserialize)]
struct Identity {
    modified: Timestamp,
    changed: Timestamp,
    size: u64,
    inode: u64,
    device: u64,
}

impl Detector for Inotify {
    type Memory = LastSeen<State>;

    fn describe() -> DetectorDescriptor {
        DetectorDescriptor {
            summary: "follows the file system's events".into(),
            wakes: Wakes::EVENTS | Wakes::TICK,
        }
    }

    fn observe(
        target: &dyn Target,
        wake: Wake,
        memory: Option<Self::Memory>,
    ) -> Result<Observation<Self::Memory>, String> {
        let before = memory.as_ref().and_then(LastSeen::seen);
        let state = State::of(target, before, &wake);
        LastSeen::update(memory, state, |before, now| {
            if before.identity == now.identity && before.digest == now.digest {
                Compared::Same
            } else {
                Compared::Changed(now.since(before, &wake))
            }
        })
    }

    fn remember(memory: &Self::Memory) -> Result<Vec<u8>, String> {
        Ok(packed::write(memory))
    }

    fn recall(bytes: &[u8]) -> Result<Self::Memory, String> {
        packed::read(bytes)
    }
}

impl Packed for State {
    fn pack(&self, to: &mut Vec<u8>) {
        let Identity {
            modified,
            changed,
            size,
            inode,
            device,
        } = self.identity;
        for number in [modified, changed, size, inode, device] {
            number.pack(to);
        }
        self.digest.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let mut number = || u64::unpack(from);
        let identity = Identity {
            modified: number()?,
            changed: number()?,
            size: number()?,
            inode: number()?,
            device: number()?,
        };
        let digest = Digest::unpack(from)?;
        Some(Self { identity, digest })
    }
}

impl State {
    /// Digests only where it may be another one than `before`.
    fn of(target: &dyn Target, before: Option<&Self>, wake: &Wake) -> Result<Self, FileError> {
        let identity = Identity::from(target.regular()?);
        let digest = match before {
            Some(before) if before.identity == identity && !hides_an_edit(wake) => {
                before.digest.clone()
            }
            _ => target.digest()?,
        };
        Ok(Self { identity, digest })
    }

    fn since(&self, before: &Self, wake: &Wake) -> String {
        match wake {
            Wake::Events(events) => listed(events),
            Wake::Overflow => format!("looked afresh; {}", self.differences(before)),
            Wake::Start | Wake::Tick => self.differences(before),
        }
    }

    /// "modified, size".
    fn differences(&self, before: &Self) -> String {
        let (now, was) = (&self.identity, &before.identity);
        let differences: Vec<_> = [
            ("modified", now.modified != was.modified),
            (
                "metadata",
                now.changed != was.changed && now.modified == was.modified,
            ),
            ("size", now.size != was.size),
            (
                "replaced",
                (now.inode, now.device) != (was.inode, was.device),
            ),
            ("rewritten within one tick of its clock", now == was),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect();
        differences.join(", ")
    }
}

impl From<FileStat> for Identity {
    fn from(stat: FileStat) -> Self {
        Self {
            modified: stat.modified,
            changed: stat.changed,
            size: stat.size,
            inode: stat.inode,
            device: stat.device,
        }
    }
}

/// Whether the content may be another one although `stat` says the same.
fn hides_an_edit(wake: &Wake) -> bool {
    match wake {
        Wake::Events(events) => events
            .iter()
            .any(|event| matches!(event, FileEvent::Written | FileEvent::Closed)),
        Wake::Overflow => true,
        Wake::Start | Wake::Tick => false,
    }
}

/// "written, closed": each kind once, in the order in which it first came.
fn listed(events: &[FileEvent]) -> String {
    let mut kinds = Vec::new();
    for event in events {
        if !kinds.contains(event) {
            kinds.push(*event);
        }
    }
    kinds
        .iter()
        .map(FileEvent::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use FileEvent::{Closed, Created, Metadata, Removed, Renamed, Written};
    use config_sync_sdk::Verdict;
    use config_sync_sdk::testing::{FakeTarget, Looks};

    use super::*;

    const SILENCE: (Verdict, String) = (Verdict::Unchanged, String::new());

    fn on(
        looks: &mut Looks<Inotify>,
        target: &FakeTarget,
        events: &[FileEvent],
    ) -> (Verdict, String) {
        looks.look(target, Wake::Events(events.to_vec())).unwrap()
    }

    #[test]
    fn a_write_is_told_by_its_events_each_once() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.write("b");
        assert_eq!(
            on(&mut looks, &target, &[Written, Written, Closed]),
            (Verdict::Changed, "written, closed".into())
        );
        assert_eq!(on(&mut looks, &target, &[Closed]), SILENCE);
    }

    #[test]
    fn a_file_renamed_over_the_target_is_a_change_whatever_name_the_event_had() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.replace("b");
        assert_eq!(
            on(&mut looks, &target, &[Removed, Renamed]),
            (Verdict::Changed, "removed, renamed".into())
        );
    }

    #[test]
    fn an_event_beside_the_file_is_silence_and_digests_nothing() {
        let target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        assert_eq!(
            on(&mut looks, &target, &[Created, Renamed, Metadata, Removed]),
            SILENCE
        );
        assert_eq!(target.digests(), 1, "only the baseline");
    }

    #[test]
    fn a_write_within_one_tick_of_the_clock_is_a_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.rewrite_within_a_clock_tick("b");
        assert_eq!(
            on(&mut looks, &target, &[Written]),
            (Verdict::Changed, "written".into())
        );
        assert_eq!(on(&mut looks, &target, &[Closed]), SILENCE);
    }

    #[test]
    fn a_file_closed_as_it_was_is_silence() {
        let target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        assert_eq!(on(&mut looks, &target, &[Written, Closed]), SILENCE);
    }

    #[test]
    fn a_removed_file_is_missing_once_and_may_come_back() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.fail(FileError::NotFound);
        assert_eq!(
            on(&mut looks, &target, &[Removed]),
            (Verdict::Missing, "not found".into())
        );
        assert_eq!(
            on(&mut looks, &target, &[Metadata]),
            (Verdict::Missing, String::new())
        );
        target.recover();
        assert_eq!(
            on(&mut looks, &target, &[Created]),
            (Verdict::Unchanged, "back as it was".into())
        );
    }

    #[test]
    fn a_removal_that_another_file_already_made_good_is_a_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.replace("b");
        assert_eq!(
            on(&mut looks, &target, &[Removed]),
            (Verdict::Changed, "removed".into())
        );
    }

    #[test]
    fn lost_events_lead_to_a_look_at_stat_and_content() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::<Inotify>::started(&target);
        assert_eq!(looks.look(&target, Wake::Overflow), Ok(SILENCE));
        target.rewrite_within_a_clock_tick("b");
        assert_eq!(
            looks.look(&target, Wake::Overflow),
            Ok((
                Verdict::Changed,
                "looked afresh; rewritten within one tick of its clock".into()
            ))
        );
    }

    #[test]
    fn a_tick_looks_by_stat() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::<Inotify>::started(&target);
        assert_eq!(looks.look(&target, Wake::Tick), Ok(SILENCE));
        target.replace("bc");
        assert_eq!(
            looks.look(&target, Wake::Tick),
            Ok((Verdict::Changed, "modified, size, replaced".into()))
        );
    }

    #[test]
    fn a_chmod_is_left_to_the_host_to_compare() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::started(&target);
        target.chmod();
        assert_eq!(
            on(&mut looks, &target, &[Metadata]),
            (Verdict::Changed, "metadata".into())
        );
    }

    #[test]
    fn any_other_error_fails_the_look() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::<Inotify>::started(&target);
        target.fail(FileError::Other("i/o error".into()));
        assert_eq!(
            looks.look(&target, Wake::Events(vec![Written])),
            Err("i/o error".into())
        );
    }
}
