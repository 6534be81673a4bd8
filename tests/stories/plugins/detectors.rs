//! Whatever a detector does, the host serves on and no edit is lost.

use std::fs;

use super::{GRANTED, LONG, READABLE, SHORT, dropped_in, errors, hostile, is_error, text};
use crate::harness::{Client, Host, List};

const DETECTOR: &str = env!("HOSTILE_DETECTOR");

/// A detector that sins is told of by its name and its fault, three times and no more; then
/// `hash` takes over. Nothing that serves is touched, and no edit is lost.
async fn is_replaced(sin: &str, fault: &str, time: &str) -> Host {
    let folder = hostile(DETECTOR);
    let honest = |tools| text("hostile", tools, time, "");
    let mut host = Host::start_in(folder, &honest("whoami")).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;

    host.save(format!("# sin: {sin}\n{}", honest("whoami")));
    for strike in 1..=3 {
        let told = host.event("a fault", is_error).await;
        let begin = format!("plugin `hostile` {fault} in `observe`: ");
        assert!(told.message.starts_with(&begin), "{strike}: {told:?}");
        assert!(told.message.len() < READABLE, "{}", told.message.len());
        assert_eq!(told.generation, 1);
        assert_eq!(client.process("whoami").await, process);
    }
    let degraded = host
        .event("another detector", |it| it.kind == "degraded")
        .await;
    assert_eq!(
        degraded.message,
        "`hostile` keeps failing; `hash` looks in its place"
    );

    let changed = host.apply(&honest("whoami,echo")).await;
    assert_eq!(changed.generation, 2);
    assert_eq!(client.tools().await, ["echo", "whoami"]);
    // On a busy machine it is tried again before the file is honest.
    assert!(errors(&host) >= 3);
    host
}

#[tokio::test]
async fn a_detector_that_traps_is_replaced() {
    is_replaced("trap", "trapped", LONG).await;
}

#[tokio::test]
async fn a_detector_that_never_comes_back_is_replaced() {
    is_replaced("loop", "ran past its deadline", SHORT).await;
}

