//! What outlives the host: the last good configuration serves after a restart, the journal tells
//! what happened, an earlier configuration comes back when somebody asks for it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::harness::{Client, Home, Host, config, demo, soon, until};

fn text(tools: &str) -> String {
    config("hash", &demo("one", tools), "")
}

async fn tools(host: &Host) -> Vec<String> {
    Client::connect(host.url()).await.tools().await
}

fn attempts(home: &Home) -> Vec<Value> {
    let lines = home.ask(&["history", "1000", "--json"]).unwrap();
    let lines = lines.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_file_that_will_not_do_at_the_start_is_stood_in_for_by_the_last_good_one() {
    let mut host = Host::start(&text("echo")).await;
    let two = text("echo,add");
    assert_eq!(host.apply(&two).await.generation, 2);
    let mut generation = 2;
    for (what, said) in [
        ("wrong", "unknown key"),
        ("missing", "does not exist"),
        ("empty", "is empty"),
        ("a folder", "not a regular file"),
    ] {
        let home = host.kill().await;
        let path = home.config();
        match what {
            "wrong" => home.save(two.replace("debounce", "debounse")),
            "missing" => fs::remove_file(&path).unwrap(),
            "empty" => home.save(""),
            _ => {
                fs::remove_file(&path).unwrap();
                fs::create_dir(&path).unwrap();
            }
        }
        host = Host::start_at(home).await;
        let events = host.events();
        let told = events.iter().find(|it| it.kind == "degraded").unwrap();
        let status = host.status();
        assert_eq!(status["on_disk"]["same"], false, "{what}: {status}");
        let why = status["troubles"][0].as_str().unwrap();
        assert!(why.contains(said), "{what}: {status}");
        for part in [
            "the last good configuration serves (generation 2 ",
            said,
            "`config-sync restore`",
        ] {
            assert!(told.message.contains(part), "{what}: {told:?}");
        }
        assert_eq!(tools(&host).await, ["add", "echo"], "{what}");
        assert!(told.generation > generation, "numbers go on: {told:?}");
        generation = told.generation;
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        }
    }
    // What serves has come back, then something new: both as ever.
    let back = host.settle(&two).await;
    assert_eq!(
        (back.kind.as_str(), back.generation),
        ("no-change", generation)
    );
    let mended = host.apply(&text("whoami")).await;
    assert_eq!(mended.generation, generation + 1);
    assert_eq!(tools(&host).await, ["whoami"]);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn without_a_last_good_one_a_wrong_file_is_refused_as_ever() {
    let home = Home::of(TempDir::new().unwrap());
    home.save(text("echo").replace("debounce", "debounse"));
    let refused = home.ask(&["run"]).unwrap_err();
    assert!(refused.contains("did you mean `debounce`?"), "{refused}");
}

#[tokio::test]
async fn history_tells_what_became_of_each_edit_and_never_a_secret() {
    let secret = "hunter2";
    let with = |url: &str| {
        let env = format!("env: {{TOKEN: {secret}}}");
        let one = demo("one", "echo").replace("}\n", &format!(", {env}}}\n"));
        config("hash", &format!("{one}{url}"), "")
    };
    let mut host = Host::start(&with("")).await;
    host.apply(&with(&demo("git.hub", "add"))).await;
    host.settle(&with(&demo("git.hub", "add")).replace("debounce", "debounse"))
        .await;
    host.settle(with("  gone: {command: /no/such/program}\n"))
        .await;
    // An event tells of it at once, the journal once everybody has been told.
    until("the journal to have it", || {
        let attempts = attempts(host.home());
        attempts.len() > 3 && attempts[3]["outcome"].is_string()
    })
    .await;
    let home = host.kill().await;

    let attempts = attempts(&home);
    let outcomes: Vec<_> = attempts.iter().map(|it| it["outcome"].as_str()).collect();
    let expected = ["applied", "applied", "rejected", "failed"];
    assert_eq!(outcomes[..4], expected.map(Some), "{attempts:#?}");
    let ids: Vec<_> = attempts
        .iter()
        .map(|it| it["id"].as_u64().unwrap())
        .collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");

    let shown = home.ask(&["history", "show", "2"]).unwrap();
    for part in [
        "trigger    detector hash",
        "outcome    applied",
        "owns it",
        r#"difference + backends."git.hub""#,
        "phase      build",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let rejected = home.ask(&["history", "show", "3"]).unwrap();
    assert!(
        rejected.contains("difference + sync.debounse: 0.05"),
        "{rejected}"
    );
    assert!(rejected.contains("did you mean"), "{rejected}");
    let failed = home.ask(&["history", "show", "4"]).unwrap();
    assert!(failed.contains("difference + backends.gone"), "{failed}");

    let table = home.ask(&["history", "2"]).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    for text in [&table, &shown, &home.ask(&["history", "--json"]).unwrap()] {
        assert!(!text.contains(secret), "{text}");
    }
    let none = home.ask(&["history", "show", "99"]).unwrap_err();
    assert!(none.contains("attempt 99 is not kept"), "{none}");
}

#[tokio::test]
async fn an_earlier_configuration_is_restored_byte_for_byte_and_the_way_back_is_told() {
    let one = format!("# by hand, \u{e9}\r\n{}", text("echo"));
    let mut host = Host::start_in(TempDir::new().unwrap(), &one).await;
    // The file is a link, and not for everybody.
    let (path, real) = (host.config(), host.folder().join("real.yaml"));
    fs::rename(&path, &real).unwrap();
    symlink("real.yaml", &path).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let two = text("add");
    fs::write(&path, &two).unwrap();
    assert_eq!(host.outcome(&two).await.generation, 2);
    let broken = "backends: [";
    fs::write(&path, broken).unwrap();
    assert_eq!(host.outcome(broken).await.kind, "error");

    // Back to what serves.
    let said = host.home().ask(&["restore"]).unwrap();
    assert!(said.contains("holds generation 2 again"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), two);
    assert_eq!(host.outcome(&two).await.kind, "no-change");

    // Back to what served before.
    let said = host.home().ask(&["restore", "--to", "1"]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), one);
    let event = host.outcome(&one).await;
    assert_eq!((event.kind.as_str(), event.generation), ("changed", 3));
    assert_eq!(tools(&host).await, ["echo"]);
    assert!(path.is_symlink());
    let mode = fs::metadata(&real).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let last = attempts(host.home()).pop().unwrap();
    let writer = last["writer"].as_str().unwrap();
    assert!(writer.starts_with("config-sync restore, by "), "{writer}");

    // And undone, as it said.
    let undo = said.lines().find_map(|line| line.split_once("to undo: "));
    let undone = std::process::Command::new("sh")
        .args(["-c", undo.unwrap().1])
        .status();
    assert!(undone.unwrap().success());
    assert_eq!(fs::read_to_string(&path).unwrap(), two);
    assert_eq!(host.outcome(&two).await.generation, 4);

    let unknown = host.home().ask(&["restore", "--to", "77"]).unwrap_err();
    assert!(
        unknown.contains("generation 77 is not kept; there are "),
        "{unknown}"
    );
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_second_host_on_the_same_file_is_told_who_keeps_its_memory() {
    let host = Host::start(&text("echo")).await;
    let command = host.home().command(&["run"]);
    let mut second = tokio::process::Command::from(command)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(second.stderr.take().unwrap()).lines();
    let mut told = None;
    while let Some(line) = soon("a line", log.next_line()).await.unwrap() {
        if line.contains("kept by another host (process ") {
            told = Some(line);
        } else if line.contains("running") {
            break;
        }
    }
    let told = told.unwrap();
    assert!(told.contains("--state DIR"), "{told}");
    host.signal(Signal::SIGTERM);
    assert!(host.ended().await.success());
}
