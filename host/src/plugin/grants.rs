//! Which import needs which grant. Pure: it compares names, and links nothing.
//!
//! Every guest of `wasm32-wasip2` imports some of WASI, used or not: streams, the environment,
//! standard input and output, a seed for its hash tables. Those are always there and empty. Clocks,
//! random numbers, files and HTTP are there for whom they are granted; sockets for nobody.

use crate::config::PluginGrants;

/// The package of our own interfaces.
pub(super) const OURS: &str = "config-sync:plugin/";
/// The version of it that this host has.
pub(super) const VERSION: &str = "0.1.1";
/// Interfaces of ours that need no grant, in any version that this host serves.
const WITHOUT_GRANT: [&str; 4] = ["log", "settings", "target", "types"];

/// What an import needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// A grant, by its key and an example.
    Grant(&'static str, &'static str),
    /// What no host gives.
    Impossible,
}

/// What an import of this name (`wasi:http/types@0.2.3`) needs.
pub(super) fn needs(import: &str) -> Needs {
    let name = import.split('@').next().unwrap_or(import);
    if let Some(ours) = name.strip_prefix(OURS) {
        return match ours {
            "signal" => Needs::Grant("signal", "[/run/nginx.pid]"),
            known if WITHOUT_GRANT.contains(&known) => Needs::Nothing,
            _ => Needs::Impossible,
        };
    }
    let Some((package, interface)) = name.split_once('/') else {
        return Needs::Impossible;
    };
    match (package, interface) {
        ("wasi:cli" | "wasi:io", _) | ("wasi:random", "insecure-seed") => Needs::Nothing,
        ("wasi:clocks", _) => Needs::Grant("clock", "true"),
        ("wasi:random", _) => Needs::Grant("random", "true"),
        ("wasi:filesystem", _) => Needs::Grant("read", "[/absolute/folder]"),
        ("wasi:http", "types" | "outgoing-handler") => Needs::Grant("http", "[api.example.com]"),
        _ => Needs::Impossible,
    }
}

/// Whether these grants hold one of this key.
pub(super) fn holds(grants: &PluginGrants, key: &str) -> bool {
    match key {
        "clock" => grants.clock,
        "env" => !grants.env.is_empty(),
        "http" => !grants.http.is_empty(),
        "random" => grants.random,
        "read" => !grants.read.is_empty(),
        "signal" => !grants.signal.is_empty(),
        _ => false,
    }
}

