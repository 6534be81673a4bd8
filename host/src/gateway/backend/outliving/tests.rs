use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::super::hello::Introduction;
use super::super::outbox::Outbox;
use super::super::owner::Whose;
use super::super::peer::{Ask, Link};
use super::*;
use crate::events::EventBus;
use crate::gateway::fake_client::FakeClient;
use crate::gateway::{Gateway, NoPlugins};
use crate::mcp::{Id, raw_of};

type Told = UnboundedReceiver<Notification>;

/// A connection that two clients share.
struct Scene {
    peer: Arc<Peer>,
    one: (Arc<dyn Client>, Told),
    other: (Arc<dyn Client>, Told),
    _gateway: Arc<Gateway>,
}

impl Scene {
    fn new() -> Self {
        let (gateway, _) =
            Gateway::new(PathBuf::from("/"), Arc::new(NoPlugins), EventBus::default());
        let (one, other) = (
            FakeClient::listening("one/1"),
            FakeClient::listening("other/1"),
        );
        for client in [&one.0, &other.0] {
            gateway.ground.clients.add(Arc::clone(client));
        }
        let (me, ground) = (Introduction::own(), &gateway.ground);
        let subscriptions = ground.subscriptions.of("far", Whose::All);
        let link = Link::Lines(Outbox::into_stream());
        let peer = Peer::new("far", link, &me, &subscriptions, ground);
        Self {
            peer,
            one,
            other,
            _gateway: gateway,
        }
    }

    /// This client calls, and the call is under way.
    async fn calls(&self, client: &Arc<dyn Client>, params: Value) -> JoinHandle<()> {
        let about = About {
            request: Some(Id::from(70)),
            token: raw_of(&"its own").ok(),
            ..About::none_of(Arc::clone(client), None)
        };
        let params = Members::parse(&params.to_string()).unwrap();
        let ask = Ask::of(
            "tools/call".into(),
            params,
            about,
            CancellationToken::new(),
            Vec::new(),
        );
        let (peer, before) = (Arc::clone(&self.peer), self.peer.pending().len());
        let call = tokio::spawn(async move {
            let _ = peer.request(ask).await;
        });
        while self.peer.pending().len() == before {
            tokio::task::yield_now().await;
        }
        call
    }

    /// This client's call begins a task.
    async fn begins_task(&self, client: &Arc<dyn Client>, request: u64, name: &str) {
        let call = self.calls(client, json!({"task": {"ttl": 60000}})).await;
        let task = json!({"taskId": name, "status": "working", "ttl": 60000});
        self.hears(json!({"id": request, "result": {"task": task}}));
        // Said before whoever waits has the answer.
        self.hears(progress(request, 1));
        call.await.unwrap();
    }

    fn hears(&self, mut said: Value) {
        said["jsonrpc"] = "2.0".into();
        self.peer.hear(said.to_string().as_bytes(), None);
    }
}

fn progress(request: u64, progress: u64) -> Value {
    let params = json!({"progressToken": request, "progress": progress});
    json!({"method": "notifications/progress", "params": params})
}

fn status(task: &str, status: &str) -> Value {
    let params = json!({"taskId": task, "status": status});
    json!({"method": "notifications/tasks/status", "params": params})
}

fn complete(elicitation: &str) -> Value {
    let params = json!({"elicitationId": elicitation});
    json!({"method": "notifications/elicitation/complete", "params": params})
}

/// The parameters of all that it was told.
fn told(heard: &mut Told) -> Vec<Value> {
    let all = std::iter::from_fn(|| heard.try_recv().ok());
    all.map(|it| serde_json::from_str(it.params.unwrap().get()).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_a_task_reaches_whoever_began_it_to_its_end() {
    let mut scene = Scene::new();
    scene.begins_task(&scene.one.0, 1, "t").await;
    scene.begins_task(&scene.other.0, 2, "u").await;
    scene.hears(progress(1, 2));
    scene.hears(status("t", "completed"));
    scene.hears(progress(1, 3));
    scene.hears(status("nobody's", "working"));
    let heard = told(&mut scene.one.1);
    let is = |progress: u64| json!({"progressToken": "its own", "progress": progress});
    let over = json!({"taskId": "t", "status": "completed"});
    assert_eq!(heard, [is(1), is(2), over]);
    assert_eq!(told(&mut scene.other.1), [is(1)]);
}

#[tokio::test(start_paused = true)]
async fn what_names_a_task_is_about_whoever_began_it_though_others_call() {
    let mut scene = Scene::new();
    scene.begins_task(&scene.one.0, 1, "t").await;
    told(&mut scene.one.1);
    let call = scene.calls(&scene.other.0, json!({})).await;
    let meta = json!({"io.modelcontextprotocol/related-task": {"taskId": "t"}});
    scene.hears(json!({"method": "notifications/x", "params": {"_meta": meta}}));
    assert_eq!(told(&mut scene.one.1), [json!({"_meta": meta})]);
    assert_eq!(told(&mut scene.other.1), Vec::<Value>::new());
    // It answers in the course of its own request.
    let asks = scene.calls(&scene.one.0, json!({})).await;
    let params = raw_of(&json!({"_meta": meta})).unwrap();
    let about = scene.peer.about_said(Some(&params), None).unwrap();
    assert_eq!(about.client.id(), scene.one.0.id());
    assert!(about.request.is_some());
    scene.peer.end();
    call.await.unwrap();
    asks.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn that_something_was_done_elsewhere_is_told_to_whoever_was_asked_for_it() {
    let mut scene = Scene::new();
    let call = scene.calls(&scene.one.0, json!({})).await;
    let asked = json!({"mode": "url", "url": "https://x.example", "message": "?"});
    let with = |name: &str| {
        let mut asked = asked.clone();
        asked["elicitationId"] = name.into();
        asked
    };
    let question = json!({"id": "q", "method": "elicitation/create", "params": with("e")});
    scene.hears(question);
    let data = json!({"elicitations": [with("f"), with("g")]});
    scene.hears(json!({"id": 1, "error": {"code": -32042, "message": "first", "data": data}}));
    call.await.unwrap();
    for name in ["e", "f", "nobody's", "g", "e"] {
        scene.hears(complete(name));
    }
    let is = |name: &str| json!({"elicitationId": name});
    assert_eq!(told(&mut scene.one.1), [is("e"), is("f"), is("g")]);
    assert_eq!(told(&mut scene.other.1), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn what_a_backend_need_not_keep_is_not_remembered_for_ever() {
    let mut scene = Scene::new();
    scene.begins_task(&scene.one.0, 1, "old").await;
    tokio::time::advance(Duration::from_secs(61)).await;
    for request in 2..=MOST as u64 + 2 {
        scene
            .begins_task(&scene.one.0, request, &request.to_string())
            .await;
    }
    assert_eq!(scene.peer.outliving.all().len(), MOST);
    told(&mut scene.one.1);
    for task in ["old", "2", "3"] {
        scene.hears(status(task, "working"));
    }
    let only = json!({"taskId": "3", "status": "working"});
    assert_eq!(told(&mut scene.one.1), [only]);
}
