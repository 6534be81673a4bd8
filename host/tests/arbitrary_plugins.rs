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
use std::sync::Arc;
use std::time::{Duration, Instant};

use config_sync::config::PluginLimits;
use config_sync::plugin::{Library, PluginEngine, inspect};
use config_sync::target::{LocalFile, Target};
use config_sync::watch::{Detectors, Wake};

/// Without a word on how long.
const CASES: u64 = 40;

const COMPONENTS: [&[u8]; 2] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/hash.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/backends.wasm")),
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
    let (mut cases, mut used, mut refused) = (0, 0, 0);
    let goes_on = |cases| seconds.map_or(cases < CASES, |seconds| began.elapsed() < seconds);
    while goes_on(cases) {
        let folder = tempfile::tempdir().unwrap();
        let (wasm, yaml) = (
            folder.path().join("any.wasm"),
            folder.path().join("any.yaml"),
        );
        let component = COMPONENTS[dice.throw(COMPONENTS.len())];
        match dice.throw(4) {
            // The file beside a component that is right.
            0 => {
                fs::write(&wasm, component).unwrap();
                fs::write(&yaml, dice.spoil(YAML.as_bytes())).unwrap();
            }
            _ => fs::write(&wasm, dice.spoil(component)).unwrap(),
        }
        let _ = inspect(&wasm, &engine);
        let library = Library::load(engine.clone(), &[folder.path().to_owned()]);
        match library.detector("any") {
            Ok(mut detector) => {
                used += 1;
                let target: Arc<dyn Target> = Arc::new(LocalFile::new(&yaml));
                let _ = detector.observe(&target, &Wake::Start, None);
                let _ = detector.observe(&target, &Wake::Tick, Some(b"anything"));
            }
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
