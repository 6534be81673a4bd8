//! Components of every published version of the interfaces go on working, and one of a version
//! that this host does not serve says so.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::{LONG, dropped_in, errors, text};
use crate::harness::{Client, Host};

/// What stands beside the handler.
const CLAIMS: &[u8] = b"grants: {signal: [/run/nobody.pid]}\nsettings: {refuse: \"no\"}\n";

/// Every folder of `tests/published`.
fn versions() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("published");
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let versions: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty());
    versions
}

#[tokio::test]
async fn components_of_every_published_version_go_on_working() {
    for version in versions() {
        let read = |name: &str| fs::read(version.join(name)).unwrap();
        let (detector, handler) = (read("detector.wasm"), read("handler.wasm"));
        let folder = dropped_in(&[
            ("old.wasm", &detector),
            ("claims.wasm", &handler),
            ("claims.yaml", CLAIMS),
        ]);
        // There was none in 0.1.0.
        let middleware = fs::read(version.join("middleware.wasm")).ok();
        let mut rest = String::new();
        if let Some(middleware) = &middleware {
            fs::write(folder.path().join("plugins/answers.wasm"), middleware).unwrap();
            rest = "middleware: [{answers: {answer: add}}]\n".to_owned();
        }
        let with = |tools, word| text("old", tools, LONG, &format!("{rest}published: {word}\n"));
        let mut host = Host::start_in(folder, &with("echo", "yes")).await;
        host.apply(&with("add", "yes")).await;
        let refused = host.settle(with("echo", "no")).await;
        assert!(refused.message.contains("no, as of "), "{refused:?}");
        host.apply(&with("echo", "yes, please")).await;
        assert_eq!(errors(&host), 1, "{}", version.display());
        if middleware.is_some() {
            host.apply(&with("add", "yes")).await;
            let client = Client::connect(host.url()).await;
            let answer = client.call("add", json!({"a": 1, "b": 2})).await.unwrap();
            assert!(answer.contains("as of "), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_component_of_another_version_says_which_it_wants_and_which_is_here() {
    let version = versions().remove(0);
    let detector = fs::read(version.join("detector.wasm")).unwrap();
    let of = version.file_name().unwrap().to_str().unwrap().to_owned();
    let (has, wants) = (format!("detector@{of}"), "detector@9.1.0".to_owned());
    let mut bytes = detector.clone();
    let places = detector.windows(has.len()).enumerate();
    for (at, _) in places.filter(|(_, window)| *window == has.as_bytes()) {
        bytes[at..at + has.len()].copy_from_slice(wants.as_bytes());
    }
    let folder = dropped_in(&[("new.wasm", &bytes)]);
    let host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let told = host.events();
    let told = told.iter().find(|it| it.kind == "error").unwrap();
    assert!(
        told.message.contains(
            "it is a detector for version 9.1.0 of `config-sync:plugin`, and this host has 0.1."
        ),
        "{told:?}"
    );
    assert!(
        told.message.contains("take a newer config-sync"),
        "{told:?}"
    );
}
