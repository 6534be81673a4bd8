//! Backends that do as they are told, in this process: behind the port [`Connector`], for tests
//! and benches. What one does stands in its `args`: how it behaves, then the tools it has. A tool
//! whose name begins with `slow` takes its time, one with `asks` asks before it answers; a name with
//! `://` is that of a resource. It counts what is asked of it, so that a test can say who was left in
//! peace.

#![allow(unreachable_pub, reason = "benches include this file")]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::mpsc;

use super::Connector;
use crate::config::{BackendSpec, Connection};

/// How long a tool takes whose name begins with `slow`.
const SLOW: Duration = Duration::from_secs(1);

/// What was asked of the backends of one name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often it was connected, or was to be.
    pub connects: usize,
    /// How often it was asked for its tools.
    pub lists: usize,
    /// How many of it are connected now.
    pub alive: usize,
}

/// All backends there are.
#[derive(Debug, Default)]
pub struct Fakes {
    state: Arc<Mutex<State>>,
    latency: Duration,
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<String, Counts>,
    /// What those behave like whose `args` say `told`.
    told: HashMap<String, String>,
    /// The parameters of every call, with the name of who got it.
    calls: Vec<(String, Value)>,
    /// What each was asked to tell of (true), and to tell of no more, with the name of who was.
    followed: Vec<(String, String, bool)>,
    /// Wires to those that are connected, by name.
    wires: HashMap<String, Vec<mpsc::UnboundedSender<Word>>>,
    connecting: usize,
    most_connecting: usize,
}

/// What a connected backend is told to do.
#[derive(Debug, Clone)]
enum Word {
    Die,
    Behave(String),
    Offer(Vec<String>),
    Say(Value),
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fakes {
    /// Backends each of which takes so long to start.
    pub fn slow(latency: Duration) -> Self {
        Self {
            latency,
            ..Self::default()
        }
    }

    /// From now on a backend of this name whose `args` say `told` behaves like this when it is
    /// started: `well`, `refuses`, `hangs`, `mute` (says hello, then nothing), `wrong`,
    /// `restless` (says that its tools changed whenever it is asked for them).
    pub fn tell(&self, name: &str, behaviour: &str) {
        let mut state = locked(&self.state);
        state.told.insert(name.to_owned(), behaviour.to_owned());
    }

    /// All of this name that are connected end.
    pub fn kill(&self, name: &str) {
        self.send(name, &Word::Die);
    }

    /// The one of this name that was connected first ends.
    pub fn kill_oldest(&self, name: &str) {
        let state = locked(&self.state);
        if let Some(wire) = state.wires.get(name).and_then(|wires| wires.first()) {
            let _ = wire.send(Word::Die);
        }
    }

    /// The one of this name that was connected last ends.
    pub fn kill_newest(&self, name: &str) {
        self.send_newest(name, Word::Die);
    }

    /// The one of this name that was connected last answers nothing any more.
    pub fn strike_dumb(&self, name: &str) {
        self.behave(name, "hangs");
    }

    /// The one of this name that was connected last behaves like this from now on.
    pub fn behave(&self, name: &str, behaviour: &str) {
        self.send_newest(name, Word::Behave(behaviour.to_owned()));
    }

    fn send_newest(&self, name: &str, word: Word) {
        let state = locked(&self.state);
        if let Some(wire) = state.wires.get(name).and_then(|wires| wires.last()) {
            let _ = wire.send(word);
        }
    }

    /// All of this name that are connected have these tools from now on, and say so.
    pub fn offer(&self, name: &str, tools: &[&str]) {
        let tools = tools.iter().map(|&tool| tool.to_owned()).collect();
        self.send(name, &Word::Offer(tools));
    }

    fn send(&self, name: &str, word: &Word) {
        let state = locked(&self.state);
        for wire in state.wires.get(name).into_iter().flatten() {
            // One that has ended hears nothing.
            let _ = wire.send(word.clone());
        }
    }

    /// What was asked of each, by name.
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        locked(&self.state).counts.clone()
    }

    /// The parameters of every call, with the name of who got it.
    pub fn calls(&self) -> Vec<(String, Value)> {
        locked(&self.state).calls.clone()
    }

    /// What each was asked to tell of (true), and to tell of no more, with the name of who was.
    pub fn followed(&self) -> Vec<(String, String, bool)> {
        locked(&self.state).followed.clone()
    }

