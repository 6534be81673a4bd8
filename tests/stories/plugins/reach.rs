//! How far a plugin comes with what it is granted: so far, and no further. A guest reaches for what
//! the file names, and the event of the reload that it refuses tells what it got.

use std::fs;

use tempfile::TempDir;

use super::{LONG, dropped_in, is_error, text};
use crate::harness::{Home, Host};

/// A host with the guest, and what it is granted.
async fn reaching(folder: TempDir, grants: &str) -> Host {
    fs::create_dir(folder.path().join("plugins")).unwrap();
    let plugin = |name: &str| folder.path().join("plugins").join(name);
    fs::copy(env!("REACHING_HANDLER"), plugin("reach.wasm")).unwrap();
    fs::write(plugin("reach.yaml"), grants).unwrap();
    let home = Home::of(folder)
        .with_variable("STORY_SHOWN", "seen")
        .with_variable("STORY_HIDDEN", "not seen");
    home.save(text("mtime", "echo", LONG, ""));
    Host::start_at(home).await
}

/// What it gets.
async fn got(host: &mut Host, reach: &str) -> String {
    let refused = host
        .settle(text(
            "mtime",
            "echo",
            LONG,
            &format!("reach: {{{reach}}}\n"),
        ))
        .await;
    let told = refused.message.split("reach: ").nth(1);
    told.unwrap_or_else(|| panic!("{refused:?}")).to_owned()
}

