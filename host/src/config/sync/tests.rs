use serde_json::json;

use super::*;

fn read(json: Json) -> Result<SyncSettings, String> {
    SyncSettings::from_json(&json, &|_| None).map_err(|problems| {
        let lines = problems.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn nothing_gives_the_defaults() {
    let settings = read(json!({})).unwrap();
    assert_eq!(settings, SyncSettings::default());
    assert_eq!(settings.poll_interval, Duration::from_secs(2));
    assert_eq!(settings.debounce, Duration::from_secs(1));
    assert_eq!(settings.detection, "mtime");
    assert_eq!(settings.max_debounce, Duration::from_secs(10));
    assert_eq!(settings.safety_interval, Duration::from_secs(60));
    assert_eq!(settings.probation, Duration::ZERO);
    assert!(settings.enabled);
}

#[test]
fn every_key_is_read() {
    let settings = read(json!({
        "enabled": false, "poll_interval": 0.5, "debounce": 0, "detection": "my-plugin_2",
        "on_failure": "stop", "max_debounce": 0, "safety_interval": 0, "probation": 30,
    }));
    let expected = SyncSettings {
        enabled: false,
        poll_interval: Duration::from_millis(500),
        debounce: Duration::ZERO,
        detection: "my-plugin_2".into(),
        on_failure: OnFailure::Stop,
        max_debounce: Duration::ZERO,
        safety_interval: Duration::ZERO,
        probation: Duration::from_secs(30),
    };
    assert_eq!(settings, Ok(expected));
}

#[test]
fn the_documented_keys_are_the_known_ones() {
    let json = SyncSettings::KEYS.map(|key| (key.to_owned(), Json::Null));
    assert!(read(Json::Object(json.into_iter().collect())).is_ok());
    assert_eq!(
        read(json!({"zzzz": 1})).unwrap_err().matches(',').count(),
        7
    );
}

#[test]
fn each_number_has_its_bounds() {
    for (key, value, expected) in [
        ("poll_interval", 0.009, "0.01 to 86400 seconds"),
        ("poll_interval", 86_401.0, "0.01 to 86400 seconds"),
        ("debounce", -0.1, "0 to 3600 seconds"),
        ("debounce", 3_601.0, "0 to 3600 seconds"),
        ("max_debounce", 86_401.0, "0 to 86400 seconds"),
        ("safety_interval", 0.05, "0 (off) or 0.1 to 604800 seconds"),
        (
            "safety_interval",
            604_801.0,
            "0 (off) or 0.1 to 604800 seconds",
        ),
        ("probation", 86_401.0, "0 to 86400 seconds"),
    ] {
        let found = read(json!({ key: value })).unwrap_err();
        assert_eq!(
            found,
            format!("sync.{key}: expected {expected}, found {:?}", value)
        );
    }
}

#[test]
fn a_negative_zero_is_zero() {
    let json = json!({"debounce": -0.0, "safety_interval": -0.0});
    assert_eq!(read(json).unwrap().safety_interval, Duration::ZERO);
}

#[test]
fn the_cap_of_the_debounce_is_not_below_it() {
    assert_eq!(
        read(json!({"debounce": 2, "max_debounce": 1.5})).unwrap_err(),
        "sync.max_debounce: must be 0 or at least `debounce`, which is 2 seconds"
    );
    assert!(read(json!({"debounce": 2, "max_debounce": 2})).is_ok());
    // The default would be below it, and nobody wrote it.
    let settings = read(json!({"debounce": 20})).unwrap();
    assert_eq!(settings.max_debounce, Duration::from_secs(20));
}

#[test]
fn a_detection_is_a_word() {
    for name in ["", "a b", "a.wasm", "../x", &"x".repeat(65)] {
        assert!(read(json!({"detection": name})).is_err(), "{name}");
    }
}

#[test]
fn each_way_after_a_failure_is_shown_as_written() {
    for (word, way) in ON_FAILURE {
        assert_eq!(way.to_string(), word);
    }
}
