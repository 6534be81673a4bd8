//! `config-sync plan`: what a reload would do, and nothing is done.

use std::fs;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::harness::{Home, Host, demo};

const HEAD: &str = "server: {port: 0}\nsync: {poll_interval: 0.05, debounce: 0.05}\nbackends:\n";

fn old() -> String {
    let filtered = demo("filtered", "f1=echo,f2=echo");
    let renamed = demo("renamed", "r1=echo");
    [
        HEAD,
        &filtered.replace("]}", "], filters: {tools: {deny: [f2]}}}"),
        &renamed.replace("]}", "], tool_overrides: {r1: {name: bee}}}"),
        &demo("changed", "c1=echo"),
        &demo("gone", "g1=echo"),
    ]
    .concat()
}

fn new() -> String {
    let filtered = demo("filtered", "f1=echo,f2=echo");
    let renamed = demo("renamed", "r1=echo");
    [
        HEAD,
        &filtered.replace("]}", "], filters: {tools: {deny: [f1]}}}"),
        &renamed.replace("]}", "], tool_overrides: {r1: {name: wasp}}}"),
        &demo("changed", "c2=echo"),
        &demo("fresh", "n1=echo"),
    ]
    .concat()
}

fn plan(home: &Home, args: &[&str]) -> Output {
    let args = [&["plan"], args].concat();
    let mut command = home.command(&args);
    command.current_dir(home.folder()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn files(next: &str) -> Home {
    let home = Home::of(TempDir::new().unwrap());
    home.save(old());
    fs::write(home.folder().join("next.yaml"), next).unwrap();
    home
}

#[test]
fn backends_and_tools_that_come_stay_and_go_are_told() {
    let folder = files(&new());
    let planned = plan(&folder, &["next.yaml", "--against", "config.yaml"]);
    assert_eq!(planned.status.code(), Some(0));
    let said = said(&planned);
    for line in [
        "next.yaml against config.yaml: would be applied",
        "  + backends.fresh",
        "  - backends.gone",
        "start    fresh",
        "replace  changed",
        "stop     gone",
        "keep     filtered, renamed",
        "tool + f2 (of filtered)",
        "tool - f1 (of filtered)",
        "tool ~ bee -> wasp (of renamed)",
    ] {
        // Of a difference, what stands there follows.
        let is_told = |told: &str| told == line || told.starts_with(&format!("{line}: "));
        assert!(said.lines().any(is_told), "{line} is not in {said}");
    }
    assert!(said.contains("--connect starts"), "{said}");

    let args = [
        "next.yaml",
        "--against",
        "config.yaml",
        "--connect",
        "--json",
    ];
    let connected = plan(&folder, &args);
    let json: Value = serde_json::from_slice(&connected.stdout).unwrap();
    assert_eq!(json["connected"], true);
    let come = json["come"].as_array().unwrap();
    assert!(come.iter().any(|it| it["name"] == "n1"), "{json:#}");
    assert_eq!(json["replaced_offer"][0]["name"], "c2");
}

#[test]
fn the_exit_code_says_whether_it_would_be_accepted() {
    for (next, connect, code, reason) in [
        (old(), false, 0, "unchanged"),
        (format!("{}sink: [\n", new()), false, 1, "rejected"),
        (new() + "  bad: {command: /no/such}\n", false, 0, "applied"),
        (
            new() + "  bad: {command: /no/such}\n",
            true,
            1,
            "backends.bad: it does not start",
        ),
        (
            new() + "  bad: {command: /no/such, required: false}\n",
            true,
            0,
            "not required",
        ),
        (
            format!(
                "{}{}conflict_resolution: {{strategy: error}}\n",
                new(),
                demo("twin", "n1=echo")
            ),
            true,
            1,
            "rejected",
        ),
    ] {
        let folder = files(&next);
        let mut args = vec!["next.yaml", "--against", "config.yaml"];
        args.extend(connect.then_some("--connect"));
        let planned = plan(&folder, &args);
        let said = said(&planned);
        assert_eq!(planned.status.code(), Some(code), "{said}");
        assert!(said.contains(reason), "{reason} is not in {said}");
    }
}

#[test]
fn where_nothing_was_applied_nothing_can_be_told() {
    let folder = files(&new());
    let planned = plan(&folder, &["next.yaml"]);
    assert_eq!(planned.status.code(), Some(2));
    let complaint = String::from_utf8(planned.stderr).unwrap();
    assert!(complaint.contains("--against FILE"), "{complaint}");
}

#[tokio::test]
async fn without_more_words_it_is_what_serves_that_counts() {
    let host = Host::start(&old()).await;
    let next = host.folder().join("next.yaml");
    fs::write(&next, new()).unwrap();
    let children = host.children();
    let said = host.home().ask(&["plan", next.to_str().unwrap()]).unwrap();
    assert!(
        said.contains("against generation 1: would be applied"),
        "{said}"
    );
    assert!(said.contains("start    fresh"), "{said}");
    assert_eq!(host.children(), children, "nothing is done");
}
