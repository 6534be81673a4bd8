//! Backends that are down, or go down soon after a change brought them.

use std::os::unix::fs::symlink;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::harness::List::{Prompts, Resources, Tools};
use super::harness::{Client, Host, Remote, binary, config, demo, is_gone, remote, until};

fn on_probation(backends: &str) -> String {
    config("mtime", backends, "").replace("sync: {", "sync: {probation: 30, ")
}

fn kill_nine(process: u32) {
    kill(Pid::from_raw(process.try_into().unwrap()), Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_host_starts_without_a_backend_that_is_down_and_takes_it_in_when_it_is_up() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("server");
    let late = format!(
        "  late: {{command: \"{}\", args: [demo-server, --name, late, --tools, late_echo=echo]}}\n",
        program.display()
    );
    let both = [&*late, &demo("one", "one_whoami=whoami")].concat();
    let mut host = Host::start(&config("mtime", &both, "")).await;
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["one_whoami"]);
    let events = host.events();
    let missing = events.iter().find(|it| it.kind == "degraded").unwrap();
    assert!(
        missing
            .message
            .starts_with("backend `late` is missing: the command")
    );

    symlink(binary(), &program).unwrap();
    host.event("the late one", |it| {
        it.message == "backend `late` serves again"
    })
    .await;
    assert_eq!(client.tools().await, ["late_echo", "one_whoami"]);
    assert_eq!(client.told(3).await, [Tools, Prompts, Resources]);
}

#[tokio::test]
async fn one_that_is_not_required_does_not_keep_a_change_from_being_applied() {
    let one = demo("one", "one_echo=echo");
    let mut host = Host::start(&config("mtime", &one, "")).await;
    let client = Client::connect(host.url()).await;
    let lost = "  lost: {command: /no/such/program, required: false}\n";
    let two = demo("two", "two_echo=echo");
    host.apply(&config("mtime", &[&*one, lost, &two].concat(), ""))
        .await;
    assert_eq!(client.tools().await, ["one_echo", "two_echo"]);
    let event = host.event("a word about it", |it| it.kind == "degraded");
    assert!(event.await.message.starts_with("backend `lost` is missing"));
}

#[tokio::test]
async fn a_process_that_dies_on_probation_is_replaced_by_the_very_process_before_it() {
    let steady = demo("steady", "steady_whoami=whoami");
    let changing = |tools| [&*steady, &demo("changing", tools)].concat();
    let old = on_probation(&changing("who=whoami"));
    let new = on_probation(&changing("who=whoami,more=echo"));
    let mut host = Host::start(&old).await;
    let client = Client::connect(host.url()).await;
    let untouched = client.process("steady_whoami").await;
    let before = client.process("who").await;
    host.apply(&new).await;
    let after = client.process("who").await;
    assert_ne!(after, before);
    assert!(!is_gone(before), "it is kept warm");

    kill_nine(after);
    let event = host.outcome(&new).await;
    assert_eq!(event.kind, "error");
    assert!(
        event
            .message
            .starts_with("reverted: backend `changing` ended during its probation"),
        "{event:?}"
    );
    assert_eq!(event.generation, 3);
    assert_eq!(client.tools().await, ["steady_whoami", "who"]);
    assert_eq!(client.process("who").await, before);
    assert_eq!(client.process("steady_whoami").await, untouched);

    // Touched, the bytes are not tried again; those of before serve; and others are applied.
    host.touch();
    let event = host.outcome(&new).await;
    assert!(event.message.contains("rejected"), "{event:?}");
    assert_eq!(host.settle(&old).await.kind, "no-change");
    host.apply(&on_probation(&changing("who=whoami,other=echo")))
        .await;
    assert_eq!(client.tools().await, ["other", "steady_whoami", "who"]);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_remote_server_that_goes_away_on_probation_is_noticed() {
    let (first, second) = (
        Remote::start("far_whoami=whoami").await,
        Remote::start("far_whoami=whoami").await,
    );
    let old = on_probation(&remote("far", first.url()));
    let new = on_probation(&remote("far", second.url()));
    let mut host = Host::start(&old).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("far_whoami").await;
    host.apply(&new).await;
    assert_ne!(client.process("far_whoami").await, process);
    second.kill().await;
    let event = host.outcome(&new).await;
    assert!(
        event.message.starts_with("reverted: backend `far`"),
        "{event:?}"
    );
    assert_eq!(client.process("far_whoami").await, process);
}

#[tokio::test]
async fn after_probation_the_processes_before_are_let_go() {
    let short = |tools| {
        let text = on_probation(&demo("one", tools));
        text.replace("probation: 30", "probation: 0.3")
    };
    let mut host = Host::start(&short("who=whoami")).await;
    let client = Client::connect(host.url()).await;
    let before = client.process("who").await;
    host.apply(&short("who=whoami,more=echo")).await;
    host.event("probation to pass", |it| {
        it.message.starts_with("probation passed")
    })
    .await;
    until("the process before to end", || is_gone(before)).await;
    assert_eq!(client.tools().await, ["more", "who"]);
}
