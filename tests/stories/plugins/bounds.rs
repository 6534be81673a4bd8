//! What no plugin gets, of whatever kind: more than its tables may hold, a gibibyte taken for an
//! answer, a place among the others though it cannot say what it is.

use std::cell::Cell;
use std::fs;

use tempfile::TempDir;

use super::{LONG, READABLE, dropped_in, is_error, text};
use crate::harness::{Client, Host};

const KINDS: [(&str, &str); 3] = [
    ("detector", env!("HOSTILE_DETECTOR")),
    ("handler", env!("HOSTILE_HANDLER")),
    ("middleware", env!("HOSTILE_MIDDLEWARE")),
];
/// More than the guest needs to hold a gibibyte.
const ROOM: &str = "grants: {clock: true}\nlimits: {memory: 2048, time: 10}\n";

/// A folder with this component under the name `hostile`, and with what stands beside it.
fn beside(component: &[u8], yaml: &str) -> TempDir {
    dropped_in(&[
        ("hostile.yaml", yaml.as_bytes()),
        ("hostile.wasm", component),
    ])
}

/// A host with this plugin is told why it cannot be used, and reloads without it.
async fn is_refused(folder: TempDir, reason: &str) {
    let mut host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let told = host.events();
    let told = told.iter().find(|it| is_error(it)).unwrap();
    assert!(told.message.contains(reason), "{reason}: {told:?}");
    assert!(told.message.len() < READABLE, "{told:?}");
    let (listed, code) = host.home().answer(&["plugin", "list"]);
    assert_eq!(code, Some(1));
    let listed = listed.as_array().unwrap().iter();
    let states = listed.filter(|it| it["state"] == "refused");
    let states: Vec<_> = states.map(|it| it["name"].clone()).collect();
    assert_eq!(states, ["hostile"]);
    host.apply(&text("mtime", "add", LONG, "")).await;
}

#[tokio::test]
async fn one_that_cannot_say_what_it_is_is_refused_with_the_reason() {
    for (kind, component) in KINDS {
        let component = fs::read(component).unwrap();
        for (sin, fault) in [
            ("trap", "trapped in `describe`"),
            ("loop", "ran past its deadline in `describe`"),
            ("sleep", "ran past its deadline in `describe`"),
            ("recursion", "trapped in `describe`"),
            (
                "memory",
                "asked for more memory than its limit in `describe`",
            ),
            ("log", "said more than its limit in `describe`"),
        ] {
            let yaml = format!(
                "grants: {{clock: true}}\nsettings: {{describe: {sin}}}\nlimits: {{time: 0.5}}\n"
            );
            let reason = format!("plugin `hostile` {fault}");
            println!("{kind}: {sin}");
            is_refused(beside(&component, &yaml), &reason).await;
        }
    }
}

#[tokio::test]
async fn one_that_wants_more_than_its_tables_may_hold_is_refused() {
    for (_, component) in KINDS {
        let component = with_table(&fs::read(component).unwrap(), 5_000_000);
        let folder = beside(&component, "grants: {clock: true}\n");
        is_refused(folder, "(limits.table)").await;
    }
}

/// The guest may have the memory; the host takes none of it.
#[tokio::test]
async fn a_gibibyte_for_an_answer_is_not_taken() {
    let [detector, handler, middleware] = KINDS.map(|(_, path)| fs::read(path).unwrap());
    let honest = text("hostile", "echo", LONG, "");
    let mut host = Host::start_in(beside(&detector, ROOM), &honest).await;
    host.save(format!("# sin: gibibyte\n{honest}"));
    let told = host.event("a fault", is_error).await;
    let say = "plugin `hostile` said more than its limit in `observe`: ";
    assert!(told.message.starts_with(say), "{told:?}");
    host.apply(&text("hostile", "add", LONG, "")).await;
    let lent = host.peak_memory();
    assert!(host.stop().await.success());

    let mut host = Host::start_in(beside(&handler, ROOM), &text("hash", "echo", LONG, "")).await;
    let command = "hostile: {in: propose, sin: gibibyte}\n";
    let failed = host.settle(text("hash", "add", LONG, command)).await;
    // A refusal is a list here, and none of it is taken.
    let say = "plugin `hostile` said more than its limit in `propose`: ";
    assert!(failed.message.contains(say), "{failed:?}");
    host.apply(&text("hash", "add", LONG, "")).await;
    assert!(host.stop().await.success());

    let entry = "middleware: [hostile]\n";
    let host = Host::start_in(
        beside(&middleware, ROOM),
        &text("hash", "echo", LONG, entry),
    )
    .await;
    let client = Client::connect(host.url()).await;
    let command = |sin| serde_json::json!({"text": "x", "in": "request", "sin": sin});
    let refused = client.call("echo", command("gibibyte")).await.unwrap_err();
    assert!(refused.contains("so this call did not pass"), "{refused}");
    let passed = client.call("echo", serde_json::json!({"text": "x"})).await;
    assert_eq!(passed.unwrap(), "x");
    assert!(host.stop().await.success());
    if let Some(lent) = lent {
        // The guest itself has one.
        assert!(lent < 3 << 29, "{lent} bytes: the host has copied it");
    }
}

/// The same component, and it wants its table of functions so large.
fn with_table(component: &[u8], elements: u32) -> Vec<u8> {
    /// Sections of a component: a core module. Of a module: tables.
    const MODULE: u8 = 1;
    const TABLES: u8 = 4;
    let tables = |id: u8, inside: &[u8]| {
        // One table of functions, with its least and its most.
        let large = [leb(elements), leb(elements)].concat();
        let own = id == TABLES && inside.starts_with(&[1, 0x70, 1]);
        own.then(|| [&[1, 0x70, 1][..], &large].concat())
    };
    // The first is the guest's own; the others join it to its imports.
    let first = Cell::new(true);
    let modules = |id: u8, inside: &[u8]| {
        (id == MODULE && first.replace(false)).then(|| sections(inside, tables))
    };
    let patched = sections(component, modules);
    assert_ne!(patched, component, "there is a table");
    patched
}

/// The same module or component, with what `change` has in place of its sections.
fn sections(bytes: &[u8], change: impl Fn(u8, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let (head, mut rest) = bytes.split_at(8);
    let mut out = head.to_vec();
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = number(after);
        let (inside, after) = after.split_at(length as usize);
        let inside = change(*id, inside).unwrap_or_else(|| inside.to_vec());
        out.push(*id);
        out.extend(leb(u32::try_from(inside.len()).unwrap()));
        out.extend(inside);
        rest = after;
    }
    out
}

/// A number as WebAssembly writes it (LEB128), and what follows.
fn number(bytes: &[u8]) -> (u32, &[u8]) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let (written, rest) = bytes.split_at(end + 1);
    let value = written
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 7) | u32::from(byte & 0x7f));
    (value, rest)
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}
