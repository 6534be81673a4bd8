//! Arbitrary bytes as a component and as the file beside it: each is refused with a reason or
//! used within its limits, and nothing of it ends the host. Most are real components with a few
//! bytes changed, since noise does not come far. The same seed makes the same bytes.
//!
//! `CONFIG_SYNC_FUZZ_SECONDS=3600 CONFIG_SYNC_SEED=7 cargo test -p config-sync --test
//! arbitrary_plugins` goes on for an hour.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test says so by panicking; how long it goes on is told in real time"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config_sync::config::{OnFault, PluggedSettings, PluginLimits};
use config_sync::gateway::{Method, MiddlewarePlugins as _, Shown};
use config_sync::plugin::{Library, PluginEngine, inspect};
use config_sync::reload::{Change, Ending};
use config_sync::target::{LocalFile, Target};
use config_sync::watch::{Detectors as _, Wake};
use serde_json::{Map, json};

#[path = "../src/plugin/unfold/bombs.rs"]
mod bombs;

/// Without a word on how long.
const CASES: u64 = 40;

const COMPONENTS: [&[u8]; 3] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/hash.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/backends.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/arguments.wasm")),
];
const YAML: &str = "grants:\n  http: [api.example.com, \"http://10.0.0.0/8:80\"]\n  \
                    read: [/tmp]\n  env: [HOME]\n  signal: [/run/x.pid, x.service]\n  \
                    clock: true\nlimits: {time: 0.1, memory: 8, table: 20000, stack: 64}\n\
                    settings: {a: [1, {b: c}]}\n";

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.throw(256)).unwrap()
    }

    /// These bytes with one to three of them changed: what comes of it may still be a component.
    fn touch(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.throw(3) {
            let (at, byte) = (self.throw(bytes.len()), self.byte());
            bytes[at] = byte;
        }
        bytes
    }

    /// These bytes with something changed, left out, repeated or cut off; or noise.
    fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.throw(4) {
            let at = self.throw(bytes.len());
            match self.throw(6) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..(at + self.throw(64)).min(bytes.len()))),
                2 => {
                    let piece = bytes[at..(at + self.throw(64)).min(bytes.len())].to_vec();
                    let to = self.throw(bytes.len());
                    bytes.splice(to..to, piece);
                }
                3 if self.throw(8) == 0 => {
                    bytes = (0..self.throw(512)).map(|_| self.byte()).collect();
                }
                _ => {
                    let byte = self.byte();
                    bytes.get_mut(at).into_iter().for_each(|it| *it = byte);
                }
            }
        }
        bytes
    }
}

/// Asks whatever `any` is all that its kind is asked; says why it cannot be used, where it cannot.
fn ask(library: &Library, file: &Path) -> Result<(), String> {
    // Asked first, so that the built-in ones need not be compiled in vain.
    if let Some((_, reason)) = library.refused().pop() {
        return Err(reason);
    }
    if let Ok(mut detector) = library.detector("any") {
        let target: Arc<dyn Target> = Arc::new(LocalFile::new(file));
        let _ = detector.observe(&target, &Wake::Start, None);
        let _ = detector.observe(&target, &Wake::Tick, Some(b"anything"));
        return Ok(());
    }
    let mut handlers = library.handlers()?;
    if let Some(handler) = handlers.iter_mut().find(|it| it.name() == "any") {
        let next = json!({"backends": {"one": {"command": "true"}}});
        let change = Change {
            generation: 2,
            previous: None,
            next: next.clone(),
        };
        let _ = handler.propose(&change);
        let _ = handler.compose(&next, &[]);
        let _ = handler.finished(2, Ending::Applied);
        return Ok(());
    }
    let entry = PluggedSettings {
        plugin: "any".to_owned(),
        settings: Map::from_iter([("fixed".to_owned(), json!({"a": {"b": 1}}))]),
        fail: OnFault::Closed,
    };
    let middleware = library.plugin(&entry).map_err(|it| format!("{it:?}"))?;
    let call = Shown {
        id: 1,
        client: "fuzz".to_owned(),
        caller: None,
        method: Method::CallTool,
        name: "a".to_owned(),
        backend: "one".to_owned(),
        params: r#"{"name":"a","arguments":{}}"#.to_owned(),
    };
    let _ = middleware.on_request(&call);
    let _ = middleware.on_response(&call, Ok("{}".to_owned()));
    Ok(())
}

fn number_in(variable: &str) -> Option<u64> {
    let written = std::env::var(variable).ok()?;
    Some(written.parse().unwrap())
}

#[test]
fn no_bytes_as_component_or_beside_it_end_the_host() {
    let seed = number_in("CONFIG_SYNC_SEED").unwrap_or(1);
    let seconds = number_in("CONFIG_SYNC_FUZZ_SECONDS").map(Duration::from_secs);
    println!("CONFIG_SYNC_SEED={seed}");
    let (began, mut dice) = (Instant::now(), Dice(seed));
    let limits = PluginLimits {
        time: Duration::from_millis(100),
        ..PluginLimits::default()
    };
    let engine = PluginEngine::new(limits.into(), None).unwrap();
    let bombs = bombs::all();
    let (mut cases, mut used, mut refused) = (0, 0, 0);
    let goes_on = |cases| seconds.map_or(cases < CASES, |seconds| began.elapsed() < seconds);
    while goes_on(cases) {
        let folder = tempfile::tempdir().unwrap();
        let (wasm, yaml) = (
            folder.path().join("any.wasm"),
            folder.path().join("any.yaml"),
        );
        let component = COMPONENTS[dice.throw(COMPONENTS.len())];
        match dice.throw(5) {
            // The file beside a component that is right.
            0 => {
                fs::write(&wasm, component).unwrap();
                fs::write(&yaml, dice.spoil(YAML.as_bytes())).unwrap();
            }
            1 => fs::write(&wasm, dice.spoil(component)).unwrap(),
            2 => {
                let bomb = &bombs[dice.throw(bombs.len())].1;
                // Mostly whole: one that is broken is refused before it does anything.
                let bomb = if dice.throw(4) == 0 {
                    dice.touch(bomb)
                } else {
                    bomb.clone()
                };
                fs::write(&wasm, bomb).unwrap();
            }
            _ => fs::write(&wasm, dice.touch(component)).unwrap(),
        }
        let _ = inspect(&wasm, &engine);
        let library = Library::load(engine.clone(), &[folder.path().to_owned()]);
        match ask(&library, &yaml) {
            Ok(()) => used += 1,
            Err(reason) => {
                refused += 1;
                assert!(!reason.is_empty());
            }
        }
        cases += 1;
    }
    println!("{cases} cases: {used} could be asked, {refused} were refused");
    assert!(refused > 0 && cases > 0);
}
