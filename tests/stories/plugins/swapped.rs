//! A detector is replaced while the file is edited: no edit is lost, whichever of the two looks,
//! and though neither can read what the other remembers.
//!
//! `CONFIG_SYNC_SWAPS=100 cargo test --workspace swapped` swaps oftener.

use std::fs;

use super::{LONG, dropped_in, errors, good, text};
use crate::harness::{Host, until};

const SWAPS: usize = 8;

#[tokio::test]
async fn no_edit_is_lost_while_its_detector_is_swapped() {
    let swaps = std::env::var("CONFIG_SYNC_SWAPS").ok();
    let swaps = swaps.map_or(SWAPS, |swaps| swaps.parse().unwrap());
    let components = [good(), fs::read(env!("DETECTOR_HASH")).unwrap()];
    let folder = dropped_in(&[("mine.wasm", &components[0])]);
    let edit = |number: usize| text("mine", &format!("v{number}=echo"), LONG, "");
    let mut host = Host::start_in(folder, &edit(0)).await;
    let plugin = host.folder().join("plugins/mine.wasm");
    for round in 1..=swaps {
        let (first, second) = (edit(2 * round), edit(2 * round + 1));
        let beside = plugin.with_extension("new");
        fs::write(&beside, &components[round % 2]).unwrap();
        fs::rename(&beside, &plugin).unwrap();
        // One edit before it is taken; the other as it is, or about then.
        host.apply(&first).await;
        host.save(&second);
        assert_eq!(host.outcome(&second).await.kind, "changed", "round {round}");
        until("the swap", || {
            let events = host.events();
            let swaps = events.iter().filter(|it| it.message.contains("takes over"));
            swaps.count() == round
        })
        .await;
    }
    assert_eq!(errors(&host), 0);
    let status = host.status();
    assert_eq!(status["detection"]["detector"], "mine");
    assert_eq!(status["detection"]["stands_in"], false);
}
