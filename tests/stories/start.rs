//! The first minutes with the host: the shipped example starts, and the README's tour is true.

use serde_json::json;

use super::harness::{Client, Host, RawClient};

/// The shipped example, but for the port.
fn example() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/example/config.yaml");
    let shipped = std::fs::read_to_string(path).unwrap();
    let free = shipped.replace("port: 9000", "port: 0");
    assert_ne!(shipped, free);
    free
}

#[tokio::test]
async fn the_example_starts_says_where_it_serves_and_what_it_watches_and_answers() {
    let host = Host::start(&example()).await;
    let [serves, watches] = host.said() else {
        panic!("{:?}", host.said());
    };
    assert!(serves.starts_with("Serving MCP at http://127.0.0.1:"));
    assert!(serves.ends_with("/mcp (backends: 1, tools: 2, prompts: 1, resources: 1)"));
    assert_eq!(*watches, format!("Watching {}", host.config().display()));

    let raw = RawClient::connect(host.url()).await;
    assert!(
        raw.hello()
            .contains(r#""serverInfo":{"name":"config-sync""#)
    );
    let tools = raw.ask("tools/list", "{}").await;
    assert!(tools.contains(r#""name":"echo""#) && tools.contains(r#""name":"add""#));
    let sum = raw
        .ask("tools/call", r#"{"name":"add","arguments":{"a":2,"b":3}}"#)
        .await;
    assert!(sum.contains(r#""text":"5""#), "{sum}");
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn the_tour_of_the_readme_is_true() {
    let example = example();
    let mut host = Host::start(&example).await;
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["add", "echo"]);

    let more = example.replace("\"echo,add\"", "\"echo,add,whoami\"");
    let changed = host.apply(&more).await;
    assert_eq!(changed.message, "1 backend reloaded (~ backends.demo)");
    assert_eq!(client.tools().await, ["add", "echo", "whoami"]);
    client.told(1).await;

    let misspelt = more.replace("debounce", "debounse");
    let refused = host.settle(&misspelt).await;
    assert_eq!(
        refused.message,
        "rejected: config.yaml:20:3: sync.debounse: unknown key; did you mean `debounce`?; \
         the last good state serves"
    );
    assert_eq!(host.settle(&more).await.kind, "no-change");
    let sum = client.call("add", json!({"a": 2, "b": 3})).await;
    assert_eq!(sum.unwrap(), "5");
}
