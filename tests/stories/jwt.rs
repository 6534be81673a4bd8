//! Tokens that an issuer signs, whose keys come over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::harness::{Host, RawClient, config, demo, get, knock, until};

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signs tokens, and says by which keys.
struct Issuer {
    key: Ed25519KeyPair,
    id: &'static str,
}

impl Issuer {
    fn new(id: &'static str) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[id.len() as u8; 32]).unwrap();
        Self { key, id }
    }

    fn keys(&self) -> String {
        let x = base64(self.key.public_key());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id}]}).to_string()
    }

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let header = json!({"alg": "EdDSA", "kid": self.id});
        let mut claims = json!({
            "iss": "https://issuer.example", "aud": "https://tools.example/mcp",
            "email": "alice@example.org", "scope": "tools", "exp": now + 600,
        });
        change(&mut claims);
        let message = format!(
            "{}.{}",
            base64(header.to_string()),
            base64(claims.to_string())
        );
        format!("{message}.{}", base64(self.key.sign(message.as_bytes())))
    }
}

/// Serves a key set, or says that it cannot.
#[derive(Clone, Default)]
struct KeyServer {
    keys: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    /// Its address. It ends with the test.
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        break;
                    };
                    request.push(byte);
                }
                server.asked.fetch_add(1, Ordering::SeqCst);
                let (status, body) = match server.keys.lock().unwrap().clone() {
                    Some(keys) => ("200 OK", keys),
                    None => ("500 Not Today", String::new()),
                };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        format!("http://{address}/jwks.json")
    }

    fn serve(&self, keys: Option<String>) {
        *self.keys.lock().unwrap() = keys;
    }
}

fn text(jwks: &str, more: &str) -> String {
    let jwt = format!(
        "{{jwks: \"{jwks}\", issuer: \"https://issuer.example\", \
         audience: \"https://tools.example/mcp\", caller: email, scopes: [tools]{more}}}"
    );
    let rest = format!("middleware: [audit, {{auth: {{jwt: {jwt}}}}}]\n");
    config("mtime", &demo("one", "echo"), &rest)
}

#[tokio::test]
async fn a_signed_token_lets_its_caller_in_and_says_where_to_get_one() {
    let (server, issuer) = (KeyServer::default(), Issuer::new("a"));
    server.serve(Some(issuer.keys()));
    let jwks = server.start().await;
    let mut host = Host::start(&text(&jwks, "")).await;
    let url = host.url().to_owned();

    let token = issuer.token(|_| {});
    let alice = RawClient::connect_with(&url, &token).await;
    let called = r#"{"name":"echo","arguments":{"text":"in"}}"#;
    assert!(alice.ask("tools/call", called).await.contains("in"));
    let audit = host.folder().join("audit.jsonl");
    let read = || std::fs::read_to_string(&audit).unwrap_or_default();
    until("the audit's line", || read().lines().count() == 1).await;
    let line: Value = serde_json::from_str(&read()).unwrap();
    assert_eq!(line["caller"], "alice@example.org");

    let resource =
        r#"resource_metadata="https://tools.example/.well-known/oauth-protected-resource/mcp""#;
    for (token, status, says) in [
        (None, 401, r#"Bearer realm="config-sync", scope="tools""#),
        (
            Some(issuer.token(|claims| claims["aud"] = "https://other.example".into())),
            401,
            r#"error="invalid_token", error_description="it is for another audience""#,
        ),
        (
            Some(issuer.token(|claims| claims["exp"] = 1.into())),
            401,
            r#"error_description="it has expired""#,
        ),
        (
            Some(issuer.token(|claims| claims["scope"] = "other".into())),
            403,
            r#"error="insufficient_scope", scope="tools""#,
        ),
    ] {
        let answer = knock(&url, token.as_deref()).await;
        assert_eq!(answer.status(), status);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains(says), "{challenge}");
        assert!(challenge.contains(resource), "{challenge}");
    }
    let at = |path: &str| url.replace("/mcp", path);
    let well_known = at("/.well-known/oauth-protected-resource/mcp");
    let told: Value = get(&well_known).await.json().await.unwrap();
    assert_eq!(
        told,
        json!({
            "resource": "https://tools.example/mcp",
            "authorization_servers": ["https://issuer.example"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["tools"],
        })
    );
    assert_eq!(get(&at("/elsewhere")).await.status(), 401);

    // What is needed follows the file, and the keys are not fetched again for it.
    let before = server.asked.load(Ordering::SeqCst);
    host.apply(&text(&jwks, "").replace("[tools]", "[tools, more]"))
        .await;
    assert_eq!(knock(&url, Some(&token)).await.status(), 403);
    let more = issuer.token(|claims| claims["scope"] = "more tools".into());
    assert_eq!(knock(&url, Some(&more)).await.status(), 200);
    assert_eq!(server.asked.load(Ordering::SeqCst), before);
    let log = host.log().join("\n");
    assert!(!log.contains(&token) && !log.contains(&more));
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn without_keys_nobody_comes_in_and_while_they_are_gone_the_old_ones_serve_on() {
    let (server, issuer) = (KeyServer::default(), Issuer::new("a"));
    let jwks = server.start().await;
    let mut host = Host::start(&text(&jwks, "")).await;
    let url = host.url().to_owned();
    let why = "it answers 500 Internal Server Error; no token signed with them lets anybody in";
    let is_told = |host: &Host| host.events().iter().any(|it| it.message.contains(why));
    until("the word that there are no keys", || is_told(&host)).await;
    let answer = knock(&url, Some(&issuer.token(|_| {}))).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "10");

    // Another place is asked at once.
    server.serve(Some(issuer.keys()));
    host.apply(&text(&format!("{jwks}?again"), "")).await;
    assert_eq!(knock(&url, Some(&issuer.token(|_| {}))).await.status(), 200);
    server.serve(None);
    let asked = server.asked.load(Ordering::SeqCst);
    for _ in 0..5 {
        let stranger = Issuer::new("stranger").token(|_| {});
        assert_eq!(knock(&url, Some(&stranger)).await.status(), 401);
        assert_eq!(knock(&url, Some(&issuer.token(|_| {}))).await.status(), 200);
    }
    assert!(server.asked.load(Ordering::SeqCst) <= asked + 1);
    assert!(host.stop().await.success());
}
