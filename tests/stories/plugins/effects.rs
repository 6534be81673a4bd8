//! The plugins of ours that act on the outside, and those that read more than the file: with what
//! they are granted, on real processes, servers and repositories.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use super::{LONG, dropped_in, errors, is_error, text};
use crate::harness::{Client, Event, Home, Hook, Host, RAW_BACKEND, RawClient, until};

/// A folder with this plugin under this name, and what stands beside it.
pub(super) fn with_plugin(name: &str, component: &str, beside: &str) -> TempDir {
    let component = fs::read(component).unwrap();
    dropped_in(&[
        (&format!("{name}.yaml"), beside.as_bytes()),
        (&format!("{name}.wasm"), &component),
    ])
}

fn webhook(beside: &str) -> TempDir {
    with_plugin("webhook", env!("HANDLER_WEBHOOK"), beside)
}

/// The first that went wrong since the start.
async fn first_error(host: &Host) -> Event {
    let first = || host.events().into_iter().find(is_error);
    until("an error", || first().is_some()).await;
    first().unwrap()
}

/// A body as the webhook sends it.
fn posted(request: &str) -> serde_json::Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_server_is_told_of_each_reload_and_who_does_not_take_it_is_told_of() {
    let hook = Hook::start().await;
    let folder = webhook(&format!(
        "grants: {{http: [\"http://127.0.0.1:{port}\"], env: [STORY_TOKEN]}}\n\
         settings: {{url: \"http://127.0.0.1:{port}/told?a=b\", token_from: STORY_TOKEN}}\n\
         limits: {{time: {LONG}}}\n",
        port = hook.port()
    ));
    let home = Home::of(folder).with_variable("STORY_TOKEN", "sesame");
    home.save(text("mtime", "echo", LONG, ""));
    let mut host = Host::start_at(home).await;
    let first = hook.heard(1).await.remove(0);
    assert!(first.starts_with("POST /told?a=b HTTP/1.1\r\n"), "{first}");
    assert!(
        first.contains("authorization: Bearer sesame\r\n"),
        "{first}"
    );
    assert_eq!(posted(&first)["generation"], 1);

    let changed = host.apply(&text("mtime", "add", LONG, "")).await;
    let second = hook.heard(2).await.remove(1);
    let body = json!({
        "text": format!("config-sync: generation {} applied", changed.generation),
        "generation": changed.generation,
        "outcome": "applied",
    });
    assert_eq!(posted(&second), body);
    assert_eq!(errors(&host), 0);

    // Whatever becomes of it, the reload stands, and nothing is sent again.
    for (answer, told) in [
        ("503 Busy", "answers 503"),
        ("302 Found\r\nlocation: /elsewhere", "answers 302"),
    ] {
        hook.answer_with(answer);
        host.apply(&text("mtime", "echo", LONG, "")).await;
        let fault = host.event("the fault", |it| it.kind == "error").await;
        assert!(
            fault
                .message
                .starts_with("plugin `webhook` refused in `finished`: "),
            "{fault:?}"
        );
        assert!(fault.message.contains(told), "{fault:?}");
        host.apply(&text("mtime", "add", LONG, "")).await;
        host.event("the same", |it| it.kind == "error").await;
    }
    hook.answer_with("204 No Content");
    let last = host.apply(&text("mtime", "echo", LONG, "")).await;
    let heard = hook.heard(7).await;
    assert_eq!(posted(&heard[6])["generation"], last.generation);
    assert_eq!(heard.len(), 7);

    hook.leave().await;
    host.apply(&text("mtime", "add", LONG, "")).await;
    let fault = host.event("the fault", |it| it.kind == "error").await;
    assert!(fault.message.contains("does not answer"), "{fault:?}");
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["add"]);
}

