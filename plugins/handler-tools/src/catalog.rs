//! From what the backends offer to what clients see. Pure: what should be logged is returned.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Formatter};

use config_sync_sdk::{Capability, Entry, Offer, Problem};

use crate::policy::{Override, Policy, Resolution, Strategy};

#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// In the order of the offers.
    pub(crate) entries: Vec<Entry>,
    /// What was left out without being asked for, and what was asked for in vain.
    pub(crate) warnings: Vec<String>,
}

/// Fails only under [`Strategy::Error`], with every conflict at once.
pub(crate) fn compose(policy: &Policy, offers: Vec<Offer>) -> Result<Catalog, Vec<Problem>> {
    let mut warnings = vain_overrides(policy, &offers);
    let entries = shown(policy, without_repeats(offers, &mut warnings));
    let conflicts = conflicts(&policy.resolution, &entries);
    if policy.resolution.strategy == Strategy::Error && !conflicts.is_empty() {
        return Err(conflicts
            .iter()
            .map(|conflict| conflict.problem(&entries))
            .collect());
    }
    warnings.extend(conflicts.iter().map(|conflict| conflict.warning(&entries)));
    let dropped: HashSet<usize> = conflicts.iter().map(|conflict| conflict.loser).collect();
    let kept = entries
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !dropped.contains(index));
    Ok(Catalog {
        entries: kept.map(|(_, entry)| entry).collect(),
        warnings,
    })
}

/// A backend that lists a name twice means one thing by it, so that is no conflict.
fn without_repeats(offers: Vec<Offer>, warnings: &mut Vec<String>) -> Vec<Offer> {
    let mut seen = HashSet::new();
    let mut once = Vec::new();
    for offer in offers {
        if seen.insert((offer.backend.clone(), offer.kind, offer.name.clone())) {
            once.push(offer);
        } else {
            let Offer {
                backend,
                kind,
                name,
                ..
            } = offer;
            warnings.push(format!(
                "{} `{name}` is offered twice by `{backend}`",
                Kind(kind)
            ));
        }
    }
    once
}

/// What filters let through, under the name that clients would see.
fn shown(policy: &Policy, offers: Vec<Offer>) -> Vec<Entry> {
    let entry = |Offer {
                     backend,
                     kind,
                     name,
                     ..
                 }: Offer| {
        let own = policy.backends.get(&backend);
        if own.is_some_and(|own| !own.filter(kind).lets_through(&name)) {
            return None;
        }
        let replaced = own
            .filter(|_| kind == Capability::Tool)
            .and_then(|own| own.overrides.get(&name));
        let Override {
            name: renamed,
            description,
        } = replaced.cloned().unwrap_or_default();
        let shown_as = prefixed(
            &policy.resolution,
            &backend,
            kind,
            renamed.unwrap_or_else(|| name.clone()),
        );
        Some(Entry {
            backend,
            kind,
            name,
            shown_as,
            description,
        })
    };
    offers.into_iter().filter_map(entry).collect()
}

/// A URI with a prefix would be another URI, so resources keep theirs.
fn prefixed(resolution: &Resolution, backend: &str, kind: Capability, name: String) -> String {
    match (resolution.strategy, kind) {
        (Strategy::Prefix, Capability::Tool | Capability::Prompt) => {
            format!("{backend}{}{name}", resolution.separator)
        }
        _ => name,
    }
}

/// Two entries of one kind with one name, by their places among the entries.
struct Conflict {
    winner: usize,
    loser: usize,
}

/// Every entry that has to give way, in the order of the entries.
fn conflicts(resolution: &Resolution, entries: &[Entry]) -> Vec<Conflict> {
    let mut winners = HashMap::new();
    let mut ranked: Vec<usize> = (0..entries.len()).collect();
    if resolution.strategy == Strategy::Priority {
        let order = &resolution.order;
        let rank = |backend: &String| order.iter().position(|name| name == backend);
        // Stable: what is not ranked stays as configured, behind what is.
        ranked.sort_by_key(|index| rank(&entries[*index].backend).unwrap_or(order.len()));
    }
    let mut conflicts = Vec::new();
    for loser in ranked {
        let Entry { kind, shown_as, .. } = &entries[loser];
        let winner = *winners.entry((*kind, shown_as)).or_insert(loser);
        if winner != loser {
            conflicts.push(Conflict { winner, loser });
        }
    }
    conflicts.sort_by_key(|conflict| conflict.loser);
    conflicts
}

impl Conflict {
    fn warning(&self, entries: &[Entry]) -> String {
        let (winner, loser) = (&entries[self.winner], &entries[self.loser]);
        format!(
            "{} is hidden: {} is already shown as `{}`",
            Named(loser),
            Named(winner),
            loser.shown_as
        )
    }

    fn problem(&self, entries: &[Entry]) -> Problem {
        let (winner, loser) = (&entries[self.winner], &entries[self.loser]);
        let message = format!(
            "{} and {} would both be shown as `{}`",
            Named(winner),
            Named(loser),
            loser.shown_as
        );
        let help = match loser.kind {
            Capability::Tool => {
                "rename one with `tool_overrides`, hide one with `filters`, or choose the strategy \
                 `first-wins`, `prefix` or `priority`"
            }
            _ => {
                "hide one with `filters`, or choose the strategy `first-wins`, `prefix` or \
                 `priority`"
            }
        };
        Problem::error("conflict_resolution.strategy", message).help(help)
    }
}

/// Overrides of tools that nobody offers. A backend that offers nothing at all is switched off or
/// down, and says nothing about its tools.
fn vain_overrides(policy: &Policy, offers: &[Offer]) -> Vec<String> {
    let offering: HashSet<_> = offers.iter().map(|offer| &offer.backend).collect();
    let tools: HashSet<_> = offers
        .iter()
        .filter(|offer| offer.kind == Capability::Tool)
        .map(|offer| (&offer.backend, &offer.name))
        .collect();
    policy
        .backends
        .iter()
        .filter(|(backend, _)| offering.contains(backend))
        .flat_map(|(backend, own)| own.overrides.keys().map(move |tool| (backend, tool)))
        .filter(|tool| !tools.contains(tool))
        .map(|(backend, tool)| {
            format!("backends.{backend}.tool_overrides.{tool}: `{backend}` offers no such tool")
        })
        .collect()
}

/// "tool `get` of `web`".
struct Named<'a>(&'a Entry);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} `{}` of `{}`",
            Kind(self.0.kind),
            self.0.name,
            self.0.backend
        )
    }
}

struct Kind(Capability);

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Capability::Tool => "tool",
            Capability::Prompt => "prompt",
            Capability::Resource => "resource",
            Capability::ResourceTemplate => "resource template",
        })
    }
}

#[cfg(test)]
mod tests;
