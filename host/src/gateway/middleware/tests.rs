//! The chain in front of backends that do as they are told, on paused time.

mod limits;
mod plugged;
mod repair;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::config::{BackendSpec, MiddlewareSpec};
use crate::events::EventBus;
use crate::gateway::fake_client::FakeClient;
pub(in crate::gateway::middleware) use crate::gateway::fake_client::call;
use crate::gateway::fakes::Fakes;
use crate::gateway::{
    BackendNotice, Call, CallError, Capability, Connector, Gateway, MiddlewarePlugins, NoPlugins,
    NoticeKind, Reply, Wanted,
};
use crate::mcp::{Members, raw_of};

/// A gateway with one backend.
struct World {
    fakes: Arc<Fakes>,
    gateway: Arc<Gateway>,
    notices: UnboundedReceiver<BackendNotice>,
}

impl World {
    /// With these tools, behind this section `middleware`.
    async fn new(tools: &[&str], middleware: Value) -> Self {
        Self::with(Arc::new(NoPlugins), EventBus::default(), tools, middleware).await
    }

    /// As [`World::new`], with these plugins.
    async fn with(
        plugins: Arc<dyn MiddlewarePlugins>,
        bus: EventBus,
        tools: &[&str],
        middleware: Value,
    ) -> Self {
        let fakes = Arc::new(Fakes::default());
        let connector = Some(fakes.clone() as Arc<dyn Connector>);
        let (gateway, notices) = Gateway::make("/".into(), connector, plugins, bus);
        let world = Self {
            fakes,
            gateway,
            notices,
        };
        world.reload(tools, middleware).await;
        world
    }

    async fn reload(&self, tools: &[&str], middleware: Value) {
        let env = |_: &str| None;
        let args: Vec<_> = ["told"].iter().chain(tools).collect();
        let spec = json!({"command": "fake", "args": args});
        let backend = BackendSpec::from_json("one", &spec, &env).unwrap();
        let links = middleware.as_array().unwrap().iter().map(|entry| {
            let (name, settings) = entry.as_object().unwrap().iter().next().unwrap();
            let kind = settings.get("type").and_then(Value::as_str);
            MiddlewareSpec::from_json(name, kind.unwrap_or(name), settings, &env).unwrap()
        });
        let wanted = Wanted {
            backends: vec![("one".to_owned(), backend)],
            middleware: links.collect(),
        };
        let mut candidate = self
            .gateway
            .build(&wanted, Default::default())
            .await
            .unwrap();
        let offers = candidate.offers();
        candidate.compose(None, &offers).unwrap();
        self.gateway.swap(candidate);
    }

    fn tools(&self) -> Vec<String> {
        self.gateway.current().shown(Capability::Tool)
    }

    /// Calls a tool as the front does.
    fn call(&self, client: &str, tool: &str, text: &str) -> impl Future<Output = Reply> + use<> {
        let snapshot = self.gateway.current();
        let (client, tool) = (FakeClient::named(client), tool.to_owned());
        let arguments = json!({"name": tool, "arguments": {"text": text}});
        async move {
            let to = snapshot.route(Capability::Tool, &tool);
            let to = to.ok_or_else(|| CallError::unknown(Capability::Tool, &tool))?;
            let call = Call {
                client,
                params: members(&arguments),
                repeatable: to.repeatable,
                ..call(&tool)
            };
            snapshot.serve(call).await
        }
    }

    /// How many calls came as far as the backend.
    fn arrived(&self) -> usize {
        self.fakes.calls().len()
    }

    /// The backend answers nothing any more.
    fn silence(&self) {
        self.fakes.strike_dumb("one");
    }

    fn notice(&mut self) -> Option<NoticeKind> {
        self.notices.try_recv().ok().map(|notice| notice.kind)
    }
}

fn members(json: &Value) -> Members {
    Members::of(&raw_of(json).unwrap()).unwrap()
}

fn json_of(reply: Reply) -> Value {
    serde_json::from_str(reply.unwrap().get()).unwrap()
}

fn text(reply: Reply) -> String {
    let result = json_of(reply);
    let text = result["content"][0]["text"].as_str();
    text.unwrap().to_owned()
}

fn message(reply: Reply) -> String {
    reply.unwrap_err().message
}

const SECOND: Duration = Duration::from_secs(1);
