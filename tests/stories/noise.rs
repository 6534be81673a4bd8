//! What a backend says that is no answer, or an answer that few can read.

use serde_json::json;

use super::harness::{Client, Host, RAW_BACKEND, RawClient, config};

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
async fn an_answer_that_few_can_read_is_passed_on_to_the_letter() {
    let (host, client) = start().await;
    let before = host.children();
    let raw = RawClient::connect(host.url()).await;
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for (tool, said) in [("deep", deep.as_str()), ("vast", "1e999")] {
        let answer = raw
            .ask("tools/call", &format!(r#"{{"name":"{tool}"}}"#))
            .await;
        let result = format!(r#"{{"content":[],"{tool}":{said}}}"#);
        assert_eq!(
            answer,
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)
        );
        assert_eq!(client.call("mirror", json!({})).await.unwrap(), "");
    }
    assert_eq!(host.children(), before, "it is the same process");
}
