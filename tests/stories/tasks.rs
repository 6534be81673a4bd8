//! Tasks: those of several backends are to a client as those of one server, and each belongs to
//! whoever began it.

use super::harness::{Era, Host, RAW_BACKEND, RawClient, RawRemote, Way, Wire, config, remote};

const ALICE: &str = "the-token-of-alice";
const BOB: &str = "the-token-of-bob";

/// Two backends whose tasks are called `a0`, `a1`, and `b0`, `b1`.
async fn start(era: &str, middleware: &str) -> Host {
    let one = |name: &str| {
        format!("  {name}: {{command: \"{RAW_BACKEND}\", args: [{era}--tasks, {name}]}}\n")
    };
    let rest = format!("conflict_resolution: {{strategy: prefix}}\nmiddleware: [{middleware}]\n");
    Host::start(&config("mtime", &(one("a") + &one("b")), &rest)).await
}

async fn begin(client: &RawClient, backend: &str) {
    let params = format!(r#"{{"name":"{backend}_golden","task":{{"ttl":60000}}}}"#);
    let begun = client.ask("tools/call", &params).await;
    assert!(begun.contains(r#""odd":1}"#), "{begun}");
    assert!(
        begun.contains(&format!(r#""taskId":"{backend}"#)),
        "{begun}"
    );
}

async fn about(client: &RawClient, method: &str, task: &str) -> String {
    client
        .ask(method, &format!(r#"{{"taskId":"{task}"}}"#))
        .await
}

/// The names of all tasks that it is told of, page by page.
async fn list(client: &RawClient) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut params = "{}".to_owned();
    loop {
        let page = client.ask("tasks/list", &params).await;
        assert!(page.contains(r#""odd":1.0"#), "{page}");
        let page: serde_json::Value = serde_json::from_str(&page.replace("1e999", "1")).unwrap();
        let page = &page["result"];
        let tasks = page["tasks"].as_array().unwrap().iter();
        let names = tasks.map(|task| task["taskId"].as_str().unwrap().to_owned());
        pages.push(names.collect());
        match page.get("nextCursor") {
            Some(next) => params = format!(r#"{{"cursor":{next}}}"#),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn a_task_is_found_where_it_was_begun_and_lists_are_one() {
    let host = start("", "audit").await;
    let client = RawClient::connect(host.url()).await;
    let other = RawClient::connect(host.url()).await;
    let declared = r#""tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}"#;
    assert!(client.hello().contains(declared), "{}", client.hello());
    for backend in ["b", "a", "b", "b"] {
        begin(&client, backend).await;
    }
    begin(&other, "b").await;
    for task in ["b0", "a0", "b2"] {
        let got = about(&client, "tasks/get", task).await;
        let whole = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"taskId":"{task}","status":"working","ttl":60000,"odd":1e999}}}}"#
        );
        assert_eq!(got, whole);
        assert!(about(&client, "tasks/cancel", task).await.contains(task));
        let result = about(&client, "tasks/result", task).await;
        assert!(result.contains(r#""content":"#), "{result}");
    }
    assert_eq!(
        list(&client).await,
        [vec!["a0"], vec!["b0", "b1"], vec!["b2"]]
    );
    assert_eq!(list(&other).await, [vec![], vec![], vec!["b3"]]);
    // Without tokens its name is enough.
    assert!(about(&other, "tasks/get", "a0").await.contains("working"));
    let unknown = about(&client, "tasks/get", "c0").await;
    assert!(
        unknown.contains(r#""code":-32602,"message":"unknown task: c0""#),
        "{unknown}"
    );
    let lost = client.ask("tasks/list", r#"{"cursor":"2"}"#).await;
    assert!(
        lost.contains("-32602") && lost.contains("begin again"),
        "{lost}"
    );
}

#[tokio::test]
async fn where_clients_show_tokens_a_task_is_its_callers_alone() {
    let auth = format!("{{auth: {{tokens: {{alice: {ALICE}, bob: {BOB}}}}}}}");
    let host = start("", &auth).await;
    let alice = RawClient::connect_with(host.url(), ALICE).await;
    let bob = RawClient::connect_with(host.url(), BOB).await;
    begin(&alice, "a").await;
    begin(&bob, "a").await;
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let refused = about(&bob, method, "a0").await;
        assert!(
            refused.contains(r#""code":-32602,"message":"unknown task: a0""#),
            "{refused}"
        );
        assert!(!about(&bob, method, "a1").await.contains("error"));
    }
    assert_eq!(list(&bob).await, [vec!["a1"], vec![]]);
    // Whoever comes back is the same.
    let again = RawClient::connect_with(host.url(), ALICE).await;
    assert_eq!(list(&again).await, [vec!["a0"], vec![]]);
    assert!(about(&again, "tasks/get", "a0").await.contains("working"));
}

#[tokio::test]
async fn a_task_of_the_new_era_is_found_where_it_was_begun() {
    let host = start("--new, ", "").await;
    let mut client = Wire::to(host.url(), Way::Stateless).await;
    assert!(
        client.hello.contains("io.modelcontextprotocol/tasks"),
        "{}",
        client.hello
    );
    for backend in ["b", "a"] {
        let params = format!(r#""name":"{backend}_golden""#);
        let (_, begun) = client.ask("tools/call", &params, "").await;
        assert!(begun.contains(r#""resultType":"task""#), "{begun}");
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let task = format!(r#""taskId":"{backend}0""#);
            let (_, got) = client.ask(method, &task, "").await;
            assert!(
                got.contains(&task) && got.contains(r#""odd":1e999"#),
                "{got}"
            );
        }
    }
}

#[tokio::test]
async fn what_names_a_task_says_so_in_its_header() {
    let far = RawRemote::start(Era::New).await;
    let host = Host::start(&config("mtime", &remote("far", &far.url()), "")).await;
    let mut client = Wire::to(host.url(), Way::Stateless).await;
    client.ask("tasks/get", r#""taskId":"far-7""#, "").await;
    let heads = far.heads();
    let asked = heads.iter().find(|it| it.contains("mcp-method: tasks/get"));
    assert!(asked.unwrap().contains("mcp-name: far-7"), "{asked:?}");
}
