//! How a backend is, from its first step to its last, as `status`, `backends`, the API and the
//! events tell it. (Two threads: while one waits for a command, the servers of the story answer.)

use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::harness::{
    Client, Era, Held, Host, Manner, RAW_BACKEND, RawRemote, config, demo, is_gone, until,
};

/// Asked often, with little patience.
const HASTY: &str = "health: {interval: 0.3, failures: 2}, timeouts: {cap_fetch: 2, init: 5}";

fn hasty(url: &str) -> String {
    format!("  far: {{url: \"{url}\", {HASTY}}}\n")
}

/// All of this name, those that should serve first.
fn all<'a>(status: &'a Value, name: &str) -> Vec<&'a Value> {
    let backends = status["backends"].as_array().unwrap();
    backends.iter().filter(|it| it["name"] == name).collect()
}

fn is(status: &Value, name: &str, state: &str, health: &str) -> bool {
    let all = all(status, name);
    all.iter()
        .any(|it| it["state"] == state && it["health"] == health)
}

/// It is told to be unwell for this reason, then down, and is started again.
async fn it_ails_and_dies(host: &mut Host, name: &str, why: &str) {
    let unwell = host.event("word that it is unwell", |it| {
        it.message.contains("is not well")
    });
    let unwell = unwell.await;
    assert_eq!(unwell.kind, "degraded");
    assert!(
        unwell.message.contains(name) && unwell.message.contains(why),
        "{unwell:?}"
    );
    let down = host.event("word that it is down", |it| {
        it.message.contains("is down: ")
    });
    let down = down.await.message;
    assert!(down.contains(name) && down.contains(why), "{down}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_backend_that_hangs_is_degraded_then_down_then_back() {
    let far = RawRemote::start(Era::Old).await;
    let mut host = Host::start(&config("mtime", &hasty(&far.url()), "")).await;
    let client = Client::connect(host.url()).await;
    let status = host.status();
    assert!(is(&status, "far", "serving", "ready"), "{status}");
    let since = all(&status, "far")[0]["since"].clone();

    far.behave(Manner::Silent);
    let status = host
        .status_like("a degraded backend", |it| {
            is(it, "far", "serving", "degraded")
        })
        .await;
    let degraded = all(&status, "far")[0];
    assert!(degraded["since"].as_str() > since.as_str(), "{degraded}");
    let why = "did not answer `ping` within 2 s (timeouts.cap_fetch)";
    assert!(degraded["reason"].as_str().unwrap().contains(why));
    assert!(status["troubles"][0].as_str().unwrap().contains(why));
    it_ails_and_dies(&mut host, "`far`", why).await;
    host.status_like("a backend that connects", |it| {
        is(it, "far", "ended", "connecting") || is(it, "far", "missing", "connecting")
    })
    .await;
    assert_eq!(host.home().answer(&["backends"]).1, Some(1));

    far.behave(Manner::Well);
    let back = host.event("its return", |it| it.message.contains("`far` serves again"));
    back.await;
    let status = host.status();
    assert!(is(&status, "far", "serving", "ready"), "{status}");
    assert_eq!(status["troubles"], json!([]));
    assert_eq!(client.call("sin", json!({})).await.unwrap(), "well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_backend_that_is_gone_is_degraded_then_down_then_back() {
    let mut far = RawRemote::start(Era::New).await;
    let mut host = Host::start(&config("mtime", &hasty(&far.url()), "")).await;
    far.close().await;
    it_ails_and_dies(
        &mut host,
        "`far`",
        "it did not answer: nothing listens there",
    )
    .await;
    far.open().await;
    let back = host.event("its return", |it| it.message.contains("`far` serves again"));
    back.await;
    // One that lets the gateway in no more is not well either.
    far.behave(Manner::Status(401));
    it_ails_and_dies(&mut host, "`far`", "does it need `headers` with a token?").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_backend_that_hangs_for_a_moment_is_not_given_up() {
    let far = RawRemote::start(Era::Old).await;
    let patient = hasty(&far.url()).replace("failures: 2", "failures: 100");
    let mut host = Host::start(&config("mtime", &patient, "")).await;
    far.behave(Manner::Silent);
    let unwell = host.event("word that it is unwell", |it| {
        it.message.contains("is not well")
    });
    unwell.await;
    far.behave(Manner::Well);
    let well = host.event("word that it is well", |it| {
        it.message.contains("answers again")
    });
    assert_eq!(well.await.kind, "state");
    assert_eq!(far.sessions(), 1, "it is the same connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_hangs_is_replaced_and_so_is_one_that_is_killed() {
    let raw = format!("  raw: {{command: \"{RAW_BACKEND}\", {HASTY}}}\n");
    let mut host = Host::start(&config("mtime", &raw, "")).await;
    let client = Client::connect(host.url()).await;
    let signal = |host: &Host, signal| {
        let process = host.children()[0].id;
        kill(Pid::from_raw(process.try_into().unwrap()), signal).unwrap();
        process
    };
    let hung = signal(&host, Signal::SIGSTOP);
    it_ails_and_dies(&mut host, "`raw`", "did not answer `ping` within 2 s").await;
    until("the process that hung to be gone", || is_gone(hung)).await;
    let back = host.event("its return", |it| it.message.contains("`raw` serves again"));
    back.await;
    signal(&host, Signal::SIGKILL);
    let down = host.event("word that it is down", |it| {
        it.message.contains("is down: ")
    });
    let down = down.await.message;
    assert!(down.contains("its process ended (signal: 9"), "{down}");
    let back = host.event("its return", |it| it.message.contains("`raw` serves again"));
    back.await;
    assert_eq!(client.call("mirror", json!({})).await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_connects_and_what_drains_is_seen_beside_what_serves() {
    let raw = |n| format!("  raw: {{command: \"{RAW_BACKEND}\", env: {{N: \"{n}\"}}}}\n");
    let host = Host::start(&config("mtime", &raw(1), "")).await;
    let client = Arc::new(Client::connect(host.url()).await);
    let old = host.children()[0].id;
    let held = Held::begin(&client).await;
    let far = RawRemote::start(Era::Old).await;
    far.behave(Manner::SilentAtDiscover);
    let next = raw(2) + &format!("  far: {{url: \"{}\"}}\n", far.url());
    host.save(config("mtime", &next, ""));
    let status = host
        .status_like("a backend that connects", |it| {
            is(it, "far", "apart", "connecting")
        })
        .await;
    assert!(is(&status, "raw", "serving", "ready"), "{status}");
    assert_eq!(
        status["troubles"].as_array().unwrap().len(),
        1,
        "the file: {status}"
    );

    host.status_like("the new one", |it| is(it, "far", "serving", "ready"))
        .await;
    let status = host.status();
    assert!(is(&status, "raw", "serving", "ready"), "{status}");
    let leaving = all(&status, "raw")[1];
    assert_eq!(
        (&leaving["state"], &leaving["health"], &leaving["process"]),
        (&json!("apart"), &json!("draining"), &json!(old)),
    );
    assert!(
        leaving["reason"]
            .as_str()
            .unwrap()
            .contains("ends its last calls")
    );
    assert_eq!(status["troubles"], json!([]));
    let told = host.home().command(&["backends"]).output().unwrap();
    assert_eq!(told.status.code(), Some(0), "those that should serve do");
    assert!(String::from_utf8_lossy(&told.stdout).contains("draining"));
    assert_eq!(held.release().await.unwrap(), "released");
    host.status_like("nothing that drains", |it| all(it, "raw").len() == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_circuit_breaker_has_a_field_of_its_own() {
    let far = RawRemote::start(Era::Old).await;
    let rest =
        "middleware:\n  - circuit-breaker: {failures: 1, open: 6}\n  - timeout: {seconds: 2}\n";
    let backends =
        hasty(&far.url()).replace("interval: 0.3", "interval: 0") + &demo("other", "echo");
    let host = Host::start(&config("mtime", &backends, rest)).await;
    let client = Client::connect(host.url()).await;
    assert_eq!(all(&host.status(), "far")[0]["breaker"], json!(null));
    client
        .call("sin", json!({"how": "silence"}))
        .await
        .unwrap_err();
    let status = host
        .status_like("an open breaker", |it| {
            all(it, "far")[0]["breaker"]["state"] == "open"
        })
        .await;
    let far_now = all(&status, "far")[0];
    assert!(far_now["breaker"]["tries_in"].as_f64().unwrap() <= 6.0);
    assert_eq!(
        (&far_now["state"], &far_now["health"]),
        (&json!("serving"), &json!("ready"))
    );
    assert_eq!(all(&status, "other")[0]["breaker"], json!(null));
    host.status_like("a breaker that lets one try", |it| {
        all(it, "far")[0]["breaker"]["state"] == "half-open"
    })
    .await;
    assert_eq!(client.call("sin", json!({})).await.unwrap(), "well");
    assert_eq!(all(&host.status(), "far")[0]["breaker"], json!(null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_does_not_bear_the_question_of_the_new_era_is_greeted_in_the_old_way() {
    let raw = |name: &str, how: &str| {
        format!("  {name}: {{command: \"{RAW_BACKEND}\", args: [--at-discover, {how}]}}\n")
    };
    for how in ["exit", "silence", "noise"] {
        let host = Host::start(&config("mtime", &raw("raw", how), "")).await;
        let client = Client::connect(host.url()).await;
        assert_eq!(client.call("mirror", json!({})).await.unwrap(), "", "{how}");
        assert_eq!(host.children().len(), 1, "{how}");
    }
}
