//! A backend over Streamable HTTP in the story's own process, which answers byte for byte as the
//! story wants it, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As a server should.
    Well,
    /// It takes every request and answers none.
    Silent,
    /// Of a session that it does not know it says so with this status.
    Strict(u16),
    /// It answers everything with this status.
    Status(u16),
    /// It answers all but the question that only servers of the new era know.
    SilentAtDiscover,
}

/// Which servers it is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Of 2025-11-25, with sessions.
    Old,
    /// Of 2026-07-28.
    New,
}

pub(crate) struct RawRemote {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    era: Era,
    manner: watch::Sender<Manner>,
    /// How many sessions it has begun.
    sessions: AtomicUsize,
    /// The one that it knows.
    known: AtomicUsize,
    /// Heads and bodies, in the order in which they came.
    asked: Mutex<Vec<(String, Value)>>,
    /// Where it sends those who are to go elsewhere.
    elsewhere: Mutex<String>,
}

impl RawRemote {
    pub(crate) async fn start(era: Era) -> Self {
        let shared = Arc::new(Shared {
            era,
            manner: watch::Sender::new(Manner::Well),
            sessions: AtomicUsize::new(0),
            known: AtomicUsize::new(0),
            asked: Mutex::default(),
            elsewhere: Mutex::default(),
        });
        let mut remote = Self {
            address: "127.0.0.1:0".parse().unwrap(),
            shared,
            accepting: None,
        };
        remote.open().await;
        remote
    }

    /// Listens, where it did before.
    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let shared = Arc::clone(&self.shared);
        self.accepting = Some(tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, Arc::clone(&shared)));
            }
        }));
    }

    /// Ends every connection, and listens no more.
    pub(crate) async fn close(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.shared.manner.send_replace(manner);
    }

    /// Sends those who are to go elsewhere there.
    pub(crate) fn send_to(&self, url: &str) {
        url.clone_into(&mut self.shared.elsewhere.lock().unwrap());
    }

    /// Knows no session any more.
    pub(crate) fn forget(&self) {
        self.shared.known.store(0, Ordering::Relaxed);
    }

    /// How many sessions it has begun.
    pub(crate) fn sessions(&self) -> usize {
        self.shared.sessions.load(Ordering::Relaxed)
    }

    /// The heads of all requests until now.
    pub(crate) fn heads(&self) -> Vec<String> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().map(|(head, _)| head.clone()).collect()
    }

    /// How often it was asked this.
    pub(crate) fn count(&self, method: &str) -> usize {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|it| it.1["method"] == method).count()
    }
}

impl Drop for RawRemote {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

/// Head (in lower case) and body of the next request.
async fn next(input: &mut (impl AsyncBufReadExt + Unpin)) -> Option<(String, Value)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head.split_once("content-length:");
    let length = length.and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    input.read_exact(&mut body).await.ok()?;
    Some((head, serde_json::from_slice(&body).unwrap_or_default()))
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let (read, mut write) = stream.into_split();
    let mut input = BufReader::new(read);
    let mut manner = shared.manner.subscribe();
    while let Some((head, body)) = next(&mut input).await {
        shared
            .asked
            .lock()
            .unwrap()
            .push((head.clone(), body.clone()));
        let now = *manner.borrow_and_update();
        let is_silent = match now {
            Manner::Silent => true,
            Manner::SilentAtDiscover => body["method"] == "server/discover",
            _ => false,
        };
        if is_silent {
            // Until it behaves in another way; and then it has nothing to say.
            let _ = manner.changed().await;
            return;
        }
        if head.split(' ').nth(1) == Some("/moved") {
            let moved = http(307, "Location: /mcp/\r\n", "");
            if write.write_all(moved.as_bytes()).await.is_err() {
                return;
            }
            continue;
        }
        let how = body["params"]["arguments"]["how"].as_str();
        if let Some(how) = how.filter(|_| now == Manner::Well) {
            let elsewhere = shared.elsewhere.lock().unwrap().clone();
            if sin(&mut write, how, &body["id"], &elsewhere)
                .await
                .is_none()
            {
                return;
            }
            continue;
        }
        let answer = answer(&shared, now, &head, &body);
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} It\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

fn answer(shared: &Shared, manner: Manner, head: &str, body: &Value) -> String {
    const JSON: &str = "Content-Type: application/json\r\n";
    let (id, method) = (&body["id"], body["method"].as_str());
    let known = shared.known.load(Ordering::Relaxed);
    let is_known = head.contains(&format!("mcp-session-id: {known}\r\n"));
    match manner {
        Manner::Status(status) => return http(status, "", ""),
        Manner::Strict(status) if method != Some("initialize") && !is_known => {
            let say = "Bad Request: No valid session ID provided";
            let error =
                json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": say}});
            return http(status, JSON, &error.to_string());
        }
        _ => {}
    }
    if head.starts_with("delete") {
        return http(200, "", "");
    }
    if !head.starts_with("post") {
        return http(405, "", "");
    }
    let (Some(method), false) = (method, id.is_null()) else {
        return http(202, "", "");
    };
    let mut headers = JSON.to_owned();
    let result = match (method, shared.era) {
        ("server/discover", Era::New) => {
            json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"})
        }
        ("initialize", Era::Old) => {
            let session = shared.sessions.fetch_add(1, Ordering::Relaxed) + 1;
            shared.known.store(session, Ordering::Relaxed);
            headers += &format!("Mcp-Session-Id: {session}\r\n");
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "raw", "version": "0"}})
        }
        ("ping", Era::Old) => json!({}),
        ("tools/list", _) => {
            json!({"resultType": "complete", "tools": [{"name": "sin", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}}], "ttlMs": 0, "cacheScope": "private"})
        }
        ("tools/call", _) => {
            json!({"resultType": "complete", "content": [{"type": "text", "text": "well"}]})
        }
        _ => {
            let error = json!({"code": -32601, "message": "no such method"});
            let answer = json!({"jsonrpc": "2.0", "id": id, "error": error});
            return http(200, JSON, &answer.to_string());
        }
    };
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
    http(200, &headers, &answer.to_string())
}

