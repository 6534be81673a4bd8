//! What is asked of a client of the new era in the course of its request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::asker::{Asker, Identity, Round};
use super::super::detached::Detached;
use super::super::outbox::Outbox;
use super::super::running::{About, Held, Running, Step};
use super::super::stateless::UNREAD;
use crate::gateway::CallError;
use crate::gateway::client::{Client, Profile, Question};
use crate::mcp::{Members, raw_of};

fn about(name: &str) -> About {
    About {
        caller: Some("alice".to_owned()),
        method: "tools/call".to_owned(),
        name: Some(name.to_owned()),
    }
}

/// A call that asks its client one thing after the other, and answers with what it is told.
fn call(tasks: &TaskTracker, questions: u32) -> Running {
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}"#;
    let identity = Arc::new(Identity::new());
    let client = Arc::new(Asker {
        id: identity.id,
        gone: identity.gone.clone(),
        profile: Profile::of_meta(&Members::parse(meta).unwrap()).unwrap(),
        outbox: Mutex::new(Arc::new(Outbox::new(UNREAD))),
        round: Round::default(),
        cancelled: CancellationToken::new(),
        taken_back: Arc::default(),
    });
    let (asker, until) = (Arc::clone(&client), client.cancelled.clone());
    let work = async move {
        let asking = async {
            let mut answers = Vec::new();
            for n in 0..questions {
                let params = raw_of(&serde_json::json!({ "n": n })).unwrap();
                let question = Question::plain("elicitation/create".to_owned(), Some(params));
                let asked = asker.ask(Some(&1.into()), question);
                answers.push(asked.await.unwrap());
            }
            Ok(raw_of(&answers).unwrap())
        };
        tokio::select! {
            reply = asking => reply,
            () = until.cancelled() => Err(CallError::cancelled()),
        }
    };
    Running {
        about: about("form"),
        reply: Detached::of(work, tasks),
        client,
        _identity: identity,
    }
}

/// The answer `input_required`, as its client sends it back, with these responses.
fn back(result: &str, responses: &str) -> Members {
    let result = Members::parse(result).unwrap();
    assert_eq!(result.text("resultType").as_deref(), Some("input_required"));
    let state = result.get("requestState").unwrap();
    Members::parse(&format!(
        r#"{{"requestState":{state},"inputResponses":{responses}}}"#
    ))
    .unwrap()
}

async fn step(held: &Arc<Held>, mut running: Running, tasks: &TaskTracker) -> String {
    match running.next().await {
        Step::Reply(reply) => reply.unwrap().get().to_owned(),
        Step::Asked(requests) => {
            let reply = held.hold(running, requests, tasks);
            reply.unwrap().get().to_owned()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_its_client_comes_back_with_the_answers() {
    let (held, tasks) = (Arc::new(Held::default()), TaskTracker::new());
    let first = step(&held, call(&tasks, 2), &tasks).await;
    let request = r#""inputRequests":{"1":{"method":"elicitation/create","params":{"n":0}}}"#;
    assert!(first.contains(request), "{first}");
    // Who is another, or asks for another thing, does not get it.
    let params = back(&first, r#"{"1":{"action":"accept"}}"#);
    assert!(held.resume(&params, &about("other")).await.is_err());
    let running = held.resume(&params, &about("form")).await.unwrap().unwrap();
    let second = step(&held, running, &tasks).await;
    assert!(
        second.contains(r#"{"n":1}"#) && !second.contains(r#"{"n":0}"#),
        "{second}"
    );
    // Once is enough.
    assert!(held.resume(&params, &about("form")).await.is_err());
    // What was not answered is asked again.
    let params = back(&second, r#"{"77":{},"nonsense":1}"#);
    let running = held.resume(&params, &about("form")).await.unwrap().unwrap();
    let third = step(&held, running, &tasks).await;
    assert!(third.contains(r#"{"n":1}"#), "{third}");
    let params = back(&third, r#"{"2":{"action":"decline"}}"#);
    let running = held.resume(&params, &about("form")).await.unwrap().unwrap();
    let last = step(&held, running, &tasks).await;
    assert_eq!(last, r#"[{"action":"accept"},{"action":"decline"}]"#);
    assert_eq!(held.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_come_back_has_taken_its_call_back() {
    let (held, tasks) = (Arc::new(Held::default()), TaskTracker::new());
    let running = call(&tasks, 1);
    let cancelled = running.client.cancelled.clone();
    let asked = step(&held, running, &tasks).await;
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert!(!cancelled.is_cancelled());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(cancelled.is_cancelled());
    assert_eq!(held.count(), 0);
    let params = back(&asked, "{}");
    let gone = held.resume(&params, &about("form")).await.err().unwrap();
    assert!(gone.message.contains("waits 10 minutes"), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_host_waits_for_no_client_to_come_back() {
    let (held, tasks) = (Arc::new(Held::default()), TaskTracker::new());
    let running = call(&tasks, 1);
    let cancelled = running.client.cancelled.clone();
    step(&held, running, &tasks).await;
    held.end();
    tasks.close();
    let ended = tokio::time::timeout(Duration::from_secs(1), tasks.wait());
    assert!(ended.await.is_ok() && cancelled.is_cancelled());
    assert_eq!(held.count(), 0);
    // And none is held any more.
    let mut late = call(&tasks, 1);
    let Step::Asked(requests) = late.next().await else {
        panic!("it asks nothing")
    };
    assert!(held.hold(late, requests, &tasks).is_err());
}

#[tokio::test(start_paused = true)]
async fn the_state_of_a_backend_is_none_of_ours() {
    let held = Arc::new(Held::default());
    // Nor that of a backend which is such a host itself.
    let (theirs, tasks) = (Arc::new(Held::default()), TaskTracker::new());
    let asked = step(&theirs, call(&tasks, 1), &tasks).await;
    let params = back(&asked, "{}");
    let resumed = held.resume(&params, &about("form")).await;
    assert!(resumed.unwrap().is_none());
    assert!(
        theirs
            .resume(&params, &about("form"))
            .await
            .unwrap()
            .is_some()
    );
    for params in [
        "{}",
        r#"{"requestState":"theirs"}"#,
        r#"{"requestState":7}"#,
    ] {
        let params = Members::parse(params).unwrap();
        assert!(
            held.resume(&params, &about("form"))
                .await
                .unwrap()
                .is_none()
        );
    }
}
