//! The words that a scenario is written in, and what they stand for.

use super::happening::{Content, Happening, Recorded};
use super::scenario::Action;
use crate::config::Value;
use crate::gateway::Capability;
use crate::target::{Digest, FileError, FileKind, Stat};
use crate::watch::{FileEvent, Verdict, Wake};

/// The most that a file may grow in one step, in bytes.
const MOST_GROWTH: u64 = 64 << 20;

pub(super) const CAPABILITIES: [&str; 4] = ["tool", "prompt", "resource", "resource-template"];

const EVENTS: [(&str, FileEvent); 6] = [
    ("created", FileEvent::Created),
    ("written", FileEvent::Written),
    ("closed", FileEvent::Closed),
    ("renamed", FileEvent::Renamed),
    ("removed", FileEvent::Removed),
    ("metadata", FileEvent::Metadata),
];

const KINDS: [(&str, FileKind); 3] = [
    ("regular", FileKind::Regular),
    ("directory", FileKind::Directory),
    ("other", FileKind::Other),
];

/// The answer of a plugin that does not want to be asked about this.
pub(super) const ASLEEP: &str = "asleep";

pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unchanged => "unchanged",
        Verdict::Changed => "changed",
        Verdict::Missing => "missing",
    }
}

pub(super) fn event(event: FileEvent) -> &'static str {
    let known = EVENTS.iter().find(|(_, known)| *known == event);
    known.map_or("", |(word, _)| word)
}

pub(super) fn kind(kind: FileKind) -> &'static str {
    let known = KINDS.iter().find(|(_, known)| *known == kind);
    known.map_or("", |(word, _)| word)
}

pub(super) fn capability(word: &str) -> Capability {
    match word {
        "prompt" => Capability::Prompt,
        "resource" => Capability::Resource,
        "resource-template" => Capability::ResourceTemplate,
        _ => Capability::Tool,
    }
}

pub(super) fn of_capability(kind: Capability) -> &'static str {
    match kind {
        Capability::Tool => "tool",
        Capability::Prompt => "prompt",
        Capability::Resource => "resource",
        Capability::ResourceTemplate => "resource-template",
    }
}

/// Whether this action can be answered so.
pub(super) fn check_answer(value: &Value<'_>, word: &str, action: &Action) -> Option<()> {
    let known: &[&str] = match action {
        Action::Look(..) => &["unchanged", "changed", "missing", ASLEEP],
        Action::Propose(_) => &["proposal", "problems"],
        Action::Compose(..) => &["catalog", "no catalog", "problems"],
        Action::Finished(_) => &["done"],
        Action::Configure(_) => &["ready", "problems"],
        Action::Request(_) => &["pass", "change", "answer", "refuse", ASLEEP],
        Action::Response(..) => &["pass", "change", "refuse", ASLEEP],
        Action::Happens(_)
        | Action::Beyond(_)
        | Action::Restart
        | Action::Swap(_)
        | Action::Forget => &[],
    };
    if known.contains(&word) {
        return Some(());
    }
    let help = value
        .did_you_mean_key(word, known.iter().copied())
        .unwrap_or_else(|| "a fault is expected as `expect: {fault: trap}`".to_owned());
    value.error(
        format!("`{word}` is none of {}", known.join(", ")),
        Some(help),
    );
    None
}

pub(super) fn wake(name: &str, value: &Value<'_>) -> Option<Wake> {
    Some(match name {
        "tick" => Wake::Tick,
        "overflow" => Wake::Overflow,
        "events" => {
            let events = value.list("a list of events, such as [written, closed]")?;
            let events = events.iter().map(|event| event.one_of(&EVENTS));
            Wake::Events(events.collect::<Option<_>>()?)
        }
        _ => Wake::Start,
    })
}

/// One thing that happens during a look.
pub(super) fn meanwhile(value: &Value<'_>) -> Option<Happening> {
    let mut map = value.map()?;
    let keys: Vec<&str> = map.keys().collect();
    let known = super::reading::ACTIONS.into_iter();
    let name = known.clone().find(|name| keys.contains(name));
    let happens = name.and_then(|name| Some((name, map.entry(name)?)));
    if name.is_none() {
        for name in known {
            map.entry(name);
        }
    }
    map.finish();
    let (name, value) = happens?;
    happening(name, &value)
}

/// What happens to the file.
pub(super) fn happening(name: &str, value: &Value<'_>) -> Option<Happening> {
    let bytes = |value: &Value<'_>| value.written_text().map(Vec::from);
    Some(match name {
        "write" => Happening::Write(bytes(value)?),
        "map_write" => Happening::MapWrite(bytes(value)?),
        "rename_over" => Happening::RenameOver(bytes(value)?),
        "link_swap" => Happening::LinkSwap(bytes(value)?),
        "torn_write" => {
            let bytes = bytes(value)?;
            let at = bytes.len() / 2;
            Happening::TornWrite { bytes, at }
        }
        "grow" => {
            let length = value.integer(0..=MOST_GROWTH, " bytes")?;
            Happening::Grow(usize::try_from(length).ok()?)
        }
        "chmod" => {
            let text = value.written_text()?;
            match u32::from_str_radix(text, 8) {
                Ok(mode) if mode <= 0o7777 => Happening::Chmod(mode),
                _ => {
                    let help = r#"as in `chmod: "0600"`"#;
                    value.error("expected a mode in octal", Some(help.to_owned()));
                    return None;
                }
            }
        }
        "io_error" => Happening::Fail(FileError::Other(value.written_text()?.to_owned())),
        "lock_folder" => Happening::Fail(FileError::PermissionDenied),
        "finish_write" => Happening::FinishWrite,
        "touch" => Happening::Touch,
        "restore_time" => Happening::RestoreTime,
        "delete" => Happening::Delete,
        "make_folder" => Happening::MakeFolder,
        "recover" => Happening::Recover,
        "is" => Happening::Is(Box::new(recorded(value)?)),
        _ => {
            value.key_error("this does not happen to a file", None);
            return None;
        }
    })
}

fn recorded(value: &Value<'_>) -> Option<Recorded> {
    let mut map = value.map()?;
    let number =
        |map: &mut crate::config::MapReader<'_>, key| map.integer(key, 0..=u64::MAX, "", 0);
    let stat = Stat {
        kind: map.one_of("kind", &KINDS, FileKind::Regular),
        size: number(&mut map, "size"),
        modified: number(&mut map, "modified"),
        changed: number(&mut map, "changed"),
        inode: number(&mut map, "inode"),
        device: number(&mut map, "device"),
    };
    let content = map.get("content");
    let digest = map.get("digest");
    let readable = map
        .get("readable")
        .is_none_or(|it| it.boolean() != Some(false));
    map.finish();
    let content = match (content, digest) {
        (Some(content), _) => Content::Bytes(content.written_text()?.into()),
        (None, Some(digest)) => {
            let known = digest.written_text()?.parse::<Digest>();
            match known {
                Ok(known) => Content::Digest(known),
                Err(error) => {
                    digest.error(error, None);
                    return None;
                }
            }
        }
        (None, None) => Content::Bytes(Vec::new()),
    };
    Some(Recorded {
        stat,
        readable,
        content,
    })
}
