//! Middleware from plugins that do as the text of a call says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::advance;

use super::*;
use crate::config::PluggedSettings;
use crate::events::{EventKind, Fault, FaultKind};
use crate::gateway::{Decision, MiddlewarePlugin, Refusal, Revision, Shown, Unusable, Ways};
use crate::mcp::raw_of;

fn members(json: &str) -> Members {
    Members::parse(json).unwrap()
}

/// Waits, in a call that says `wait`, for somebody to open the gate.
#[derive(Default)]
struct Told {
    gate: Mutex<()>,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
}

impl Told {
    fn trap() -> Fault {
        Fault {
            plugin: "told".to_owned(),
            call: "any",
            kind: FaultKind::Trap,
            message: "unreachable".to_owned(),
        }
    }

    fn refusal() -> Refusal {
        Refusal {
            code: -32050,
            message: "no".to_owned(),
            data: Some(raw_of(&[1]).unwrap()),
        }
    }
}

impl MiddlewarePlugin for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn ways(&self) -> Ways {
        Ways {
            request: true,
            response: true,
        }
    }

    fn is_much(&self, bytes: usize) -> bool {
        bytes > 1000
    }

    fn on_request(&self, call: &Shown) -> Result<Decision, Fault> {
        let params: Value = serde_json::from_str(&call.params).unwrap();
        Ok(match params["arguments"]["text"].as_str().unwrap() {
            "change" => Decision::Change(members(
                r#"{"name":"elsewhere","arguments":{"text":"changed"}}"#,
            )),
            "answer" => Decision::Answer(members(
                r#"{"content":[{"type":"text","text":"answered"}]}"#,
            )),
            "refuse" => Decision::Refuse(Self::refusal()),
            "trap" => return Err(Self::trap()),
            large if large.starts_with("large") => {
                return Err(Fault {
                    kind: FaultKind::Memory,
                    ..Self::trap()
                });
            }
            "wait" => {
                let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_inside.fetch_max(inside, Ordering::SeqCst);
                drop(self.gate.lock().unwrap());
                self.inside.fetch_sub(1, Ordering::SeqCst);
                Decision::Pass
            }
            _ => Decision::Pass,
        })
    }

    fn on_response(&self, call: &Shown, reply: Result<String, Refusal>) -> Result<Revision, Fault> {
        Ok(match (call.name.as_str(), reply) {
            ("revise", Ok(result)) => Revision::Change(members(&result.replace("before", "after"))),
            ("revise", Err(_)) => Revision::Change(members("{}")),
            ("deny", _) => Revision::Refuse(Self::refusal()),
            ("spoil", _) => return Err(Self::trap()),
            _ => Revision::Pass,
        })
    }
}

impl MiddlewarePlugins for Arc<Told> {
    fn names(&self) -> Vec<String> {
        vec!["told".to_owned()]
    }

    fn plugin(&self, entry: &PluggedSettings) -> Result<Arc<dyn MiddlewarePlugin>, Unusable> {
        assert_eq!(entry.settings.get("x"), Some(&json!(1)));
        Ok(Arc::clone(self) as Arc<dyn MiddlewarePlugin>)
    }
}

struct Scene {
    world: World,
    told: Arc<Told>,
    bus: EventBus,
}

impl Scene {
    async fn new(fail: &str) -> Self {
        let told = Arc::<Told>::default();
        let bus = EventBus::default();
        let plugins = Arc::new(Arc::clone(&told));
        let tools = ["echo", "revise", "deny", "spoil"];
        let middleware = json!([{"mine": {"type": "told", "fail": fail, "x": 1}}]);
        let world = World::with(plugins, bus.clone(), &tools, middleware).await;
        Self { world, told, bus }
    }

    async fn call(&self, tool: &str, text: &str) -> Reply {
        self.world.call("x", tool, text).await
    }

