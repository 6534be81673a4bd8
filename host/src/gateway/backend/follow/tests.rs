use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::super::connections::LONGEST_PAUSE;
use super::*;
use crate::config::BackendSpec;
use crate::gateway::client::Client;
use crate::gateway::fake_client::FakeClient;
use crate::gateway::fakes::Fakes;
use crate::gateway::route::Asked;
use crate::gateway::{Candidate, Gateway, Wanted};
use crate::mcp::Notification;

const URI: &str = "fake://thing";

struct Stage {
    fakes: Arc<Fakes>,
    gateway: Arc<Gateway>,
    client: Arc<dyn Client>,
    heard: UnboundedReceiver<Notification>,
}

/// A backend of one resource; another one with another `n`.
fn thing(n: u8, sharing: &str) -> Value {
    json!({"command": "fake", "args": ["well", URI, format!("n{n}")], "sharing": sharing})
}

impl Stage {
    /// One client, and one backend.
    async fn new(spec: &Value) -> Self {
        let fakes = Arc::new(Fakes::default());
        let (gateway, _notices) = Gateway::connected_by(fakes.clone());
        let (client, heard) = FakeClient::listening("test/1");
        let stage = Self {
            fakes,
            gateway,
            client,
            heard,
        };
        stage.serve(spec).await;
        stage
    }

    async fn build(gateway: &Gateway, name: &str, spec: &Value) -> Candidate {
        let spec = BackendSpec::from_json(name, spec, &|_| None).unwrap();
        let wanted = Wanted {
            backends: vec![(name.to_owned(), spec)],
            middleware: Vec::new(),
        };
        gateway.build(&wanted, Default::default()).await.unwrap()
    }

    fn swap(&self, mut candidate: Candidate) {
        let offers = candidate.offers();
        candidate.compose(None, &offers).unwrap();
        self.gateway.swap(candidate);
    }

    async fn serve(&self, spec: &Value) {
        let candidate = Self::build(&self.gateway, "one", spec).await;
        self.swap(candidate);
    }

    async fn ask(&self, method: Method) {
        self.call(method).await.unwrap();
    }