    /// The one of this name that was connected last tells that this resource changed.
    pub fn update(&self, name: &str, uri: &str) {
        let params = json!({"uri": uri});
        let said = json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params});
        self.send_newest(name, Word::Say(said));
    }

    /// Names of those that are connected, as often as they are.
    pub fn alive(&self) -> Vec<String> {
        let counts = self.counts().into_iter();
        counts
            .flat_map(|(name, counts)| vec![name; counts.alive])
            .collect()
    }

    /// How many were being started at the same time, at the most.
    pub fn most_connecting(&self) -> usize {
        locked(&self.state).most_connecting
    }
}

impl Connector for Fakes {
    fn connect(
        &self,
        name: &str,
        spec: &BackendSpec,
    ) -> BoxFuture<'static, Result<DuplexStream, String>> {
        let mut words = match &spec.connection {
            Connection::Stdio { args, .. } => {
                args.iter().map(|arg| arg.as_written().to_owned()).collect()
            }
            Connection::StreamableHttp { .. } => Vec::new(),
        };
        let (name, state, latency) = (name.to_owned(), Arc::clone(&self.state), self.latency);
        async move {
            let _connecting = Connecting::begin(&state, &name);
            if words.first().is_some_and(|word| word == "told") {
                let told = locked(&state).told.get(&name).cloned();
                words[0] = told.unwrap_or_else(|| "well".to_owned());
            }
            tokio::time::sleep(latency).await;
            if words.first().is_some_and(|word| word == "refuses") {
                return Err("it refuses".to_owned());
            }
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let behaviour = if words.is_empty() {
                "well".to_owned()
            } else {
                words.remove(0)
            };
            tokio::spawn(serve(ours, name, behaviour, words, Arc::clone(&state)));
            Ok(theirs)
        }
        .boxed()
    }
}

/// Counts one that is being started, however that ends.
struct Connecting(Arc<Mutex<State>>);

impl Connecting {
    fn begin(state: &Arc<Mutex<State>>, name: &str) -> Self {
        let mut locked = locked(state);
        locked.counts.entry(name.to_owned()).or_default().connects += 1;
        locked.connecting += 1;
        locked.most_connecting = locked.most_connecting.max(locked.connecting);
        Self(Arc::clone(state))
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        locked(&self.0).connecting -= 1;
    }
}

/// Speaks MCP until the other side is gone, or it is told to die.
async fn serve(
    stream: DuplexStream,
    name: String,
    mut behaviour: String,
    mut tools: Vec<String>,
    state: Arc<Mutex<State>>,
) {
    let (wire, mut words) = wire(&state, &name);
    let count = |change: fn(&mut Counts)| {
        change(locked(&state).counts.entry(name.clone()).or_default());
    };
    count(|counts| counts.alive += 1);
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    let mut questions = Questions::default();
    loop {
        let answer = tokio::select! {
            word = words.recv() => match word {
                Some(Word::Offer(offered)) => {
                    tools = offered;
                    tools_changed()
                }
                Some(Word::Behave(next)) => {
                    behaviour = next;
                    continue;
                }
                Some(Word::Say(answer)) => answer,
                Some(Word::Die) | None => break,
            },
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { break };
                let request: Value = serde_json::from_str(&line).unwrap_or_default();
                if request["method"] == "tools/list" {
                    count(|counts| counts.lists += 1);
                    if behaviour == "restless" {
                        let _ = wire.send(Word::Say(tools_changed()));
                    }
                }
                if request["method"] == "tools/call" {
                    let params = request["params"].clone();
                    locked(&state).calls.push((name.clone(), params));
                }
                if let Some(is_more) = follows(&request) {
                    let uri = request["params"]["uri"].as_str().unwrap_or_default();
                    let followed = &mut locked(&state).followed;
                    followed.push((name.clone(), uri.to_owned(), is_more));
                }
                if let Some(said) = questions.hear(&request) {
                    for message in said {
                        let _ = wire.send(Word::Say(message));
                    }
                    continue;
                }
                if let Some(answer) = slow_answer(&request, &behaviour) {
                    let wire = wire.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(SLOW).await;
                        let _ = wire.send(Word::Say(answer));
                    });
                    continue;
                }
                match answer(&request, &behaviour, &tools) {
                    Some(answer) => answer,
                    None => continue,
                }
            }
        };
        if write
            .write_all(format!("{answer}\n").as_bytes())
            .await
            .is_err()
        {
            break;
        }
    }
    count(|counts| counts.alive -= 1);
}

