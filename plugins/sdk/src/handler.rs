use serde_json::{Map, Value};

use crate::{
    Difference, DifferenceKind, Entry, HandlerDescriptor, Offer, Outcome, Problem, Severity,
};

/// Turns a changed configuration into what the host should serve. It proposes; the host builds,
/// checks, swaps and undoes.
pub trait ReloadHandler {
    /// What the handler is, and the sections of the configuration that it reads.
    fn describe() -> HandlerDescriptor;

    /// What should be served, before anything is built. Every problem at once, rather than the
    /// first one.
    fn propose(change: Change) -> Result<Proposal, Vec<Problem>>;

    /// The whole catalog, after the candidate's backends answered and again whenever a serving
    /// backend's offers change. `None` leaves it to the other handlers.
    fn compose(_next: &Sections, _offers: Vec<Offer>) -> Result<Option<Vec<Entry>>, Vec<Problem>> {
        Ok(None)
    }

    /// After the swap, or after it was called off. The place for effects on the outside.
    fn finished(_generation: u64, _outcome: Outcome) -> Result<(), String> {
        Ok(())
    }
}

/// A handler's own sections of the configuration, in the order written. `${VAR}` stands as it was
/// written: the host resolves secrets where a backend is started.
pub type Sections = Map<String, Value>;

/// One change of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The number of the snapshot that is to be built.
    pub generation: u64,
    /// What serves now; absent at start.
    pub previous: Option<Sections>,
    /// What is to be served.
    pub next: Sections,
}

/// What a handler makes of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Everything the handler wants to be served. What it leaves out, goes.
    pub wanted: Wanted,
    /// What changed, for people to read.
    pub differences: Vec<Difference>,
}

/// Everything a handler wants to be served.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// The backends, in the order in which conflicts are decided.
    Backends(Vec<Desired>),
    /// The middleware, outermost first.
    Middleware(Vec<Desired>),
    /// This handler only looks on, or only composes.
    Nothing,
}

/// One backend or middleware.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Its name, unique among its kind.
    pub name: String,
    /// How to make it. The host is given it with sorted keys, so that two specs with the same
    /// meaning are the same text.
    pub spec: Value,
}

impl Difference {
    /// The difference between two values at a path, if there is one.
    pub fn of(
        path: impl Into<String>,
        previous: Option<&Value>,
        next: Option<&Value>,
    ) -> Option<Self> {
        match (previous, next) {
            (None, Some(_)) => Some(Self::added(path)),
            (Some(_), None) => Some(Self::removed(path)),
            (previous, next) => (previous != next).then(|| Self::changed(path)),
        }
    }

    /// Every key that differs between two maps at a path. The order of keys is no difference.
    pub fn between(
        root: &str,
        previous: &Map<String, Value>,
        next: &Map<String, Value>,
    ) -> Vec<Self> {
        let gone = previous.keys().filter(|key| !next.contains_key(*key));
        next.keys()
            .chain(gone)
            .filter_map(|key| Self::of(format!("{root}.{key}"), previous.get(key), next.get(key)))
            .collect()
    }

    /// `next` has it, `previous` has not.
    pub fn added(path: impl Into<String>) -> Self {
        Self {
            kind: DifferenceKind::Added,
            path: path.into(),
        }
    }

    /// Both have it, and it is not the same.
    pub fn changed(path: impl Into<String>) -> Self {
        Self {
            kind: DifferenceKind::Changed,
            path: path.into(),
        }
    }

    /// `previous` has it, `next` has not.
    pub fn removed(path: impl Into<String>) -> Self {
        Self {
            kind: DifferenceKind::Removed,
            path: path.into(),
        }
    }
}

impl Problem {
    /// Something that makes the configuration unusable. `path` is made of keys from the root:
    /// "backends.github.command".
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.into(),
            message: message.into(),
            help: None,
        }
    }

    /// Something that is probably not meant.
    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, message)
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::sections;

    #[test]
    fn what_was_added_changed_or_removed_is_told_and_an_order_is_not() {
        let previous = sections(json!({ "a": 1, "b": { "x": 1, "y": 2 }, "c": 3, "d": 4 }));
        let next = sections(json!({ "e": 5, "d": 0, "b": { "y": 2, "x": 1 }, "a": 1 }));
        assert_eq!(
            Difference::between("root", &previous, &next),
            [
                Difference::added("root.e"),
                Difference::changed("root.d"),
                Difference::removed("root.c"),
            ]
        );
    }
}
