//! Streams that break off, against a server that answers byte for byte as the test wants it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::super::hello::Introduction;
use super::super::owner::Whose;
use super::super::peer::Link;
use super::super::{BackendNotice, NoticeKind};
use super::*;
use crate::config::BackendSpec;
use crate::events::EventBus;
use crate::gateway::fake_client::FakeClient;
use crate::gateway::{Gateway, NoPlugins};
use crate::mcp::Members;

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
/// Where the stream stands, and that it may be taken up at once.
const EVENT: &str = "id: 7\nretry: 1\ndata: \n\n";

fn refused(status: u16) -> String {
    format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")
}

struct Scene {
    far: TcpListener,
    peer: Arc<Peer>,
    notices: UnboundedReceiver<BackendNotice>,
}

impl Scene {
    async fn new() -> Self {
        let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (gateway, notices) =
            Gateway::new(PathBuf::from("/"), Arc::new(NoPlugins), EventBus::default());
        let url = format!("http://{}/mcp", far.local_addr().unwrap());
        let spec = BackendSpec::from_json("far", &json!({ "url": url }), &|_| None).unwrap();
        let http = Http::new(&spec.connection, &Secrets::default(), spec.timeouts.init).unwrap();
        let (me, ground) = (Introduction::own(), &gateway.ground);
        let subscriptions = ground.subscriptions.of("far", Whose::All);
        let peer = Peer::new("far", Link::Http(http), &me, &subscriptions, ground);
        Self { far, peer, notices }
    }

    /// The next request: its head, in lower case, and where to answer. Each is on a connection of
    /// its own, for an answer ends the one before.
    async fn next(&self) -> (String, TcpStream) {
        let next = async {
            let (mut stream, _) = self.far.accept().await.unwrap();
            let mut input = BufReader::new(&mut stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(input.read_line(&mut head).await.unwrap() > 0, "{head}");
            }
            let head = head.to_lowercase();
            let length = head.split_once("content-length: ").map(|(_, rest)| rest);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            input.read_exact(&mut body).await.unwrap();
            (head, stream)
        };
        let next = tokio::time::timeout(Duration::from_secs(20), next).await;
        next.expect("a request")
    }

    /// The head of the next request, which is answered with this.
    async fn answer(&self, with: &str) -> String {
        let (head, mut stream) = self.next().await;
        stream.write_all(with.as_bytes()).await.unwrap();
        head
    }
}

fn http(peer: &Peer) -> &Http {
    match &peer.link {
        Link::Http(http) => http,
        Link::Lines(_) => panic!("it is another link"),
    }
}

/// A call whose stream has broken off before its answer.
async fn broken_off() -> (Scene, JoinHandle<Answer>) {
    let scene = Scene::new().await;
    let asking = Arc::clone(&scene.peer);
    let call = tokio::spawn(async move {
        let ask = Ask::own("tools/call", Members::default());
        asking.request(ask).await
    });
    scene.answer(&format!("{STREAM}{EVENT}")).await;
    (scene, call)
}

fn takes_up(head: &str) -> bool {
    head.starts_with("get ") && head.contains("last-event-id: 7\r\n")
}

#[tokio::test]
async fn the_stream_of_a_call_is_taken_up_again_though_nobody_is_there_at_first() {
    let (scene, call) = broken_off().await;
    for nothing in [String::new(), refused(503)] {
        assert!(takes_up(&scene.answer(&nothing).await), "{nothing}");
    }
    let answer = r#"data: {"jsonrpc":"2.0","id":1,"result":"at last"}"#;
    let head = scene.answer(&format!("{STREAM}{answer}\n\n")).await;
    assert!(takes_up(&head), "{head}");
    assert_eq!(call.await.unwrap().unwrap().get(), r#""at last""#);
}

#[tokio::test]
async fn the_stream_of_a_call_is_not_taken_up_for_ever() {
    let (scene, call) = broken_off().await;
    for _ in 0..RESUMPTIONS {
        scene.answer(&refused(503)).await;
    }
    let failure = call.await.unwrap().unwrap_err();
    assert!(
        failure.to_string().contains("answered with HTTP 503"),
        "{failure}"
    );
}

#[tokio::test]
async fn what_is_said_beside_calls_is_heard_until_there_is_no_such_stream() {
    let mut scene = Scene::new().await;
    let peer = Arc::clone(&scene.peer);
    let listening = tokio::spawn(async move { http(&peer).listen(&peer).await });
    let begins = scene.answer(&format!("{STREAM}{EVENT}")).await;
    assert!(!begins.contains("last-event-id"), "{begins}");
    // It has too much to do: another time.
    assert!(takes_up(&scene.answer(&refused(429)).await));
    // It knows nothing of that stream.
    assert!(takes_up(&scene.answer(&refused(400)).await));
    let change = r#"data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let anew = scene.answer(&format!("{STREAM}{change}\n\n{EVENT}")).await;
    assert!(!anew.contains("last-event-id"), "{anew}");
    let heard = scene.notices.recv().await.unwrap();
    assert_eq!(heard.kind, NoticeKind::OffersChanged);
    // Another session knows nothing of it, either.
    let (head, stream) = scene.next().await;
    assert!(takes_up(&head), "{head}");
    http(&scene.peer).keep_session(Some(HeaderValue::from_static("2")));
    drop(stream);
    let of_another = scene.answer(&refused(405)).await;
    assert!(of_another.contains("mcp-session-id: 2\r\n"), "{of_another}");
    assert!(!of_another.contains("last-event-id"), "{of_another}");
    let ended = tokio::time::timeout(Duration::from_secs(20), listening);
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_may_have_been_said_while_nobody_listened_is_asked_for() {
    let mut scene = Scene::new().await;
    let (client, mut heard) = FakeClient::listening("test/1");
    scene.peer.subscriptions.add(&client, "shown", "far://a");
    let peer = Arc::clone(&scene.peer);
    let listening = tokio::spawn(async move { http(&peer).listen(&peer).await });
    // Without an id it cannot be taken up.
    scene.answer(&format!("{STREAM}retry: 1\ndata: \n\n")).await;
    assert!(!takes_up(&scene.answer(&format!("{STREAM}{EVENT}")).await));
    assert!(takes_up(&scene.answer(&format!("{STREAM}{EVENT}")).await));
    scene.answer(&refused(405)).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), listening);
    ended.await.unwrap().unwrap();
    let notice = scene.notices.try_recv().unwrap();
    assert_eq!(notice.kind, NoticeKind::OffersChanged);
    let told = heard.try_recv().unwrap();
    assert_eq!(told.method, "notifications/resources/updated");
    assert_eq!(told.members().unwrap().text("uri").unwrap(), "shown");
    assert!(heard.try_recv().is_err(), "the other time nothing is lost");
}