/// Does what no server should; nothing more is to be heard after a `None`.
async fn sin(
    write: &mut (impl AsyncWriteExt + Unpin),
    how: &str,
    id: &Value,
    elsewhere: &str,
) -> Option<()> {
    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    const MIB: usize = 1 << 20;
    let result = |id: &Value, text: &str| json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", "content": [{"type": "text", "text": text}]}});
    let json = |body: &str| http(200, "Content-Type: application/json\r\n", body);
    let (once, twice) = (result(id, "once"), result(id, "twice"));
    let other = result(&json!(999_999_999), "to nobody");
    let whole = match how {
        "no http" => "\u{1}\u{2}\u{3} what?\r\n\r\n".to_owned(),
        "no json" => json("nonsense"),
        "a page" => http(200, "Content-Type: text/html\r\n", "<html>"),
        "nothing" => http(202, "", ""),
        "another id" => json(&other.to_string()),
        "a question" => json(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}).to_string()),
        "refuse" => http(403, "", "no"),
        "lose it" => http(410, "", ""),
        "fail" => http(503, "Retry-After: 1\r\n", "later"),
        "send elsewhere" => http(307, &format!("Location: {elsewhere}\r\n"), ""),
        "send around" => http(307, "Location: /mcp\r\n", ""),
        "half a body" => json(&once.to_string()).replace("Content-Length: ", "Content-Length: 9"),
        "twice" => format!("{STREAM}data: {once}\n\ndata: {twice}\n\n"),
        "to another" => format!("{STREAM}data: {other}\n\n"),
        "half a stream" => format!("{STREAM}data: {{\"jsonrpc\""),
        "no events" => format!("{STREAM}<html>\n\n"),
        "broken event" => format!("{STREAM}data: {{\"id\":{id},\n\n"),
        _ => String::new(),
    };
    write.write_all(whole.as_bytes()).await.ok()?;
    let (start, filling): (String, &[u8]) = match how {
        "a huge body" => (
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n\"",
                100 * MIB
            ),
            b"xxxxxxxx",
        ),
        "an endless line" => (format!("{STREAM}data: "), b"xxxxxxxx"),
        "endless headers" => ("HTTP/1.1 200 OK\r\n".to_owned(), b"X: xxx\r\n"),
        _ => (String::new(), b""),
    };
    if !filling.is_empty() {
        write.write_all(start.as_bytes()).await.ok()?;
        let piece = filling.repeat(MIB / filling.len());
        for _ in 0..100 {
            write.write_all(&piece).await.ok()?;
        }
    }
    let then_silent = match how {
        "slow headers" => Some("HTTP/1.1 200 OK\r\nContent-Ty".to_owned()),
        "slow body" => Some(json(&once.to_string()).replace("\"once\"}]}}", "")),
        "slow stream" => Some(format!("{STREAM}data: {{\"jsonrpc\"")),
        "silence" => Some(String::new()),
        _ => None,
    };
    if let Some(beginning) = then_silent {
        write.write_all(beginning.as_bytes()).await.ok()?;
        std::future::pending::<()>().await;
    }
    // Where the end is the end of the connection.
    let is_whole = whole.contains("Content-Length") && how != "half a body";
    is_whole.then_some(())
}
