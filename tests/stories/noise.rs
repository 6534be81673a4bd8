//! What a backend says that is no answer, or an answer that few can read.

use serde_json::json;

use super::harness::{Client, Host, RAW_BACKEND, RawClient, config, demo};

async fn start() -> (Host, Client) {
    start_with("").await
}

async fn start_with(rest: &str) -> (Host, Client) {
    let raw = format!("  raw: {{command: \"{RAW_BACKEND}\"}}\n");
    let backends = raw + &demo("other", "whoami");
    let host = Host::start(&config("mtime", &backends, rest)).await;
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

#[tokio::test]
async fn whatever_a_backend_does_wrong_is_an_error_of_that_call_alone() {
    let (host, client) = start().await;
    let before = host.children();
    for (how, said) in [
        ("answer-twice", Ok("once")),
        (
            "answer-another",
            Err("answered with an id that nobody gave it"),
        ),
        ("break-off", Err("gave an answer that cannot be read")),
        (
            "fill-memory",
            Err("cannot be read: it is longer than allowed"),
        ),
        ("flood", Ok("after the flood")),
    ] {
        let answer = client.call("sin", json!({"how": how})).await;
        match said {
            Ok(said) => assert_eq!(answer.as_deref(), Ok(said), "{how}"),
            Err(said) => {
                let error = answer.unwrap_err();
                assert!(
                    error.contains("backend `raw`") && error.contains(said),
                    "{how}: {error}"
                );
            }
        }
        // It goes on, and so do the others.
        assert_eq!(client.call("mirror", json!({})).await.unwrap(), "", "{how}");
        client.process("whoami").await;
    }
    assert_eq!(host.children(), before, "they are the same processes");
}

#[tokio::test]
async fn a_backend_that_ends_in_a_call_or_never_answers_it_holds_up_nobody_else() {
    let (_host, client) = start_with("middleware: [{timeout: {seconds: 3}}]\n").await;
    let other = client.process("whoami").await;
    let (silent, process) = tokio::join!(
        client.call("sin", json!({"how": "say nothing"})),
        client.process("whoami"),
    );
    let error = silent.unwrap_err();
    assert!(error.contains("`sin` took longer than 3 s"), "{error}");
    assert_eq!(process, other);

    let error = client
        .call("sin", json!({"how": "exit"}))
        .await
        .unwrap_err();
    assert!(
        error.contains("backend `raw` did not answer: it ended"),
        "{error}"
    );
    assert_eq!(client.process("whoami").await, other);
}