/// The grants that these imports need, each key once.
pub(super) fn wanted<'a>(imports: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
    let mut keys: Vec<_> = imports
        .into_iter()
        .filter_map(|import| match needs(import) {
            Needs::Grant(key, _) => Some(key),
            Needs::Nothing | Needs::Impossible => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether all that a plugin imports could be granted.
///
/// # Errors
/// What could not.
pub(super) fn possible(imports: &[String]) -> Result<(), String> {
    let mut imports = imports.iter();
    let wrong = imports.find(|import| needs(import) == Needs::Impossible);
    wrong.map_or(Ok(()), |import| Err(impossible(import)))
}

/// Whether all that a plugin imports is there for it; `place` is where its grants stand.
///
/// # Errors
/// What is not, and the line to add for it.
pub(super) fn check(place: &str, imports: &[String], grants: &PluginGrants) -> Result<(), String> {
    let mut missing: Vec<(&str, &str, &str)> = Vec::new();
    for import in imports {
        match needs(import) {
            Needs::Nothing | Needs::Impossible => {}
            Needs::Grant(key, _) if holds(grants, key) => {}
            Needs::Grant(key, example) => {
                if missing.iter().all(|(_, known, _)| *known != key) {
                    missing.push((import, key, example));
                }
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let imports: Vec<_> = missing.iter().map(|it| format!("`{}`", it.0)).collect();
    let lines = missing.iter().map(|(_, key, example)| {
        // What a filesystem import may read, only its user knows; an unused one reads nothing.
        format!("{key}: {example}")
    });
    Err(format!(
        "it imports {}, which is not granted; if you trust it with that, add to {place}: \
         `grants: {{{}}}`",
        imports.join(", "),
        lines.collect::<Vec<_>>().join(", ")
    ))
}

fn impossible(import: &str) -> String {
    let Some(ours) = import.strip_prefix(OURS) else {
        return format!(
            "it imports `{import}`, which this host gives to no plugin; build it without that"
        );
    };
    let wanted = ours.split_once('@').map_or("none", |(_, version)| version);
    format!(
        "it imports `{import}`, which this host does not have: it wants version {wanted} of \
         `config-sync:plugin`, and this host has {VERSION}; {}",
        remedy(wanted)
    )
}

/// What to do about a component that was built for this version.
pub(super) fn remedy(wanted: &str) -> &'static str {
    match (parsed(wanted), parsed(VERSION)) {
        (Some(wanted), Some(ours)) if wanted > ours => {
            "take a newer config-sync, or build it with the `wit/` of this one"
        }
        _ => "build it with the `wit/` of this version",
    }
}

/// Whether a component for this version of the package works here: a version goes on serving
/// whatever was built for those before it, up to a change of the first number that is not 0.
pub(super) fn serves(wanted: &str) -> bool {
    match (parsed(wanted), parsed(VERSION)) {
        (Some(wanted), Some(ours)) if ours.0 == 0 => {
            (wanted.0, wanted.1) == (ours.0, ours.1) && wanted.2 <= ours.2
        }
        (Some(wanted), Some(ours)) => wanted.0 == ours.0 && wanted <= ours,
        _ => false,
    }
}

fn parsed(version: &str) -> Option<(u64, u64, u64)> {
    let mut parts = version.splitn(3, '.').map(str::parse);
    match (parts.next()?, parts.next()?, parts.next()?) {
        (Ok(major), Ok(minor), Ok(patch)) => Some((major, minor, patch)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(imports: &[&str], grants: &PluginGrants) -> Result<(), String> {
        let imports: Vec<_> = imports.iter().map(|it| (*it).to_owned()).collect();
        possible(&imports)?;
        super::check("p.yaml beside it", &imports, grants)
    }

    #[test]
    fn what_every_guest_imports_needs_no_grant() {
        let imports = [
            "wasi:io/poll@0.2.3",
            "wasi:cli/environment@0.2.3",
            "wasi:random/insecure-seed@0.2.3",
            "config-sync:plugin/log@0.1.0",
        ];
        assert_eq!(check(&imports, &PluginGrants::default()), Ok(()));
    }

    #[test]
    fn what_is_not_granted_is_named_with_the_line_to_add() {
        let imports = [
            "wasi:http/types@0.2.3",
            "wasi:http/outgoing-handler@0.2.3",
            "wasi:clocks/monotonic-clock@0.2.3",
        ];
        let told = check(&imports, &PluginGrants::default()).unwrap_err();
        assert_eq!(
            told,
            "it imports `wasi:http/types@0.2.3`, `wasi:clocks/monotonic-clock@0.2.3`, which is \
             not granted; if you trust it with that, add to p.yaml beside it: `grants: {http: \
             [api.example.com], clock: true}`"
        );
        let clock = PluginGrants {
            clock: true,
            ..PluginGrants::default()
        };
        assert!(check(&imports[2..], &clock).is_ok());
        assert!(!check(&imports, &clock).unwrap_err().contains("clocks"));
    }

    #[test]
    fn sockets_are_for_nobody() {
        let all = PluginGrants {
            clock: true,
            random: true,
            ..PluginGrants::default()
        };
        for import in [
            "wasi:sockets/tcp@0.2.3",
            "wasi:http/incoming-handler@0.2.3",
            "who:knows/x",
        ] {
            let told = check(&[import], &all).unwrap_err();
            assert!(
                told.contains(import) && told.contains("no plugin"),
                "{told}"
            );
        }
    }

    #[test]
    fn another_version_is_named_with_the_one_that_is_here() {
        let none = PluginGrants::default();
        let told = check(&["config-sync:plugin/lag@9.0.0"], &none).unwrap_err();
        assert!(told.contains("9.0.0") && told.contains(VERSION), "{told}");
        assert!(told.contains("a newer config-sync"), "{told}");
        assert!(serves(VERSION) && serves("0.1.0"));
        let contract = include_str!("../../../wit/types.wit");
        let package = format!("package config-sync:plugin@{VERSION};");
        assert!(contract.starts_with(&package), "the version of wit/");
        for other in ["0.0.9", "0.2.0", "1.0.0", "0.1.99", "x", ""] {
            assert!(!serves(other), "{other}");
        }
    }
}
