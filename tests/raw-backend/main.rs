//! A backend that knows nothing of MCP's types: it answers with fixed text (`golden.rs`), over
//! stdio, or with `--http` over Streamable HTTP. Its tools: `golden` and `refuse` answer with a
//! golden result and a golden error; `mirror` shows the parameters that reached it; `hold`
//! ends when its caller allows it: it makes the file `held` in `arguments.folder` and waits there
//! for `release`; `babble` makes noise on both outputs before it answers, and `deep` and `vast`
//! answer with JSON that few can read. `sin` does what no server should, as `arguments.how` says. Asked
//! `server/discover`, which it does not know, it does what `--at-discover` says: `exit`, `silence`
//! or `noise`.

mod golden;

use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::{Value, json};

/// The answer to `initialize`.
const HELLO: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true,"odd":1},"prompts":{},"resources":{},"experimental":{"x":{}},"telepathy":{"range":7}},"serverInfo":{"name":"raw","version":"0","mood":"fine"},"strange":[]}"#;

fn main() -> Result<(), Error> {
    if std::env::args().nth(1).as_deref() == Some("--http") {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("http://{}/mcp", listener.local_addr()?);
        for connection in listener.incoming() {
            let connection = connection?;
            // A client that goes away is no matter.
            std::thread::spawn(move || serve_http(connection));
        }
        return Ok(());
    }
    let at_discover = std::env::args().skip_while(|arg| arg != "--at-discover");
    let at_discover = at_discover.last().unwrap_or_default();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        if request["method"] == "server/discover" {
            match at_discover.as_str() {
                "exit" => std::process::exit(3),
                "silence" => continue,
                "noise" => println!("usage: raw-backend [OPTIONS]\n{{\"id\":"),
                _ => {}
            }
        }
        if let Some(answer) = answer(&request) {
            println!("{answer}");
        }
    }
    Ok(())
}

fn serve_http(connection: TcpStream) -> Result<(), Error> {
    let mut input = BufReader::new(connection.try_clone()?);
    let mut output = connection;
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let is_post = line.starts_with("POST");
        let mut length = 0;
        loop {
            line.clear();
            input.read_line(&mut line)?;
            match line.trim().to_lowercase().split_once(':') {
                Some(("content-length", value)) => {
                    length = value.trim().parse().map_err(Error::other)?;
                }
                Some(_) => {}
                None => break,
            }
        }
        line.clear();
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        let (status, body) = if is_post {
            match answer(&serde_json::from_slice(&body)?) {
                Some(answer) => ("200 OK", answer),
                None => ("202 Accepted", String::new()),
            }
        } else {
            ("405 Method Not Allowed", String::new())
        };
        let length = body.len();
        write!(
            output,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        output.flush()?;
    }
    Ok(())
}

/// Nothing for a notification.
fn answer(request: &Value) -> Option<String> {
    let id = request.get("id")?;
    if request["params"]["name"] == "sin" {
        return sin(id, request["params"]["arguments"]["how"].as_str()?);
    }
    let outcome = match outcome(request["method"].as_str()?, &request["params"]) {
        Ok(result) => format!(r#""result":{result}"#),
        Err(error) => format!(r#""error":{error}"#),
    };
    Some(format!(r#"{{"jsonrpc":"2.0","id":{id},{outcome}}}"#))
}

fn outcome(method: &str, params: &Value) -> Result<String, String> {
    let result = match method {
        "initialize" => HELLO.to_owned(),
        "ping" => "{}".to_owned(),
        "tools/list" if params["cursor"].is_null() => {
            let tools = golden::TOOLS[0].join(",");
            format!(r#"{{"tools":[{tools}],"nextCursor":"more"}}"#)
        }
        "tools/list" => format!(r#"{{"tools":[{}]}}"#, golden::TOOLS[1].join(",")),
        "prompts/list" => format!(r#"{{"prompts":[{}]}}"#, golden::PROMPT),
        "resources/list" => format!(r#"{{"resources":[{}]}}"#, golden::RESOURCE),
        "resources/templates/list" => {
            format!(r#"{{"resourceTemplates":[{}]}}"#, golden::TEMPLATE)
        }
        "prompts/get" => golden::POEM.to_owned(),
        "resources/read" => golden::THING.to_owned(),
        "tools/call" => return call(params),
        _ => return Err(r#"{"code":-32601,"message":"no such method"}"#.to_owned()),
    };
    Ok(result)
}

fn call(params: &Value) -> Result<String, String> {
    match params["name"].as_str() {
        Some("golden") => Ok(golden::CALLED.to_owned()),
        Some("mirror") => Ok(json!({"content": [], "structuredContent": params}).to_string()),
        Some("hold") => {
            hold(Path::new(
                params["arguments"]["folder"].as_str().unwrap_or_default(),
            ));
            Ok(r#"{"content":[{"type":"text","text":"released"}]}"#.to_owned())
        }
        Some("babble") => {
            // Whoever cannot write is gone, as programs are that know nothing of pipes.
            if babble().is_err() {
                std::process::exit(1);
            }
            Ok(r#"{"content":[{"type":"text","text":"enough"}]}"#.to_owned())
        }
        Some("deep") => Ok(format!(
            r#"{{"content":[],"deep":{}{}}}"#,
            "[".repeat(1000),
            "]".repeat(1000)
        )),
        Some("vast") => Ok(r#"{"content":[],"vast":1e999}"#.to_owned()),
        _ => Err(golden::REFUSED.to_owned()),
    }
}

/// What it says instead of an answer; nothing, if it says nothing.
fn sin(id: &Value, how: &str) -> Option<String> {
    let answer = |id: &Value, text: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    match how {
        "answer-twice" => Some(format!("{}\n{}", answer(id, "once"), answer(id, "twice"))),
        "answer-another" => Some(answer(&json!(999_999_999), "to nobody")),
        "break-off" => Some(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":["#
        )),
        // More than the host takes of one message.
        "fill-memory" => Some(answer(id, &"x".repeat(100_000_000))),
        "flood" => {
            let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
            let said = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"again"}}"#;
            let lines = format!("{changed}\n{said}\n{{\"no\":\"message\"}}\n").repeat(10_000);
            Some(lines + &answer(id, "after the flood"))
        }
        "exit" => std::process::exit(3),
        // Silence.
        _ => None,
    }
}

/// Lines too long, no UTF-8, no JSON, no JSON-RPC; and more than a pipe holds.
fn babble() -> Result<(), Error> {
    let (mut output, mut errors) = (std::io::stdout().lock(), std::io::stderr().lock());
    errors.write_all("long ".repeat(10_000).as_bytes())?;
    errors.write_all(b"\n\xff\xfe\n")?;
    for _ in 0..10_000 {
        errors.write_all(b"a line that nobody needs\n")?;
    }
    output.write_all(b"Starting up...\n\n{\"jsonrpc\":\"2.0\"}\n[]\n\xff\xfe\n")?;
    output.flush()
}

fn hold(folder: &Path) {
    // If it cannot be made, the caller waits in vain for it and says so.
    let _ = std::fs::write(folder.join("held"), "");
    let (_nobody, wakes) = std::sync::mpsc::channel::<()>();
    // Without the folder, its caller is gone.
    while folder.exists() && !folder.join("release").exists() {
        let _ = wakes.recv_timeout(std::time::Duration::from_millis(10));
    }
}
