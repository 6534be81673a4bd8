//! The order of the rooms: a file imports only rooms of a lower rank, so no cycle is possible,
//! and what a room never does it cannot do. Reads the sources; runs nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says so by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// DESIGN.md's "Rooms", highest rank first.
const RANKS: [(&str, u32); 21] = [
    ("main", 7),
    ("cli", 6),
    ("service", 5),
    ("follow", 4),
    ("conformance", 5),
    ("testkit", 5),
    ("plugin", 4),
    ("memory", 4),
    ("reload", 3),
    ("tui", 3),
    ("watch", 2),
    ("gateway", 2),
    ("manage", 2),
    ("settings", 2),
    ("caller", 1),
    ("config", 1),
    ("target", 1),
    ("events", 1),
    ("secrets", 1),
    ("state", 1),
    ("mcp", 1),
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
    ("reqwest", &["gateway", "manage", "plugin"]),
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

/// Longer files usually hold two things.
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
        for piece in text.split("crate::").skip(1) {
            let other = piece
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .next()
                .unwrap();
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
