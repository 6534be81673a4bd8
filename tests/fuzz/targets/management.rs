//! What comes to the management socket: any bytes, or as the body or the query of a request that is
//! right otherwise. It answers the next one as ever.

#![no_main]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use config_sync::events::EventBus;
use config_sync::manage::{
    Attempt, Backend, Configuration, ConnectedClient, Host, Place, Plan, Plugin, Refused, Reloaded,
    Restored, SaveTo, Server, Settings, Status, Tool,
};
use futures::FutureExt;
use futures::future::{BoxFuture, pending, ready};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// Refuses whatever it is asked for: what is asked is what counts here.
#[derive(Default)]
struct Unwilling {
    bus: EventBus,
}

type Later<T> = BoxFuture<'static, Result<T, Refused>>;

fn no<T>() -> Result<T, Refused> {
    Err(Refused::NotNow("it does nothing".to_owned()))
}

fn later<T: Send + 'static>() -> Later<T> {
    ready(no()).boxed()
}

impl Host for Unwilling {
    fn state(&self) -> String {
        "running".to_owned()
    }
    fn status(&self) -> BoxFuture<'static, Status> {
        pending().boxed()
    }
    fn backends(&self) -> Vec<Backend> {
        Vec::new()
    }
    fn clients(&self) -> Vec<ConnectedClient> {
        Vec::new()
    }
    fn tools(&self) -> Vec<Tool> {
        Vec::new()
    }
    fn configuration(&self) -> Result<Configuration, Refused> {
        no()
    }
    fn plugins(self: Arc<Self>) -> BoxFuture<'static, Vec<Plugin>> {
        ready(Vec::new()).boxed()
    }
    fn settings(self: Arc<Self>) -> Later<Settings> {
        later()
    }
    fn change_settings(self: Arc<Self>, _: Map<String, Value>, _: SaveTo) -> Later<Settings> {
        later()
    }
    fn plan(&self, _: Option<Vec<u8>>, _: bool) -> Later<Plan> {
        later()
    }
    fn restore(&self, _: Option<u64>) -> Later<Restored> {
        later()
    }
    fn events(&self) -> &EventBus {
        &self.bus
    }
    fn history(&self, _: usize) -> Later<Vec<Attempt>> {
        later()
    }
    fn reload(&self) -> Later<Reloaded> {
        later()
    }
    fn pause(&self) -> Result<bool, Refused> {
        no()
    }
    fn resume(&self) -> Result<bool, Refused> {
        no()
    }
    fn reconnect(&self, _: &str) -> Result<(), Refused> {
        no()
    }
    fn shut_down(&self) {}
}

struct World {
    runtime: Runtime,
    path: std::path::PathBuf,
    _folder: TempDir,
}

thread_local! {
    static WORLD: World = World::new();
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let place = Place::of(Some(folder.path()), None, Path::new("/srv/config.yaml"));
        let path = runtime.block_on(async {
            let socket = place.bind().unwrap();
            let path = socket.path().to_owned();
            let server = Server::new(Arc::new(Unwilling::default()));
            tokio::spawn(async move { server.serve(socket, CancellationToken::new()).await });
            path
        });
        Self {
            runtime,
            path,
            _folder: folder,
        }
    }

    /// The beginning of what it says to these bytes, and to the end of input behind them.
    async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(&self.path).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut said = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut said));
        let count = read.await.ok().and_then(Result::ok).unwrap_or(0);
        String::from_utf8_lossy(&said[..count]).into_owned()
    }
}

fn request(line: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let [how, bytes @ ..] = bytes else { return };
    let base = "/manage/v1";
    let quoted = || -> String {
        let printable = bytes.iter().filter(|byte| byte.is_ascii_graphic());
        printable.map(|byte| char::from(*byte)).collect()
    };
    let sent = match how % 6 {
        0 => bytes.to_vec(),
        1 => request(&format!("PATCH {base}/settings"), bytes),
        2 => request(&format!("POST {base}/plan"), bytes),
        3 => request(&format!("POST {base}/restore"), bytes),
        4 => request(&format!("GET {base}/events?{}", quoted()), b""),
        _ => request(&format!("POST {base}/backends/{}/reconnect", quoted()), b""),
    };
    WORLD.with(|world| {
        world.runtime.block_on(async {
            world.say(&sent).await;
            let said = world
                .say(&request(&format!("GET {base}/health"), b""))
                .await;
            assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        });
    });
});
