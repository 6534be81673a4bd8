//! The API over a real socket, in front of a host that is none.

mod fake;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub(crate) use self::fake::Stage;
pub(super) use self::fake::status;
use super::{Attempt, ClientError, Plan, Told};
use crate::events::{EventKind, KEPT};

/// What the server writes back to these bytes until it closes, or what it has when it would wait.
async fn raw(stage: &Stage, request: &str) -> String {
    let mut stream = UnixStream::connect(&stage.socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn request(method: &str, path: &str, rest: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{rest}\r\n")
}

fn problem(answer: &str) -> Value {
    assert!(
        answer.contains("content-type: application/problem+json"),
        "{answer}"
    );
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn every_question_is_answered_and_every_order_reaches_the_host() {
    let stage = Stage::open();
    let client = stage.client().await;
    let health: Value = client.get("/health").await.unwrap();
    assert_eq!(health, json!({"state": "running"}));
    let answered: super::Status = client.get("/status").await.unwrap();
    assert_eq!(answered, status());
    let backends: Vec<super::Backend> = client.get("/backends").await.unwrap();
    assert_eq!(backends, status().backends);
    let clients: Value = client.get("/clients").await.unwrap();
    assert_eq!(clients[0]["name"], "desk/1");
    let tools: Value = client.get("/tools").await.unwrap();
    assert_eq!(tools[0]["name"], "echo");
    let history: Vec<Attempt> = client.get("/history?count=2").await.unwrap();
    assert_eq!((history.len(), history[1].id), (2, 2));
    let reloaded: super::Reloaded = client.post("/reload").await.unwrap();
    assert!(matches!(reloaded, super::Reloaded::UnderWay));
    let paused: Value = client.post("/pause").await.unwrap();
    assert_eq!(paused, json!({"paused": true, "changed": true}));
    let refused = client.post::<Value>("/resume").await.unwrap_err();
    let ClientError::Refused(problem) = refused else {
        panic!("{refused}");
    };
    assert_eq!((problem.status, problem.detail.as_str()), (409, "not now"));
    let starting: Value = client.post("/backends/a%20b/reconnect").await.unwrap();
    assert_eq!(starting, json!({"backend": "a b", "state": "starting"}));
    let refused = client.post::<Value>("/backends/c/reconnect").await;
    assert_eq!(refused.unwrap_err().to_string(), "no `c`");
    let ends: Value = client.post("/shutdown").await.unwrap();
    assert_eq!(ends, json!({"state": "stopping"}));
    assert_eq!(
        *stage.host.asked.lock().unwrap(),
        [
            "reload",
            "pause",
            "resume",
            "reconnect",
            "reconnect",
            "shutdown"
        ]
    );
}

#[tokio::test]
async fn settings_plans_and_the_way_back_take_a_body_and_nothing_unknown() {
    let stage = Stage::open();
    let client = stage.client().await;
    let settings: super::Settings = client.get("/settings").await.unwrap();
    assert_eq!(settings.settings[0].origin, super::Origin::File);
    let plugins: Vec<super::Plugin> = client.get("/plugins").await.unwrap();
    assert_eq!(plugins[0].name, "hash");
    let change = json!({"debounce": 3});
    let changed: super::Settings = client.patch("/settings", &change).await.unwrap();
    assert_eq!(changed, settings);
    let _: super::Settings = client.patch("/settings?to=file", &change).await.unwrap();
    let plan: Plan = client.plan(vec![b' '; 100_000]).await.unwrap();
    assert_eq!(
        (plan.warnings, plan.connected),
        (vec!["100000".to_owned()], false)
    );
    let plan: Plan = client.post("/plan?connect=true").await.unwrap();
    assert_eq!((plan.warnings, plan.connected), (Vec::new(), true));
    let to = json!({"to": 7});
    let restored: super::Restored = client.post_with("/restore", &to).await.unwrap();
    assert_eq!(restored.generation, 7);
    assert_eq!(*stage.host.asked.lock().unwrap(), ["store", "write"]);
    for (path, body, status) in [
        ("/settings", json!({"debounse": 3}), 422),
        ("/settings?to=disk", json!({}), 400),
        ("/settings?into=file", json!({}), 400),
        ("/settings", json!({"debounce": "x".repeat(5000)}), 413),
    ] {
        let refused = client.patch::<Value>(path, &body).await.unwrap_err();
        let ClientError::Refused(problem) = refused else {
            panic!("{refused}");
        };
        assert_eq!(problem.status, status, "{problem:?}");
    }
    let from = json!({"from": 7});
    let wrong = client.post_with::<Value>("/restore", &from);
    assert!(wrong.await.unwrap_err().to_string().contains("`from`"));
    let config = client.get::<Value>("/config").await.unwrap_err();
    assert_eq!(config.to_string(), "nothing serves yet");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_as_a_problem() {
    let stage = Stage::open();
    for (method, path, rest, status, said) in [
        ("GET", "/manage/v1/statsu", "", 404, "/manage/v1/statsu"),
        ("GET", "/", "", 404, "/manage/v1/"),
        ("GET", "/manage/v2/status", "", 404, "/manage/v2/status"),
        ("DELETE", "/manage/v1/status", "", 405, "DELETE"),
        ("GET", "/manage/v1/reload", "", 405, "Allow"),
        ("GET", "/manage/v1/events?typ=error", "", 400, "`typ`"),
        ("GET", "/manage/v1/events?type=eror", "", 400, "`eror`"),
        ("GET", "/manage/v1/history?count=all", "", 400, "`all`"),
        ("POST", "/manage/v1/pause?for=ever", "", 400, "`for`"),
        (
            "POST",
            "/manage/v1/reload",
            "Content-Length: 9999999\r\n",
            413,
            "4096",
        ),
    ] {
        let answer = raw(&stage, &request(method, path, rest)).await;
        let problem = problem(&answer);
        assert_eq!(problem["status"], status, "{answer}");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert_eq!(problem["type"], "about:blank");
        assert!(
            problem["detail"].as_str().unwrap().contains(said),
            "{answer}"
        );
    }
    let wrong = raw(&stage, &request("GET", "/manage/v1/reload", "")).await;
    assert!(wrong.to_lowercase().contains("allow: post"), "{wrong}");
    let body = request("POST", "/manage/v1/reload", "Content-Length: 7\r\n") + "{\"a\":1}";
    assert_eq!(problem(&raw(&stage, &body).await)["status"], 400);
    // A body that does not say how long it is.
    let chunk = format!("{:x}\r\n{}\r\n", 5000, "x".repeat(5000));
    let body = request(
        "POST",
        "/manage/v1/reload",
        "Transfer-Encoding: chunked\r\n",
    ) + &chunk;
    assert_eq!(problem(&raw(&stage, &body).await)["status"], 413);
    assert!(stage.host.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn events_are_kept_filtered_and_resumed() {
    let stage = Stage::open();
    let client = stage.client().await;
    let bus = &stage.host.bus;
    for n in 0..KEPT + 7 {
        bus.publish(EventKind::State, n.to_string());
    }
    bus.publish(EventKind::Error, "broken");
    let all: Value = client.get("/events").await.unwrap();
    assert_eq!(all["events"].as_array().unwrap().len(), KEPT);
    assert_eq!(all["missed"], 8);
    let some: Value = client.get("/events?type=error,changed").await.unwrap();
    assert_eq!(some["events"].as_array().unwrap().len(), 1);
    assert_eq!(some["last_id"], all["last_id"]);

    bus.publish(EventKind::NoChange, "same");
    bus.publish(EventKind::Error, "again");
    let id = all["last_id"].as_str();
    let mut following = client.follow("?type=error", id).await.unwrap();
    let Some(Told::Event(event)) = following.next().await else {
        panic!("no event");
    };
    assert_eq!(
        (event.kind, event.details.as_str()),
        (EventKind::Error, "again")
    );
    bus.publish(EventKind::Error, "live");
    let Some(Told::Event(event)) = following.next().await else {
        panic!("no event");
    };
    assert_eq!(event.details, "live");

    let mut anew = client.follow("", Some("another-12")).await.unwrap();
    assert!(matches!(anew.next().await, Some(Told::Restarted)));
    assert!(matches!(anew.next().await, Some(Told::Missed(11))));
    stage.stop().await;
    assert!(following.next().await.is_none());
}

#[tokio::test]
async fn a_slow_reader_holds_up_nobody_and_is_told_how_many_it_missed() {
    const BURST: u64 = 20_000;
    let stage = Stage::open();
    let client = stage.client().await;
    let mut slow = client.follow("", None).await.unwrap();
    let details = "x".repeat(500);
    for n in 0..BURST {
        stage.host.bus.publish(EventKind::State, &details);
        // The stream gets its turn, as it would on a host.
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut quick = client.follow("", None).await.unwrap();
    stage.host.bus.publish(EventKind::Changed, "the last one");
    let Some(Told::Event(event)) = quick.next().await else {
        panic!("no event");
    };
    assert_eq!(event.details, "the last one");

    let (mut got, mut missed) = (0, 0);
    loop {
        match slow.next().await.unwrap() {
            Told::Missed(count) => missed += count,
            Told::Event(event) => {
                got += 1;
                if event.kind == EventKind::Changed {
                    break;
                }
            }
            Told::Restarted => panic!("it was not"),
        }
    }
    assert!(missed > 0);
    assert_eq!(got + missed, BURST + 1);
}

#[tokio::test]
async fn without_a_host_the_client_says_which_file_and_what_to_do() {
    let stage = Stage::open();
    let place = stage.place.clone();
    let host = Arc::clone(&stage.host);
    stage.stop().await;
    let error = super::Client::find(&place).await.unwrap_err();
    assert!(matches!(error, ClientError::NoHost(_)));
    let said = error.to_string();
    assert!(
        said.contains("no host runs on /etc/gateway/config.yaml"),
        "{said}"
    );
    assert!(said.contains("config-sync run --config"), "{said}");
    drop(host);
}

/// The document, as the server gives it.
async fn document(client: &super::Client) -> Value {
    client.get("/openapi.json").await.unwrap()
}

#[tokio::test]
async fn every_call_of_the_document_is_answered_and_no_other_is() {
    let stage = Stage::open();
    let document = document(&stage.client().await).await;
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 15, "{paths:?}");
    let methods = ["GET", "POST", "PATCH", "PUT", "DELETE"];
    for (path, calls) in paths {
        let place = format!("/manage/v1{}", path.replace("{name}", "a%20b"));
        for method in methods {
            // The stream has no end.
            if path == "/events/stream" && method == "GET" {
                continue;
            }
            let answer = raw(&stage, &request(method, &place, "")).await;
            let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
            let known = calls.get(method.to_lowercase());
            match known {
                None => assert_eq!(status, 405, "{method} {path}: {answer}"),
                Some(_) => assert!(![404, 405].contains(&status), "{method} {path}: {answer}"),
            }
        }
    }
}

#[tokio::test]
async fn answers_are_as_the_document_says() {
    let stage = Stage::open();
    let client = stage.client().await;
    let document = document(&client).await;
    let form = |form: &Value| -> Value {
        match form["$ref"].as_str() {
            Some(name) => {
                let name = name.strip_prefix("#/components/schemas/").unwrap();
                document["components"]["schemas"][name].clone()
            }
            None => form.clone(),
        }
    };
    let mut looked_at = 0;
    for (path, calls) in document["paths"].as_object().unwrap() {
        let answers = &calls["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        // Nothing serves here, so that there is no configuration.
        if answers.is_null() || path == "/config" {
            continue;
        }
        let answer: Value = client.get(path).await.unwrap();
        let (answer, form) = match answer {
            Value::Array(items) => (items[0].clone(), form(&form(answers)["items"])),
            answer => (answer, form(answers)),
        };
        let Some(known) = form["properties"].as_object() else {
            continue;
        };
        looked_at += 1;
        for (field, _) in answer.as_object().unwrap() {
            assert!(known.contains_key(field), "{path} answers with {field}");
        }
        for field in form["required"].as_array().into_iter().flatten() {
            assert!(
                answer.get(field.as_str().unwrap()).is_some(),
                "{path} lacks {field}"
            );
        }
    }
    assert_eq!(
        looked_at, 9,
        "health, status, backends, clients, tools, events, history, plugins, settings"
    );
}
