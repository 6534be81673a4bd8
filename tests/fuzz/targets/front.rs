//! What comes to the address that clients are served at: any bytes, or as the body, the headers or
//! the token of a request that is right otherwise. Every call of a good client goes on.

#![no_main]

mod wires;

use std::sync::Arc;

use config_sync::gateway::Gateway;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;
use wires::{Wires, say};

const NEW: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

struct World {
    runtime: Runtime,
    gateway: Arc<Gateway>,
    session: String,
}

thread_local! {
    static WORLD: World = World::new();
}

impl World {
    fn new() -> Self {
        let runtime = wires::runtime();
        let gateway = runtime.block_on(Wires::well().gateway());
        let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"fuzz","version":"1"}}}"#;
        let said = runtime.block_on(say(&gateway, &post("", hello.as_bytes())));
        let said = String::from_utf8(said).unwrap().to_lowercase();
        let session = said.split_once("mcp-session-id: ").unwrap().1;
        let session = session.split_once("\r\n").unwrap().0.to_owned();
        Self {
            runtime,
            gateway,
            session,
        }
    }
}

fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {length}\r\n{headers}\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fuzz_target!(|bytes: &[u8]| {
    let [how, bytes @ ..] = bytes else { return };
    WORLD.with(|world| {
        let session = format!("Mcp-Session-Id: {}\r\n", world.session);
        let text = String::from_utf8_lossy(bytes);
        let request = match how % 6 {
            0 => bytes.to_vec(),
            1 => post(&session, bytes),
            2 => post("", bytes),
            3 => post(&format!("{session}{text}"), b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"),
            4 => {
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"well","arguments":{text},{NEW}}}}}"#
                );
                let headers = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: well\r\n";
                post(headers, body.as_bytes())
            }
            _ => [
                format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{session}").as_bytes(),
                bytes,
            ]
            .concat(),
        };
        world.runtime.block_on(async {
            say(&world.gateway, &request).await;
            let good = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"well"}}"#;
            let said = say(&world.gateway, &post(&session, good.as_bytes())).await;
            let said = String::from_utf8_lossy(&said);
            // A request may have ended the session.
            assert!(said.contains("it is well") || said.contains("404"), "{said}");
        });
    });
});
