use std::fs;

use tempfile::TempDir;

use super::*;
use crate::manage::PluginKind;
use crate::watch::Detectors;

const DETECTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mtime.wasm"));
const MIDDLEWARE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/arguments.wasm"));

fn library(plugins: &[(&str, &[u8])]) -> (Library, TempDir) {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in plugins {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let engine = PluginEngine::new(PluginLimits::default().into(), None).unwrap();
    let library = Library::load(engine, &[folder.path().to_owned()]);
    (library, folder)
}

#[tokio::test(start_paused = true)]
async fn what_bears_a_handlers_name_and_is_none_leaves_the_handler_where_it_is() {
    let (library, _folder) = library(&[
        ("backends.wasm", DETECTOR),
        ("middleware.wasm", MIDDLEWARE),
        ("tools.wasm", b"no component"),
    ]);
    let handlers = library.handlers().unwrap();
    let names: Vec<_> = handlers.iter().map(|handler| handler.name()).collect();
    assert_eq!(names, ["backends", "middleware", "tools"]);
    assert!(Detectors::names(&library).contains(&"backends".to_owned()));
    let listed = library.list();
    let handlers = listed
        .iter()
        .filter(|it| it.kind == Some(PluginKind::Handler));
    assert_eq!(handlers.count(), 3);
}
