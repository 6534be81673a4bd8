//! Saves from which nothing follows: no reload, no word to clients, and an event that says so.

use super::harness::List::Tools;
use super::harness::{Client, Host, config, demo};

for_each_detector!(
    comments_and_touches_change_nothing,
    the_newest_of_many_quick_saves_serves
);

async fn comments_and_touches_change_nothing(detector: &str) {
    let text = config(detector, &demo("one", "echo,whoami"), "");
    let mut host = Host::start(&text).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;

    let commented = format!("# A word.\n{text}# Another.\n");
    let event = host.settle(&commented).await;
    assert_eq!(event.kind, "no-change");
    assert_eq!(event.message, "only comments or formatting changed");

    let note = match detector {
        "hash" => "touched: same bytes",
        _ => "same bytes as what serves",
    };
    let same_bytes = |event: &super::harness::Event| event.message == note;
    host.touch();
    let event = host.event("a word about the touch", same_bytes).await;
    assert_eq!(event.kind, "no-change");
    host.rewrite(&commented);
    let event = host.event("a word about the rewrite", same_bytes).await;
    assert_eq!(event.kind, "no-change");
    host.save(&commented);
    let event = host.event("a word about the save", same_bytes).await;
    assert_eq!((event.kind.as_str(), event.generation), ("no-change", 1));

    // The marker. What clients were told until then is all that they were told.
    let event = host.apply(&text.replace("echo,", "echo,add,")).await;
    assert_eq!(event.generation, 2);
    assert_eq!(client.told(1).await, [Tools]);
    assert_ne!(client.process("whoami").await, process);
    let loud = host.events().into_iter().filter(|it| it.kind == "changed");
    assert_eq!(loud.count(), 2, "the start and the marker");
}

async fn the_newest_of_many_quick_saves_serves(detector: &str) {
    let text = |tool: &str| config(detector, &demo("one", &format!("{tool}=echo")), "");
    let mut host = Host::start(&text("t")).await;
    let client = Client::connect(host.url()).await;
    for n in 0..200 {
        host.save(text(&format!("t{n}")));
        tokio::task::yield_now().await;
    }
    let event = host.outcome(text("t199")).await;
    assert_eq!(event.kind, "changed");
    assert_eq!(client.tools().await, ["t199"]);
}
