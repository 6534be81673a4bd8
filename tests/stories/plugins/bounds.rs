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

/// With all the lines that can be set.
#[tokio::test]
async fn one_that_never_ends_its_lines_is_ended_however_many_it_may_have() {
    for (_, component) in KINDS {
        let component = fs::read(component).unwrap();
        let yaml = "grants: {clock: true}\nsettings: {describe: log}\n\
                    limits: {log: 10000, time: 60}\n";
        let reason = "20001 lines in one call, 10000 are told (limits.log)";
        is_refused(beside(&component, yaml), reason).await;
    }
}

#[tokio::test]
async fn one_that_wants_more_than_its_tables_may_hold_is_refused() {
    const MANY: u32 = 5_000_000;
    // `ref.null func`, `i32.const MANY`, `table.grow 0`, `drop`.
    let grow = [&[0xd0, 0x70, 0x41][..], &leb(MANY), &[0xfc, 0x0f, 0, 0x1a]].concat();
    for (_, component) in KINDS {
        let component = fs::read(component).unwrap();
        let at_once = with_table(&component, MANY, Some(MANY));
        let later = with_start(&with_table(&component, 10_000, None), &grow);
        for component in [at_once, later] {
            let folder = beside(&component, "grants: {clock: true}\n");
            let reason = "elements of tables wanted, 20000 allowed (limits.table)";
            is_refused(folder, reason).await;
        }
    }
}

#[tokio::test]
async fn one_that_traps_before_it_is_asked_anything_is_refused() {
    const UNREACHABLE: u8 = 0;
    for (_, component) in KINDS {
        let component = with_start(&fs::read(component).unwrap(), &[UNREACHABLE]);
        let folder = beside(&component, "grants: {clock: true}\n");
        is_refused(
            folder,
            "trapped in `describe`: wasm trap: wasm `unreachable`",
        )
        .await;
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

/// Sections of a module, or of what is in it.
type Sections = Vec<(u8, Vec<u8>)>;

/// The same component, and its own table has at least and at most so many functions.
fn with_table(component: &[u8], least: u32, most: Option<u32>) -> Vec<u8> {
    const TABLES: u8 = 4;
    let bounds = [leb(least), most.map_or_else(Vec::new, leb)].concat();
    with_module(component, |module| {
        sections(module, |id, inside| {
            // One table of functions, with its least and its most.
            let own = id == TABLES && inside.starts_with(&[1, 0x70, 1]);
            let head = [1, 0x70, u8::from(most.is_some())];
            own.then(|| vec![(id, [&head[..], &bounds].concat())])
        })
    })
}

/// The same component, and its own module does this before anything else: in its start section.
fn with_start(component: &[u8], body: &[u8]) -> Vec<u8> {
    const TYPES: u8 = 1;
    const IMPORTS: u8 = 2;
    const FUNCTIONS: u8 = 3;
    const EXPORTS: u8 = 7;
    const START: u8 = 8;
    const CODE: u8 = 10;
    let (types, functions) = (Cell::new(0), Cell::new(0));
    with_module(component, |module| {
        sections(module, |id, inside| {
            let (count, all) = number(inside);
            let and = |last: &[u8]| {
                let count = leb(count + 1);
                Some(vec![(id, [&count, all, last].concat())])
            };
            match id {
                TYPES => {
                    types.set(count);
                    // A function of nothing that returns nothing.
                    and(&[0x60, 0, 0])
                }
                IMPORTS => {
                    functions.set(count);
                    None
                }
                FUNCTIONS => {
                    functions.set(functions.get() + count);
                    and(&leb(types.get()))
                }
                EXPORTS => Some(vec![(id, inside.to_vec()), (START, leb(functions.get()))]),
                CODE => {
                    // No variables; its end.
                    let body = [&[0], body, &[0x0b]].concat();
                    let length = leb(u32::try_from(body.len()).unwrap());
                    and(&[length, body].concat())
                }
                _ => None,
            }
        })
    })
}

/// The same component with its own module changed: the first; the others join it to its imports.
fn with_module(component: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    const MODULE: u8 = 1;
    let first = Cell::new(true);
    let patched = sections(component, |id, inside| {
        (id == MODULE && first.replace(false)).then(|| vec![(id, change(inside))])
    });
    assert_ne!(patched, component, "there is something to change");
    patched
}

/// The same module or component, with what `change` has in place of its sections.
fn sections(bytes: &[u8], change: impl Fn(u8, &[u8]) -> Option<Sections>) -> Vec<u8> {
    let (head, mut rest) = bytes.split_at(8);
    let mut out = head.to_vec();
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = number(after);
        let (inside, after) = after.split_at(length as usize);
        let here = change(*id, inside).unwrap_or_else(|| vec![(*id, inside.to_vec())]);
        for (id, inside) in here {
            out.push(id);
            out.extend(leb(u32::try_from(inside.len()).unwrap()));
            out.extend(inside);
        }
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
