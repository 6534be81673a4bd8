//! Addresses that are left and come back to, and what is heard there.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::gateway::fakes::Fakes;

fn at(host: &str) -> ServerSettings {
    ServerSettings {
        host: host.parse().unwrap(),
        port: 0,
        is_named: true,
        ..ServerSettings::default()
    }
}

/// What whoever asks there hears first.
async fn heard(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    heard
}

async fn everything_else() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_come_back_to_serves_though_its_time_ran_out_meanwhile() {
    let (gateway, _notices) = Gateway::connected_by(Arc::new(Fakes::default()));
    let (one, all) = (at("127.0.0.1"), at("0.0.0.0"));
    gateway.serve(gateway.open(&one).await.unwrap());
    let first = gateway.address().unwrap();
    gateway.serve(gateway.open(&all).await.unwrap());
    let second = gateway.address().unwrap();
    assert_ne!(first, second);
    tokio::time::sleep(LEAVING - Duration::from_secs(10)).await;
    // Its backends take their time.
    let opened = gateway.open(&one).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    gateway.serve(opened);
    assert_eq!(gateway.address(), Some(first));
    // What was left last goes, and what serves stays.
    tokio::time::sleep(LEAVING * 2).await;
    everything_else().await;
    tokio::time::resume();
    assert!(heard(first, "/").await.contains("MCP is served at /mcp"));
    let local = SocketAddr::new([127, 0, 0, 1].into(), second.port());
    assert!(TcpStream::connect(local).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_nobody_came_back_to_after_all_goes_when_its_time_is_up() {
    let (gateway, _notices) = Gateway::connected_by(Arc::new(Fakes::default()));
    let (one, all) = (at("127.0.0.1"), at("0.0.0.0"));
    gateway.serve(gateway.open(&one).await.unwrap());
    let first = gateway.address().unwrap();
    gateway.serve(gateway.open(&all).await.unwrap());
    let opened = gateway.open(&one).await.unwrap();
    tokio::time::sleep(LEAVING * 2).await;
    drop(opened);
    everything_else().await;
    assert!(TcpStream::connect(first).await.is_err());
    assert_ne!(gateway.address(), Some(first));
}

#[tokio::test]
async fn a_client_of_legacy_sse_hears_of_the_way_out() {
    let (gateway, _notices) = Gateway::connected_by(Arc::new(Fakes::default()));
    gateway.serve(gateway.open(&at("127.0.0.1")).await.unwrap());
    for path in ["/sse", "/sse/", "/messages/?session_id=1"] {
        let heard = heard(gateway.address().unwrap(), path).await;
        assert!(heard.starts_with("HTTP/1.1 404") && heard.contains("/mcp"));
        assert!(heard.contains("npx mcp-remote"), "{heard}");
    }
}
