//! A hundred reloads under eight clients that call without pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tokio::task::JoinSet;

use super::harness::{Client, Host, List, Remote, demo, remote};

const RELOADS: usize = 100;
const CLIENTS: usize = 8;

/// Followed as quickly as a file can be.
fn config(backends: &[&str]) -> String {
    let backends = backends.concat();
    format!(
        "server: {{port: 0}}\n\
         sync: {{poll_interval: 0.02, debounce: 0.01, detection: mtime}}\n\
         backends:\n{backends}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_reloads_fail_no_call_drop_no_client_and_leave_no_process() {
    let server = Remote::start("far_echo=echo").await;
    let far = remote("far", server.url());
    let steady = demo("steady", "steady_echo=echo,steady_whoami=whoami");
    // Every version of it has this tool, and each is a process of its own.
    let changing = |n: usize| demo("changing", &format!("changing_echo=echo,version_{n}=echo"));
    let guest = demo("guest", "guest_echo=echo");

    let first = config(&[&steady, &changing(0), &far]);
    let mut host = Host::start(&first).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Arc::new(Client::connect(host.url()).await));
    }
    let process = clients[0].process("steady_whoami").await;
    let children = host.children().len();

    let enough = Arc::new(AtomicBool::new(false));
    let mut calling = JoinSet::new();
    for client in &clients {
        let (client, enough) = (Arc::clone(client), Arc::clone(&enough));
        calling.spawn(async move { call_without_pause(&client, &enough).await });
    }
    for n in 1..=RELOADS {
        let text = match n % 3 {
            0 => config(&[&steady, &changing(n), &far]),
            1 => config(&[&steady, &changing(n), &far, &guest]),
            // The order changes as well.
            _ => config(&[&guest, &far, &changing(n), &steady]),
        };
        host.apply(&text).await;
    }
    let event = host.apply(&first).await;
    enough.store(true, Ordering::Relaxed);
    let mut calls = 0;
    while let Some(called) = calling.join_next().await {
        calls += called.unwrap();
    }
    assert!(calls > RELOADS, "{calls} calls are no load");

    assert_eq!(event.generation, 2 + RELOADS as u64, "one for each save");
    assert_eq!(clients[0].process("steady_whoami").await, process);
    for client in &clients {
        let told = client.told(1).await;
        let of_tools = |told: &[List]| told.iter().filter(|it| **it == List::Tools).count();
        // The connection that tells of changes was never lost: nothing told is missing.
        let mut count = of_tools(&told);
        while count < RELOADS + 1 {
            count = of_tools(&client.told(told.len() + 1).await);
        }
        assert_eq!(count, RELOADS + 1);
    }
    super::harness::until("replaced processes to end", || {
        host.children().len() == children
    })
    .await;
    let errors = host.events().into_iter().filter(|it| it.kind == "error");
    assert_eq!(errors.count(), 0);
    assert!(host.stop().await.success());
}

/// How many calls it made. Each of them must succeed.
async fn call_without_pause(client: &Client, enough: &AtomicBool) -> usize {
    let mut calls = 0;
    while !enough.load(Ordering::Relaxed) {
        for tool in ["steady_echo", "changing_echo", "far_echo"] {
            let text = format!("{tool} {calls}");
            let answer = client.call(tool, json!({ "text": text })).await;
            assert_eq!(answer, Ok(text), "call {calls}");
            calls += 1;
        }
    }
    calls
}
