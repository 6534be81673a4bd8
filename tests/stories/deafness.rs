//! The ways in which a watcher goes deaf, with the real thing: each is told as degraded, with its
//! reason, an edit still arrives, and it recovers by itself. What this machine does not allow is
//! said and left out.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Output;

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use super::harness::{Watching, binary, digest, soon, until};

/// More than the kernel queues (`fs.inotify.max_queued_events`, 16384 unless somebody changed it).
const STORM: usize = 20_000;

const QUICK: [&str; 7] = [
    "--json",
    "--debounce",
    "0.05",
    "--poll-interval",
    "0.1",
    "--safety-interval",
    "0.5",
];

async fn watch(path: &Path, detection: &str) -> Watching {
    let path = path.to_str().unwrap();
    Watching::start([path, "--detection", detection].into_iter().chain(QUICK)).await
}

/// An edit arrives, whatever else is wrong.
async fn hears(watching: &mut Watching, path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    let digest = digest(text);
    watching
        .told("fired", |it| it["sha256"] == digest.as_str())
        .await;
}

fn is_degraded<'a>(reason: &'a str) -> impl Fn(&serde_json::Value) -> bool + 'a {
    move |it| {
        it["by"] == "polling"
            && it["degraded"]
                .as_str()
                .is_some_and(|it| it.contains(reason))
    }
}

fn is_well(it: &serde_json::Value) -> bool {
    it["by"] == "events" && it["degraded"].is_null()
}

async fn run(program: &str, arguments: &[&OsStr]) -> std::io::Result<Output> {
    soon(program, Command::new(program).args(arguments).output()).await
}

/// Whether the command works here; says why a story is left out.
async fn allows(what: &str, program: &str, arguments: &[&OsStr]) -> bool {
    let done = run(program, arguments).await;
    let why = match done {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("left out, this machine does not allow {what}: {why}");
    false
}

#[tokio::test]
async fn without_watches_it_polls_and_listens_again_once_there_are_some() {
    let namespace = ["-Ur", "true"].map(OsStr::new);
    if !allows("user namespaces", "unshare", &namespace).await {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, "one").unwrap();
    for detection in ["inotify", "auto"] {
        // The limit of a user namespace is its own: nobody else on this machine is concerned.
        let raise = folder.path().join(format!("raise-{detection}"));
        let script = r#"
            echo 0 > /proc/sys/user/max_inotify_watches
            "$@" & watching=$!
            trap 'kill $watching' TERM
            while [ ! -e "$RAISE" ]; do sleep 0.05; done
            echo 1000 > /proc/sys/user/max_inotify_watches
            wait $watching; wait $watching
        "#;
        let mut command = Command::new("unshare");
        command
            .args(["-Ur", "sh", "-c", script, "sh"])
            .arg(binary())
            .arg("watch")
            .arg(&path)
            .args(["--detection", detection])
            .args(QUICK)
            .env("RAISE", &raise);
        let mut watching = Watching::start_as(command).await;
        let first: serde_json::Value = serde_json::from_str(&watching.lines()[0]).unwrap();
        assert!(
            is_degraded("raise fs.inotify.max_user_watches")(&first),
            "{first}"
        );
        hears(&mut watching, &path, &format!("two {detection}")).await;
        if detection == "auto" {
            let lines = watching.lines();
            assert!(
                lines
                    .iter()
                    .any(|line| line.contains(r#""detector":"hash""#)),
                "{lines:?}"
            );
        }
        fs::write(&raise, "").unwrap();
        let back = watching.told("hearing", is_well).await;
        assert_eq!(back["detector"], "inotify");
        hears(&mut watching, &path, &format!("three {detection}")).await;
        assert!(watching.stop().await.success());
    }
}

#[tokio::test]
async fn a_storm_that_overflows_the_queue_loses_no_edit() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, "one").unwrap();
    let mut watching = watch(&path, "inotify").await;
    // While it stands still, more happens in the folder than the kernel keeps for it.
    watching.signal(Signal::SIGSTOP);
    for name in 0..STORM {
        let beside = folder.path().join(name.to_string());
        fs::write(&beside, "").unwrap();
        fs::remove_file(beside).unwrap();
    }
    fs::write(&path, "two").unwrap();
    watching.signal(Signal::SIGCONT);
    watching
        .told("hearing", is_degraded("their queue was full"))
        .await;
    watching.told("hearing", is_well).await;
    // A poll may have found it before the queue was read to its end.
    let edit = format!(r#""sha256":"{}""#, digest("two"));
    let fired = || watching.lines().iter().any(|line| line.contains(&edit));
    until("the edit", fired).await;
    hears(&mut watching, &path, "three").await;
    assert!(watching.stop().await.success());
}

#[tokio::test]
async fn a_folder_that_goes_and_comes_twenty_times_is_followed() {
    let folder = TempDir::new().unwrap();
    let inside = folder.path().join("inside");
    let path = inside.join("config.yaml");
    fs::create_dir(&inside).unwrap();
    fs::write(&path, "start").unwrap();
    for detection in ["inotify", "auto", "mtime"] {
        let mut watching = watch(&path, detection).await;
        for round in 0..20 {
            fs::remove_dir_all(&inside).unwrap();
            if round % 5 == 0 {
                watching.told("hearing", is_degraded("is gone")).await;
            }
            fs::create_dir(&inside).unwrap();
            hears(&mut watching, &path, &format!("{detection} {round}")).await;
        }
        let log = watching.log();
        assert!(
            log.iter()
                .any(|line| line.contains("cannot be trusted, polling instead"))
        );
        assert!(watching.stop().await.success());
    }
}

#[tokio::test]
async fn a_file_system_in_user_space_is_polled() {
    let folder = TempDir::new().unwrap();
    let [source, mounted] = ["source", "mounted"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&mounted).unwrap();
    fs::write(source.join("config.yaml"), "one").unwrap();
    let mount = [source.as_os_str(), mounted.as_os_str()];
    if !allows("FUSE", "bindfs", &mount).await {
        return;
    }
    let mut watching = watch(&mounted.join("config.yaml"), "auto").await;
    let lines = watching.lines().join("\n");
    assert!(lines.contains("FUSE"), "{lines}");
    // Behind the mount, where no event tells of it.
    hears(&mut watching, &source.join("config.yaml"), "two").await;
    assert!(watching.stop().await.success());
    let unmounted = run("umount", &[mounted.as_os_str()]).await.unwrap();
    assert!(unmounted.status.success(), "{unmounted:?}");
}

#[tokio::test]
async fn a_mount_over_the_folder_and_its_end_are_seen() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, "below").unwrap();
    let mut watching = watch(&path, "inotify").await;
    let mount = ["-t", "tmpfs", "none"].map(OsStr::new);
    let mount: Vec<_> = mount
        .into_iter()
        .chain([folder.path().as_os_str()])
        .collect();
    if !allows("mounting", "mount", &mount).await {
        return;
    }
    hears(&mut watching, &path, "above").await;
    hears(&mut watching, &path, "above again").await;
    let unmounted = run("umount", &[folder.path().as_os_str()]).await.unwrap();
    assert!(unmounted.status.success(), "{unmounted:?}");
    let digest = digest("below");
    watching
        .told("fired", |it| it["sha256"] == digest.as_str())
        .await;
    hears(&mut watching, &path, "below again").await;
    assert!(watching.stop().await.success());
}
