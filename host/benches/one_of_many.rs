//! How long one changed backend takes from the settled change to the new snapshot, among two and
//! among two hundred: with the built-in handlers (WASM) and backends in this process.
//! `cargo bench -p config-sync --bench one_of_many`; fails when the ratio is more than 2. (Built
//! without optimisation it is: the YAML parser alone takes eight times as long then.)

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use config_sync::events::{EventBus, EventKind, SyncEvent};
use config_sync::gateway::{Connector, Gateway};
use config_sync::plugin::{Library, Limits, PluginEngine};
use config_sync::reload::{Handlers, LastGood, Memory, Ports, Record, Reloader};
use config_sync::settings::LiveSettings;
use config_sync::target::{LocalFile, Target};
use config_sync::watch::{FoundBy, Settled};
use config_sync::{config, events};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../src/gateway/fakes.rs"]
mod fakes;

use fakes::Fakes;

/// Keeps the last record, for its phases.
struct Last(watch::Sender<Option<Record>>);

impl Memory for Last {
    fn last_good(&mut self) -> Option<LastGood> {
        None
    }
    fn serves(&mut self, _generation: u64, _bytes: &[u8]) {}
    fn ended(&mut self, record: &Record) {
        self.0.send_replace(Some(record.clone()));
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROUNDS: usize = 15;
const TOOLS: usize = 5;
/// What a small server takes to start and say hello; Node or Python take ten times as long.
const START: Duration = Duration::from_millis(20);

fn file(count: usize, version: usize) -> String {
    let mut text = "version: '1'\nserver: {port: 0}\nbackends:\n".to_owned();
    for n in 0..count {
        let version = if n == count / 2 { version } else { 0 };
        let tools: Vec<_> = (0..TOOLS)
            .map(|tool| format!("tool_{n}_{tool}_v{version}"))
            .collect();
        let tools = tools.join(", ");
        text += &format!("  backend{n}: {{command: x, args: [well, {tools}]}}\n");
    }
    text
}

/// Milliseconds: the median of some rounds.
async fn measure(library: Arc<Library>, folder: &Path, count: usize) -> Result<f64, Failure> {
    let path = folder.join(format!("{count}.yaml"));
    std::fs::write(&path, file(count, 0))?;
    let fakes: Arc<Fakes> = Arc::new(Fakes::slow(START));
    let (gateway, notices) = Gateway::connected_by(fakes.clone());
    let (keep, last) = watch::channel(None);
    let (bus, handlers) = (EventBus::default(), Handlers::new(library.handlers()?));
    let mut events = bus.subscribe();
    let mut reloader = Reloader::new(Ports {
        target: Arc::new(LocalFile::new(&path)),
        gateway: Arc::clone(&gateway),
        handlers,
        detectors: library,
        others: None,
        settings: LiveSettings::of_file_alone(bus.clone()),
        bus,
        orders: watch::Sender::new(None),
        standing: watch::Sender::default(),
        in_force: watch::Sender::default(),
        memory: Box::new(Last(keep)),
    });
    reloader.start().await.map_err(|lines| lines.join("\n"))?;
    changed(&mut events).await?;
    let (settle, settled) = mpsc::unbounded_channel();
    let (_ask, asked) = mpsc::channel(1);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(reloader.run(settled, asked, notices, cancel.clone()));
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        std::fs::write(&path, file(count, round))?;
        let began = Instant::now();
        settle.send(Settled {
            path: path.as_path().into(),
            digest: LocalFile::new(&path).digest()?,
            found_by: FoundBy::Detector,
            detector: "mtime".to_owned(),
            same: false,
        })?;
        changed(&mut events).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let counts = fakes.counts();
    let touched = counts.values().filter(|it| it.connects > 1).count();
    let lists = counts.values().map(|it| it.lists).sum::<usize>();
    if (touched, lists) != (1, count + ROUNDS) {
        return Err(format!("{touched} backends were touched, {lists} lists asked for").into());
    }
    if let Some(record) = last.borrow().as_ref() {
        let phases = record.phases.iter();
        let phases: Vec<_> = phases
            .map(|it| format!("{} {:.1}", it.phase, it.ms))
            .collect();
        println!("of {count}, ms: {}", phases.join(", "));
    }
    cancel.cancel();
    running.await?;
    gateway.shut_down(Duration::from_secs(5)).await;
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

async fn changed(events: &mut broadcast::Receiver<SyncEvent>) -> Result<(), Failure> {
    loop {
        let event = events.recv().await?;
        match event.kind {
            EventKind::Changed => return Ok(()),
            events::EventKind::Error => return Err(event.details.into()),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let folder = tempfile::tempdir()?;
    let limits = Limits {
        time: Duration::from_secs(5),
        memory: 64 << 20,
        ..config_sync::config::PluginLimits::default().into()
    };
    let cache = Some(folder.path().join("cache"));
    let engine = PluginEngine::new(limits, cache)?;
    let library = Arc::new(Library::built_in(engine));
    let few = measure(Arc::clone(&library), folder.path(), 2).await?;
    let many = measure(library, folder.path(), 200).await?;
    let ratio = many / few;
    println!(
        "one changed backend of 2: {few:.1} ms, of 200: {many:.1} ms ({ratio:.2} times as long); \
         each backend takes {} ms to start",
        START.as_millis()
    );
    Ok(if ratio <= 2.0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
