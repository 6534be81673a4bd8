//! Whatever a handler does before the swap, the reload fails as a whole; after it, nothing is
//! undone. The next reload works.

use serde_json::json;

use super::{LONG, READABLE, SHORT, hostile, is_error, text};
use crate::harness::{Client, Host, until};

const HANDLER: &str = env!("HOSTILE_HANDLER");

/// What handlers do in `propose` and in `compose`, and what is told of it.
const SINS: [(&str, &str, &str); 12] = [
    ("trap", "plugin `hostile` trapped in", LONG),
    ("recursion", "plugin `hostile` trapped in", LONG),
    ("exit", "plugin `hostile` trapped in", LONG),
    (
        "memory",
        "plugin `hostile` asked for more memory than its limit in",
        LONG,
    ),
    (
        "hoard",
        "plugin `hostile` asked for more memory than its limit in",
        LONG,
    ),
    ("sleep", "plugin `hostile` ran past its deadline in", LONG),
    ("loop", "plugin `hostile` ran past its deadline in", SHORT),
    ("log", "plugin `hostile` said more than its limit in", LONG),
    (
        "print",
        "plugin `hostile` said more than its limit in",
        LONG,
    ),
    (
        "flood",
        "plugin `hostile` said more than its limit in",
        LONG,
    ),
    ("refuse", "hostile: as commanded", LONG),
    ("rant", "hostile: xxx", LONG),
];

/// A reload in which a handler sins fails as a whole, and the next one works.
async fn nothing_is_reloaded(call: &str, time: &str) {
    let folder = hostile(HANDLER);
    let mut host = Host::start_in(folder, &text("hash", "whoami", time, "")).await;
    let client = Client::connect(host.url()).await;
    let mut process = client.process("whoami").await;
    let mut tools = vec!["whoami".to_owned()];

    let sins = SINS.iter().filter(|(_, _, limit)| *limit == time);
    for (round, (sin, fault, _)) in sins.enumerate() {
        let generation = round as u64 + 1;
        let wanted = format!("whoami,{sin}=echo");
        let command = format!("hostile: {{in: {call}, sin: {sin}}}\n");
        let failed = host.settle(text("hash", &wanted, time, &command)).await;
        assert_eq!(
            (failed.kind.as_str(), failed.generation),
            ("error", generation),
            "{sin}"
        );
        assert!(failed.message.contains(fault), "{sin}: {failed:?}");
        assert!(
            failed.message.len() < READABLE,
            "{sin}: {}",
            failed.message.len()
        );
        assert_eq!(client.tools().await, tools, "{sin}");
        assert_eq!(client.process("whoami").await, process, "{sin}");

        let changed = host.apply(&text("hash", &wanted, time, "")).await;
        assert_eq!(changed.generation, generation + 1, "{sin}");
        tools = vec![(*sin).to_owned(), "whoami".to_owned()];
        tools.sort();
        assert_eq!(client.tools().await, tools, "{sin}");
        process = client.process("whoami").await;
        until("nothing but the new backend to be left", || {
            host.children().len() == 1
        })
        .await;
    }
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_handler_that_fails_before_anything_is_built_fails_the_reload() {
    nothing_is_reloaded("propose", LONG).await;
}

#[tokio::test]
async fn a_handler_that_never_proposes_fails_the_reload() {
    nothing_is_reloaded("propose", SHORT).await;
}

#[tokio::test]
async fn a_handler_that_fails_over_the_catalog_fails_the_reload() {
    nothing_is_reloaded("compose", LONG).await;
}

#[tokio::test]
async fn a_handler_that_never_composes_fails_the_reload() {
    nothing_is_reloaded("compose", SHORT).await;
}

#[tokio::test]
async fn a_catalog_that_leads_nowhere_fails_the_reload() {
    let folder = hostile(HANDLER);
    let mut host = Host::start_in(folder, &text("hash", "echo", LONG, "")).await;
    let client = Client::connect(host.url()).await;
    for sin in ["lie", "answer"] {
        let command = format!("hostile: {{in: compose, sin: {sin}}}\n");
        let failed = host.settle(text("hash", "add", LONG, &command)).await;
        assert_eq!((failed.kind.as_str(), failed.generation), ("error", 1));
        assert!(failed.message.contains("leads astray"), "{failed:?}");
        assert!(failed.message.len() < READABLE, "{}", failed.message.len());
        assert_eq!(client.tools().await, ["echo"]);
    }
    host.apply(&text("hash", "add", LONG, "")).await;
    assert_eq!(client.tools().await, ["add"]);
}

/// A fault in `finished` is told, and undoes nothing: the swap has been.
async fn the_swap_stands(time: &str) {
    let folder = hostile(HANDLER);
    let mut host = Host::start_in(folder, &text("hash", "echo", time, "")).await;
    let client = Client::connect(host.url()).await;
    let sins = SINS.iter().filter(|(_, _, limit)| *limit == time);
    for (round, (sin, fault, _)) in sins.enumerate() {
        let command = format!("hostile: {{in: finished, sin: {sin}}}\n");
        let wanted = format!("{sin}=echo");
        let changed = host.apply(&text("hash", &wanted, time, &command)).await;
        assert_eq!(changed.generation, round as u64 + 2, "{sin}");
        let told = host.event("a fault", is_error).await;
        let fault = match *sin {
            "refuse" | "rant" => "plugin `hostile` refused in",
            _ => fault,
        };
        assert!(told.message.starts_with(fault), "{sin}: {told:?}");
        assert!(told.message.contains("in `finished`: "), "{sin}: {told:?}");
        assert!(
            told.message.len() < READABLE,
            "{sin}: {}",
            told.message.len()
        );
        assert_eq!(client.call(sin, json!({"text": "on"})).await.unwrap(), "on");
    }
}

#[tokio::test]
async fn a_handler_that_fails_after_the_swap_undoes_nothing() {
    the_swap_stands(LONG).await;
}

#[tokio::test]
async fn a_handler_that_never_finishes_undoes_nothing() {
    the_swap_stands(SHORT).await;
}

#[tokio::test]
async fn a_difference_that_nobody_can_read_is_cut_short() {
    let folder = hostile(HANDLER);
    let mut host = Host::start_in(folder, &text("hash", "echo", LONG, "")).await;
    let command = "hostile: {in: propose, sin: answer}\n";
    let told = host.settle(text("hash", "add", LONG, command)).await;
    assert!(told.message.len() < READABLE, "{}", told.message.len());
}

/// Its instance is kept from one reload to the next, as long as nothing goes wrong.
#[tokio::test]
async fn a_handler_that_traps_in_the_third_call_fails_that_reload_and_no_other() {
    let with = |tools: &str| {
        let command = "hostile: {in: propose, sin: third}\n";
        text("hash", tools, LONG, command)
    };
    let mut host = Host::start_in(hostile(HANDLER), &text("hash", "echo", LONG, "")).await;
    host.apply(&with("add")).await;
    host.apply(&with("echo")).await;
    let failed = host.settle(with("whoami")).await;
    assert!(
        failed
            .message
            .contains("plugin `hostile` trapped in `propose`"),
        "{failed:?}"
    );
    // A fresh one counts anew, and what failed is tried again by itself.
    assert_eq!(host.outcome(with("whoami")).await.kind, "changed");
}
