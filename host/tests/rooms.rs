//! The order of the rooms: a file imports only rooms of a lower rank, so no cycle is possible,
//! and what a room never does it cannot do. Reads the sources; runs nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says so by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The README's "Where is what", in its order: the data's way, the lowest rank first.
const RANKS: [(&str, u32); 23] = [
    ("target", 1),
    ("config", 1),
    ("events", 1),
    ("state", 1),
    ("secrets", 1),
    ("caller", 1),
    ("http_client", 1),
    ("mcp", 1),
    ("watch", 2),
    ("gateway", 2),
    ("settings", 2),
    ("manage", 2),
    ("reload", 3),
    ("tui", 3),
    ("plugin", 4),
    ("memory", 4),
    ("follow", 4),
    ("service", 5),
    ("conformance", 5),
    ("testkit", 5),
    ("cli", 6),
    ("main", 7),
    ("lib", 8),
];

/// One foreign crate, one room (and the command line's demo server, which is an MCP server too).
const FOREIGN: [(&str, &[&str]); 20] = [
    ("annotate_snippets", &["config"]),
    ("axum", &["gateway", "manage", "cli"]),
    ("clap", &["cli"]),
    ("crossterm", &["tui"]),
    ("directories", &["cli"]),
    ("globset", &["config"]),
    ("jsonwebtoken", &["gateway"]),
    ("notify", &["watch"]),
    ("ratatui", &["tui"]),
    ("regex", &["config"]),
    ("reqwest", &["gateway", "http_client", "manage", "plugin"]),
    ("rmcp", &["gateway", "cli"]),
    ("serde_saphyr", &["config"]),
    ("sha2", &["state", "target"]),
    ("schemars", &["config", "events", "manage"]),
    ("subtle", &["gateway", "manage"]),
    ("tui_input", &["tui"]),
    ("wasmparser", &["plugin"]),
    ("wasmtime", &["plugin"]),
    ("yaml_edit", &["settings"]),
];

/// Longer files usually hold two things. Most have less than 400; this is the bound for all.
const MAX_LINES: usize = 450;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn each_source(check: impl Fn(&str, &str, &str) -> Option<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    assert!(paths.len() > 30, "the sources were found");
    let mut found = Vec::new();
    for path in paths {
        let inside = path
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let room = inside.split(['/', '.']).next().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        found.extend(check(&room, &inside, &text));
    }
    found
}

/// The rooms that stand behind a `crate::`: one name, or those in braces.
fn rooms_of(after: &str) -> Vec<&str> {
    let name = |text| -> &str {
        let text: &str = text;
        let text = text.trim_start();
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        &text[..end.unwrap_or(text.len())]
    };
    let Some(inside) = after.strip_prefix('{') else {
        return vec![name(after)];
    };
    let (mut depth, mut rooms) = (1, vec![name(inside)]);
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => rooms.push(name(&inside[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    rooms
}

#[test]
fn rooms_in_braces_are_rooms_as_well() {
    assert_eq!(rooms_of("watch::Look;"), ["watch"]);
    assert_eq!(
        rooms_of("{memory, reload::{Ask, Outcome},\n    target::Target,\n};\nuse a, b"),
        ["memory", "reload", "target", ""]
    );
}

fn rank(room: &str) -> u32 {
    let known = RANKS.iter().find(|(name, _)| *name == room);
    known
        .unwrap_or_else(|| panic!("room `{room}` has no rank: add it to RANKS and to the README"))
        .1
}

#[test]
fn a_file_imports_only_rooms_of_a_lower_rank() {
    let bad = each_source(|room, inside, text| {
        let mut edges = Vec::new();
        let named = text.split("crate::").skip(1).flat_map(rooms_of);
        for other in named {
            if other != room && !other.is_empty() && rank(other) >= rank(room) {
                edges.push(format!(
                    "{inside} ({room}, rank {}) imports {other} (rank {})",
                    rank(room),
                    rank(other)
                ));
            }
        }
        (!edges.is_empty()).then(|| edges.join("\n"))
    });
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_foreign_crate_is_used_in_one_room() {
    let bad = each_source(|room, inside, text| {
        let foreign = FOREIGN.iter().find(|(name, rooms)| {
            !rooms.contains(&room)
                && (text.contains(&format!("use {name}::")) || text.contains(&format!(" {name}::")))
        })?;
        Some(format!(
            "{inside} uses {}, which belongs to {:?}",
            foreign.0, foreign.1
        ))
    });
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let bad = each_source(|_, inside, text| {
        (!text.starts_with("//!") && !inside.ends_with("tests.rs")).then(|| inside.to_owned())
    });
    assert!(bad.is_empty(), "no `//!` at the top of {bad:?}");
}

#[test]
fn a_file_holds_one_thing() {
    let bad = each_source(|_, inside, text| {
        (text.lines().count() > MAX_LINES).then(|| inside.to_owned())
    });
    assert!(bad.is_empty(), "longer than {MAX_LINES} lines: {bad:?}");
}
