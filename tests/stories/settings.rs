//! Settings that somebody stores: in force at once, after a restart, and until the file is edited.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::harness::{Client, Home, Host, List, ask, config, demo, soon};

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
            "mtime",
            "hash",
            "inotify",
            "backends",
            "middleware",
            "tools",
            "arguments"
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

#[tokio::test]
async fn the_command_line_stores_shows_and_takes_back_with_a_host_and_without_one() {
    let file = text("debounce: 0.05");
    let home = Home::of(TempDir::new().unwrap());
    home.save(&file);
    let one = |answer: &Value| {
        let setting = answer["settings"][0].clone();
        (
            setting["value"].clone(),
            setting["origin"].as_str().unwrap().to_owned(),
        )
    };
    // No host: the next one will know.
    let (set, code) = home.answer(&["settings", "set", "sync.detection", "hash"]);
    assert_eq!(
        (one(&set), code),
        ((json!("hash"), "stored".to_owned()), Some(0))
    );
    let refused = home
        .command(&["settings", "set", "detection", "telepathy"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("known are hash, inotify, mtime"), "{said}");
    let refused = home
        .command(&["settings", "set", "debounce", "-1"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));

    let host = Host::start_at(home).await;
    assert_eq!(detector(&host).await, "hash");
    let (got, code) = host.home().answer(&["settings", "get", "detection"]);
    assert_eq!(
        (one(&got), code),
        ((json!("hash"), "stored".to_owned()), Some(0))
    );
    let table = host.home().ask(&["settings"]).unwrap();
    assert!(table.contains("over file: mtime"), "{table}");
    host.home()
        .ask(&["settings", "set", "debounce", "0.5"])
        .unwrap();
    assert_eq!(
        host.home().api().setting("debounce").await,
        (json!(0.5), "stored".to_owned())
    );
    let refused = host
        .home()
        .command(&["settings", "set", "debounce", "-1"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    host.home()
        .ask(&["settings", "reset", "detection"])
        .unwrap();
    host.status_like("mtime to look", |it| it["detection"]["detector"] == "mtime")
        .await;
    let home = host.kill().await;
    let (all, _) = home.answer(&["settings", "reset"]);
    let stored = all["settings"].as_array().unwrap().iter();
    assert!(
        stored
            .into_iter()
            .all(|setting| setting["origin"] != "stored"),
        "{all}"
    );
}

#[tokio::test]
async fn a_value_is_written_into_the_file_and_nothing_else_is_touched() {
    let file = text("debounce: 0.05") + "# the end";
    let mut host = Host::start(&file).await;
    let process = host.status()["backends"][0]["process"].clone();
    let client = Client::connect(host.url()).await;
    let api = host.home().api();
    api.patch("/settings", &json!({"debounce": 3})).await;
    let answer = api
        .patch("/settings?to=file", &json!({"debounce": 0.07}))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let next = file.replace("debounce: 0.05", "debounce: 0.07");
    assert_eq!(fs::read_to_string(host.config()).unwrap(), next);
    assert_eq!(
        api.setting("debounce").await,
        (json!(0.07), "file".to_owned())
    );
    assert_eq!(host.outcome(&next).await.kind, "changed");
    assert_eq!(
        host.status()["backends"][0]["process"],
        process,
        "no backend was touched"
    );

    // What stands there already is no edit, but what is stored over it goes.
    api.patch("/settings", &json!({"debounce": 3})).await;
    api.patch("/settings?to=file", &json!({"debounce": 0.07}))
        .await;
    assert_eq!(
        api.setting("debounce").await,
        (json!(0.07), "file".to_owned())
    );

    let said = host
        .home()
        .ask(&["settings", "set", "--in-file", "detection", "hash"])
        .unwrap();
    assert!(said.contains("file"), "{said}");
    let last = next.replace("mtime", "hash");
    assert_eq!(fs::read_to_string(host.config()).unwrap(), last);
    host.apply(&last.replace("echo", "echo,add")).await;
    let told = client.told(1).await;
    assert_eq!(told, [List::Tools], "clients are told of this alone");
    host.apply(&last).await;
    let home = host.kill().await;
    home.ask(&["settings", "set", "--in-file", "detection", "mtime"])
        .unwrap();
    assert_eq!(fs::read_to_string(home.config()).unwrap(), next);
    home.save(next.replace("sync: {", "sync: &s {") + "\nx-other: *s\n");
    let refused = home
        .ask(&["settings", "set", "--in-file", "detection", "hash"])
        .unwrap_err();
    assert!(refused.contains("other values would change"), "{refused}");
    assert!(refused.contains("- sync: &s {"), "{refused}");
}

#[tokio::test]
async fn the_environment_wins_over_the_store_and_a_flag_over_both() {
    let home = Home::of(TempDir::new().unwrap());
    home.save(text("debounce: 0.05"));
    let run = |variable: &str, flags: &[&str]| {
        let mut command = home.command(&["run"]);
        command.env("CONFIG_SYNC_DETECTION", variable).args(flags);
        command.output().unwrap()
    };
    for (output, said) in [
        (run("telepathy", &[]), "telepathy"),
        (
            run("hash", &["--debounce", "-1"]),
            "--debounce: sync.debounce",
        ),
        (run("${X}", &[]), "CONFIG_SYNC_DETECTION: sync.detection"),
    ] {
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(said), "{error}");
    }
    let mut command = home.command(&["run", "--debounce", "0.06"]);
    command
        .env("CONFIG_SYNC_DETECTION", "hash")
        .env("CONFIG_SYNC_DEBOUNCE", "0.08");
    let mut host = tokio::process::Command::from(command)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    soon("it to start", lines.next_line()).await.unwrap();
    let api = home.api();
    assert_eq!(
        api.setting("detection").await,
        (json!("hash"), "environment".to_owned())
    );
    assert_eq!(
        api.setting("debounce").await,
        (json!(0.06), "flag".to_owned())
    );
    api.patch("/settings", &json!({"debounce": 9})).await;
    assert_eq!(
        api.setting("debounce").await,
        (json!(0.06), "flag".to_owned())
    );
    host.kill().await.unwrap();
}

#[tokio::test]
async fn a_damaged_store_is_set_aside_and_the_host_starts() {
    let home = Home::of(TempDir::new().unwrap());
    home.save(text("debounce: 0.05"));
    home.ask(&["settings", "set", "debounce", "0.06"]).unwrap();
    let store = fs::read_dir(home.settings())
        .unwrap()
        .map(|it| it.unwrap().path());
    let store = store
        .into_iter()
        .find(|it| it.extension().unwrap() == "yaml")
        .unwrap();
    fs::write(
        &store,
        "version: 1\nfile: x\nsettings: {debounce: {value: [",
    )
    .unwrap();
    let host = Host::start_at(home).await;
    assert_eq!(
        host.home().api().setting("debounce").await,
        (json!(0.05), "file".to_owned())
    );
    let events = host.home().api().get("/events?type=degraded").await.body;
    assert!(events.to_string().contains("is set aside as"), "{events}");
    assert!(host.stop().await.success());
}
