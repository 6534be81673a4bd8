//! What a backend says that is no answer, or an answer that cannot be read.

use serde_json::json;

use super::harness::{Client, Host, RAW_BACKEND, config};

async fn start() -> (Host, Client) {
    let raw = format!("  raw: {{command: \"{RAW_BACKEND}\"}}\n");
    let host = Host::start(&config("mtime", &raw, "")).await;
    let client = Client::connect(host.url()).await;
    (host, client)
}

#[tokio::test]
async fn a_backend_that_babbles_on_both_outputs_goes_on_serving() {
    let (host, client) = start().await;
    let before = host.children();
    for _ in 0..3 {
        let answer = client.call("babble", json!({})).await;
        assert_eq!(answer.unwrap(), "enough");
    }
    assert_eq!(host.children(), before, "it is the same process");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_an_error_at_once() {
    let (host, client) = start().await;
    let before = host.children();
    for tool in ["deep", "vast"] {
        let error = client.call(tool, json!({})).await.unwrap_err();
        assert!(error.contains("backend `raw`"), "{error}");
        assert_eq!(client.call("mirror", json!({})).await.unwrap(), "");
    }
    assert_eq!(host.children(), before, "it is the same process");
}