    /// What was told, each with its kind.
    fn events(&self) -> Vec<(EventKind, String)> {
        let events = self.bus.since(0).events.into_iter();
        events.map(|it| (it.kind, it.details)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_passes_is_changed_answered_or_refused() {
    let scene = Scene::new("closed").await;
    assert_eq!(text(scene.call("echo", "as it is").await), "as it is");
    assert_eq!(text(scene.call("echo", "change").await), "changed");
    assert_eq!(scene.world.arrived(), 2);
    assert_eq!(text(scene.call("echo", "answer").await), "answered");
    let refused = scene.call("echo", "refuse").await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (-32050, "no"));
    assert_eq!(refused.data.unwrap().get(), "[1]");
    assert_eq!(scene.world.arrived(), 2, "those went no further");
    let names: Vec<_> = scene.world.fakes.calls().into_iter().collect();
    assert!(names.iter().all(|(_, params)| params["name"] == "echo"));
    assert_eq!(scene.events(), []);
}

#[tokio::test(start_paused = true)]
async fn a_reply_passes_is_changed_or_refused() {
    let scene = Scene::new("closed").await;
    assert_eq!(text(scene.call("revise", "before").await), "after");
    let refused = scene.call("deny", "x").await.unwrap_err();
    assert_eq!(refused.code, -32050);
    assert_eq!(scene.world.arrived(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_trap_there_or_back_is_a_fault() {
    for (tool, say, arrives) in [("echo", "trap", 0), ("spoil", "x", 1)] {
        let scene = Scene::new("closed").await;
        let refused = scene.call(tool, say).await.unwrap_err();
        assert_eq!(refused.code, -32603);
        assert_eq!(
            refused.message,
            "the middleware `mine` failed, so this call did not pass"
        );
        assert_eq!(scene.world.arrived(), arrives, "{say}");
        let [(EventKind::Error, told)] = &scene.events()[..] else {
            panic!("{:?}", scene.events())
        };
        assert!(
            told.starts_with("middleware `mine`: plugin `told` "),
            "{told}"
        );
        assert!(
            told.ends_with("its calls are refused (fail: closed)"),
            "{told}"
        );

        let scene = Scene::new("open").await;
        assert_eq!(text(scene.call(tool, say).await), say);
        let (_, told) = &scene.events()[0];
        assert!(
            told.ends_with("calls go on without it (fail: open)"),
            "{told}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_three_faults_in_a_row_it_is_left_alone_for_a_while() {
    let scene = Scene::new("closed").await;
    for _ in 0..3 {
        assert!(message(scene.call("echo", "trap").await).contains("did not pass"));
    }
    let refused = scene.call("echo", "good").await.unwrap_err();
    assert_eq!(
        refused.message,
        "the middleware `mine` fails, and no call passes it; try again in 5 s"
    );
    advance(5 * SECOND).await;
    assert!(scene.call("echo", "trap").await.is_err());
    assert!(message(scene.call("echo", "good").await).contains("try again in 5 s"));
    advance(5 * SECOND).await;
    assert_eq!(text(scene.call("echo", "good").await), "good");
    let kinds: Vec<_> = scene.events().into_iter().map(|(kind, _)| kind).collect();
    let (first, opened) = (EventKind::Error, EventKind::Degraded);
    assert_eq!(kinds, [first, opened, first, EventKind::State]);
    let (_, opened) = &scene.events()[1];
    assert!(
        opened.contains("is left alone for 5 s after 3 faults in a row"),
        "{opened}"
    );

    let scene = Scene::new("open").await;
    for _ in 0..9 {
        assert_eq!(text(scene.call("echo", "trap").await), "trap");
    }
    assert_eq!(scene.events().len(), 2);
}

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "the plugin stands at this lock, on another thread, until the test opens it"
)]
async fn calls_take_turns_and_one_that_is_taken_back_waits_no_longer() {
    let scene = Scene::new("closed").await;
    let gate = scene.told.gate.lock().unwrap();
    let snapshot = scene.world.gateway.current();
    let calls: Vec<_> = (0..40)
        .map(|_| tokio::spawn(scene.world.call("x", "echo", "wait")))
        .collect();
    let cancelled = CancellationToken::new();
    let late = Call {
        params: Members::parse(r#"{"name":"echo","arguments":{"text":"x"}}"#).unwrap(),
        cancelled: cancelled.clone(),
        ..call("echo")
    };
    let turns = std::thread::available_parallelism().map_or(2, |it| it.get().clamp(2, 16));
    while scene.told.inside.load(Ordering::SeqCst) < turns {
        tokio::task::yield_now().await;
    }
    cancelled.cancel();
    assert_eq!(
        message(snapshot.serve(late).await),
        "the call was cancelled"
    );
    drop(gate);
    for call in calls {
        assert_eq!(text(call.await.unwrap()), "wait");
    }
    assert_eq!(scene.told.most_inside.load(Ordering::SeqCst), turns);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_more_than_it_can_hold_is_no_other_call_s_concern() {
    let scene = Scene::new("closed").await;
    let large = "large".repeat(300);
    for _ in 0..9 {
        assert!(message(scene.call("echo", &large).await).contains("did not pass"));
    }
    assert_eq!(text(scene.call("echo", "good").await), "good");
    // What small ones do is its own doing.
    for _ in 0..3 {
        assert!(message(scene.call("echo", "large").await).contains("did not pass"));
    }
    assert!(message(scene.call("echo", "good").await).contains("try again in 5 s"));
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::await_holding_lock,
    reason = "the plugin stands at this lock, on another thread, until the test opens it"
)]
async fn one_that_does_not_come_back_is_given_up() {
    let scene = Scene::new("closed").await;
    let gate = scene.told.gate.lock().unwrap();
    let (refused, ()) = tokio::join!(scene.call("echo", "wait"), async {
        while scene.told.inside.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        advance(super::super::plugged::LOST).await;
    });
    assert!(message(refused).contains("did not pass"));
    let (_, told) = &scene.events()[0];
    assert!(told.contains("it has not come back for 180 s"), "{told}");
    drop(gate);
}
