//! The management API and the command line that asks it: the status is true whatever has happened,
//! orders are obeyed, and a reader that is slow or wrong holds up nobody.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::harness::{Client, Host, config, demo, digest, soon, until};

fn text(tools: &str) -> String {
    config("hash", &demo("one", tools), "")
}

fn with(text: &str, sync: &str) -> String {
    text.replace("sync: {", &format!("sync: {{{sync}, "))
}

fn troubles(status: &Value) -> String {
    status["troubles"].to_string()
}

#[tokio::test]
async fn the_status_tells_what_serves_what_is_on_disk_and_why_they_differ() {
    let one = text("echo,add");
    let mut host = Host::start(&one).await;
    let live = host.status_like("it to watch", |it| it["live"] == true);
    let live = live.await;
    assert_eq!(live["serves"]["generation"], 1);
    assert_eq!(live["serves"]["digest"], digest(&one));
    assert_eq!(live["serves"]["tools"], 2);
    assert_eq!(live["on_disk"]["digest"], digest(&one));
    assert_eq!(live["on_disk"]["same"], true);
    assert_eq!(live["last_reload"]["outcome"], "applied");
    assert_eq!(live["last_reload"]["trigger"], "start");
    assert_eq!(live["detection"]["detector"], "hash");
    assert_eq!(live["backends"][0]["state"], "serving");
    assert_eq!(live["troubles"], json!([]));
    let page = host.home().ask(&["status"]).unwrap();
    assert!(page.contains("live, all is well"), "{page}");
    assert!(page.contains(&digest(&one)[..8]), "{page}");

    let broken = one.replace("debounce", "debounse");
    assert_eq!(host.settle(&broken).await.kind, "error");
    let (status, code) = host.home().answer(&["status"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        (&status["live"], &status["on_disk"]["same"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(status["serves"]["digest"], digest(&one));
    assert_eq!(status["on_disk"]["digest"], digest(&broken));
    assert_eq!(status["last_reload"]["outcome"], "rejected");
    assert_eq!(status["last_reload"]["digest"], digest(&broken));
    assert!(
        troubles(&status).contains("did you mean `debounce`?"),
        "{status}"
    );
    let reloaded = host.home().answer(&["reload"]);
    assert_eq!(
        (&reloaded.0["outcome"], reloaded.1),
        (&json!("rejected"), Some(1))
    );

    fs::remove_file(host.config()).unwrap();
    let gone = host.status();
    assert_eq!(gone["on_disk"]["digest"], Value::Null);
    assert!(troubles(&gone).contains("it does not exist"), "{gone}");

    host.save(&one);
    let mended = host.status_like("all to be well", |it| it["troubles"] == json!([]));
    assert_eq!(mended.await["serves"]["generation"], 1);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn the_status_tells_of_a_backend_that_is_not_there_and_of_the_next_try() {
    let dead = "  dead: {command: /no/such/program}\n";
    let both = config("hash", &format!("{}{dead}", demo("one", "echo")), "");
    let host = Host::start(&both).await;
    let (backends, code) = host.home().answer(&["backends"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        (&backends[0]["name"], &backends[0]["tools"]),
        (&json!("one"), &json!(1))
    );
    assert_eq!(
        (&backends[1]["name"], &backends[1]["state"]),
        (&json!("dead"), &json!("missing"))
    );
    let told = troubles(&host.status());
    assert!(told.contains("backend `dead`"), "{told}");
    let (tools, _) = host.home().answer(&["tools"]);
    assert_eq!(
        (&tools[0]["name"], &tools[0]["backend"]),
        (&json!("echo"), &json!("one"))
    );
    assert_eq!(tools.as_array().unwrap().len(), 1);
    let socket = host.home().socket().unwrap();
    for (name, status) in [("one", 409), ("dead", 202), ("none", 404)] {
        let head = format!("POST /manage/v1/backends/{name}/reconnect");
        let answer = raw(&socket, &head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    // One that dies while it serves.
    for child in host.children() {
        let process = nix::unistd::Pid::from_raw(child.id as i32);
        // What cannot be started is a child for a moment as well.
        let _ = nix::sys::signal::kill(process, Signal::SIGKILL);
    }
    let back = host.status_like("it to be back", |it| {
        let one = &it["backends"][0];
        one["state"] == "serving" && one["load"]["restarts"] == 1
    });
    assert_ne!(back.await["backends"][0]["process"], Value::Null);
}

#[tokio::test]
async fn what_on_failure_has_stopped_is_told_and_resumed() {
    let good = with(&text("echo"), "on_failure: stop");
    let mut host = Host::start(&good).await;
    let failing = format!("{good}  bad: {{command: /no/such/program}}\n");
    assert_eq!(host.settle(&failing).await.kind, "error");
    let told = host.event("the stop", |it| it.kind == "degraded").await;
    assert!(told.message.contains("`config-sync resume`"), "{told:?}");
    let status = host.status();
    assert_eq!(
        (&status["live"], &status["watching"]),
        (&json!(false), &json!("stopped"))
    );
    assert_eq!(status["last_reload"]["outcome"], "failed");
    assert!(troubles(&status).contains("on_failure: stop"), "{status}");

    let next = good.replace("echo", "add");
    host.save(&next);
    let said = host.home().ask(&["resume"]).unwrap();
    assert!(said.contains("followed again"), "{said}");
    assert_eq!(host.outcome(&next).await.kind, "changed");
    host.status_like("it to be live", |it| it["live"] == true)
        .await;
    host.apply(&good).await;
}

#[tokio::test]
async fn a_pause_follows_no_edit_and_ends_when_somebody_says_so() {
    let of = |tool: &str| text(&format!("sleep,{tool}"));
    let mut host = Host::start(&of("echo")).await;
    let client = Client::connect(host.url()).await;
    for (tool, resume) in [("add", true), ("whoami", false)] {
        host.home().ask(&["pause"]).unwrap();
        host.event("the pause", |it| it.message.contains("paused"))
            .await;
        host.save(of(tool));
        // Ten times as long as a watched file would wait, by the backend's clock.
        client.call("sleep", json!({"ms": 1000})).await.unwrap();
        let status = host.status();
        assert_eq!(
            (&status["live"], &status["watching"]),
            (&json!(false), &json!("paused"))
        );
        assert_eq!(status["on_disk"]["same"], false);
        assert!(!client.tools().await.contains(&tool.to_owned()));
        match resume {
            true => drop(host.home().ask(&["resume"]).unwrap()),
            false => host.signal(Signal::SIGHUP),
        }
        host.event("the end of it", |it| it.message.contains("after a pause"))
            .await;
        assert_eq!(host.outcome(of(tool)).await.kind, "changed");
        let on = host.status_like("it to be on", |it| it["watching"] == "on");
        assert_eq!(on.await["on_disk"]["same"], true);
    }
    host.apply(&of("echo")).await;
    // One reload of a paused host is no end of the pause.
    host.home().ask(&["pause"]).unwrap();
    host.save(of("add"));
    assert_eq!(host.home().answer(&["reload"]).0["outcome"], "applied");
    assert_eq!(host.status()["watching"], "paused");
}

#[tokio::test]
async fn events_that_cannot_be_trusted_are_told_and_come_back() {
    let outer = TempDir::new().unwrap();
    let (folder, away) = (outer.path().join("here"), outer.path().join("away"));
    fs::create_dir(&folder).unwrap();
    let inside = TempDir::new_in(&folder).unwrap();
    let text = config("inotify", &demo("one", "echo"), "");
    let host = Host::start_in(inside, &text).await;
    let by_events = |it: &Value| it["detection"]["by"] == "events";
    host.status_like("it to hear", by_events).await;
    fs::rename(&folder, &away).unwrap();
    let deaf = host.status_like("it to be told", |it| it["detection"]["by"] == "polling");
    let deaf = deaf.await;
    assert!(
        deaf["detection"]["degraded"]
            .as_str()
            .unwrap()
            .contains("is gone"),
        "{deaf}"
    );
    assert!(troubles(&deaf).contains("cannot be trusted"), "{deaf}");
    fs::rename(&away, &folder).unwrap();
    let well = host.status_like("it to hear again", by_events).await;
    assert_eq!(well["detection"]["degraded"], Value::Null);
}

#[tokio::test]
async fn whoever_follows_the_events_sees_a_reload_and_the_end() {
    let mut host = Host::start(&text("echo")).await;
    let command = host
        .home()
        .command(&["events", "--follow", "--json", "--type", "changed"]);
    let mut following = tokio::process::Command::from(command)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = soon("an event", lines.next_line()).await.unwrap();
        line.map(|line| serde_json::from_str::<Value>(&line).unwrap())
    };
    assert_eq!(next().await.unwrap()["generation"], 1);
    host.apply(&text("add")).await;
    let event = next().await.unwrap();
    assert_eq!(
        (&event["type"], &event["generation"]),
        (&json!("changed"), &json!(2))
    );
    assert_eq!(event["digest"], digest(text("add")));
    host.signal(Signal::SIGTERM);
    assert_eq!(next().await, None);
    let status = soon("it to end", following.wait()).await.unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(host.ended().await.success());
}

#[tokio::test]
async fn each_host_is_found_by_its_file_and_one_that_is_none_is_told() {
    let one = Host::start(&text("echo")).await;
    let two = Host::start(&text("add")).await;
    for host in [&one, &two] {
        let config = host.config();
        assert_eq!(host.status()["config"], config.to_str().unwrap());
    }
    assert_ne!(one.status()["process"], two.status()["process"]);

    // Another host on the same file and state has no socket: it says so.
    let command = one.home().command(&["run"]);
    let mut process = tokio::process::Command::from(command)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let first = one.status()["process"].clone();
    let held = format!("kept by another host (process {first})");
    loop {
        let line = soon("a line", log.next_line()).await.unwrap().unwrap();
        if line.contains("no management API") {
            assert!(line.contains(&held), "{line}");
            break;
        }
    }
    assert_eq!(one.status()["process"], first);

    // A host that was killed leaves its socket, which nobody answers.
    let home = two.kill().await;
    assert!(home.socket().is_some());
    let output = home.command(&["status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    let config = home.config();
    assert!(
        said.contains(&format!("no host runs on {}", config.display())),
        "{said}"
    );
    let again = Host::start_at(home).await;
    assert_eq!(again.status()["state"], "running");
    let socket = again.home().socket().unwrap();
    again.signal(Signal::SIGTERM);
    assert!(again.ended().await.success());
    assert!(!socket.exists());
}

/// What is answered to these bytes, until the connection ends.
async fn raw(socket: &Path, head: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let length = if head.starts_with("PATCH") {
        "Content-Length: 99999999\r\n"
    } else {
        ""
    };
    stream
        .write_all(format!("{length}\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer))
        .await
        .unwrap();
    answer
}

#[tokio::test]
async fn the_socket_is_the_users_alone_and_holds_out_against_wrong_and_slow_ones() {
    let secret = "hunter2-in-clear";
    let backend = demo("one", "echo").replace('}', &format!(", env: {{TOKEN: {secret}}}}}"));
    let mut host = Host::start(&config("hash", &backend, "")).await;
    let socket = host.home().socket().unwrap();
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (head, status) in [
        ("GET /manage/v1/statsu", 404),
        ("DELETE /manage/v1/status", 405),
        ("PATCH /manage/v1/settings", 413),
        ("PATCH /manage/v1/reload", 405),
    ] {
        let answer = raw(&socket, head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    for path in ["health", "status", "backends", "tools", "events", "history"] {
        let answer = raw(&socket, &format!("GET /manage/v1/{path}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(!answer.contains(secret), "{answer}");
    }

    // A reader that asks for the stream and does not read, while a thousand events are told.
    let mut slow = UnixStream::connect(&socket).await.unwrap();
    let ask = b"GET /manage/v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n";
    slow.write_all(ask).await.unwrap();
    let mut begin = [0; 12];
    slow.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    for order in ["pause", "resume"].iter().cycle().take(1000) {
        let answer = raw(&socket, &format!("POST /manage/v1/{order}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let add = config("hash", &demo("one", "add"), "");
    host.apply(&add).await;
    // It has lost nothing: a thousand events are not many.
    let (mut heard, mut chunk) = (String::new(), [0; 4096]);
    while !heard.contains(&digest(&add)) {
        let length = soon("the stream", slow.read(&mut chunk)).await.unwrap();
        heard.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
    }
    assert_eq!(heard.matches("watching is paused").count(), 500);

    let answer = raw(&socket, "POST /manage/v1/shutdown").await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    until("the socket to go", || !socket.exists()).await;
    assert!(host.ended().await.success());
}