type Wire = mpsc::UnboundedSender<Word>;

fn wire(state: &Mutex<State>, name: &str) -> (Wire, mpsc::UnboundedReceiver<Word>) {
    let (wire, words) = mpsc::unbounded_channel();
    let mut state = locked(state);
    let wires = state.wires.entry(name.to_owned()).or_default();
    wires.push(wire.clone());
    (wire, words)
}

/// Calls of tools that ask before they answer: each says how far it is, asks, says it again, and
/// answers with what it was answered.
#[derive(Debug, Default)]
struct Questions(HashMap<String, Value>);

impl Questions {
    fn hear(&mut self, message: &Value) -> Option<Vec<Value>> {
        let progress = |call: &Value, n: u32| {
            let token = &call["params"]["_meta"]["progressToken"];
            let params = json!({"progressToken": token, "progress": n});
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        };
        if message["method"] == "tools/call" {
            let name = message["params"]["name"].as_str()?;
            let id = format!("question {}", message["id"]);
            let params = json!({"message": "?", "requestedSchema": {"type": "object"}});
            let question = json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params});
            return name.starts_with("asks").then(|| {
                self.0.insert(id, message.clone());
                vec![progress(message, 1), question]
            });
        }
        let call = self.0.remove(message["id"].as_str()?)?;
        let content = json!([{"type": "text", "text": message["result"].to_string()}]);
        let answer = json!({"jsonrpc": "2.0", "id": call["id"], "result": {"content": content}});
        Some(vec![progress(&call, 2), answer])
    }
}

fn tools_changed() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
}

/// The answer to a call of a tool that takes its time: its name begins with `slow`.
fn slow_answer(request: &Value, behaviour: &str) -> Option<Value> {
    let is_slow = request["method"] == "tools/call"
        && request["params"]["name"].as_str()?.starts_with("slow");
    let id = (is_slow && behaviour != "hangs").then(|| request.get("id"))??;
    Some(json!({"jsonrpc": "2.0", "id": id, "result": called(&request["params"])}))
}

/// Whether it is to tell of a resource, or to tell of it no more.
fn follows(request: &Value) -> Option<bool> {
    match request["method"].as_str()? {
        "resources/subscribe" => Some(true),
        "resources/unsubscribe" => Some(false),
        _ => None,
    }
}

/// A call answers with its arguments; one without a `text` in them says that it cannot.
fn called(params: &Value) -> Value {
    let text = params["arguments"]["text"].as_str();
    let said = text.unwrap_or("no text");
    json!({"content": [{"type": "text", "text": said}], "isError": text.is_none()})
}

fn answer(request: &Value, behaviour: &str, tools: &[String]) -> Option<Value> {
    let id = request.get("id")?;
    let (resources, tools): (Vec<_>, Vec<_>) = tools.iter().partition(|it| it.contains("://"));
    let result = match request["method"].as_str()? {
        _ if behaviour == "hangs" => return None,
        "initialize" => {
            let mut capabilities = json!({"tools": {"listChanged": true}});
            if !resources.is_empty() {
                capabilities["resources"] = json!({"subscribe": true});
            }
            json!({
                "protocolVersion": request["params"]["protocolVersion"],
                "capabilities": capabilities,
                "serverInfo": {"name": "fake", "version": "1"},
            })
        }
        _ if behaviour == "mute" => return None,
        "ping" => json!({}),
        "tools/list" if behaviour == "wrong" => json!({"tools": "none"}),
        "tools/list" => {
            let tools = tools.iter().map(|name| {
                let mut tool = json!({"name": name, "inputSchema": {"type": "object"}});
                if name.starts_with("read") {
                    tool["annotations"] = json!({"readOnlyHint": true});
                }
                tool
            });
            json!({"tools": tools.collect::<Vec<_>>()})
        }
        "tools/call" => called(&request["params"]),
        "resources/list" if !resources.is_empty() => {
            let resources = resources.iter().map(|uri| json!({"name": uri, "uri": uri}));
            json!({"resources": resources.collect::<Vec<_>>()})
        }
        "resources/read" => json!({"contents": []}),
        _ if follows(request).is_some() && !resources.is_empty() => json!({}),
        _ => {
            let error = json!({"code": -32601, "message": "no such method"});
            return Some(json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}
