//! A client that knows nothing of MCP's types, and hears everything: over HTTP with a session or
//! without, or over the standard streams of a host that it starts. What it says is the text that it
//! is given, and what it hears is text, in the order in which it came.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::client::http;
use super::home::Home;
use super::soon;

/// How a client reaches the host, and in which era.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Session,
    Stateless,
    StdioOld,
    StdioNew,
}

impl Way {
    pub(crate) fn is_new(self) -> bool {
        matches!(self, Self::Stateless | Self::StdioNew)
    }

    pub(crate) fn is_http(self) -> bool {
        matches!(self, Self::Session | Self::Stateless)
    }
}

/// What the client says of itself.
const INFO: &str = r#"{"name":"golden","version":"1","mood":1.0}"#;
const CAN: &str = r#"{"sampling":{"odd":[]},"elicitation":{},"roots":{"listChanged":true},"experimental":{"z":{"b":1.0,"a":2}},"extensions":{"io.modelcontextprotocol/tasks":{}},"unknown":18446744073709551616}"#;

/// What a request of the new era says of itself, at the end of its `_meta`.
pub(crate) fn signature() -> String {
    format!(
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{INFO},"io.modelcontextprotocol/clientCapabilities":{CAN}"#
    )
}

pub(crate) struct Wire {
    way: Way,
    end: End,
    heard: UnboundedReceiver<String>,
    given: u64,
    /// The result of `initialize` or `server/discover`.
    pub(crate) hello: String,
}

enum End {
    Http {
        url: String,
        session: Option<String>,
        hear: UnboundedSender<String>,
    },
    Stdio {
        input: ChildStdin,
        _host: Box<Child>,
        _home: Home,
    },
}

impl Wire {
    /// A client of the host at this address.
    pub(crate) async fn to(url: &str, way: Way) -> Self {
        let (hear, heard) = unbounded_channel();
        let end = End::Http {
            url: url.to_owned(),
            session: None,
            hear,
        };
        Self::on(end, heard, way).await
    }

    /// A client that starts a host with this config.yaml.
    pub(crate) async fn start(config: &str, way: Way) -> Self {
        let (hear, heard) = unbounded_channel();
        Self::on(start(config, hear), heard, way).await
    }

    async fn on(end: End, heard: UnboundedReceiver<String>, way: Way) -> Self {
        let mut wire = Self {
            way,
            end,
            heard,
            given: 0,
            hello: String::new(),
        };
        wire.begin().await;
        wire
    }

