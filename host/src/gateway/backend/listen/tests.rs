use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::BackendSpec;
use crate::gateway::client::Client;
use crate::gateway::fake_client::FakeClient;
use crate::gateway::route::Asked;
use crate::gateway::{Connector, Gateway, Method, Wanted};

/// A server of the new era, which agrees to nothing by itself.
#[derive(Debug, Default)]
struct Server {
    here: std::sync::Mutex<Option<DuplexStream>>,
}

impl Connector for Server {
    fn connect(
        &self,
        _name: &str,
        _spec: &BackendSpec,
    ) -> BoxFuture<'static, Result<DuplexStream, String>> {
        let stream = self.here.lock().unwrap().take();
        async { stream.ok_or_else(|| "it is there once".to_owned()) }.boxed()
    }
}

/// What came that is not answered at once: listening, and what is taken back.
async fn serve(
    stream: DuplexStream,
    came: mpsc::UnboundedSender<Value>,
    mut words: mpsc::UnboundedReceiver<Value>,
) {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    loop {
        let said = tokio::select! {
            Some(word) = words.recv() => word,
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                let message: Value = serde_json::from_str(&line).unwrap();
                let result = match message["method"].as_str().unwrap() {
                    "server/discover" => json!({
                        "supportedVersions": ["2026-07-28"],
                        "capabilities": {"resources": {"subscribe": true}},
                    }),
                    "resources/list" => json!({"resources": [
                        {"name": "a", "uri": "fake://a"}, {"name": "b", "uri": "fake://b"},
                    ]}),
                    "resources/templates/list" => json!({"resourceTemplates": []}),
                    "subscriptions/listen" | "notifications/cancelled" => {
                        came.send(message).unwrap();
                        continue;
                    }
                    _ => json!({}),
                };
                json!({"jsonrpc": "2.0", "id": message["id"], "result": result})
            }
        };
        let _ = write.write_all(format!("{said}\n").as_bytes()).await;
    }
}

/// What the server says about what it was asked to tell of by `listen`.
fn about(listen: &Value, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({"io.modelcontextprotocol/subscriptionId": listen["id"]});
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn agreed(listen: &Value) -> Value {
    let params = json!({"notifications": listen["params"]["notifications"]});
    about(listen, "notifications/subscriptions/acknowledged", params)
}

fn updated(listen: &Value, uri: &str) -> Value {
    let params = json!({"uri": uri});
    about(listen, "notifications/resources/updated", params)
}

async fn follow(gateway: Arc<Gateway>, client: Arc<dyn Client>, uri: &'static str) {
    let asked = Asked {
        client,
        request: 1.into(),
        caller: None,
        method: Method::Subscribe,
        params: Members::parse(&format!(r#"{{"uri":"{uri}"}}"#)).unwrap(),
        cancelled: CancellationToken::new(),
    };
    gateway.call(asked).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_agreed_on_is_heard_until_something_else_is() {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let (came, mut comes) = mpsc::unbounded_channel();
    let (words, said) = mpsc::unbounded_channel();
    tokio::spawn(serve(there, came, said));
    let server = Server::default();
    *server.here.lock().unwrap() = Some(here);
    let (gateway, _notices) = Gateway::connected_by(Arc::new(server));
    let spec = BackendSpec::from_json("one", &json!({"command": "fake"}), &|_| None).unwrap();
    let wanted = Wanted {
        backends: vec![("one".to_owned(), spec)],
        middleware: Vec::new(),
    };
    let mut candidate = gateway.build(&wanted, Default::default()).await.unwrap();
    let offers = candidate.offers();
    candidate.compose(None, &offers).unwrap();
    gateway.swap(candidate);

    let (client, mut heard) = FakeClient::listening("test/1");
    let follow = |uri| tokio::spawn(follow(Arc::clone(&gateway), Arc::clone(&client), uri));
    let mut told = async || heard.recv().await.unwrap().members().unwrap().text("uri");

    let following = follow("fake://a");
    let first = comes.recv().await.unwrap();
    words.send(agreed(&first)).unwrap();
    following.await.unwrap();

    let following = follow("fake://b");
    let second = comes.recv().await.unwrap();
    assert_eq!(
        second["method"], "subscriptions/listen",
        "the first goes on"
    );
    words.send(updated(&first, "fake://a")).unwrap();
    assert_eq!(told().await.unwrap(), "fake://a");
    words.send(agreed(&second)).unwrap();
    following.await.unwrap();
    let over = comes.recv().await.unwrap();
    assert_eq!(over["method"], "notifications/cancelled");
    assert_eq!(over["params"]["requestId"], first["id"]);
    for uri in ["fake://a", "fake://b"] {
        words.send(updated(&second, uri)).unwrap();
        assert_eq!(told().await.unwrap(), uri);
    }
}
