//! kill -9 in each phase of a reload, then start: the file serves, or the last good copy; what is
//! kept can be read, and there is no half file anywhere.
//!
//! One round for each phase; `tests/kill-nine` makes it a hundred in all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::harness::{Client, Home, Host, demo, digest, soon};

const HANDLER: &str = env!("HOSTILE_HANDLER");
const PHASES: [&str; 8] = [
    "read", "parse", "validate", "propose", "build", "compose", "swap", "finish",
];

/// A configuration whose reload stays in this phase for a while, where one can make it stay.
fn text(round: usize, phase: &str) -> String {
    let mut backends = demo("one", &format!("tag{round}=echo"));
    let mut rest = "plugins: {limits: {time: 1.5, memory: 32}}\n".to_owned();
    match phase {
        "parse" | "validate" => {
            let entries = (0..5_000).map(|n| format!("      KEY_{n}: value {n}\n"));
            let env: String = entries.collect();
            backends.push_str(&format!(
                "  large:\n    command: none\n    enabled: false\n    env:\n{env}"
            ));
        }
        "build" => {
            backends.push_str("  slow: {command: sleep, args: [\"60\"], timeouts: {init: 0.5}}\n")
        }
        "propose" | "compose" | "finish" => {
            let call = if phase == "finish" { "finished" } else { phase };
            rest.push_str(&format!("hostile: {{in: {call}, sin: loop}}\n"));
        }
        _ => {}
    }
    format!(
        "version: \"1\"\nserver: {{port: 0}}\n\
         sync: {{poll_interval: 0.02, debounce: 0.02, detection: hash}}\n\
         backends:\n{backends}{rest}"
    )
}

fn rounds() -> usize {
    let rounds = std::env::var("CONFIG_SYNC_KILLS").ok();
    rounds.map_or(PHASES.len(), |rounds| rounds.parse().unwrap())
}

#[tokio::test]
async fn kill_9_in_any_phase_leaves_something_that_serves_and_nothing_half() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    fs::copy(HANDLER, folder.path().join("plugins/hostile.wasm")).unwrap();
    let home = Home::of(folder).with_phases();
    let mut wanted = text(0, "swap");
    home.save(&wanted);
    let mut host = Host::start_at(home).await;
    let mut died_in: BTreeMap<String, usize> = BTreeMap::new();
    let mut served = served_by(&host).await;
    for round in 1..=rounds() {
        let phase = PHASES[round % PHASES.len()];
        wanted = text(round, phase);
        host.pass();
        host.save(&wanted);
        host.phase(phase).await;
        // Elsewhere in the phase at each round, or a little beyond it.
        for _ in 0..(round * 7) % 50 {
            tokio::task::yield_now().await;
        }
        let (home, died) = host.kill_in_phase().await;
        *died_in.entry(died.unwrap()).or_default() += 1;
        let broken = (round / PHASES.len() + round).is_multiple_of(2);
        if broken {
            home.save("backends: [never closed\n");
        }
        let left = leftovers(home.folder());
        assert!(left.is_empty(), "round {round}, {phase}: {left:?}");

        host = soon("the next life", Host::start_at(home)).await;
        let now = served_by(&host).await;
        let may = [served.clone(), format!("tag{round}")];
        assert!(
            may.contains(&now),
            "round {round}, {phase}: {now}, not {may:?}"
        );
        served = now;
        whole(host.home(), &served, broken);
    }
    println!("killed {} times, in: {died_in:?}", rounds());
    assert!(host.stop().await.success());
}

/// The tag of what serves.
async fn served_by(host: &Host) -> String {
    let tools = Client::connect(host.url()).await.tools().await;
    let tag = tools.into_iter().find(|tool| tool.starts_with("tag"));
    tag.unwrap()
}

/// Everything that is kept is whole, and it is what serves where the file is broken.
fn whole(home: &Home, served: &str, broken: bool) {
    let left = leftovers(home.state());
    assert!(left.is_empty(), "{left:?}");
    let output = home
        .command(&["history", "10000", "--json"])
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let ids: Vec<_> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert!(
        !ids.is_empty() && ids.windows(2).all(|pair| pair[0] < pair[1]),
        "{ids:?}"
    );
    let copies: Vec<_> = files(home.state())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .collect();
    for copy in &copies {
        let name = copy.file_stem().unwrap().to_str().unwrap();
        let bytes = fs::read(copy).unwrap();
        assert!(name.ends_with(&digest(bytes)), "{name} is half a copy");
    }
    if broken {
        let newest = fs::read_to_string(copies.iter().max().unwrap()).unwrap();
        assert!(
            newest.contains(&format!("{served}=echo")),
            "{served}: {newest}"
        );
    }
}

/// Files that somebody began and did not end.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let files = files(folder).into_iter();
    let unfinished = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with('.') || name.ends_with(".new")
    };
    files.filter(unfinished).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