    async fn begin(&mut self) {
        if self.way.is_new() {
            self.hello = self.ask("server/discover", "", "").await.1;
            return;
        }
        let said =
            format!(r#""protocolVersion":"2025-11-25","capabilities":{CAN},"clientInfo":{INFO}"#);
        self.hello = self.ask("initialize", &said, "").await.1;
        self.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await;
        if let End::Http {
            url, session, hear, ..
        } = &self.end
        {
            let session = session.clone().unwrap();
            let request = http()
                .get(url)
                .header("accept", "text/event-stream")
                .header("mcp-session-id", session);
            let listening = soon("a stream", request.send()).await.unwrap();
            tokio::spawn(read(listening, hear.clone()));
        }
    }

    /// Sends a request with these members in its parameters and in their `_meta`; its id.
    pub(crate) async fn request(&mut self, method: &str, params: &str, meta: &str) -> String {
        self.given += 1;
        let id = format!(r#""\u0061{}""#, self.given);
        let signature = signature();
        let meta = match (self.way.is_new(), meta) {
            (false, meta) => meta.to_owned(),
            (true, "") => signature,
            (true, meta) => format!("{meta},{signature}"),
        };
        let meta = Some(format!(r#""_meta":{{{meta}}}"#)).filter(|_| !meta.is_empty());
        let members = Some(params.to_owned()).filter(|it| !it.is_empty());
        let params: Vec<_> = members.into_iter().chain(meta).collect();
        let params = params.join(",");
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#);
        self.say(&text).await;
        id
    }

    /// Asks; what is heard before the answer, and the text of the result or error.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        params: &str,
        meta: &str,
    ) -> (Vec<String>, String) {
        let id = self.request(method, params, meta).await;
        let mut before = Vec::new();
        loop {
            let message = self.hear(method).await;
            match answer_to(&id, &message) {
                Some(answer) => return (before, answer),
                None => before.push(message),
            }
        }
    }

    /// The next message.
    pub(crate) async fn hear(&mut self, what: &str) -> String {
        soon(what, self.heard.recv()).await.unwrap()
    }

    /// Says it, to the letter.
    pub(crate) async fn say(&mut self, text: &str) {
        let (url, hear) = match &mut self.end {
            End::Stdio { input, .. } => {
                let line = format!("{text}\n");
                return input.write_all(line.as_bytes()).await.unwrap();
            }
            End::Http { url, hear, .. } => (url.clone(), hear.clone()),
        };
        let mut request = http()
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(text.to_owned());
        if self.way.is_new() {
            request = request.header("mcp-protocol-version", "2026-07-28");
            let method = text_of(text, "method").unwrap_or_default();
            request = request.header("mcp-method", method);
            let member = match method {
                "tools/call" | "prompts/get" => "name",
                "resources/read" => "uri",
                _ => "",
            };
            if let Some(value) = text_of(text, member) {
                request = request.header("mcp-name", value);
            }
        }
        let End::Http { session, .. } = &mut self.end else {
            return;
        };
        if let Some(session) = &session {
            request = request.header("mcp-session-id", session);
        }
        // A notification, or an answer, has arrived before anything follows it.
        let is_request = text.contains(r#""id":"\u0061"#) && text.contains(r#""method":"#);
        if is_request && (self.way.is_new() || session.is_some()) {
            tokio::spawn(async move { read(request.send().await.unwrap(), hear).await });
            return;
        }
        let answer = soon("an answer", request.send()).await.unwrap();
        if let Some(key) = answer.headers().get("mcp-session-id") {
            *session = Some(key.to_str().unwrap().to_owned());
        }
        read(answer, hear).await;
    }
}

/// The value of the first member of this name, if it is plain text.
fn text_of<'a>(json: &'a str, member: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!(r#""{member}":""#))?;
    rest.split('"').next()
}

/// The result or error, if this answers the request.
pub(crate) fn answer_to(id: &str, message: &str) -> Option<String> {
    let rest = message.strip_prefix(&format!(r#"{{"jsonrpc":"2.0","id":{id},"#))?;
    let rest = rest
        .strip_prefix(r#""result":"#)
        .or_else(|| rest.strip_prefix(r#""error":"#))?;
    rest.strip_suffix('}').map(str::to_owned)
}

async fn read(mut answer: reqwest::Response, hear: UnboundedSender<String>) {
    let kind = answer.headers().get("content-type");
    let is_stream = kind.is_some_and(|it| it == "text/event-stream");
    let mut text = String::new();
    // That it breaks off is an end too.
    while let Ok(Some(chunk)) = answer.chunk().await {
        text += std::str::from_utf8(&chunk).unwrap();
        while let Some((event, rest)) = text.split_once("\n\n").filter(|_| is_stream) {
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            if let Some(data) = data.filter(|data| !data.is_empty()) {
                // At the end of a story nobody hears any more.
                let _ = hear.send(data.to_owned());
            }
            text = rest.to_owned();
        }
    }
    if !is_stream && !text.is_empty() {
        let _ = hear.send(text);
    }
}

fn start(config: &str, hear: UnboundedSender<String>) -> End {
    let home = Home::of(TempDir::new().unwrap());
    home.save(config.replace("server: {port: 0}\n", ""));
    let mut host = Command::from(home.command(&["run", "--stdio"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = hear.send(line);
        }
    });
    End::Stdio {
        input: host.stdin.take().unwrap(),
        _host: Box::new(host),
        _home: home,
    }
}
