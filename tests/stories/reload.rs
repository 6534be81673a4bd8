//! One atomic save each: a backend comes, goes, is changed, a tool is renamed, conflicts are
//! resolved otherwise. A connected client sees each, and is told of each once.

use super::harness::List::{Prompts, Resources, Tools};
use super::harness::{Client, Host, Remote, config, demo, is_gone, remote, until};

for_each_detector!(every_edit_reaches_a_connected_client_once);

async fn every_edit_reaches_a_connected_client_once(detector: &str) {
    let far = Remote::start("far_echo=echo,far_whoami=whoami").await;
    let far = remote("far", far.url());
    let one = demo("one", "echo,one_whoami=whoami");
    let two = demo("two", "echo,two_whoami=whoami");
    let three = demo("three", "three_whoami=whoami");
    let first = [&*one, &two, &far].concat();

    let mut host = Host::start(&config(detector, &first, "")).await;
    let client = Client::connect(host.url()).await;
    let tools = ["echo", "far_echo", "far_whoami", "one_whoami", "two_whoami"];
    assert_eq!(client.tools().await, tools);
    let (of_one, of_two) = (
        client.process("one_whoami").await,
        client.process("two_whoami").await,
    );
    let of_far = client.process("far_whoami").await;

    // A backend comes.
    let with_three = [&*first, &three].concat();
    let event = host.apply(&config(detector, &with_three, "")).await;
    assert_eq!(event.message, "1 backend reloaded (+ backends.three)");
    assert_eq!(event.generation, 2);
    let told = client.told(3).await;
    assert_eq!(told, [Tools, Prompts, Resources]);
    assert!(client.tools().await.contains(&"three_whoami".to_owned()));
    let of_three = client.process("three_whoami").await;
    assert_eq!(client.process("one_whoami").await, of_one);
    assert_eq!(client.process("two_whoami").await, of_two);

    // It goes.
    let event = host.apply(&config(detector, &first, "")).await;
    assert_eq!(event.message, "1 backend reloaded (- backends.three)");
    client.told(6).await;
    assert_eq!(client.tools().await, tools);
    until("the removed backend to end", || is_gone(of_three)).await;

    // Another gets other arguments.
    let two = demo("two", "echo,two_whoami=whoami,add");
    let changed = [&*one, &two, &far].concat();
    let event = host.apply(&config(detector, &changed, "")).await;
    assert_eq!(event.message, "1 backend reloaded (~ backends.two)");
    client.told(7).await;
    assert!(client.tools().await.contains(&"add".to_owned()));
    assert_ne!(client.process("two_whoami").await, of_two);
    until("the replaced process to end", || is_gone(of_two)).await;
    let of_two = client.process("two_whoami").await;
    assert_eq!(client.process("one_whoami").await, of_one);

    // A tool gets another name.
    let renamed = one.replace("]}", "], tool_overrides: {one_whoami: {name: who_one}}}");
    let renamed = [&*renamed, &two, &far].concat();
    host.apply(&config(detector, &renamed, "")).await;
    client.told(8).await;
    let tools = client.tools().await;
    assert!(tools.contains(&"who_one".to_owned()) && !tools.contains(&"one_whoami".to_owned()));
    assert_eq!(client.process("who_one").await, of_one);

    // Conflicts are resolved otherwise.
    let prefix = "conflict_resolution: {strategy: prefix}\n";
    host.apply(&config(detector, &renamed, prefix)).await;
    client.told(10).await;
    let prefixed = [
        "far_far_echo",
        "far_far_whoami",
        "one_echo",
        "one_who_one",
        "two_add",
        "two_echo",
        "two_two_whoami",
    ];
    assert_eq!(client.tools().await, prefixed);
    assert_eq!(client.process("one_who_one").await, of_one);
    assert_eq!(client.process("two_two_whoami").await, of_two);
    assert_eq!(client.process("far_far_whoami").await, of_far);

    // A marker: nothing but the prompts change. What was told until then is all that was told.
    let hidden = renamed.replacen("]}", "], filters: {prompts: {deny: [\"*\"]}}}", 1);
    let event = host.apply(&config(detector, &hidden, prefix)).await;
    assert_eq!(event.generation, 7, "one for each save");
    let come_and_go = [Tools, Prompts, Resources];
    let expected = [
        &come_and_go[..],
        &come_and_go,
        &[Tools],
        &[Tools],
        &[Tools, Prompts],
        &[Prompts],
    ];
    let expected = expected.concat();
    assert_eq!(client.told(expected.len()).await, expected);
    assert!(host.stop().await.success());
}