    async fn call(&self, method: Method) -> Reply {
        let asked = Asked {
            client: Arc::clone(&self.client),
            request: 1.into(),
            caller: None,
            method,
            params: Members::parse(&format!(r#"{{"uri":"{URI}"}}"#)).unwrap(),
            cancelled: CancellationToken::new(),
        };
        self.gateway.call(asked).await
    }

    /// The client is told that what it follows changed.
    async fn told(&mut self) {
        loop {
            let said = self.heard.recv().await.unwrap();
            if said.method == "notifications/resources/updated" {
                assert_eq!(said.members().unwrap().text("uri").unwrap(), URI);
                return;
            }
        }
    }

    /// Whether the backends were asked to tell of it, each time, and to tell of it no more.
    fn asked(&self) -> Vec<bool> {
        let followed = self.fakes.followed().into_iter();
        followed.map(|(_, _, is_more)| is_more).collect()
    }

    fn connects(&self) -> usize {
        self.fakes.counts()["one"].connects
    }

    fn alive(&self) -> usize {
        self.fakes.counts()["one"].alive
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What the newest backend tells reaches the client once.
async fn tells(stage: &mut Stage) {
    stage.fakes.update("one", URI);
    stage.told().await;
    assert!(stage.heard.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn on_a_connection_of_its_own_a_client_goes_on_following_without_a_call() {
    let mut stage = Stage::new(&thing(1, "per-client")).await;
    stage.ask(Method::Subscribe).await;
    assert_eq!(stage.connects(), 2, "one for all, one for it");
    stage.serve(&thing(2, "per-client")).await;
    // What it read may have changed while nobody followed it.
    stage.told().await;
    assert_eq!((stage.asked(), stage.connects()), (vec![true, true], 4));
    tells(&mut stage).await;
    stage.until(|stage| stage.alive() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_followed_before_the_next_backend_serves_is_followed_there_too() {
    let mut stage = Stage::new(&thing(1, "shared")).await;
    let next = Stage::build(&stage.gateway, "one", &thing(2, "shared")).await;
    stage.ask(Method::Subscribe).await;
    assert_eq!(stage.asked(), [true]);
    stage.swap(next);
    stage.told().await;
    assert_eq!(stage.asked(), [true, true]);
    tells(&mut stage).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_followed_before_is_asked_for_once() {
    let mut stage = Stage::new(&thing(1, "shared")).await;
    stage.ask(Method::Subscribe).await;
    stage.serve(&thing(2, "shared")).await;
    stage.told().await;
    assert_eq!(stage.asked(), [true, true]);
    stage.serve(&thing(2, "shared")).await;
    tells(&mut stage).await;
    assert_eq!(stage.asked(), [true, true], "nothing was replaced");
}

#[tokio::test(start_paused = true)]
async fn it_is_followed_wherever_a_client_is_connected_by_now() {
    let mut stage = Stage::new(&thing(1, "shared")).await;
    stage.ask(Method::Subscribe).await;
    stage.serve(&thing(1, "per-client")).await;
    stage.told().await;
    stage.until(|stage| stage.alive() == 2).await;
    tells(&mut stage).await;
    stage.serve(&thing(1, "shared")).await;
    stage.told().await;
    stage.until(|stage| stage.alive() == 1).await;
    tells(&mut stage).await;
    assert_eq!(stage.asked().last(), Some(&true));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_by_itself_is_opened_again_if_anything_is_followed_on_it() {
    let mut stage = Stage::new(&thing(1, "per-client")).await;
    stage.ask(Method::Subscribe).await;
    stage.fakes.kill_newest("one");
    stage.told().await;
    assert_eq!((stage.asked(), stage.alive()), (vec![true, true], 2));
    // So is one that answers nothing any more.
    stage.fakes.strike_dumb("one");
    stage.told().await;
    assert_eq!((stage.asked(), stage.alive()), (vec![true; 3], 2));
    stage.ask(Method::Unsubscribe).await;
    stage.fakes.kill_newest("one");
    tokio::time::sleep(LONGEST_PAUSE * 2).await;
    assert_eq!(stage.alive(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_follows_any_more_is_told_once_in_vain() {
    let stage = Stage::new(&thing(1, "shared")).await;
    stage.ask(Method::Subscribe).await;
    stage.client.gone().cancel();
    for _ in 0..3 {
        stage.fakes.update("one", URI);
    }
    stage.until(|stage| stage.asked().len() == 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.asked(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn it_is_followed_wherever_it_is_found_by_now() {
    let mut stage = Stage::new(&thing(1, "shared")).await;
    stage.ask(Method::Subscribe).await;
    let renamed = Stage::build(&stage.gateway, "two", &thing(1, "shared")).await;
    stage.swap(renamed);
    stage.told().await;
    stage.fakes.update("two", URI);
    stage.told().await;
    stage.ask(Method::Unsubscribe).await;
    let followed = stage.fakes.followed().into_iter();
    let followed: Vec<_> = followed.map(|(name, _, more)| (name, more)).collect();
    let expected = [("one", true), ("two", true), ("two", false)];
    assert_eq!(
        followed,
        expected.map(|(name, more)| (name.to_owned(), more))
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_its_own_outlives_the_one_that_is_for_all() {
    let mut stage = Stage::new(&thing(1, "per-client")).await;
    stage.ask(Method::Subscribe).await;
    stage.fakes.kill_oldest("one");
    stage
        .until(|stage| stage.gateway.current().missing().count() == 1)
        .await;
    stage.ask(Method::ReadResource).await;
    let back = stage.gateway.restart("one").unwrap().await;
    let (candidate, _) = stage.gateway.mend(vec![back], &["one".to_owned()]);
    stage.swap(candidate);
    stage.told().await;
    stage.ask(Method::ReadResource).await;
    assert_eq!(
        (stage.connects(), stage.alive()),
        (3, 2),
        "its own is the same"
    );
    stage.serve(&thing(2, "per-client")).await;
    stage.told().await;
    stage.until(|stage| stage.alive() == 2).await;
    assert_eq!(stage.connects(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_says_nothing_to_being_followed_holds_nobody_up() {
    let stage = Stage::new(&thing(1, "shared")).await;
    stage.fakes.strike_dumb("one");
    let (began, mute) = (
        tokio::time::Instant::now(),
        stage.call(Method::Subscribe).await,
    );
    let message = mute.unwrap_err().message;
    assert!(
        message.contains("`resources/subscribe` within 10 s"),
        "{message}"
    );
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}
