//! `SentinelService`: builds the rooms, wires them, and owns their life from PENDING to STOPPED.
//! The watcher starts after RUNNING. Knows nothing of WASM, YAML or HTTP beyond the rooms' doors.

mod managed;
mod plugins;
mod shown;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::managed::detector_of;
use self::managed::known_detector;
use self::managed::{Managed, OverTcp, Turns};
use self::plugins::FollowPlugins;
pub use self::shown::shown;
use crate::config::PluginSettings;
use crate::events::{EventBus, EventKind, timestamp};
use crate::gateway::{Capability, Gateway, Snapshot};
use crate::manage::{Place, Server};
use crate::memory::DiskMemory;
use crate::plugin::{Elsewhere, Library, PluginEngine, plugin_folders};
use crate::reload::{
    Ask, Forgetful, Handlers, InForce, Memory, OtherPlugins, Ports, Reloader, Standing, Trigger,
};
use crate::settings::{LiveSettings, SettingsStore};
use crate::target::LocalFile;
use crate::watch::{ConfigWatcher, Detectors, Hearing, Inbox, NativeEvents, Scope, Wires};

/// Where the service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made, not started.
    Pending,
    /// Loading plugins, starting backends.
    Starting,
    /// Serving, watching.
    Running,
    /// Calls end, backends stop.
    Stopping,
    /// Nothing is left.
    Stopped,
    /// It could not start.
    Error,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Error => "error",
        })
    }
}

/// What the service is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file to watch; absolute.
    pub config: PathBuf,
    /// Its `plugins` section, as it is at the start.
    pub plugins: PluginSettings,
    /// Where plugins are besides: those that this user keeps for all configurations.
    pub plugins_of_user: Option<PathBuf>,
    /// Where compiled plugins are kept.
    pub cache: Option<PathBuf>,
    /// Where what outlives the process is kept.
    pub state: Option<PathBuf>,
    /// A client has started the host, and talks to it on standard input and output.
    pub stdio: bool,
    /// Where the management API is; nowhere, without one.
    pub place: Option<Place>,
    /// The user's folder of settings.
    pub settings: Option<PathBuf>,
    /// What the environment and the command line say of `sync`, each by its keys; checked.
    pub said: [Map<String, Value>; 2],
}

/// The host: watcher, reloader and gateway together.
pub struct SentinelService {
    options: Options,
    bus: EventBus,
    state: watch::Sender<State>,
    hearing: watch::Sender<Option<Hearing>>,
    settling: watch::Sender<Option<Instant>>,
    standing: watch::Sender<Standing>,
    /// Somebody asked over the management API that the host ends, or the client that has started
    /// it has left.
    end: CancellationToken,
    running: Option<Running>,
}

