use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::manage::{PluginKind, PluginState};
use crate::watch::Detectors;

const DETECTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mtime.wasm"));
const HANDLER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tools.wasm"));
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

/// Two looks, between which what has changed lies still.
fn look(library: &Library, now: &mut Instant) -> Vec<Changed> {
    let mut changes = library.look(&|_| true, *now);
    *now += Duration::from_secs(1);
    changes.extend(library.look(&|_| true, *now));
    changes.into_iter().map(|change| change.what).collect()
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_file_is_gone_knows_it_until_the_file_is_back() {
    let (library, folder) = library(&[("foo.wasm", HANDLER)]);
    let (file, mut now) = (folder.path().join("foo.wasm"), Instant::now());
    let is_leaving = || {
        let handlers = library.handlers().unwrap();
        let foo = handlers.iter().find(|it| it.name() == "foo").unwrap();
        foo.is_leaving()
    };
    assert!(!is_leaving());
    fs::remove_file(&file).unwrap();
    let gone = look(&library, &mut now);
    assert_eq!(gone, [Changed::Removed { goes_on: true }]);
    assert!(is_leaving());
    fs::write(&file, HANDLER).unwrap();
    assert_eq!(look(&library, &mut now), []);
    assert!(!is_leaving());
}

#[tokio::test(start_paused = true)]
async fn what_lacks_a_folder_that_it_may_read_is_told_once_and_taken_when_the_folder_is_there() {
    let elsewhere = TempDir::new().unwrap();
    let granted = elsewhere.path().join("granted");
    let yaml = format!("grants: {{read: [{}]}}\n", granted.display());
    let (library, _folder) = library(&[("mine.wasm", DETECTOR), ("mine.yaml", yaml.as_bytes())]);
    let (_, reason) = library.refused().pop().unwrap();
    let named = format!("{} (grants.read) cannot be opened", granted.display());
    assert!(reason.contains(&named), "{reason}");
    assert!(!reason.contains("trap"), "{reason}");
    let mut now = Instant::now();
    for _ in 0..4 {
        assert_eq!(look(&library, &mut now), []);
    }
    fs::create_dir(&granted).unwrap();
    now += Duration::from_secs(120);
    let loaded = look(&library, &mut now);
    assert!(matches!(loaded[..], [Changed::Loaded { .. }]), "{loaded:?}");
    assert_eq!(library.refused(), []);
}

#[tokio::test(start_paused = true)]
async fn a_file_beside_it_that_cannot_be_read_is_looked_at_again() {
    let (library, folder) = library(&[]);
    let beside = folder.path().join("mine.yaml");
    fs::create_dir(&beside).unwrap();
    fs::write(folder.path().join("mine.wasm"), DETECTOR).unwrap();
    let mut now = Instant::now();
    let refused = look(&library, &mut now);
    let [Changed::Refused { reason, .. }] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("mine.yaml cannot be read: "), "{reason}");
    assert!(
        library.look_again(now).is_some(),
        "not only when it changes"
    );
    fs::remove_dir(&beside).unwrap();
    let loaded = look(&library, &mut now);
    assert!(matches!(loaded[..], [Changed::Loaded { .. }]), "{loaded:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_is_not_replaced_by_something_that_does_another_thing() {
    let (library, folder) = library(&[("mine.wasm", DETECTOR)]);
    let used = library.detector("mine").unwrap();
    fs::write(folder.path().join("mine.wasm"), MIDDLEWARE).unwrap();
    let mut now = Instant::now();
    let refused = look(&library, &mut now);
    let [
        Changed::Refused {
            reason,
            goes_on: true,
            ..
        },
    ] = &refused[..]
    else {
        panic!("{refused:?}")
    };
    let told = "it is a middleware, and the detector of this name is in use";
    assert!(reason.contains(told), "{reason}");
    drop(used);
    now += Duration::from_secs(120);
    let loaded = look(&library, &mut now);
    assert!(matches!(loaded[..], [Changed::Loaded { .. }]), "{loaded:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_means_something_else_is_no_name_for_a_plugin() {
    let (library, _folder) = library(&[("auto.wasm", DETECTOR), ("deny.wasm", MIDDLEWARE)]);
    let refused = library.refused();
    let reasons: Vec<_> = refused.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        reasons.iter().all(|it| it.contains("another name")),
        "{reasons:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_asked_any_more_is_not_told_to_go_on() {
    let (library, folder) = library(&[("mine.wasm", DETECTOR)]);
    let _used = library.detector("mine").unwrap();
    let pin = format!("sha256: {}\n", "0".repeat(64));
    fs::write(folder.path().join("mine.yaml"), pin).unwrap();
    let refused = look(&library, &mut Instant::now());
    assert!(
        matches!(refused[..], [Changed::Refused { goes_on: false, .. }]),
        "{refused:?}"
    );
    let listed = library.list();
    let mine = listed.iter().find(|it| it.name == "mine").unwrap();
    assert_eq!(mine.state, PluginState::Refused);
}

#[tokio::test(start_paused = true)]
async fn of_a_folder_that_cannot_be_read_all_goes_on_and_it_is_told_once() {
    let (library, folder) = library(&[("mine.wasm", DETECTOR)]);
    let (place, away) = (folder.path(), folder.path().with_extension("away"));
    fs::rename(place, &away).unwrap();
    fs::write(place, "no folder").unwrap();
    let mut now = Instant::now();
    let told = look(&library, &mut now);
    let [Changed::Refused { path, reason, .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(
        path == place && reason.contains("this folder cannot be read: "),
        "{reason}"
    );
    assert_eq!(look(&library, &mut now), []);
    assert_eq!(library.refused().len(), 1);
    assert!(library.detector("mine").is_ok());
    fs::remove_file(place).unwrap();
    fs::rename(&away, place).unwrap();
    assert_eq!(look(&library, &mut now), []);
    assert_eq!(library.refused(), []);
}

#[tokio::test(start_paused = true)]
async fn a_link_beside_it_that_leads_nowhere_is_not_taken_for_nothing() {
    let (library, folder) = library(&[]);
    std::os::unix::fs::symlink("/nowhere/mine.yaml", folder.path().join("mine.yaml")).unwrap();
    fs::write(folder.path().join("mine.wasm"), DETECTOR).unwrap();
    let refused = look(&library, &mut Instant::now());
    assert!(
        matches!(refused[..], [Changed::Refused { .. }]),
        "{refused:?}"
    );
}
