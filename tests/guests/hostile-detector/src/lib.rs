//! A detector that misbehaves on command: the first line of the watched file, `# sin: NAME`,
//! says how. Without one it compares modification time, size and inode, as `mtime` does.

use std::sync::atomic::{AtomicU64, Ordering};

use config_sync_sdk::{
    Compared, Detector, DetectorDescriptor, FileStat, LastSeen, Observation, Target, Timestamp,
    Verdict, Wake, Wakes,
};
use serde::{Deserialize, Serialize};

#[path = "../../sins.rs"]
mod sins;

/// The detector that sins.
pub struct Hostile;

config_sync_sdk::export!(detector: Hostile);

/// How much of the file is read for a command.
const COMMAND: u32 = 256;

/// What is remembered; most of it is ballast where that is the sin.
#[derive(Serialize, Deserialize)]
pub struct Memory {
    seen: LastSeen<Identity>,
    ballast: String,
}

/// What tells one state of the file from another.
#[derive(PartialEq, Serialize, Deserialize)]
pub struct Identity {
    modified: Timestamp,
    size: u64,
    inode: u64,
}

impl Detector for Hostile {
    type Memory = Memory;

    fn describe() -> DetectorDescriptor {
        sins::before_all();
        DetectorDescriptor {
            summary: "misbehaves on command".into(),
            wakes: Wakes::TICK,
        }
    }

    fn observe(
        target: &dyn Target,
        _wake: Wake,
        memory: Option<Memory>,
    ) -> Result<Observation<Memory>, String> {
        let remembers = memory.is_some();
        let honest = look(target, memory)?;
        match sin(target).as_deref() {
            None => Ok(honest),
            Some("lie-never") => Ok(Observation {
                verdict: Verdict::Unchanged,
                note: String::new(),
                ..honest
            }),
            Some("lie-random") => Ok(Observation {
                verdict: random(target),
                ..honest
            }),
            Some("remember") if remembers => Err("as commanded".to_owned()),
            Some("remember") => Ok(honest),
            Some("forge") => Ok(forged(honest)),
            Some("lie-changed") => Ok(Observation::changed(honest.memory, "as commanded")),
            Some("note") => Ok(honest.with_note(sins::huge())),
            Some("answer") => Ok(Observation {
                memory: Memory {
                    ballast: sins::huge(),
                    ..honest.memory
                },
                ..honest
            }),
            Some(sin) => sins::commit(sin).map(|()| honest),
        }
    }
}

/// Neither it nor the host knows what comes.
fn random(target: &dyn Target) -> Verdict {
    static LOOKS: AtomicU64 = AtomicU64::new(1);
    let look = LOOKS.fetch_add(1, Ordering::Relaxed);
    let stat = target.stat().map_or(0, |stat| stat.changed);
    match (stat ^ look.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 7 & 3 {
        0 => Verdict::Unchanged,
        1 => Verdict::Changed,
        _ => Verdict::Missing,
    }
}

/// Uses a file that nobody has lent it.
fn forged(honest: Observation<Memory>) -> Observation<Memory> {
    #[cfg(target_family = "wasm")]
    {
        use config_sync_sdk::bindings::detector::config_sync::plugin::target::Target as Lent;
        #[allow(unsafe_code, reason = "to forge is the sin")]
        let forged = unsafe { Lent::from_handle(4711) };
        let _ = forged.stat();
    }
    honest
}

/// What `mtime` would find.
fn look(target: &dyn Target, memory: Option<Memory>) -> Result<Observation<Memory>, String> {
    let seen = LastSeen::update(
        memory.map(|memory| memory.seen),
        target.regular().map(Identity::from),
        |before, now| {
            if before == now {
                Compared::Same
            } else {
                Compared::Changed("another time, size or inode".into())
            }
        },
    )?;
    Ok(Observation {
        verdict: seen.verdict,
        memory: Memory {
            seen: seen.memory,
            ballast: String::new(),
        },
        note: seen.note,
    })
}

/// What the file commands. Whatever cannot be read commands nothing.
fn sin(target: &dyn Target) -> Option<String> {
    let bytes = target.read(0, COMMAND).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let sin = text.lines().next()?.strip_prefix("# sin: ")?;
    Some(sin.trim().to_owned())
}

impl From<FileStat> for Identity {
    fn from(stat: FileStat) -> Self {
        Self {
            modified: stat.modified,
            size: stat.size,
            inode: stat.inode,
        }
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::{FakeTarget, Looks};

    use super::*;

    #[test]
    fn without_a_command_it_is_honest() {
        let mut target = FakeTarget::new("version: \"1\"");
        let mut looks = Looks::<Hostile>::started(&target);
        let mut tick = |target: &FakeTarget| looks.look(target, Wake::Tick).unwrap().0;
        assert_eq!(tick(&target), Verdict::Unchanged);
        target.write("version: \"1\"\n# sin: refuse");
        assert_eq!(tick(&target), Verdict::Changed);
        assert_eq!(tick(&target), Verdict::Unchanged);
    }

    #[test]
    fn the_first_line_commands() {
        let mut target = FakeTarget::new("# sin: lie-changed\nversion: \"1\"");
        let mut looks = Looks::<Hostile>::started(&target);
        for _ in 0..2 {
            let lie = looks.look(&target, Wake::Tick).unwrap();
            assert_eq!(lie, (Verdict::Changed, "as commanded".into()));
        }
        target.write("# sin: refuse");
        assert_eq!(
            looks.look(&target, Wake::Tick),
            Err("as commanded".to_owned())
        );
    }
}