#[tokio::test]
async fn a_server_with_tls_must_be_who_it_says_it_is() {
    let hook = Hook::with_tls().await;
    let beside = format!(
        "grants: {{http: [\"127.0.0.1:{port}\"]}}\n\
         settings: {{url: \"https://127.0.0.1:{port}/\"}}\nlimits: {{time: {LONG}}}\n",
        port = hook.port()
    );
    let trusted = Hook::authority().display().to_string();
    let home = Home::of(webhook(&beside)).with_variable("SSL_CERT_FILE", trusted);
    home.save(text("mtime", "echo", LONG, ""));
    let host = Host::start_at(home).await;
    let heard = hook.heard(1).await.remove(0);
    assert_eq!(posted(&heard)["outcome"], "applied");
    assert_eq!(errors(&host), 0);
    drop(host);

    let home = Home::of(webhook(&beside));
    home.save(text("mtime", "echo", LONG, ""));
    let host = Host::start_at(home).await;
    let fault = first_error(&host).await;
    let told = "shows a certificate that nobody here trusts";
    assert!(fault.message.contains(told), "{fault:?}");
    let heard = hook.heard(2).await.remove(1);
    assert!(heard.starts_with("no request: "), "{heard}");
}

#[tokio::test]
async fn a_webhook_reaches_no_place_that_is_not_granted() {
    let hook = Hook::start().await;
    let port = hook.port();
    let to = |host: &str, granted: &str| {
        format!(
            "grants: {{http: [\"{granted}\"]}}\nsettings: {{url: \"http://{host}:{port}/\"}}\n\
             limits: {{time: {LONG}}}\n"
        )
    };
    let other = port.wrapping_add(1);
    for (beside, told) in [
        (
            to("127.0.0.1", &format!("http://127.0.0.1:{other}")),
            "is not granted (grants.http)",
        ),
        // With TLS alone.
        (
            to("127.0.0.1", &format!("127.0.0.1:{port}")),
            "is not granted (grants.http)",
        ),
        (
            to("localhost", "http://127.0.0.1"),
            "is not granted (grants.http)",
        ),
        // The name is granted, and the address behind it is not.
        (
            to("localhost", &format!("http://localhost:{port}")),
            "leads to a private address, which grants.http must name itself",
        ),
    ] {
        let host = Host::start_in(webhook(&beside), &text("mtime", "echo", LONG, "")).await;
        let fault = first_error(&host).await;
        assert!(fault.message.contains(told), "{beside}: {fault:?}");
    }
    let named = format!("http://localhost:{port}\", \"127.0.0.0/8");
    let host = Host::start_in(
        webhook(&to("localhost", &named)),
        &text("mtime", "echo", LONG, ""),
    )
    .await;
    assert_eq!(hook.heard(1).await.len(), 1, "nothing came of the others");
    assert_eq!(errors(&host), 0);
}

/// A process that reads its configuration anew at SIGHUP, as nginx does: here it writes that down.
struct Daemon {
    process: std::process::Child,
    log: std::path::PathBuf,
}

impl Daemon {
    async fn start(folder: &Path, pidfile: &Path) -> Self {
        let log = folder.join("daemon.log");
        let script = "trap 'echo hangup >>\"$0\"' HUP; trap 'kill $!; exit' TERM; echo $$ >\"$1\"; \
                      while :; do sleep 1000 & wait $!; kill $!; done";
        let process = Command::new("sh")
            .args(["-c", script])
            .args([&log, &pidfile.to_owned()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the daemon to run", || {
            fs::read_to_string(pidfile).is_ok_and(|text| text.ends_with('\n'))
        })
        .await;
        Self { process, log }
    }

    async fn is_signalled(&self, times: usize) {
        until("a signal", || {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            log.lines().count() == times
        })
        .await;
    }

    fn end(mut self) {
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        self.process.wait().unwrap();
    }
}

