//! The motor by property: whatever the schedule of edits, polls and reloads, the last bytes are
//! loaded, in time, and no settled state twice.

use std::sync::Mutex;

use proptest::prelude::*;

use super::stage::MemoryTarget;
use super::*;

/// What happens next to the file.
#[derive(Debug, Clone)]
enum Step {
    Save(u8),
    Remove,
    /// Somebody opens it for writing, and closes it so many milliseconds later.
    Hold(u16),
    /// An event of the operating system; the detector would poll anyway.
    Event,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Save),
        1 => Just(Step::Remove),
        1 => (1_u16..900).prop_map(Step::Hold),
        2 => Just(Step::Event),
        4 => (1_u16..3_000).prop_map(Step::Wait),
    ]
}

/// Reloads take their time, one at a time, and read what is newest then.
async fn reload(
    target: Arc<MemoryTarget>,
    orders: watch::Sender<Option<Orders>>,
    mut settled: mpsc::UnboundedReceiver<Settled>,
    takes: Duration,
    loaded: Arc<Mutex<Vec<Digest>>>,
) {
    while settled.recv().await.is_some() {
        while settled.try_recv().is_ok() {}
        let read = target.digest().ok();
        let baseline = read.map_or(Baseline::Nothing, Baseline::Content);
        orders.send_modify(|orders| {
            let orders = orders.as_mut().unwrap();
            (orders.baseline, orders.reads) = (baseline, orders.reads + 1);
        });
        if let Some(digest) = read {
            let mut loaded = loaded.lock().unwrap();
            // The reload of what serves already is `unchanged`, and no reload.
            if loaded.last() != Some(&digest) {
                loaded.push(digest);
            }
        }
        tokio::time::sleep(takes).await;
    }
}

async fn run(steps: Vec<Step>, poll: u16, debounce: u16, takes: u16) {
    let mut stage = Stage::open("any");
    let (poll, debounce) = (u32::from(poll) * MS, u32::from(debounce) * MS);
    let cap = 5000 * MS;
    stage.order(|orders| {
        orders.settings.poll_interval = poll;
        orders.settings.debounce = debounce;
        orders.settings.max_debounce = cap;
    });
    let loaded = Arc::new(Mutex::new(vec![Digest::of(b"")]));
    let (_, none) = mpsc::unbounded_channel();
    let settled = std::mem::replace(&mut stage.settled, none);
    let takes = u32::from(takes) * MS;
    tokio::spawn(reload(
        Arc::clone(&stage.target),
        stage.orders.clone(),
        settled,
        takes,
        Arc::clone(&loaded),
    ));
    stage.pass(poll).await;
    let mut states = vec![Digest::of(b"")];
    for step in steps {
        match step {
            Step::Save(edit) => {
                stage.target.save(&format!("a: {edit}"));
                states.extend(stage.target.digest());
            }
            Step::Remove => stage.target.remove(),
            Step::Hold(time) => {
                stage.target.set_written(true);
                let target = Arc::clone(&stage.target);
                tokio::spawn(async move {
                    tokio::time::sleep(u32::from(time) * MS).await;
                    target.set_written(false);
                });
            }
            Step::Event => stage.event(FileEvent::Closed),
            Step::Wait(time) => stage.pass(u32::from(time) * MS).await,
        }
    }
    // The last edit is loaded within the cap, one poll, the writer's time and the reloads ahead.
    stage
        .pass(cap + poll + 1000 * MS + 2 * takes + 100 * MS)
        .await;
    let loaded = loaded.lock().unwrap().clone();
    if let Ok(last) = stage.target.digest() {
        assert_eq!(loaded.last(), Some(&last), "the last bytes are loaded");
    }
    for pair in loaded.windows(2) {
        assert_ne!(pair[0], pair[1], "one settled state, one reload");
    }
    for digest in &loaded {
        assert!(states.contains(digest), "only what was saved is loaded");
    }
    // Nothing more comes of it.
    stage.pass(20_000 * MS).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_last_bytes_are_loaded_whatever_the_schedule(
        steps in proptest::collection::vec(step(), 1..24),
        poll in 10_u16..2_000,
        debounce in 0_u16..1_500,
        takes in 0_u16..1_500,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(steps, poll, debounce, takes));
    }
}