struct Running {
    gateway: Arc<Gateway>,
    ask: mpsc::Sender<Ask>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl SentinelService {
    /// A service that has not started.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            bus: EventBus::default(),
            state: watch::Sender::new(State::Pending),
            hearing: watch::Sender::new(None),
            settling: watch::Sender::new(None),
            standing: watch::Sender::default(),
            end: CancellationToken::new(),
            running: None,
        }
    }

    /// What happens, from now on.
    pub fn events(&self) -> &EventBus {
        &self.bus
    }

    /// The state and its changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// How the watcher hears of changes, and every change of that; `None` until it watches.
    pub fn hearing(&self) -> watch::Receiver<Option<Hearing>> {
        self.hearing.subscribe()
    }

    /// Comes back when somebody has asked over the management API that the host ends, or the
    /// client that has started it has left.
    pub async fn asked_to_end(&self) {
        self.end.cancelled().await;
    }

    /// What serves now.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.running
            .as_ref()
            .map(|running| running.gateway.current())
    }

    /// Where clients are served.
    pub fn address(&self) -> Option<SocketAddr> {
        self.running.as_ref()?.gateway.address()
    }

    /// Loads plugins and configuration, starts the backends, serves, then watches.
    ///
    /// # Errors
    /// Why nothing can be served, one line each.
    pub async fn start(&mut self) -> Result<(), Vec<String>> {
        self.enter(State::Starting);
        match self.build().await {
            Ok(running) => {
                self.running = Some(running);
                Ok(())
            }
            Err(lines) => {
                self.enter(State::Error);
                Err(lines)
            }
        }
    }

    async fn build(&self) -> Result<Running, Vec<String>> {
        let Options {
            config: path,
            plugins,
            plugins_of_user,
            cache,
            state,
            place,
            settings,
            said,
            stdio,
        } = self.options.clone();
        let base = path.parent().map(PathBuf::from).unwrap_or_default();
        let folders = plugin_folders(&base, &plugins, plugins_of_user.as_ref());
        let limits = plugins.limits.into();
        let load = move || {
            let engine = PluginEngine::new(limits, cache).map_err(|error| format!("{error:#}"))?;
            let library = Library::load(engine, &folders);
            let handlers = library.handlers()?;
            Ok::<_, String>((library, handlers))
        };
        let loaded = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| vec![error.to_string()])?;
        let (library, handlers) = loaded.map_err(|error| vec![error])?;
        for (path, error) in library.refused() {
            self.bus.publish(
                EventKind::Error,
                format!("plugin {}: {error}", path.display()),
            );
        }
        let library = Arc::new(library);
        for said in &said {
            if let Some(Value::String(name)) = said.get("detection") {
                known_detector(name, library.as_ref()).map_err(|error| vec![error])?;
            }
        }
        let settings = self.settings(settings, path.clone(), said).await?;
        settings.forget(|key, value| match (key, value) {
            ("detection", Value::String(name)) => known_detector(name, library.as_ref()).err(),
            _ => None,
        });
        let handlers = Handlers::new(handlers);
        let detectors: Arc<dyn Detectors> = Arc::clone(&library) as _;
        let others: Arc<dyn OtherPlugins> = Arc::new(Elsewhere {
            library: Arc::clone(&library),
            base: base.clone(),
            of_user: plugins_of_user.clone(),
        });
        let (in_force, plugins_in_force) = watch::channel(InForce::default());

        let target = Arc::new(LocalFile::new(path.clone()));
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (gateway, notices) = Gateway::new(base.clone(), library.clone(), self.bus.clone());
        if stdio {
            gateway.only_named_addresses();
        }
        let memory: Box<dyn Memory> = match self.remember(state.clone(), path.clone()).await {
            Some(memory) => {
                gateway.count_from(memory.generation());
                tasks.spawn(memory.clone().catch_up(cancel.clone()));
                Box::new(memory)
            }
            None => Box::new(Forgetful),
        };
        let (orders, obeyed) = watch::channel(None);
        let (ask, asked) = mpsc::channel(16);
        if let Some(place) = place {
            let over_tcp = watch::Sender::new(None);
            let managed = Managed {
                watched: target.clone(),
                root: state,
                started: timestamp(&Zoned::now()),
                state: self.state.subscribe(),
                hearing: self.hearing.subscribe(),
                standing: self.standing.subscribe(),
                orders: orders.clone(),
                gateway: Arc::clone(&gateway),
                ask: ask.clone(),
                bus: self.bus.clone(),
                end: self.end.clone(),
                turns: Turns::default(),
                settings: settings.clone(),
                library: Arc::clone(&library),
                others: Arc::clone(&others),
                settling: self.settling.subscribe(),
                on_disk: Arc::default(),
                over_tcp: over_tcp.subscribe(),
            };
            let socket = managed::open(&place, &self.bus).await;
            let server = Server::new(Arc::new(managed));
            let tcp = OverTcp {
                server: server.clone(),
                standing: self.standing.subscribe(),
                address: over_tcp,
                bus: self.bus.clone(),
            };
            tasks.spawn(tcp.run(cancel.clone()));
            tasks.spawn(managed::serve(socket, place, server, cancel.clone()));
        }
        let mut reloader = Reloader::new(Ports {
            target: target.clone(),
            gateway: Arc::clone(&gateway),
            handlers: handlers.clone(),
            detectors: Arc::clone(&detectors),
            others: Some(others),
            settings,
            bus: self.bus.clone(),
            orders: orders.clone(),
            standing: self.standing.clone(),
            memory,
            in_force,
        });
        if let Err(lines) = reloader.start().await {
            cancel.cancel();
            gateway.shut_down(Duration::from_secs(5)).await;
            return Err(lines);
        }
        self.enter(State::Running);
        if stdio {
            let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
            gateway.serve_stdio(input, output, self.end.clone());
        }

        let inbox = Arc::new(Inbox::default());
        let scope = Scope::File(path.into());
        let (settled, settled_changes) = mpsc::unbounded_channel();
        let watcher = ConfigWatcher::new(Wires {
            targets: vec![target],
            arm: Box::new(NativeEvents::new(vec![scope], Arc::clone(&inbox))),
            inbox,
            detectors,
            orders: obeyed,
            settled,
            hearing: self.hearing.clone(),
            settling: self.settling.clone(),
            bus: self.bus.clone(),
        })
        .map_err(|error| vec![error])?;
        tasks.spawn(watcher.run(cancel.clone()));
        let follow_plugins = FollowPlugins {
            library,
            handlers,
            in_force: plugins_in_force,
            base,
            of_user: plugins_of_user,
            orders,
            bus: self.bus.clone(),
            settings: plugins,
            resting: BTreeSet::new(),
        };
        tasks.spawn(follow_plugins.run(cancel.clone()));
        tasks.spawn(reloader.run(settled_changes, asked, notices, cancel.clone()));
        Ok(Running {
            gateway,
            ask,
            cancel,
            tasks,
        })
    }

    /// Opens what is stored for this file.
    async fn settings(
        &self,
        folder: Option<PathBuf>,
        watched: PathBuf,
        [environment, flags]: [Map<String, Value>; 2],
    ) -> Result<LiveSettings, Vec<String>> {
        let bus = self.bus.clone();
        let open = move || {
            let store = folder.map(|folder| SettingsStore::of(&folder, &watched));
            LiveSettings::open(store, environment, flags, bus)
        };
        let opened = tokio::task::spawn_blocking(open).await;
        opened.map_err(|error| vec![error.to_string()])
    }

    /// Opens what is kept of this file; tells when nothing can be.
    async fn remember(&self, root: Option<PathBuf>, watched: PathBuf) -> Option<DiskMemory> {
        let Some(root) = root else {
            let details =
                "no memory is kept: this user has no home folder; name one with --state DIR";
            self.bus.publish(EventKind::Degraded, details);
            return None;
        };
        let bus = self.bus.clone();
        let open = move || DiskMemory::open(&root, &watched, bus);
        tokio::task::spawn_blocking(open).await.ok()
    }

    /// Reloads now, whatever the watcher thinks: bytes that were rejected are tried again, and
    /// watching goes on if `on_failure: stop` has stopped it.
    pub fn reload(&self, trigger: Trigger) {
        if let Some(running) = &self.running {
            // Those that wait already will do.
            let _ = running.ask.try_send(trigger.into());
        }
    }

    /// Takes no more connections, lets calls end, stops the backends. Says false when that took
    /// longer than `deadline`, and what is left must go with the process.
    pub async fn stop(&mut self, deadline: Duration) -> bool {
        let Some(running) = self.running.take() else {
            return true;
        };
        self.enter(State::Stopping);
        running.cancel.cancel();
        running.tasks.close();
        // One that hangs, on a file system say, must not keep calls from their end.
        let idle = tokio::time::timeout(deadline / 4, running.tasks.wait());
        let idle = idle.await.is_ok();
        let drained = running.gateway.shut_down(deadline - deadline / 4);
        let drained = tokio::time::timeout(deadline - deadline / 4, drained).await;
        let ended = drained.unwrap_or(false) && idle;
        self.enter(State::Stopped);
        ended
    }

    fn enter(&self, state: State) {
        self.state.send_replace(state);
        self.bus.publish(EventKind::State, state.to_string());
    }

    /// What serves, in one line for people.
    pub fn summary(&self) -> String {
        let Some(snapshot) = self.snapshot() else {
            return "nothing serves".to_owned();
        };
        let count = |kind| snapshot.count(kind);
        format!(
            "backends: {}, tools: {}, prompts: {}, resources: {}",
            snapshot.backends().count(),
            count(Capability::Tool),
            count(Capability::Prompt),
            count(Capability::Resource),
        )
    }
}
