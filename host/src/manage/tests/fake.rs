//! A host that is none, behind a real socket.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::events::EventBus;
use crate::manage::{
    self, Attempt, Backend, BackendState, Bounds, Client, Configuration, ConnectedClient,
    Detection, Health, Host, Layer, Load, OnDisk, Origin, Place, Plan, Plugin, PluginKind,
    PluginState, Refused, Reloaded, Restored, SaveTo, Serves, Setting, Settings, Status, Tool,
    Watching,
};

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) bus: EventBus,
    /// The orders that it got.
    pub(super) asked: Mutex<Vec<&'static str>>,
}

impl Fake {
    fn note(&self, order: &'static str) {
        self.asked.lock().unwrap().push(order);
    }
}

/// All is well.
pub(in crate::manage) fn status() -> Status {
    Status {
        version: "0".to_owned(),
        process: 1,
        state: "running".to_owned(),
        started: "2026-11-24T08:14:02.250+01:00".to_owned(),
        config: "/etc/gateway/config.yaml".to_owned(),
        address: None,
        management: None,
        live: true,
        watching: Watching::On,
        serves: Some(Serves {
            generation: 1,
            digest: "ab".to_owned(),
            tools: 1,
            prompts: 0,
            resources: 0,
            clients: 0,
        }),
        on_disk: OnDisk {
            digest: Some("ab".to_owned()),
            same: true,
            error: None,
        },
        reloading: None,
        last_reload: None,
        retry_in: None,
        settles_in: None,
        detection: Some(Detection {
            wanted: "mtime".to_owned(),
            detector: "mtime".to_owned(),
            stands_in: false,
            by: "polling".to_owned(),
            degraded: None,
            since: "2026-11-24T08:14:02.250+01:00".to_owned(),
        }),
        backends: vec![Backend {
            name: "one".to_owned(),
            state: BackendState::Serving,
            health: Health::Ready,
            since: "2026-11-24T08:14:02.250+01:00".to_owned(),
            breaker: None,
            process: Some(2),
            tools: 1,
            reason: None,
            load: Load::default(),
        }],
        troubles: Vec::new(),
    }
}

fn settings() -> Settings {
    Settings {
        file: status().config,
        store: None,
        settings: vec![Setting {
            key: "debounce".to_owned(),
            value: json!(2.0),
            origin: Origin::File,
            layers: vec![Layer {
                origin: Origin::File,
                value: json!("${DEBOUNCE}"),
                since: None,
            }],
            bounds: Bounds::Seconds {
                least: 0.0,
                most: 3600.0,
                zero_is_off: true,
            },
            summary: "seconds of quiet before a reload".to_owned(),
        }],
    }
}

impl Host for Fake {
    fn state(&self) -> String {
        status().state
    }

