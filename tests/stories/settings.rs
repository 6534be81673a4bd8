//! Settings that somebody stores: in force at once, after a restart, and until the file is edited.

use serde_json::{Value, json};

use super::harness::{Client, Host, ask, config, demo};

fn text(sync: &str) -> String {
    config("mtime", &demo("one", "echo"), "").replace("debounce: 0.05", sync)
}

async fn detector(host: &Host) -> Value {
    let by = host.status_like("it to watch", |it| it["detection"] != Value::Null);
    by.await["detection"]["detector"].clone()
}

#[tokio::test]
async fn a_stored_setting_is_in_force_at_once_and_after_a_restart_until_the_file_is_edited() {
    let file = text("debounce: 0.05");
    let host = Host::start(&file).await;
    assert_eq!(detector(&host).await, "mtime");
    let api = host.home().api();
    let answer = api.patch("/settings", &json!({"detection": "hash"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let looks = |it: &Value| it["detection"]["detector"] == "hash";
    host.status_like("hash to look", looks).await;
    assert_eq!(
        api.setting("detection").await,
        (json!("hash"), "stored".to_owned())
    );

    let home = host.kill().await;
    let mut host = Host::start_at(home).await;
    assert_eq!(detector(&host).await, "hash");
    let api = host.home().api();
    assert_eq!(
        api.setting("detection").await,
        (json!("hash"), "stored".to_owned())
    );

    // Another key is none of its business.
    host.apply(&text("debounce: 0.06")).await;
    assert_eq!(api.setting("detection").await.1, "stored");
    let edited = text("debounce: 0.06").replace("mtime", "inotify");
    host.save(&edited);
    let told = host.event("the edit to win", |it| {
        it.message.contains("sync.detection was edited")
    });
    told.await;
    assert_eq!(host.outcome(&edited).await.kind, "changed");
    let looks = |it: &Value| it["detection"]["detector"] == "inotify";
    host.status_like("inotify to look", looks).await;
    assert_eq!(
        api.setting("detection").await,
        (json!("inotify"), "file".to_owned())
    );
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn watching_is_turned_off_and_on_while_the_host_runs() {
    let file = text("debounce: 0.05");
    let mut host = Host::start(&file).await;
    host.status_like("it to watch", |it| it["live"] == true)
        .await;
    let api = host.home().api();
    api.patch("/settings", &json!({"enabled": false})).await;
    assert_eq!(host.status()["watching"], "off");
    let next = file.replace("echo", "add");
    host.save(&next);
    api.patch("/settings", &json!({"enabled": null})).await;
    assert_eq!(host.outcome(&next).await.kind, "changed");
}

#[tokio::test]
async fn a_wrong_setting_changes_nothing_and_says_what_may_be() {
    let host = Host::start(&text("debounce: 0.05")).await;
    let api = host.home().api();
    for (wrong, status, said) in [
        (json!({"debounce": -1}), 422, "0 to 3600 seconds"),
        (json!({"debounse": 1}), 422, "did you mean `debounce`?"),
        (json!({"detection": "telepathy"}), 422, "known are"),
        (
            json!({"detection": "hash", "poll_interval": "soon"}),
            422,
            "found text",
        ),
        (json!([]), 400, "not an object"),
    ] {
        let answer = api.patch("/settings", &wrong).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.kind, "application/problem+json");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{detail}");
    }
    assert_eq!(
        api.setting("detection").await,
        (json!("mtime"), "file".to_owned())
    );
    assert!(!host.home().settings().exists(), "nothing was stored");
}

#[tokio::test]
async fn the_configuration_is_shown_with_who_says_so_and_without_secrets() {
    let secret = "hunter2-hunter2";
    let backend = demo("one", "echo").replace('}', &format!(", env: {{TOKEN: {secret}}}}}"));
    let host = Host::start(&config("hash", &backend, "")).await;
    let api = host.home().api();
    api.patch("/settings", &json!({"debounce": 0.5})).await;
    let shown = api.get("/config").await.body;
    assert_eq!(shown["generation"], 1);
    let value = |path: &str| {
        let values = shown["values"].as_array().unwrap();
        let value = values.iter().find(|it| it["path"] == path);
        let value = value.unwrap_or_else(|| panic!("{path} in {shown}"));
        (
            value["value"].clone(),
            value["origin"].as_str().unwrap().to_owned(),
        )
    };
    let of = |value: Value, origin: &str| (value, origin.to_owned());
    assert_eq!(value("sync.debounce"), of(json!(0.5), "stored"));
    assert_eq!(value("sync.detection"), of(json!("hash"), "file"));
    assert_eq!(value("sync.probation"), of(json!(0.0), "default"));
    assert_eq!(value("server.limits.sessions"), of(json!(1000), "default"));
    assert_eq!(value("server.port"), of(json!(0), "file"));
    assert_eq!(
        value("backends.one.env.TOKEN"),
        of(json!("[redacted]"), "file")
    );
    assert!(!shown.to_string().contains(secret));
}

#[tokio::test]
async fn tools_and_backends_tell_what_there_is_to_know_of_them() {
    let host = Host::start(&config("hash", &demo("one", "add"), "")).await;
    let api = host.home().api();
    let client = Client::connect(host.url()).await;
    for _ in 0..3 {
        client.call("add", json!({"a": 1, "b": 2})).await.unwrap();
    }
    let tools = api.get("/tools").await.body;
    assert_eq!(
        tools[0]["input_schema"]["properties"]["a"]["type"],
        "number"
    );
    let load = api.get("/backends").await.body[0]["load"].clone();
    assert_eq!(
        (&load["calls"], &load["unanswered"], &load["restarts"]),
        (&json!(3), &json!(0), &json!(0))
    );
    assert!(load["per_second"].as_f64().unwrap() > 0.0, "{load}");
    assert!(load["latency"]["p95"].as_f64().unwrap() > 0.0, "{load}");
    let plugins = api.get("/plugins").await.body;
    let names: Vec<_> = plugins
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(
        names,
        [
            "hash",
            "inotify",
            "mtime",
            "backends",
            "middleware",
            "tools"
        ]
    );
    for plugin in plugins.as_array().unwrap() {
        assert_ne!(plugin["summary"], "", "{plugin}");
        assert_eq!(plugin["built_in"], true);
    }
}

#[tokio::test]
async fn a_plan_and_the_way_back_can_be_asked_of_the_running_host() {
    let one = text("debounce: 0.05");
    let mut host = Host::start(&one).await;
    let two = one.replace("echo", "add");
    let api = host.home().api();
    let plan = ask(api.request("POST", "/plan").body(two.clone()))
        .await
        .body;
    assert_eq!(
        (&plan["outcome"], &plan["replace"]),
        (&json!("applied"), &json!(["one"]))
    );
    assert_eq!(host.status()["serves"]["generation"], 1, "nothing was done");
    let same = api.post("/plan", &json!({})).await;
    assert_eq!(same.status, 200, "{same:?}");
    let plan = ask(api.request("POST", "/plan?connect=true").body(two.clone()))
        .await
        .body;
    assert_eq!(plan["replaced_offer"][0]["name"], "add");
    let broken = ask(api.request("POST", "/plan").body("sync: {debounse: 1}"))
        .await
        .body;
    assert_eq!(broken["outcome"], "rejected");

    host.apply(&two).await;
    let restored = api.post("/restore", &json!({"to": 1})).await;
    assert_eq!(
        (restored.status, &restored.body["generation"]),
        (200, &json!(1))
    );
    assert_eq!(host.outcome(&one).await.kind, "changed");
    assert_eq!(api.post("/restore", &json!({"to": 1})).await.status, 409);
    assert_eq!(api.post("/restore", &json!({"to": 99})).await.status, 404);
}
