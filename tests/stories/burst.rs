//! Ten thousand events in a burst: a reader that fell behind is told how many it has missed, and
//! nobody waits for it.

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::harness::{Client, Host, config, demo, digest, soon};

const BURST: usize = 10_000;
/// Orders that are sent before their answers are read.
const AT_ONCE: usize = 50;

/// Gives so many orders over one connection, each of which makes an event.
async fn order(socket: &Path, orders: usize) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let order = |order| format!("POST /manage/v1/{order} HTTP/1.1\r\nHost: x\r\n\r\n");
    let both = [order("pause"), order("resume")].concat();
    let (mut answer, mut chunk) = (String::new(), vec![0; 1 << 16]);
    for _ in 0..orders / AT_ONCE {
        stream
            .write_all(both.repeat(AT_ONCE / 2).as_bytes())
            .await
            .unwrap();
        answer.clear();
        while answer.matches(r#""changed":true}"#).count() < AT_ONCE {
            let length = soon("answers", stream.read(&mut chunk)).await.unwrap();
            assert_ne!(length, 0, "{answer}");
            answer.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        }
    }
}

/// What a stream tells, from event to event: each with its number, and how many are missing.
fn gaps(told: &str) -> (Vec<u64>, u64) {
    let (mut numbers, mut missed, mut gap) = (Vec::<u64>::new(), 0, 0);
    for event in told.split("\n\n") {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        if field("event: ") == Some("missed") {
            let data: Value = serde_json::from_str(field("data: ").unwrap()).unwrap();
            gap = data["missed"].as_u64().unwrap();
            missed += gap;
        } else if let Some(id) = field("id: ") {
            let number = id.rsplit_once('-').unwrap().1.parse().unwrap();
            if let Some(last) = numbers.last() {
                assert_eq!(
                    number,
                    last + 1 + std::mem::take(&mut gap),
                    "none is lost unsaid"
                );
            }
            numbers.push(number);
        }
    }
    (numbers, missed)
}

#[tokio::test]
async fn ten_thousand_events_wait_for_no_reader_and_one_that_is_slow_is_told_what_it_missed() {
    let mut host = Host::start(&config("hash", &demo("one", "echo"), "")).await;
    let client = Client::connect(host.url()).await;
    let api = host.home().api();
    let slow = api.request("GET", "/events/stream").send();
    let mut slow = soon("the stream", slow).await.unwrap();

    let socket = host.home().socket().unwrap();
    let burst = order(&socket, BURST);
    tokio::pin!(burst);
    let mut calls = 0;
    loop {
        tokio::select! {
            () = &mut burst => break,
            said = client.call("echo", json!({"text": "on"})) => {
                assert_eq!(said.unwrap(), "on");
                calls += 1;
            }
        }
    }
    assert!(calls > 0, "it served meanwhile");

    let add = config("hash", &demo("one", "add"), "");
    host.apply(&add).await;
    assert_eq!(client.tools().await, ["add"]);
    let mut told = String::new();
    while !told.contains(&digest(&add)) {
        let chunk = soon("the rest of the stream", slow.chunk()).await.unwrap();
        told.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    let (numbers, missed) = gaps(&told);
    assert!(missed > 0, "it did not fall behind");
    let all = numbers.last().unwrap() - numbers.first().unwrap() + 1;
    assert_eq!(numbers.len() as u64 + missed, all);
    assert!(all >= BURST as u64, "{all} events");
    assert!(host.stop().await.success());
}
