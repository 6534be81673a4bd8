//! A gateway in this process, and its one backend: well, or saying what it is given. Time passes
//! when everybody waits for it.

#![allow(dead_code, reason = "not every target uses all of it")]

use std::sync::Arc;
use std::time::Duration;

use config_sync::config::{BackendSpec, MiddlewareSpec};
use config_sync::gateway::{Connector, Gateway, Terms, Wanted};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

pub fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

#[derive(Debug, Clone)]
pub struct Wires {
    says: Arc<Vec<u8>>,
    greets: bool,
}

impl Wires {
    pub fn well() -> Self {
        Self::saying(Vec::new(), true)
    }

    /// Each of these lines after one request; `greets`: first it says hello and what it offers.
    pub fn saying(says: Vec<u8>, greets: bool) -> Self {
        let says = Arc::new(says);
        Self { says, greets }
    }

    pub async fn gateway(self) -> Arc<Gateway> {
        self.gateway_behind(Vec::new()).await
    }

    pub async fn gateway_behind(self, middleware: Vec<MiddlewareSpec>) -> Arc<Gateway> {
        let timeouts = json!({"init": 1, "cap_fetch": 1, "drain": 1});
        let spec = json!({"command": "x", "timeouts": timeouts});
        let spec = BackendSpec::from_json("one", &spec, &|_| None).unwrap();
        let wanted = Wanted {
            backends: vec![("one".to_owned(), spec)],
            middleware,
        };
        let (gateway, _notices) = Gateway::connected_by(Arc::new(self));
        let lenient = Terms {
            lenient: true,
            ..Terms::default()
        };
        let mut candidate = gateway.build(&wanted, lenient).await.unwrap();
        let offers = candidate.offers();
        let _ = candidate.compose(None, &offers);
        gateway.swap(candidate);
        gateway
    }
}

impl Connector for Wires {
    fn connect(
        &self,
        _name: &str,
        _spec: &BackendSpec,
    ) -> BoxFuture<'static, Result<DuplexStream, String>> {
        let (ours, theirs) = duplex(64 << 10);
        tokio::spawn(serve(ours, self.clone()));
        futures::future::ready(Ok(theirs)).boxed()
    }
}

async fn serve(stream: DuplexStream, wires: Wires) {
    let (read, mut write) = tokio::io::split(stream);
    let mut requests = BufReader::new(read).lines();
    let mut lines = wires.says.split(|byte| *byte == b'\n');
    while let Ok(Some(request)) = requests.next_line().await {
        let request: Value = serde_json::from_str(&request).unwrap();
        let answer = wires.greets.then(|| answer(&request)).flatten();
        let is_call = request["method"] == "tools/call";
        let line = match answer {
            Some(answer) if !is_call || wires.says.is_empty() => answer.to_string().into_bytes(),
            _ => match lines.next() {
                None => continue,
                Some(line) => {
                    let id = request["id"].to_string().into_bytes();
                    line.iter()
                        .flat_map(|byte| match byte {
                            0xff => id.clone(),
                            other => vec![*other],
                        })
                        .collect()
                }
            },
        };
        let line = [line.as_slice(), b"\n"].concat();
        if write.write_all(&line).await.is_err() {
            return;
        }
    }
}

fn answer(request: &Value) -> Option<Value> {
    let id = request.get("id")?;
    let result = match request["method"].as_str()? {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {"listChanged": true}},
            "serverInfo": {"name": "fake", "version": "1"},
        }),
        "ping" => json!({}),
        "tools/list" => json!({"tools": [{"name": "well", "inputSchema": {"type": "object"}}]}),
        "tools/call" => json!({"content": [{"type": "text", "text": "it is well"}]}),
        _ => {
            let error = json!({"code": -32601, "message": "no such method"});
            return Some(json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// What the host says to these bytes, up to the end of the connection, or until it waits.
pub async fn say(gateway: &Arc<Gateway>, bytes: &[u8]) -> Vec<u8> {
    let (mut ours, theirs) = duplex(1 << 20);
    let serving = tokio::spawn(Arc::clone(gateway).serve_stream(theirs));
    let _ = ours.write_all(bytes).await;
    let mut said = Vec::new();
    // Time is not real here: it passes when everybody waits.
    let _ = tokio::time::timeout(Duration::from_secs(5), ours.read_to_end(&mut said)).await;
    drop(ours);
    serving.await.unwrap();
    said
}

/// A client on a wire of its own asks these, and leaves; none waits for ever.
pub async fn talk(gateway: &Arc<Gateway>, requests: &[&str]) {
    let (input, theirs) = duplex(1 << 20);
    let (output, reads) = duplex(1 << 20);
    let left = CancellationToken::new();
    gateway.serve_stdio(theirs, output, left.clone());
    let mut input = input;
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"fuzz","version":"1"}}}"#;
    for request in [hello].iter().chain(requests) {
        let _ = input.write_all(format!("{request}\n").as_bytes()).await;
    }
    let mut answers = BufReader::new(reads).lines();
    let reading = async { while let Ok(Some(_)) = answers.next_line().await {} };
    let _ = tokio::time::timeout(Duration::from_secs(60), reading).await;
    drop(input);
    let _ = tokio::time::timeout(Duration::from_secs(60), left.cancelled()).await;
    gateway.shut_down(Duration::from_secs(60)).await;
}
