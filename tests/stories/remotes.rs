//! Backends over HTTP that do what no server should: each an error of its own call that says what
//! was wrong, and nothing else is harmed.

use std::time::Duration;

use serde_json::json;

use super::harness::{Client, Era, Host, Manner, RawRemote, config, demo, remote, soon, until};

async fn start(far: &RawRemote, rest: &str) -> (Host, Client) {
    let backends = remote("far", &far.url()) + &demo("other", "whoami");
    let host = Host::start(&config("mtime", &backends, rest)).await;
    let client = Client::connect(host.url()).await;
    (host, client)
}

async fn sin(client: &Client, how: &str) -> Result<String, String> {
    client.call("sin", json!({ "how": how })).await
}

async fn well(client: &Client) {
    assert_eq!(client.call("sin", json!({})).await.unwrap(), "well");
}

async fn whatever_it_does_wrong_is_an_error_of_that_call_alone(era: Era) {
    let far = RawRemote::start(era).await;
    let (_host, client) = start(&far, "").await;
    let (other, sessions) = (client.process("whoami").await, far.sessions());
    for (how, said) in [
        ("twice", Ok("once")),
        ("no http", Err("did not answer: the connection broke")),
        ("no json", Err("cannot be read: ")),
        ("a page", Err("cannot be read: it is `text/html`, not JSON")),
        (
            "nothing",
            Err("cannot be read: there is nothing in it (HTTP 202"),
        ),
        ("another id", Err("it is not the answer to the request")),
        ("a question", Err("it is not the answer to the request")),
        ("refuse", Err("does not let the gateway in (HTTP 403")),
        ("lose it", Err("answered with HTTP 410")),
        ("fail", Err("answered with HTTP 503")),
        ("send around", Err("redirects to another address (HTTP 307")),
        ("half a body", Err("cannot be read: its end is missing")),
        // What is said depends on whether a ping of the gateway's own was under way as well.
        ("to another", Err("backend `far`")),
        ("half a stream", Err("its stream ended before that")),
        ("no events", Err("its stream ended before that")),
        ("broken event", Err("its stream ended before that")),
        (
            "a huge body",
            Err("cannot be read: it is longer than allowed"),
        ),
        (
            "an endless line",
            Err("cannot be read: it is longer than allowed"),
        ),
        (
            "endless headers",
            Err("did not answer: the connection broke"),
        ),
    ] {
        let answer = sin(&client, how).await;
        match said {
            Ok(said) => assert_eq!(answer.as_deref(), Ok(said), "{how}"),
            Err(said) => {
                let error = answer.unwrap_err();
                assert!(
                    error.contains("backend `far`") && error.contains(said),
                    "{how}: {error}"
                );
            }
        }
        well(&client).await;
        assert_eq!(client.process("whoami").await, other, "{how}");
    }
    assert_eq!(far.sessions(), sessions, "nothing was begun anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_remote_backend_with_sessions_does_wrong_is_an_error_of_that_call_alone() {
    whatever_it_does_wrong_is_an_error_of_that_call_alone(Era::Old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_remote_backend_without_sessions_does_wrong_is_an_error_of_that_call_alone() {
    whatever_it_does_wrong_is_an_error_of_that_call_alone(Era::New).await;
}

#[tokio::test]
async fn a_remote_backend_that_does_not_come_to_an_end_holds_up_nobody_else() {
    let far = RawRemote::start(Era::Old).await;
    let (_host, client) = start(&far, "middleware: [{timeout: {seconds: 1}}]\n").await;
    for how in ["silence", "slow headers", "slow body", "slow stream"] {
        let (late, ()) = tokio::join!(sin(&client, how), well(&client));
        let error = late.unwrap_err();
        assert!(
            error.contains("`sin` took longer than 1 s"),
            "{how}: {error}"
        );
    }
    // Each is told that nobody waits any more.
    until("word that the calls were taken back", || {
        far.count("notifications/cancelled") >= 4
    })
    .await;
    assert_eq!(far.sessions(), 1);
}

#[tokio::test]
async fn a_server_that_hears_no_notifications_does_not_hold_up_the_end() {
    let far = RawRemote::start(Era::Old).await;
    let (host, client) = start(&far, "middleware: [{timeout: {seconds: 0.5}}]\n").await;
    far.behave(Manner::Silent);
    for _ in 0..3 {
        sin(&client, "silence").await.unwrap_err();
    }
    // All of it ends with the host, which waits for none of it.
    let ended = tokio::time::timeout(Duration::from_secs(8), host.stop()).await;
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn a_session_that_was_forgotten_is_begun_anew_under_the_call() {
    let far = RawRemote::start(Era::Old).await;
    let (mut host, client) = start(&far, "").await;
    // 404 is what the specification has; 400 what the official SDK's examples do.
    for (status, sessions) in [(404, 2), (400, 3)] {
        far.behave(Manner::Strict(status));
        far.forget();
        well(&client).await;
        assert_eq!(far.sessions(), sessions);
    }
    // One that lets nobody begin any more is down, with the reason.
    far.behave(Manner::Status(404));
    let error = sin(&client, "x").await.unwrap_err();
    assert!(error.contains("backend `far` did not answer"), "{error}");
    let down = host.event("a word about it", |it| it.message.contains("is down"));
    let down = down.await.message;
    assert!(
        down.contains("it forgot its session, and begins no other") && down.contains("HTTP 404"),
        "{down}"
    );
    far.behave(Manner::Well);
    let back = host.event("its return", |it| it.message.contains("serves again"));
    back.await;
    well(&client).await;
}

#[tokio::test]
async fn a_redirection_is_followed_at_the_same_server_alone() {
    let (far, elsewhere) = (
        RawRemote::start(Era::Old).await,
        RawRemote::start(Era::Old).await,
    );
    let far_url = format!("http://127.0.0.1:{}/moved", far.port());
    let backends = format!("  far: {{url: \"{far_url}\", headers: {{X-Key: canary}}}}\n");
    far.send_to(&elsewhere.url());
    let host = Host::start(&config("mtime", &backends, "")).await;
    let client = Client::connect(host.url()).await;
    let error = sin(&client, "send elsewhere").await.unwrap_err();
    assert!(
        error.contains("redirects to another address") && !error.contains("http://"),
        "{error}"
    );
    assert!(elsewhere.heads().is_empty(), "no header went there");
    assert!(
        far.heads()
            .iter()
            .any(|head| head.contains("x-key: canary"))
    );
    assert!(
        far.heads()
            .iter()
            .any(|head| head.starts_with("post /mcp/ "))
    );
}

#[tokio::test]
async fn a_server_that_does_not_say_which_era_it_is_of_is_greeted_in_the_old_way() {
    let far = RawRemote::start(Era::Old).await;
    far.behave(Manner::SilentAtDiscover);
    let (_host, client) = start(&far, "").await;
    well(&client).await;
    assert_eq!((far.count("server/discover"), far.sessions()), (1, 1));
}

#[tokio::test]
async fn a_server_may_be_greeted_in_the_old_way_at_once() {
    let far = RawRemote::start(Era::Old).await;
    let url = far.url();
    let old = format!("  far: {{url: \"{url}\", protocol: 2025-11-25}}\n");
    let host = Host::start(&config("mtime", &old, "")).await;
    well(&Client::connect(host.url()).await).await;
    assert_eq!((far.count("server/discover"), far.sessions()), (0, 1));
}

#[tokio::test]
async fn a_server_that_answers_nothing_at_its_start_fails_the_reload_in_time() {
    let far = RawRemote::start(Era::Old).await;
    let mut host = Host::start(&config("mtime", &demo("other", "whoami"), "")).await;
    let client = Client::connect(host.url()).await;
    for (manner, said) in [
        (
            Manner::Silent,
            "it did not answer `initialize` within 0.5 s (timeouts.init)",
        ),
        (Manner::Status(503), "it answered with HTTP 503"),
        (Manner::Status(401), "does it need `headers` with a token?"),
    ] {
        far.behave(manner);
        let url = far.url();
        let hasty = format!("  far: {{url: \"{url}\", timeouts: {{init: 0.5}}}} # {manner:?}\n");
        let both = hasty + &demo("other", "whoami");
        let event = host.settle(config("mtime", &both, "")).await;
        assert_eq!(event.kind, "error", "{event:?}");
        assert!(event.message.contains(said), "{event:?}");
        assert_eq!(client.tools().await, ["whoami"]);
    }
    soon("the end", host.stop()).await;
}