#[tokio::test]
async fn a_process_gets_its_signal_after_each_reload() {
    let elsewhere = TempDir::new().unwrap();
    let pidfile = elsewhere.path().join("daemon.pid");
    let daemon = Daemon::start(elsewhere.path(), &pidfile).await;
    let beside = format!("grants: {{signal: [{}]}}\n", pidfile.display());
    let folder = with_plugin("signal", env!("HANDLER_SIGNAL"), &beside);
    let mut host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    daemon.is_signalled(1).await;
    host.apply(&text("mtime", "add", LONG, "")).await;
    daemon.is_signalled(2).await;
    // What is not applied sends none.
    let refused = host.settle("version: \"1\"\nbackends: 7\n").await;
    assert_eq!(refused.kind, "error");
    host.apply(&text("mtime", "echo", LONG, "")).await;
    daemon.is_signalled(3).await;
    assert_eq!(errors(&host), 1);

    daemon.end();
    host.apply(&text("mtime", "add", LONG, "")).await;
    let fault = host.event("the fault", |it| it.kind == "error").await;
    assert!(fault.message.contains("No such process"), "{fault:?}");
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["add"]);
}

/// A `systemctl` in the real one's place: `tests/units/run` has that.
#[tokio::test]
async fn a_unit_is_signalled_by_words_that_every_systemd_knows() {
    let bin = TempDir::new().unwrap();
    let (calls, refusal) = (bin.path().join("calls"), bin.path().join("refusal"));
    let systemctl = bin.path().join("systemctl");
    let script = "#!/bin/sh\ncd \"${0%/*}\"\necho \"$LC_ALL $*\" >>calls\n\
                  [ ! -f refusal ] || { read -r said <refusal; echo \"$said\" >&2; exit 1; }\n";
    fs::write(&systemctl, script).unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();

    let beside = "grants: {signal: [daemon.service]}\nsettings: {signal: user1}\n";
    let home = Home::of(with_plugin("signal", env!("HANDLER_SIGNAL"), beside));
    let home = home.with_variable("PATH", bin.path());
    home.save(text("mtime", "echo", LONG, ""));
    let mut host = Host::start_at(home).await;
    let call = "C --no-ask-password kill --kill-who=main --signal SIGUSR1 -- daemon.service\n";
    let called = |times| fs::read_to_string(&calls).is_ok_and(|all| all == call.repeat(times));
    until("a call", || called(1)).await;
    host.apply(&text("mtime", "add", LONG, "")).await;
    until("another", || called(2)).await;
    assert_eq!(errors(&host), 0);

    let said = "Failed to kill unit daemon.service: Unit daemon.service not loaded.\n";
    fs::write(&refusal, said).unwrap();
    host.apply(&text("mtime", "echo", LONG, "")).await;
    let fault = host.event("the fault", |it| it.kind == "error").await;
    let told = "daemon.service: Unit daemon.service not loaded (is it running? \
                `systemctl status daemon.service` tells)";
    assert!(fault.message.contains(told), "{fault:?}");

    fs::remove_file(systemctl).unwrap();
    host.apply(&text("mtime", "add", LONG, "")).await;
    let fault = host.event("the fault", |it| it.kind == "error").await;
    let told = "daemon.service: there is no systemctl (without a running systemd, grant a pidfile)";
    assert!(fault.message.contains(told), "{fault:?}");
}

#[tokio::test]
async fn settings_of_a_plugin_that_make_no_sense_refuse_the_reload() {
    let beside = "grants: {signal: [/run/none.pid]}\nsettings: {signal: HUP}\n";
    let folder = dropped_in(&[]);
    let plugins = folder.path().join("plugins");
    let mut host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    fs::write(plugins.join("signal.yaml"), beside).unwrap();
    fs::copy(env!("HANDLER_SIGNAL"), plugins.join("signal.wasm")).unwrap();
    host.event("the plugin", |it| it.message.contains("plugin `signal`"))
        .await;
    let refused = host.settle(text("mtime", "add", LONG, "")).await;
    assert!(
        refused
            .message
            .contains("the settings of this handler: unknown variant `HUP`"),
        "{refused:?}"
    );
}

