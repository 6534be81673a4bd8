//! Edits without rhyme or reason, against a host under load: whatever people save, what is served
//! is what a model of a few lines says. The same seed makes the same edits.
//!
//! `CONFIG_SYNC_EDITS=300 CONFIG_SYNC_SEED=7 cargo test --workspace random_edits` runs longer.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::harness::{Client, Home, Host, demo, digest, until};

const EDITS: usize = 60;
const CLIENTS: usize = 4;
const DETECTORS: [&str; 3] = ["mtime", "hash", "inotify"];

/// SplitMix64: small, and good enough to shake things.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

/// One backend that comes and goes.
#[derive(Debug, Clone, PartialEq)]
struct Guest {
    version: usize,
    hidden: bool,
    renamed: bool,
}

impl Guest {
    fn line(&self, name: &str) -> String {
        let tools = format!("{name}_who=whoami,{name}_v{}=echo", self.version);
        let mut keys = String::new();
        if self.hidden {
            keys += &format!(", filters: {{tools: {{deny: [\"{name}_v*\"]}}}}");
        }
        if self.renamed {
            keys += &format!(", tool_overrides: {{{name}_who: {{name: {name}_is}}}}");
        }
        demo(name, &tools).replace("]}", &format!("]{keys}}}"))
    }

    fn tools(&self, name: &str) -> Vec<String> {
        let mut tools = vec![self.whoami(name)];
        if !self.hidden {
            tools.push(format!("{name}_v{}", self.version));
        }
        tools
    }

    fn whoami(&self, name: &str) -> String {
        format!("{name}_{}", if self.renamed { "is" } else { "who" })
    }
}

/// What is served.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    guests: BTreeMap<String, Guest>,
}

impl Model {
    fn text(&self, detector: &str, number: usize) -> String {
        let steady = demo("steady", "steady_echo=echo,steady_whoami=whoami");
        let guests = self.guests.iter().map(|(name, guest)| guest.line(name));
        format!(
            "# {number}\nserver: {{port: 0}}\n\
             sync: {{poll_interval: 0.02, debounce: 0.02, detection: {detector}}}\n\
             backends:\n{steady}{}",
            guests.collect::<String>()
        )
    }

    fn tools(&self) -> Vec<String> {
        let mut tools = vec!["steady_echo".to_owned(), "steady_whoami".to_owned()];
        for (name, guest) in &self.guests {
            tools.extend(guest.tools(name));
        }
        tools.sort();
        tools
    }

    /// Some other model.
    fn changed(&self, dice: &mut Dice) -> Self {
        let mut next = self.clone();
        for _ in 0..=dice.throw(2) {
            let name = format!("guest{}", dice.throw(4));
            let version = dice.throw(1000);
            match (next.guests.get_mut(&name), dice.throw(4)) {
                (Some(_), 0) => drop(next.guests.remove(&name)),
                (Some(guest), 1) => guest.hidden = !guest.hidden,
                (Some(guest), 2) => guest.renamed = !guest.renamed,
                (Some(guest), _) => guest.version = version,
                (None, _) => {
                    let guest = Guest {
                        version,
                        hidden: false,
                        renamed: false,
                    };
                    next.guests.insert(name, guest);
                }
            }
        }
        next
    }
}

/// What is saved, and what shall be served once it is.
fn edit(model: &Model, detector: &str, dice: &mut Dice, number: usize) -> (String, Model) {
    let next = model.changed(dice);
    let text = next.text(detector, number);
    match dice.throw(8) {
        0 => (format!("{text}middleware: [unclosed\n"), model.clone()),
        1 => (text.replace("debounce", "debounse"), model.clone()),
        2 => {
            let unreachable = format!("  lost{number}: {{command: /no/such/program}}\n");
            (text + &unreachable, model.clone())
        }
        // As it is served, but for the comment.
        3 => (model.text(detector, number), model.clone()),
        _ => (text, next),
    }
}

