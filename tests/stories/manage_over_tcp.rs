//! The management API over TCP: it follows the file, and lets in who shows the token.

use serde_json::Value;

use super::harness::{Api, Host, ask, config, demo};

#[tokio::test]
async fn over_tcp_it_follows_the_file_and_lets_in_who_shows_the_token() {
    let token = "a-token-that-nobody-guesses";
    let of = |management: &str| {
        config("hash", &demo("one", "echo"), "").replace(
            "server: {port: 0}",
            &format!("server: {{port: 0{management}}}"),
        )
    };
    let mut host = Host::start(&of("")).await;
    assert_eq!(host.status()["management"], Value::Null);
    host.apply(&of(&format!(
        ", management: {{enabled: true, port: 0, token: {token}}}"
    )))
    .await;
    let on = host.status_like("it to be served", |it| it["management"] != Value::Null);
    let address = on.await["management"].as_str().unwrap().to_owned();
    let api = Api::over_tcp(&address);
    assert_eq!(api.get("/health").await.status, 200);
    for (header, value, status) in [
        ("accept", "*/*".to_owned(), 401),
        (
            "authorization",
            "Bearer another-token-that-is-wrong".to_owned(),
            401,
        ),
        ("authorization", format!("Basic {token}"), 401),
        ("authorization", format!("Bearer {token}"), 200),
    ] {
        let answer = ask(api.request("GET", "/status").header(header, value)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 401 {
            assert_eq!(answer.kind, "application/problem+json");
        }
    }
    let shown = format!("Bearer {token}");
    let evil = api
        .request("GET", "/status")
        .header("authorization", &shown);
    let evil = ask(evil.header("host", "evil.example")).await;
    assert_eq!(evil.status, 403, "{evil:?}");
    let huge = api
        .request("POST", "/restore")
        .header("authorization", &shown);
    assert_eq!(ask(huge.body("x".repeat(1 << 20))).await.status, 413);
    let shown_config = api
        .request("GET", "/config")
        .header("authorization", &shown);
    assert!(!ask(shown_config).await.body.to_string().contains(token));

    host.apply(&of("")).await;
    host.status_like("it to be off", |it| it["management"] == Value::Null)
        .await;
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
    let open = of(", management: {enabled: true, port: 0, host: 0.0.0.0}");
    let refused = host.settle(&open).await;
    assert_eq!(refused.kind, "error");
    assert!(
        refused.message.contains("could stop the host"),
        "{refused:?}"
    );

    // An address that somebody else has: serving goes on, and it is tried again.
    let held = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = held.local_addr().unwrap().port();
    host.apply(&of(&format!(
        ", management: {{enabled: true, port: {port}}}"
    )))
    .await;
    let told = host.event("it to be told", |it| {
        it.message.contains("is not served on")
    });
    assert_eq!(told.await.kind, "degraded");
    drop(held);
    host.status_like("it to be served", |it| it["management"] != Value::Null)
        .await;
    let answer = Api::over_tcp(&format!("127.0.0.1:{port}"))
        .get("/status")
        .await;
    assert_eq!(
        answer.status, 200,
        "without a token, programs of this machine are let in"
    );
    assert!(host.stop().await.success());
}
