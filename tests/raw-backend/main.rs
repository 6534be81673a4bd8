//! A backend that knows nothing of MCP's types: it answers with fixed text (`golden.rs`), over
//! stdio, or with `--http` over Streamable HTTP; as servers up to 2025-11-25 do, or with `--new` as
//! those of 2026-07-28. Its tools: `golden` and `refuse` answer with a golden result and a golden
//! error; `mirror` shows the parameters that reached it; `tell` says something before it answers,
//! `ask` and `withdraw` ask their client, `announce` says something and `beside` asks something
//! beside any call, and `heard` shows what came that nobody waited for; `hold` ends when its caller
//! allows it: it makes the file `held` in `arguments.folder` and waits there for `release`; `babble`
//! makes noise on both outputs before it answers, and `deep` and `vast` answer with JSON that few
//! can read. `sin` does what no server should, as `arguments.how` says. Asked `server/discover`
//! without knowing it, it does what `--at-discover` says: `exit`, `silence` or `noise`. With `--tasks
//! PREFIX` any tool may become a task whose name begins so.

mod deeds;
mod golden;
mod http;
mod talk;
mod tasks;

use std::collections::HashMap;
use std::io::{BufRead, Error, Write};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use talk::World;

/// Members of an object, as they came.
pub(crate) type Fields = HashMap<String, Box<RawValue>>;

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is = |flag: &str| args.iter().any(|arg| arg == flag);
    let value = |flag: &str| args.iter().skip_while(|arg| *arg != flag).nth(1);
    let world = Arc::new(World::new(
        is("--new"),
        value("--tasks").map(String::as_str),
    ));
    if is("--http") {
        return http::serve(&world);
    }
    let at_discover = value("--at-discover");
    let print = |line: &str| {
        let mut output = std::io::stdout().lock();
        // Whoever does not read has left.
        writeln!(output, "{line}")
            .and_then(|()| output.flush())
            .is_ok()
    };
    world.listen(None, Box::new(print));
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.contains(r#""method":"server/discover""#) {
            match at_discover.map(String::as_str) {
                Some("exit") => std::process::exit(3),
                Some("silence") => continue,
                Some("noise") => println!("usage: raw-backend [OPTIONS]\n{{\"id\":"),
                _ => {}
            }
        }
        if !talk::waits(&line) {
            world.hear(&line, &print);
            continue;
        }
        let world = Arc::clone(&world);
        // What waits for an answer must not be in its way.
        std::thread::spawn(move || world.hear(&line, &print));
    }
    Ok(())
}

/// The answer to a request that says nothing else; none, if it gets none.
fn answer(world: &World, id: &RawValue, method: &str, params: &str) -> Option<String> {
    let is_new = world.is_new();
    let fields: Fields = serde_json::from_str(params).unwrap_or_default();
    let tasks = world.tasks.as_ref();
    if let Some(outcome) = tasks.and_then(|it| it.answer(is_new, method, params, &fields)) {
        return Some(talk::response(is_new, id, method, outcome));
    }
    let name = talk::text(&fields, "name");
    if method == "tools/call" && name == "sin" {
        let params: Value = serde_json::from_str(params).ok()?;
        let id: Value = serde_json::from_str(id.get()).ok()?;
        return deeds::sin(&id, params["arguments"]["how"].as_str()?);
    }
    let outcome = match method {
        "tools/call" => call(&name, params),
        "initialize" if !is_new => Ok(hello(false, tasks.is_some())),
        "server/discover" if is_new => Ok(hello(true, tasks.is_some())),
        _ => outcome(is_new, method, fields.contains_key("cursor")),
    };
    Some(talk::response(is_new, id, method, outcome))
}

/// What opens the answers to `initialize` and `server/discover`.
fn hello(is_new: bool, has_tasks: bool) -> String {
    let beyond = match has_tasks {
        true if is_new => format!(r#""extensions":{{{}}}"#, tasks::EXTENSION),
        true => tasks::DECLARED.to_owned(),
        false => golden::BEYOND.to_owned(),
    };
    let lists = r#"{"listChanged":true,"odd":1}"#;
    let capabilities = format!(
        r#"{{"tools":{lists},"prompts":{{}},"resources":{{"subscribe":true}},"logging":{{}},"completions":{{}},{beyond}}}"#
    );
    if is_new {
        return format!(r#"{{"supportedVersions":["2026-07-28"],"capabilities":{capabilities}}}"#);
    }
    format!(
        r#"{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"serverInfo":{{"name":"raw","version":"0","mood":"fine"}},"strange":[]}}"#
    )
}

fn list(key: &str, entries: &str) -> String {
    format!(r#"{{"{key}":[{entries}],{}}}"#, golden::BESIDE)
}

fn outcome(is_new: bool, method: &str, goes_on: bool) -> Result<String, String> {
    let result = match method {
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe"
            if !is_new =>
        {
            "{}".to_owned()
        }
        "tools/list" if !goes_on => {
            let tools = golden::TOOLS[0].join(",");
            format!(r#"{{"tools":[{tools}],"nextCursor":"more","odd":1}}"#)
        }
        "tools/list" => list("tools", &golden::TOOLS[1].join(",")),
        "prompts/list" => list("prompts", golden::PROMPT),
        "resources/list" => list("resources", golden::RESOURCE),
        "resources/templates/list" => list("resourceTemplates", golden::TEMPLATE),
        "prompts/get" => golden::POEM.to_owned(),
        "resources/read" => golden::THING.to_owned(),
        "completion/complete" => golden::COMPLETED.to_owned(),
        "telepathy/read" => golden::READING.to_owned(),
        _ => return Err(r#"{"code":-32601,"message":"no such method"}"#.to_owned()),
    };
    Ok(result)
}

fn call(name: &str, params: &str) -> Result<String, String> {
    match name {
        "golden" => Ok(golden::CALLED.to_owned()),
        "mirror" => Ok(format!(r#"{{"content":[],"structuredContent":{params}}}"#)),
        "hold" => {
            let params: Value = serde_json::from_str(params).unwrap_or_default();
            let folder = params["arguments"]["folder"].as_str().unwrap_or_default();
            deeds::hold(std::path::Path::new(folder));
            Ok(r#"{"content":[{"type":"text","text":"released"}]}"#.to_owned())
        }
        "babble" => {
            // Whoever cannot write is gone, as programs are that know nothing of pipes.
            if deeds::babble().is_err() {
                std::process::exit(1);
            }
            Ok(r#"{"content":[{"type":"text","text":"enough"}]}"#.to_owned())
        }
        "deep" => Ok(format!(
            r#"{{"content":[],"deep":{}{}}}"#,
            "[".repeat(1000),
            "]".repeat(1000)
        )),
        "vast" => Ok(r#"{"content":[],"vast":1e999}"#.to_owned()),
        _ => Err(golden::REFUSED.to_owned()),
    }
}