    fn status(&self) -> BoxFuture<'static, Status> {
        async { status() }.boxed()
    }

    fn backends(&self) -> Vec<Backend> {
        status().backends
    }

    fn clients(&self) -> Vec<ConnectedClient> {
        vec![ConnectedClient {
            name: "desk/1".to_owned(),
            protocol: "2025-11-25".to_owned(),
            since: "2026-11-24T10:00:00.000+00:00".to_owned(),
        }]
    }

    fn tools(&self) -> Vec<Tool> {
        vec![Tool {
            name: "echo".to_owned(),
            backend: "one".to_owned(),
            original: "echo".to_owned(),
            description: None,
            input_schema: json!({"type": "object"}),
        }]
    }

    fn configuration(&self) -> Result<Configuration, Refused> {
        Err(Refused::NotNow("nothing serves yet".to_owned()))
    }

    fn plugins(self: Arc<Self>) -> BoxFuture<'static, Vec<Plugin>> {
        let hash = Plugin {
            name: "hash".to_owned(),
            kind: Some(PluginKind::Detector),
            summary: "by content".to_owned(),
            built_in: true,
            state: PluginState::Ready,
            refused: None,
            sections: Vec::new(),
            path: None,
            digest: None,
            grants: Vec::new(),
            in_use: true,
            calls: 0,
            faults: 0,
            strikes: 0,
        };
        async { vec![hash] }.boxed()
    }

    fn settings(self: Arc<Self>) -> BoxFuture<'static, Result<Settings, Refused>> {
        async { Ok(settings()) }.boxed()
    }

    fn change_settings(
        self: Arc<Self>,
        changes: Map<String, Value>,
        to: SaveTo,
    ) -> BoxFuture<'static, Result<Settings, Refused>> {
        self.note(match to {
            SaveTo::Store => "store",
            SaveTo::File => "write",
        });
        let refused = changes.contains_key("debounse");
        let refused = refused.then(|| Refused::Invalid("did you mean".to_owned()));
        async move { refused.map_or_else(|| Ok(settings()), Err) }.boxed()
    }

    fn plan(
        &self,
        next: Option<Vec<u8>>,
        connect: bool,
    ) -> BoxFuture<'static, Result<Plan, Refused>> {
        let plan = Plan {
            warnings: next
                .map(|next| next.len().to_string())
                .into_iter()
                .collect(),
            connected: connect,
            ..Plan::default()
        };
        async move { Ok(plan) }.boxed()
    }

    fn restore(&self, to: Option<u64>) -> BoxFuture<'static, Result<Restored, Refused>> {
        let restored = Restored {
            generation: to.unwrap_or(1),
            digest: "ab".to_owned(),
            file: status().config,
            owner_lost: false,
            overwritten: None,
        };
        async { Ok(restored) }.boxed()
    }

    fn events(&self) -> &EventBus {
        &self.bus
    }

    fn history(&self, count: usize) -> BoxFuture<'static, Result<Vec<Attempt>, Refused>> {
        let attempt = |id: usize| Attempt {
            id: id as u64,
            ..Attempt::default()
        };
        let attempts = (1..=count).map(attempt).collect();
        async { Ok(attempts) }.boxed()
    }

    fn reload(&self) -> BoxFuture<'static, Result<Reloaded, Refused>> {
        self.note("reload");
        async { Ok(Reloaded::UnderWay) }.boxed()
    }

    fn pause(&self) -> Result<bool, Refused> {
        self.note("pause");
        Ok(true)
    }

    fn resume(&self) -> Result<bool, Refused> {
        self.note("resume");
        Err(Refused::NotNow("not now".to_owned()))
    }

    fn reconnect(&self, backend: &str) -> Result<(), Refused> {
        self.note("reconnect");
        match backend {
            "a b" => Ok(()),
            other => Err(Refused::Unknown(format!("no `{other}`"))),
        }
    }

    fn shut_down(&self) {
        self.note("shutdown");
    }
}

/// A fake host that serves.
pub(crate) struct Stage {
    pub(crate) host: Arc<Fake>,
    pub(crate) place: Place,
    pub(super) socket: PathBuf,
    cancel: CancellationToken,
    serving: JoinHandle<()>,
    _root: TempDir,
}

impl Stage {
    pub(crate) fn open() -> Self {
        let root = TempDir::new().unwrap();
        let watched = Path::new("/etc/gateway/config.yaml");
        let place = Place::of(Some(root.path()), None, watched);
        let (host, cancel) = (Arc::<Fake>::default(), CancellationToken::new());
        let socket = place.bind().unwrap();
        Self {
            socket: socket.path().to_owned(),
            serving: {
                let (server, cancel) = (manage::Server::new(host.clone()), cancel.clone());
                tokio::spawn(async move { server.serve(socket, cancel).await })
            },
            host,
            place,
            cancel,
            _root: root,
        }
    }

    pub(super) async fn client(&self) -> Client {
        Client::find(&self.place).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        self.serving.await.unwrap();
        assert!(!self.socket.exists());
    }
}