pub(super) fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=story", "-c", "user.email=story@localhost"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {said}");
}

/// A commit is followed within a tick, and nothing but a commit.
#[tokio::test]
async fn a_commit_is_followed_and_an_edit_that_nobody_committed_is_not() {
    let folder = with_plugin("git", env!("DETECTOR_GIT"), "");
    let at = folder.path().to_owned();
    let beside = format!(
        "grants: {{read: [{git}]}}\nsettings: {{git: {git}}}\n",
        git = at.join(".git").display()
    );
    fs::write(at.join("plugins/git.yaml"), beside).unwrap();
    fs::write(at.join(".gitignore"), "plugins\n*.new\n").unwrap();
    let with = |tools: &str| {
        let text = text("git", tools, LONG, "");
        text.replace("detection: git", "detection: git, safety_interval: 0")
    };
    let (first, second) = (with("echo"), with("add"));
    fs::write(at.join("config.yaml"), &first).unwrap();
    git(&at, &["init", "--quiet"]);
    git(&at, &["add", "."]);
    git(&at, &["commit", "--quiet", "-m", "first"]);
    let home = Home::of(folder);
    let mut host = Host::start_at(home).await;
    // It looks: a commit is followed.
    until("its first looks", || {
        git(
            &at,
            &["commit", "--quiet", "--allow-empty", "-m", "nothing"],
        );
        let events = host.events();
        events.iter().any(|it| it.message.contains("the same file"))
    })
    .await;
    let head = fs::read_to_string(at.join(".git/refs/heads/main")).unwrap();
    let last = format!("-> {}, the same file", &head[..8]);
    host.event("its last look", |it| it.message.contains(&last))
        .await;

    host.save(&second);
    let told = host
        .event("the edit", |it| it.message.contains("not committed"))
        .await;
    assert_eq!(told.kind, "no-change");
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["echo"]);
    git(&at, &["commit", "--quiet", "-am", "second"]);
    let changed = host.outcome(&second).await;
    assert_eq!(changed.kind, "changed");
    assert_eq!(client.tools().await, ["add"]);

    // Back, and packed.
    git(&at, &["checkout", "--quiet", "HEAD~1"]);
    assert_eq!(host.outcome(&first).await.kind, "changed");
    git(&at, &["pack-refs", "--all"]);
    git(&at, &["checkout", "--quiet", "main"]);
    assert_eq!(host.outcome(&second).await.kind, "changed");
    assert_eq!(errors(&host), 0);
    assert_eq!(host.status()["detection"]["stands_in"], false);
}

#[tokio::test]
async fn a_call_gets_a_trace_context_on_its_way() {
    let folder = with_plugin(
        "trace",
        env!("MIDDLEWARE_TRACE"),
        "grants: {random: true, clock: true}\n",
    );
    let config = format!(
        "version: \"1\"\nserver: {{port: 0}}\nmiddleware: [trace]\n\
         backends:\n  raw: {{command: {RAW_BACKEND}}}\n"
    );
    let host = Host::start_in(folder, &config).await;
    let client = RawClient::connect(host.url()).await;
    let call = async |meta: &str| {
        let params = format!(r#"{{"name":"mirror","arguments":{{}}{meta}}}"#);
        let answer = client.ask("tools/call", &params).await;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["result"]["structuredContent"]["_meta"].clone()
    };
    let (first, second) = (call("").await, call("").await);
    let parent = |meta: &serde_json::Value| meta["traceparent"].as_str().unwrap().to_owned();
    assert_eq!(parent(&first).len(), 55, "{first}");
    assert_ne!(parent(&first), parent(&second));
    assert!(first["config-sync/came"].as_u64() > Some(1_700_000_000_000));
    let given = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    let own = call(&format!(r#","_meta":{{"traceparent":"{given}"}}"#)).await;
    assert_eq!(parent(&own), given);
}