#[tokio::test]
async fn a_folder_that_is_granted_can_be_read_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let shown = folder.path().join("shown");
    fs::create_dir(&shown).unwrap();
    fs::write(shown.join("file"), "words").unwrap();
    fs::write(folder.path().join("secret"), "hidden").unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret"), shown.join("link")).unwrap();
    let grants = format!(
        "grants: {{read: [{}], signal: [/nowhere], http: [a.example], clock: true, random: true}}\n",
        shown.display()
    );
    let secret = folder.path().join("secret");
    let mut host = reaching(folder, &grants).await;
    let file = shown.join("file");
    let at = |what: &str, path: &std::path::Path| format!("{what}: \"{}\"", path.display());

    let read = got(&mut host, &at("read", &file)).await;
    assert!(read.starts_with("it holds words"), "{read}");
    let listed = got(&mut host, &at("list", &shown)).await;
    assert!(listed.starts_with("it has file link"), "{listed}");
    for reach in [
        at("write", &file),
        at("write", &shown.join("new")),
        at("remove", &file),
        at("link", &file),
        at("read", &secret),
        at("read", &shown.join("../secret")),
        at("read", &shown.join("link")),
        at("list", "/".as_ref()),
    ] {
        let told = got(&mut host, &reach).await;
        assert!(told.starts_with("no: "), "{reach}: {told}");
        assert!(!told.contains("hidden"), "{reach}: {told}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "words");
    assert_eq!(fs::read_dir(&shown).unwrap().count(), 2);

    // Another folder in its place, as deployments do it.
    fs::rename(&shown, shown.with_extension("old")).unwrap();
    let gone = got(&mut host, &at("list", &shown)).await;
    assert!(gone.starts_with("it has file link"), "{gone}");
    fs::create_dir(&shown).unwrap();
    fs::write(shown.join("other"), "other words").unwrap();
    let read = got(&mut host, &at("read", &shown.join("other"))).await;
    assert!(read.starts_with("it holds other words"), "{read}");
}

#[tokio::test]
async fn a_plugin_has_the_variables_clocks_and_numbers_that_are_granted() {
    let folder = TempDir::new().unwrap();
    let grants = format!(
        "grants: {{read: [{}], signal: [/nowhere], env: [STORY_SHOWN], http: [a.example], clock: true, random: true}}\n",
        folder.path().display()
    );
    let mut host = reaching(folder, &grants).await;
    let shown = got(&mut host, "env: STORY_SHOWN").await;
    assert!(
        shown.starts_with("STORY_SHOWN=Some(\"seen\") of STORY_SHOWN"),
        "{shown}"
    );
    let hidden = got(&mut host, "env: STORY_HIDDEN").await;
    assert!(
        hidden.starts_with("STORY_HIDDEN=None of STORY_SHOWN"),
        "{hidden}"
    );
    let time = got(&mut host, "clock: now").await;
    let seconds = time.split_whitespace().nth(2).unwrap();
    let seconds: u64 = seconds.trim_end_matches(';').parse().unwrap();
    assert!(seconds > 1_700_000_000, "{time}");
    let (first, second) = (
        got(&mut host, "random: once").await,
        got(&mut host, "random: again").await,
    );
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_process_that_is_not_granted_gets_no_signal() {
    let folder = TempDir::new().unwrap();
    let (pidfile, own, first) = (
        folder.path().join("pid"),
        folder.path().join("own"),
        folder.path().join("first"),
    );
    fs::write(&first, "1\n").unwrap();
    let grants = format!(
        "grants: {{read: [{folder}], signal: [{}, {}, {}], http: [a.example], clock: true, random: true}}\n",
        pidfile.display(),
        own.display(),
        first.display(),
        folder = folder.path().display(),
    );
    let mut host = reaching(folder, &grants).await;
    fs::write(&own, host.status()["process"].to_string()).unwrap();
    let whom = |path: &std::path::Path| format!("signal: \"{}\"", path.display());
    for (to, told) in [
        (
            "signal: /run/other.pid".to_owned(),
            "is not granted (grants.signal)",
        ),
        (
            "signal: nginx.service".to_owned(),
            "is not granted (grants.signal)",
        ),
        (whom(&pidfile), "it does not exist"),
        (whom(&own), "is not to be signalled"),
        (whom(&first), "process 1 is not to be signalled"),
    ] {
        let got = got(&mut host, &to).await;
        assert!(got.contains(told), "{to}: {got}");
    }
    fs::write(&pidfile, "no number").unwrap();
    let got = got(&mut host, &whom(&pidfile)).await;
    assert!(got.contains("it holds no number of a process"), "{got}");
}

#[tokio::test]
async fn each_import_that_is_not_granted_is_named_with_the_line_to_add() {
    let all = [
        (
            "http",
            "[a.example]",
            "`wasi:http/",
            "http: [api.example.com]",
        ),
        (
            "read",
            "[/tmp]",
            "`wasi:filesystem/",
            "read: [/absolute/folder]",
        ),
        (
            "signal",
            "[/run/nginx.pid]",
            "`config-sync:plugin/signal@",
            "signal: [/run/nginx.pid]",
        ),
        ("clock", "true", "`wasi:clocks/", "clock: true"),
        ("random", "true", "`wasi:random/random@", "random: true"),
    ];
    let folder = dropped_in(&[]);
    let reach = fs::read(env!("REACHING_HANDLER")).unwrap();
    for (left_out, ..) in all {
        let granted = all.iter().filter(|(key, ..)| *key != left_out);
        let granted: Vec<_> = granted
            .map(|(key, value, ..)| format!("{key}: {value}"))
            .collect();
        let plugin = folder.path().join("plugins").join(left_out);
        fs::write(plugin.with_extension("wasm"), &reach).unwrap();
        let grants = format!("grants: {{{}}}\n", granted.join(", "));
        fs::write(plugin.with_extension("yaml"), grants).unwrap();
    }
    let host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let told = host.events();
    for (key, _, import, line) in all {
        let file = format!("plugins/{key}.wasm: it imports ");
        let told = told.iter().filter(|it| is_error(it));
        let told = told.map(|it| &it.message).find(|it| it.contains(&file));
        let told = told.unwrap_or_else(|| panic!("{key} is not refused"));
        assert!(told.contains(import), "{told}");
        let add = format!("add to {key}.yaml beside it: `grants: {{{line}}}`");
        assert!(told.contains(&add), "{told}");
    }
}

/// Whatever it reaches for, it does not keep the host.
#[tokio::test]
async fn a_plugin_waits_for_no_pipe_and_no_stream_and_holds_so_much_and_no_more() {
    let folder = TempDir::new().unwrap();
    let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::write(&file, "words").unwrap();
    let grants = format!(
        "grants: {{read: [{}], signal: [{pipe}], http: [a.example], clock: true, random: true}}\n\
         limits: {{time: 1}}\n",
        folder.path().display(),
        pipe = pipe.display(),
    );
    let mut host = reaching(folder, &grants).await;
    let at = |what: &str, path: &std::path::Path| format!("{what}: \"{}\"", path.display());
    for (reach, told) in [
        (at("read", &pipe), "no: Operation not permitted"),
        (at("signal", &pipe), "not a regular file"),
    ] {
        let got = got(&mut host, &reach).await;
        assert!(got.contains(told), "{reach}: {got}");
    }
    let say = "asked for more memory than its limit in `propose`: it holds more than 256 files";
    for (reach, told) in [
        ("stall: x".to_owned(), "ran past its deadline in `propose`"),
        (at("hoard", &file), say),
    ] {
        let reach = format!("reach: {{{reach}}}\n");
        let failed = host.settle(text("mtime", "echo", LONG, &reach)).await;
        assert!(failed.message.contains(told), "{reach}: {failed:?}");
    }
    host.apply(&text("mtime", "add", LONG, "")).await;
}
