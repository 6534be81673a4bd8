//! Decides by what the file means: an edit of comments, indentation, quotes or flow style is no
//! change. The order of keys is one, for in some files it decides who comes first.
//!
//! It asks the host for the digest at each look, and reads and parses only when that is another
//! one. A text that is no YAML means itself, byte for byte: whoever reloads will say what is wrong.

use std::hash::{DefaultHasher, Hash, Hasher};

use config_sync_sdk::{
    Compared, Detector, DetectorDescriptor, Digest, FileError, LastSeen, Observation, Target, Wake,
    Wakes,
};
use serde::{Deserialize, Serialize};
use serde_yaml::Value;

/// The detector `yaml`.
pub struct Yaml;

config_sync_sdk::export!(detector: Yaml);

/// What one call reads; the host gives no more at once.
const CHUNK: u32 = 1024 * 1024;
/// A larger file is compared by its bytes alone: it would not fit into a plugin's memory, parsed.
const MOST: usize = 4 * 1024 * 1024;

/// What the file held.
#[derive(PartialEq, Serialize, Deserialize)]
pub struct Content {
    digest: Digest,
    meaning: u64,
    /// Whether it is YAML.
    parses: bool,
}

impl Detector for Yaml {
    type Memory = LastSeen<Content>;

    fn describe() -> DetectorDescriptor {
        DetectorDescriptor {
            summary: "compares what the YAML means".into(),
            wakes: Wakes::TICK | Wakes::EVENTS,
        }
    }

    fn observe(
        target: &dyn Target,
        _wake: Wake,
        memory: Option<Self::Memory>,
    ) -> Result<Observation<Self::Memory>, String> {
        let before = memory.as_ref().and_then(LastSeen::seen);
        let content = Content::of(target, before);
        LastSeen::update(memory, content, |before, now| {
            if before.digest == now.digest {
                Compared::Same
            } else if before.meaning == now.meaning {
                Compared::Touched("comments or formatting: it means the same".into())
            } else if now.parses {
                Compared::Changed("it means something else".into())
            } else {
                Compared::Changed("it is no YAML now".into())
            }
        })
    }
}

impl Content {
    fn of(target: &dyn Target, before: Option<&Self>) -> Result<Self, FileError> {
        target.regular()?;
        // Before the content: a write between the two shows in the next digest.
        let digest = target.digest()?;
        if let Some(before) = before.filter(|before| before.digest == digest) {
            return Ok(Self { digest, ..*before });
        }
        let bytes = read(target)?;
        let value = bytes
            .as_deref()
            .and_then(|bytes| serde_yaml::from_slice::<Value>(bytes).ok());
        let meaning = match (&value, &bytes) {
            (Some(value), _) => meaning(value),
            (None, Some(bytes)) => hash(bytes),
            (None, None) => hash(&digest),
        };
        Ok(Self {
            digest,
            meaning,
            parses: value.is_some(),
        })
    }
}

/// The whole content; none if it is too much.
fn read(target: &dyn Target) -> Result<Option<Vec<u8>>, FileError> {
    let mut bytes = Vec::new();
    loop {
        let chunk = target.read(bytes.len() as u64, CHUNK)?;
        if chunk.is_empty() {
            return Ok(Some(bytes));
        }
        bytes.extend(chunk);
        if bytes.len() > MOST {
            return Ok(None);
        }
    }
}

/// Equal for values that are equal, keys in the same order.
fn meaning(value: &Value) -> u64 {
    // As text, in which everything that formatting may vary is written one way.
    hash(&serde_yaml::to_string(value).unwrap_or_default())
}

/// Its keys are fixed, so the same means the same in another process.
fn hash(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::Verdict;
    use config_sync_sdk::testing::{FakeTarget, Looks};

    use super::*;

    fn after(before: &str, now: &str) -> Verdict {
        let mut target = FakeTarget::new(before);
        let mut looks = Looks::<Yaml>::started(&target);
        target.write(now);
        looks.look(&target, Wake::Tick).unwrap().0
    }

    #[test]
    fn what_means_the_same_is_no_change() {
        use Verdict::{Changed, Unchanged};
        for (before, now, verdict) in [
            ("a: 1\n", "# why\na:   1", Unchanged),
            (
                "a: {b: [x, y]}\n",
                "a:\n  b:\n  - \"x\"\n  - 'y'\n",
                Unchanged,
            ),
            ("a: 1\nb: 2\n", "b: 2\na: 1\n", Changed),
            ("a: 1\n", "a: \"1\"\n", Changed),
            ("a: 1\n", "a: [\n", Changed),
            ("a: [\n", "a: [ \n", Changed),
            ("", "# empty as before\n", Unchanged),
        ] {
            assert_eq!(after(before, now), verdict, "{before:?} {now:?}");
        }
    }
}
