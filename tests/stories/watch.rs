//! `config-sync watch`: any files, any program.

use std::fs;

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use super::harness::{Watching, binary, digest, soon, until};

fn fired(text: &str) -> String {
    format!("FIRED {}", digest(text))
}

#[tokio::test]
async fn each_settled_change_is_one_line_and_the_same_bytes_are_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("nginx.conf");
    fs::write(&path, "one").unwrap();
    let path_text = path.to_str().unwrap();
    let mut watching = Watching::start([path_text, "--debounce", "0.05"]).await;
    for text in ["two", "three"] {
        fs::write(&path, text).unwrap();
        // Neither of these is a change.
        fs::write(&path, text).unwrap();
        fs::File::open(&path)
            .unwrap()
            .set_modified(std::time::SystemTime::now())
            .unwrap();
        watching
            .line("the change", |line| line == fired(text))
            .await;
    }
    assert_eq!(
        watching.lines(),
        ["READY".to_owned(), fired("two"), fired("three")]
    );
    assert!(watching.stop().await.success());
}

#[tokio::test]
async fn the_command_runs_at_each_change_and_its_end_is_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.toml");
    fs::write(&path, "one").unwrap();
    let script = r#"echo "$CONFIG_SYNC_PATH $CONFIG_SYNC_DIGEST"; exit 3"#;
    let path_text = path.to_str().unwrap();
    let arguments = [path_text, "--debounce", "0", "--", "sh", "-c", script];
    let mut watching = Watching::start(arguments).await;
    fs::write(&path, "two").unwrap();
    let said = format!("{path_text} {}", digest("two"));
    watching.line("the command", |line| line == said).await;
    watching.line("its end", |line| line == "EXITED 3").await;
    assert!(watching.stop().await.success());
}

#[tokio::test]
async fn a_command_that_does_not_start_is_named_and_the_watch_goes_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.toml");
    fs::write(&path, "one").unwrap();
    let path_text = path.to_str().unwrap();
    let mut watching =
        Watching::start([path_text, "--debounce", "0", "--", "no-such-program"]).await;
    for text in ["two", "three"] {
        fs::write(&path, text).unwrap();
        watching
            .line("the change", |line| line == fired(text))
            .await;
    }
    let named = || {
        let log = watching.log();
        log.iter()
            .filter(|line| line.contains("`no-such-program` does not start"))
            .count()
            == 2
    };
    until("it to be named", named).await;
    assert!(watching.stop().await.success());
}

#[tokio::test]
async fn what_the_command_started_ends_with_the_watch() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.toml");
    fs::write(&path, "one").unwrap();
    let path_text = path.to_str().unwrap();
    let script = "echo started; sleep 600 & wait";
    let arguments = [path_text, "--debounce", "0", "--", "sh", "-c", script];
    let mut watching = Watching::start(arguments).await;
    fs::write(&path, "two").unwrap();
    watching.line("the command", |line| line == "started").await;
    let children = super::harness::children(watching.id());
    assert_eq!(children.len(), 1);
    assert!(watching.stop().await.success());
    until("the command to end", || {
        super::harness::group(children[0].id).is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_folder_is_followed_with_all_that_comes_into_it() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/1"), "one").unwrap();
    let root_text = root.to_str().unwrap();
    let mut watching = Watching::start(["--recursive", root_text, "--debounce", "0.05"]).await;
    let line = |text: &str, name: &str| format!("{} {root_text}/{name}", fired(text));
    fs::write(root.join("a/1"), "two").unwrap();
    watching
        .line("an edit", |it| it == line("two", "a/1"))
        .await;
    fs::create_dir_all(root.join("b/c")).unwrap();
    fs::write(root.join("b/c/2"), "new").unwrap();
    watching
        .line("a new file", |it| it == line("new", "b/c/2"))
        .await;
    fs::write(root.join("b/c/2"), "newer").unwrap();
    watching
        .line("its edit", |it| it == line("newer", "b/c/2"))
        .await;
    fs::rename(root.join("b"), root.join("d")).unwrap();
    watching
        .line("the moved file", |it| it == line("newer", "d/c/2"))
        .await;
    assert!(watching.stop().await.success());
}

#[tokio::test]
async fn a_file_that_is_missing_fires_when_it_comes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("later/config");
    let path_text = path.to_str().unwrap();
    let mut watching = Watching::start([path_text, "--debounce", "0.05"]).await;
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "one").unwrap();
    watching.line("the file", |line| line == fired("one")).await;
    assert!(watching.stop().await.success());
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_with_the_remedy() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (arguments, said) in [
        (vec![folder], "is a folder; add --recursive"),
        (
            vec!["x", "--detection", "telepathy"],
            "there is no detector `telepathy`; known are hash",
        ),
        (vec!["x", "--debounce", "-1"], "sync.debounce"),
        (vec!["x", "--poll-interval", "0"], "sync.poll_interval"),
    ] {
        let run = Command::new(binary())
            .arg("watch")
            .args(&arguments)
            .output();
        let output = soon("an answer", run).await.unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn a_second_interrupt_is_not_needed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.toml");
    let watching = Watching::start([path.to_str().unwrap()]).await;
    watching.signal(Signal::SIGINT);
    assert!(watching.stop().await.success());
}
