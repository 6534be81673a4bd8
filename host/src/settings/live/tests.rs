use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::events::SyncEvent;

struct Stage {
    folder: TempDir,
    bus: EventBus,
}

impl Stage {
    fn open() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            bus: EventBus::default(),
        }
    }

    /// The host starts, with this in the file.
    fn start(&self, sync: Value) -> LiveSettings {
        let store = SettingsStore::of(self.folder.path(), Path::new("/srv/config.yaml"));
        let live = LiveSettings::open(Some(store), Map::new(), Map::new(), self.bus.clone());
        live.follow(&map(sync), true);
        live
    }

    fn told(&self, part: &str) -> bool {
        let events: Vec<SyncEvent> = self.bus.since(0).events;
        events.iter().any(|event| event.details.contains(part))
    }
}

fn map(json: Value) -> Map<String, Value> {
    json.as_object().cloned().unwrap()
}

fn detection(live: &LiveSettings) -> (String, Origin) {
    let effective = live.effective();
    let setting = effective
        .settings
        .iter()
        .find(|it| it.key.name == "detection");
    (effective.sync.detection.clone(), setting.unwrap().origin)
}

#[test]
fn what_is_stored_is_in_force_at_once_and_after_a_restart() {
    let stage = Stage::open();
    let file = json!({"detection": "mtime"});
    let live = stage.start(file.clone());
    live.change(&map(json!({"detection": "hash"}))).unwrap();
    assert_eq!(detection(&live), ("hash".to_owned(), Origin::Stored));
    let again = stage.start(file);
    assert_eq!(detection(&again), ("hash".to_owned(), Origin::Stored));
    again.change(&map(json!({"detection": null}))).unwrap();
    assert_eq!(detection(&again), ("mtime".to_owned(), Origin::File));
}

#[test]
fn a_later_edit_by_hand_wins_and_is_told() {
    let stage = Stage::open();
    let live = stage.start(json!({"detection": "mtime", "debounce": 1}));
    live.change(&map(json!({"detection": "hash", "debounce": 3})))
        .unwrap();
    live.follow(
        &map(json!({"detection": "mtime", "debounce": 1.0, "poll_interval": 7})),
        true,
    );
    assert_eq!(detection(&live).1, Origin::Stored, "another key was edited");
    live.follow(&map(json!({"detection": "inotify", "debounce": 1})), true);
    assert_eq!(detection(&live), ("inotify".to_owned(), Origin::File));
    assert!(stage.told("sync.detection was edited in the file"));
    assert!(!stage.told("sync.debounce was edited"));
    // It is gone from the store too, and only it.
    let left = live.store().unwrap().read().unwrap().document;
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["debounce"]);
}

#[test]
fn an_edit_while_no_host_ran_is_newer_too() {
    let stage = Stage::open();
    stage
        .start(json!({}))
        .change(&map(json!({"detection": "hash"})))
        .unwrap();
    let live = stage.start(json!({"detection": "mtime"}));
    assert_eq!(detection(&live), ("mtime".to_owned(), Origin::File));
}

#[test]
fn going_back_to_an_earlier_configuration_is_no_edit() {
    let stage = Stage::open();
    let live = stage.start(json!({"detection": "mtime"}));
    live.change(&map(json!({"detection": "hash"}))).unwrap();
    live.follow(&map(json!({"detection": "inotify"})), false);
    assert_eq!(detection(&live), ("hash".to_owned(), Origin::Stored));
}

#[test]
fn all_of_a_change_or_nothing_of_it() {
    let stage = Stage::open();
    let live = stage.start(json!({"max_debounce": 2}));
    for (wrong, said) in [
        (
            json!({"detection": "hash", "debounce": -1}),
            "0 to 3600 seconds",
        ),
        (json!({"detection": "hash", "debounse": 1}), "did you mean"),
        (json!({"detection": "hash", "debounce": 5}), "set both"),
    ] {
        let error = live.change(&map(wrong)).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(detection(&live).1, Origin::Default);
    }
    live.change(&map(json!({"debounce": 5, "max_debounce": 6})))
        .unwrap();
    assert_eq!(live.current().max_debounce.as_secs(), 6);
}

#[test]
fn what_is_stored_and_cannot_be_any_more_does_not_count() {
    let stage = Stage::open();
    stage
        .start(json!({}))
        .change(&map(json!({"detection": "gone"})))
        .unwrap();
    let live = stage.start(json!({}));
    live.forget(|key, _| (key == "detection").then(|| "there is none".to_owned()));
    assert_eq!(detection(&live).1, Origin::Default);
    assert!(stage.told("the stored sync.detection does not count: there is none"));
}

#[test]
fn without_a_home_folder_nothing_is_stored_and_that_is_said() {
    let live = LiveSettings::of_file_alone(EventBus::default());
    let error = live.change(&map(json!({"debounce": 3}))).unwrap_err();
    assert!(
        error.to_string().contains("CONFIG_SYNC_SETTINGS"),
        "{error}"
    );
}
