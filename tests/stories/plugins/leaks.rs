//! Faults of all kinds of plugins, round after round, and nothing of them is left: no memory, no
//! descriptor, no thread, no process.
//!
//! `CONFIG_SYNC_ROUNDS=1000 cargo test --workspace leaks` goes through as many.

use std::fs;

use serde_json::json;

use super::{GRANTED, dropped_in, text};
use crate::harness::{Client, Host, until};

const ROUNDS: usize = 6;
/// What the host holds of is settled after so many.
const FIRST: usize = 3;
/// Short, for some of the sins go on until their time is over.
const TIME: &str = "0.1";
/// In turn.
const SINS: [&str; 12] = [
    "trap",
    "memory",
    "hoard",
    "flood",
    "recursion",
    "log",
    "print",
    "exit",
    "refuse",
    "rant",
    "loop",
    "sleep",
];

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    kib: u64,
    descriptors: usize,
    threads: u64,
}

#[cfg(target_os = "linux")]
fn held(process: u32) -> Held {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let word = line.unwrap().split_whitespace().next().unwrap();
        word.parse().unwrap()
    };
    Held {
        kib: number("VmRSS:"),
        descriptors: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
        threads: number("Threads:"),
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_leaks_however_often_plugins_fail() {
    let rounds = std::env::var("CONFIG_SYNC_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let guests = [
        ("detector", env!("HOSTILE_DETECTOR")),
        ("handler", env!("HOSTILE_HANDLER")),
        ("middleware", env!("HOSTILE_MIDDLEWARE")),
    ];
    let folder = dropped_in(&[]);
    for (kind, component) in guests {
        let inside = folder.path().join("plugins");
        fs::copy(component, inside.join(format!("bad-{kind}.wasm"))).unwrap();
        fs::write(inside.join(format!("bad-{kind}.yaml")), GRANTED).unwrap();
    }
    // The detector traps in each third look, all the time.
    let wanted = |round: usize, command: &str| {
        let rest = format!("middleware: [bad-middleware]\n{command}");
        let tools = format!("echo,v{round}=add");
        format!(
            "# sin: third\n{}",
            text("bad-detector", &tools, TIME, &rest)
        )
    };
    let mut host = Host::start_in(folder, &wanted(0, "")).await;
    let client = Client::connect(host.url()).await;
    let mut settled = None;
    for round in 1..=rounds {
        let sin = SINS[round % SINS.len()];
        // After each fault something goes well, so that nobody rests.
        for way in ["request", "response"] {
            let sinful = json!({"text": "x", "in": way, "sin": sin});
            assert!(client.call("echo", sinful).await.is_err(), "{sin}");
            let passed = client.call("echo", json!({"text": "x"})).await;
            assert_eq!(passed.as_deref(), Ok("x"), "after {sin}");
        }
        let call = ["propose", "compose", "finished"][round % 3];
        let command = format!("hostile: {{in: {call}, sin: {sin}}}\n");
        let sinful = wanted(round, &command);
        let told = host.settle(&sinful).await;
        let expected = match call {
            "finished" => "changed",
            _ => "error",
        };
        assert_eq!(told.kind, expected, "{call}: {sin}: {told:?}");
        // Retries may have made it rest, where this machine is busy.
        let good = wanted(rounds + round, "");
        host.save(&good);
        while host.outcome(&good).await.kind != "changed" {}
        if round == FIRST.max(rounds / 10) {
            settled = Some(held(host.id()));
        }
    }
    let (before, after) = (settled.unwrap(), held(host.id()));
    println!("{rounds} rounds: from {before:?} to {after:?}");
    assert!(after.kib < before.kib + 48 * 1024, "{before:?}, {after:?}");
    assert!(
        after.descriptors <= before.descriptors + 4,
        "{before:?}, {after:?}"
    );
    // Threads that are there for what blocks come and go.
    assert!(after.threads <= before.threads + 8, "{before:?}, {after:?}");
    let faults = host.events();
    let faults = faults
        .iter()
        .filter(|it| it.message.contains("plugin `bad-"));
    let of = |kind: &str| {
        let name = format!("plugin `bad-{kind}`");
        faults
            .clone()
            .filter(|it| it.message.contains(&name))
            .count()
    };
    // A refusal is told without the name.
    let least = rounds / 2;
    assert!(of("detector") >= least && of("handler") >= least);
    until("nothing but one backend to be left", || {
        host.children().len() == 1
    })
    .await;
    assert!(host.stop().await.success());
}