#[tokio::test]
async fn a_detector_that_sleeps_is_replaced() {
    let host = is_replaced("sleep", "ran past its deadline", LONG).await;
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_detector_that_hoards_memory_is_replaced() {
    is_replaced("memory", "asked for more memory than its limit", LONG).await;
}

#[tokio::test]
async fn a_detector_that_recurses_without_end_is_replaced() {
    is_replaced("recursion", "trapped", LONG).await;
}

#[tokio::test]
async fn a_detector_that_exits_is_replaced_and_the_host_stays() {
    is_replaced("exit", "trapped", LONG).await;
}

#[tokio::test]
async fn a_detector_that_refuses_is_replaced() {
    is_replaced("refuse", "refused", LONG).await;
}

#[tokio::test]
async fn a_detector_that_rants_is_cut_short() {
    is_replaced("rant", "refused", LONG).await;
}

#[tokio::test]
async fn a_detector_that_wants_to_remember_too_much_is_replaced() {
    is_replaced("answer", "said more than its limit", LONG).await;
}

#[tokio::test]
async fn a_detector_that_answers_with_more_than_the_host_takes_is_replaced() {
    is_replaced("flood", "said more than its limit", LONG).await;
}

#[tokio::test]
async fn a_detector_that_hoards_without_end_is_replaced() {
    is_replaced("hoard", "asked for more memory than its limit", LONG).await;
}

#[tokio::test]
async fn a_detector_that_uses_what_nobody_lent_it_is_replaced() {
    is_replaced("forge", "trapped", LONG).await;
}

/// One fault in three looks is no reason to give it up.
#[tokio::test]
async fn a_detector_that_traps_in_the_third_call_is_told_and_goes_on() {
    let honest = |tools| text("hostile", tools, LONG, "");
    let mut host = Host::start_in(hostile(DETECTOR), &honest("echo")).await;
    host.save(format!("# sin: third\n{}", honest("echo")));
    for _ in 0..4 {
        let told = host.event("a fault", is_error).await;
        assert!(told.message.contains("trapped in `observe`"), "{told:?}");
        assert!(
            told.message.contains("as commanded"),
            "what it said: {told:?}"
        );
    }
    let add = format!("# sin: third\n{}", honest("add"));
    assert_eq!(host.settle(&add).await.kind, "changed");
    host.apply(&honest("echo")).await;
    assert!(host.events().iter().all(|it| it.kind != "degraded"));
}

/// What it does not say, the look by content finds.
async fn finds_it_all_the_same(sin: &str) {
    let lies = |tools| {
        let text = text("hostile", tools, LONG, "");
        let text = text.replace("sync: {", "sync: {safety_interval: 1, max_debounce: 1, ");
        format!("# sin: {sin}\n{text}")
    };
    let mut host = Host::start_in(hostile(DETECTOR), &lies("echo")).await;
    let client = Client::connect(host.url()).await;
    host.apply(&lies("add")).await;
    assert_eq!(client.tools().await, ["add"]);
}

#[tokio::test]
async fn a_detector_that_never_says_a_word_loses_no_edit() {
    finds_it_all_the_same("lie-never").await;
}

#[tokio::test]
async fn a_detector_that_says_what_comes_to_its_mind_loses_no_edit() {
    finds_it_all_the_same("lie-random").await;
}

/// How many lines of the log a plugin has made.
fn lines_of_plugins(host: &Host) -> usize {
    let log = host.log();
    let made = |line: &&String| line.contains(r#""target":"config_sync::plugin""#);
    log.iter().filter(made).count()
}

/// 200 lines and the word that there are no more, in each look.
const ENOUGH: usize = 201;

#[tokio::test]
async fn a_detector_that_floods_the_log_fills_no_disk() {
    let host = is_replaced("log", "said more than its limit", LONG).await;
    assert_eq!(lines_of_plugins(&host), errors(&host) * ENOUGH);
}

#[tokio::test]
async fn a_detector_that_floods_its_standard_output_fills_no_disk() {
    let host = is_replaced("print", "said more than its limit", LONG).await;
    assert_eq!(lines_of_plugins(&host), errors(&host) * ENOUGH);
}

#[tokio::test]
async fn a_detector_that_tells_tales_is_cut_short() {
    let folder = hostile(DETECTOR);
    let honest = |tools| text("hostile", tools, LONG, "");
    let mut host = Host::start_in(folder, &honest("echo")).await;
    host.save(format!("# sin: note\n{}", honest("echo")));
    let tale = host
        .event("a tale", |it| it.message.starts_with("xxx"))
        .await;
    assert_eq!(tale.kind, "no-change");
    assert!(tale.message.len() < READABLE, "{}", tale.message.len());
    host.apply(&honest("echo,add")).await;
}

#[tokio::test]
async fn a_detector_that_cries_wolf_reloads_nothing() {
    let folder = hostile(DETECTOR);
    // It never gets quiet: the cap decides.
    let honest = |tools| {
        text("hostile", tools, LONG, "")
            .replace("debounce: 0.05", "debounce: 0.2, max_debounce: 0.2")
    };
    let mut host = Host::start_in(folder, &honest("whoami")).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;

    let wolf = format!("# sin: lie-changed\n{}", honest("whoami"));
    assert_eq!(host.settle(&wolf).await.kind, "no-change");
    for _ in 0..3 {
        let told = host.outcome(&wolf).await;
        assert_eq!(
            (told.kind.as_str(), told.message.as_str(), told.generation),
            ("no-change", "same bytes as what serves", 1)
        );
    }
    assert_eq!(client.process("whoami").await, process);
    let changed = host
        .apply(&format!("# sin: lie-changed\n{}", honest("whoami,echo")))
        .await;
    assert_eq!(changed.generation, 2);
    assert_eq!(client.told(1).await, [List::Tools]);
    assert_eq!(errors(&host), 0);
}

#[tokio::test]
async fn a_hostile_plugin_with_the_name_of_the_last_resort_leaves_the_host_with_ears() {
    let component = fs::read(DETECTOR).unwrap();
    let folder = dropped_in(&[("hash.yaml", GRANTED), ("hash.wasm", &component)]);
    let mut host = Host::start_in(folder, &text("hash", "echo", LONG, "")).await;
    host.save(format!("# sin: trap\n{}", text("hash", "echo", LONG, "")));
    host.event("another detector", |it| it.kind == "degraded")
        .await;
    host.apply(&format!("# sin: trap\n{}", text("hash", "add", LONG, "")))
        .await;
}

#[tokio::test]
async fn the_status_tells_which_detector_looks_in_whose_place() {
    let honest = text("hostile", "echo", LONG, "");
    let mut host = Host::start_in(hostile(DETECTOR), &honest).await;
    host.save(format!("# sin: trap\n{honest}"));
    host.event("another detector", |it| it.kind == "degraded")
        .await;
    let status = host.status_like("`hash` to look", |it| it["detection"]["detector"] == "hash");
    let status = status.await;
    assert_eq!(status["detection"]["wanted"], "hostile");
    assert_eq!(status["live"], true);
    let troubles = status["troubles"].to_string();
    assert!(troubles.contains("`hostile` keeps failing"), "{troubles}");
}

#[tokio::test]
async fn a_detector_that_stops_the_watching_is_told_and_resumed() {
    let stops = |tools| {
        let text = text("hostile", tools, LONG, "");
        text.replace("sync: {", "sync: {on_failure: stop, ")
    };
    let mut host = Host::start_in(hostile(DETECTOR), &stops("echo")).await;
    host.save(format!("# sin: trap\n{}", stops("echo")));
    let told = host.event("the stop", |it| it.kind == "degraded").await;
    assert!(told.message.contains("`config-sync resume`"), "{told:?}");
    let stopped = host.status_like("the stop", |it| it["watching"] == "stopped");
    assert_eq!(stopped.await["live"], false);

    host.save(stops("add"));
    host.home().ask(&["resume"]).unwrap();
    assert_eq!(host.outcome(stops("add")).await.kind, "changed");
    host.status_like("it to watch", |it| it["live"] == true)
        .await;
    host.apply(&stops("echo")).await;
}
