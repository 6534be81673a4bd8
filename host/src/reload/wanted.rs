//! What the handlers want, read into types by the same rules as the file itself; and how two
//! configurations differ where no handler looks. Pure.

use serde_json::Value;

use super::{Difference, DifferenceKind, Proposed};
use crate::config::{BackendSpec, MiddlewareSpec, Problem, SentinelConfig};
use crate::gateway::Wanted;
use crate::secrets::Secrets;

/// All proposals as one.
///
/// # Errors
/// Every problem in them.
pub(super) fn wanted(proposed: Vec<Proposed>, secrets: &Secrets) -> Result<Wanted, Vec<Problem>> {
    let (mut wanted, mut problems) = (Wanted::default(), Vec::new());
    let value_of = |name: &str| secrets.value_of(name);
    let mut add_backend =
        |name: String, spec: &Value| match BackendSpec::from_json(&name, spec, &value_of) {
            Ok(spec) if wanted.backends.iter().any(|(other, _)| *other == name) => {
                drop(spec);
                problems.push(Problem::error(
                    format!("backends.{name}"),
                    "two handlers propose a backend of this name",
                ));
            }
            Ok(spec) => wanted.backends.push((name, spec)),
            Err(found) => problems.extend(found),
        };
    let mut middleware = Vec::new();
    for proposal in proposed {
        match proposal {
            Proposed::Backends(backends) => {
                for (name, spec) in backends {
                    add_backend(name, &spec);
                }
            }
            Proposed::Middleware(links) => middleware.extend(links),
            Proposed::Nothing => {}
        }
    }
    for (name, mut settings) in middleware {
        // What it is stands in `type`, if it is not what it is called.
        let kind = settings
            .as_object_mut()
            .and_then(|settings| settings.shift_remove("type"));
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or(&name);
        match MiddlewareSpec::from_json(&name, kind, &settings, &value_of) {
            Ok(spec) => wanted.middleware.push(spec),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(wanted)
    } else {
        Err(problems)
    }
}

/// Differences in sections other than these, which handlers read: the host's own.
pub(super) fn own_differences(
    previous: &SentinelConfig,
    next: &SentinelConfig,
    claimed: &[String],
) -> Vec<Difference> {
    let (before, after) = (&previous.sections, &next.sections);
    let kind = |section: &String| match (before.get(section), after.get(section)) {
        (None, Some(_)) => Some(DifferenceKind::Added),
        (Some(_), None) => Some(DifferenceKind::Removed),
        (old, new) if old != new => Some(DifferenceKind::Changed),
        _ => None,
    };
    let mut sections: Vec<_> = before.keys().chain(after.keys()).collect();
    sections.sort();
    sections.dedup();
    sections
        .into_iter()
        .filter(|section| !claimed.contains(section))
        .filter_map(|section| Some(Difference::at(kind(section)?, section.clone())))
        .collect()
}