fn number_in(variable: &str, default: usize) -> usize {
    let written = std::env::var(variable).ok();
    written.map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_each_of_many_edits_what_is_served_is_what_the_model_says() {
    let edits = number_in("CONFIG_SYNC_EDITS", EDITS);
    let seed = number_in("CONFIG_SYNC_SEED", 4);
    println!("CONFIG_SYNC_EDITS={edits} CONFIG_SYNC_SEED={seed}");
    let (mut dice, mut model) = (Dice(seed as u64), Model::default());
    let detector = DETECTORS[seed % DETECTORS.len()];
    let mut serving = model.text(detector, 0);
    let home = Home::of(TempDir::new().unwrap()).with_phases();
    home.save(&serving);
    let mut host = Host::start_at(home).await;
    let client = Client::connect(host.url()).await;
    let steady = client.process("steady_whoami").await;

    let enough = Arc::new(AtomicBool::new(false));
    let mut calling = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, enough) = (Client::connect(host.url()).await, Arc::clone(&enough));
        calling.spawn(async move { call_without_pause(&client, &enough).await });
    }

    for number in 1..=edits {
        let what = format!("edit {number}, seed {seed}");
        match dice.throw(10) {
            // Exactly the bytes that serve. Somebody asks, in case nobody saw the file change.
            0 => {
                host.save(&serving);
                host.signal(Signal::SIGHUP);
                let event = host.outcome(&serving).await;
                assert_eq!(event.kind, "no-change", "{what}: {event:?}");
            }
            // One of the guests dies.
            1 if !model.guests.is_empty() => {
                let at = dice.throw(model.guests.len());
                let (name, guest) = model.guests.iter().nth(at).unwrap();
                let process = client.process(&guest.whoami(name)).await;
                kill(Pid::from_raw(process.try_into().unwrap()), Signal::SIGKILL).unwrap();
                let again = format!("backend `{name}` serves again");
                host.event(&what, |it| it.message == again).await;
            }
            // The file is gone for a while.
            2 => fs::remove_file(host.config()).unwrap(),
            _ => {}
        }
        // Some saves race, and the last one counts. Each builds on what is served, for what is
        // between is served or not.
        let race = dice.throw(4) / 2 * dice.throw(4);
        let mut texts = Vec::new();
        let before = model.clone();
        for step in 0..=race {
            let (text, next) = edit(&before, detector, &mut dice, number * 100 + step);
            texts.push((text, next));
        }
        let (last, expected) = texts.last().unwrap().clone();
        let mut between = vec![before];
        for (text, next) in &texts {
            match dice.throw(3) {
                0 => host.rewrite(text),
                _ => host.save(text),
            }
            if dice.throw(6) == 0 {
                host.signal(Signal::SIGHUP);
            }
            between.push(next.clone());
        }
        let digest = digest(&last);
        let event = host
            .event(&what, |it| it.digest.as_ref() == Some(&digest))
            .await;
        let tools = client.tools().await;
        let wrong = event.kind == "error";
        // What is wrong leaves what serves: what was before, or one of those between.
        model = if wrong {
            let served = between.into_iter().rev().find(|it| it.tools() == tools);
            served.unwrap_or_else(|| panic!("{what}: {tools:?} is in no model; {event:?}"))
        } else {
            expected
        };
        assert_eq!(tools, model.tools(), "{what}: {event:?}");
        if !wrong {
            serving = last;
        } else {
            // Back to something that is known to the last byte.
            serving = model.text(detector, number * 100 + 99);
            let event = host.settle(&serving).await;
            assert_ne!(event.kind, "error", "{what}: {event:?}");
            assert_eq!(client.tools().await, model.tools(), "{what}: {event:?}");
        }
        assert_eq!(client.process("steady_whoami").await, steady, "{what}");
    }

    enough.store(true, Ordering::Relaxed);
    let mut calls = 0;
    while let Some(called) = calling.join_next().await {
        calls += called.unwrap();
    }
    assert!(calls > edits, "{calls} calls are no load");
    println!("{calls} calls, none failed; generation {}", {
        host.events().last().unwrap().generation
    });
    let wanted = 1 + model.guests.len();
    until("what is gone to have ended", || {
        host.children().len() == wanted
    })
    .await;
    assert!(host.stop().await.success());
}

/// How many calls it made. Each of them must succeed: nobody touches this backend.
async fn call_without_pause(client: &Client, enough: &AtomicBool) -> usize {
    let mut calls = 0;
    while !enough.load(Ordering::Relaxed) {
        let text = format!("call {calls}");
        let answer = client.call("steady_echo", json!({ "text": text })).await;
        assert_eq!(answer, Ok(text));
        calls += 1;
    }
    calls
}
