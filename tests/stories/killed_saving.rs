//! kill -9 while settings are saved, one after the other without a pause: what is stored is the
//! last one that was answered or the one after it, never anything damaged, and the next host
//! has it.
//!
//! A few rounds; `tests/kill-saving` makes it a hundred.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tempfile::TempDir;

use super::harness::{Home, Host, config, demo, soon, until};

fn rounds() -> u64 {
    let rounds = std::env::var("CONFIG_SYNC_KILLS").ok();
    rounds.map_or(3, |rounds| rounds.parse().unwrap())
}

#[tokio::test]
async fn kill_9_while_saving_leaves_the_old_value_or_the_new_one() {
    let mut home = Home::of(TempDir::new().unwrap());
    home.save(config("hash", &demo("one", "echo"), ""));
    let mut next = 1;
    let (mut kept_old, mut halves, mut answers) = (0, 0, 0);
    for round in 0..rounds() {
        let host = Host::start_at(home).await;
        let (api, begin) = (host.home().api(), next);
        let answered = Arc::new(AtomicU64::new(begin - 1));
        let told = Arc::clone(&answered);
        let saving = tokio::spawn(async move {
            for value in begin.. {
                let request = api.request("PATCH", "/settings");
                let body = json!({"poll_interval": value}).to_string();
                if request.body(body).send().await.is_err() {
                    return;
                }
                told.store(value, Ordering::SeqCst);
            }
        });
        until("a few to be saved", || {
            answered.load(Ordering::SeqCst) >= begin + 2
        })
        .await;
        // In the middle of a write, or elsewhere in a save at each round.
        let wait = match round % 2 {
            0 => usize::MAX,
            _ => (round as usize * 7919) % 2_000,
        };
        for _ in 0..wait {
            if round % 2 == 0 && is_writing(&host.home().settings()) {
                halves += 1;
                break;
            }
            tokio::task::yield_now().await;
        }
        home = host.kill().await;
        soon("the saving to end", saving).await.unwrap();
        let old = answered.load(Ordering::SeqCst);
        let (shown, code) = home.answer(&["settings", "get", "poll_interval"]);
        let (value, origin) = (
            &shown["settings"][0]["value"],
            &shown["settings"][0]["origin"],
        );
        assert_eq!((code, origin), (Some(0), &json!("stored")), "{shown}");
        let value = value.as_f64().unwrap() as u64;
        assert!(
            [old, old + 1].contains(&value),
            "{value} after {old} was answered"
        );
        kept_old += u64::from(value == old);
        answers += old + 1 - begin;
        let names = fs::read_dir(home.settings()).unwrap();
        for name in names.map(|entry| entry.unwrap().file_name()) {
            let name = name.into_string().unwrap();
            assert!(!name.contains("damaged"), "{name}");
        }
        next = value + 1;
    }
    println!(
        "{} kills, {halves} of them seen in a write, {kept_old} left the old value, {answers} saves",
        rounds()
    );
}

/// Whether a document is being written at this moment.
fn is_writing(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.any(|name| name.ends_with(".unfinished"))
}
