use serde_json::json;

use super::*;
use crate::tui::state::tests::settings;

fn form() -> Form {
    let mut form = Form::default();
    form.hear(settings(), 0);
    form
}

fn row(form: &Form, key: &str) -> usize {
    form.rows().iter().position(|it| it.key == key).unwrap()
}

/// What is wrong with this text for this setting.
fn typed(form: &mut Form, key: &str, text: &str) -> Option<String> {
    let row = row(form, key);
    form.open(row);
    let Some(Editing::Number { input, .. }) = &mut form.editing else {
        panic!("{key} is no number");
    };
    *input = Input::new(text.to_owned());
    form.problem()
}

#[test]
fn a_number_is_checked_while_it_is_typed_and_taken_only_when_right() {
    let mut form = form();
    for (key, text, said) in [
        ("poll_interval", "0", "it may be 0.01 to 86400 seconds"),
        (
            "poll_interval",
            "two",
            "a number is needed: 0.01 to 86400 seconds",
        ),
        ("poll_interval", "nan", "it may be 0.01 to 86400 seconds"),
        (
            "safety_interval",
            "0.05",
            "it may be 0 for off, or 0.1 to 604800 seconds",
        ),
        (
            "debounce",
            "11",
            "`max_debounce` is 10, and must not be less",
        ),
        (
            "max_debounce",
            "0.5",
            "it may be 0 or at least `debounce`, which is 1",
        ),
    ] {
        assert_eq!(typed(&mut form, key, text).as_deref(), Some(said));
        form.accept(0);
        assert!(form.editing.is_some() && form.changes().is_empty());
    }
    for (key, text) in [
        ("debounce", "0.5"),
        ("safety_interval", "0"),
        ("max_debounce", " 20 "),
    ] {
        assert_eq!(typed(&mut form, key, text), None);
        form.accept(0);
        assert!(form.editing.is_none());
    }
    let changes = json!({"debounce": 0.5, "max_debounce": 20, "safety_interval": 0});
    assert_eq!(Value::Object(form.changes()), changes);
}

#[test]
fn what_is_put_back_is_no_change() {
    let mut form = form();
    let enabled = row(&form, "enabled");
    form.open(enabled);
    assert_eq!(form.edit("enabled"), Some(&json!(false)));
    form.open(enabled);
    assert_eq!(form.edit("enabled"), None);
    typed(&mut form, "poll_interval", "2.0");
    form.accept(0);
    assert!(form.changes().is_empty());
}

#[test]
fn a_word_is_chosen_from_those_that_there_are() {
    let mut form = form();
    let detection = row(&form, "detection");
    let at = form.open(detection);
    let Some(Editing::Word { words, .. }) = &form.editing else {
        panic!();
    };
    assert_eq!(words[at].word, "mtime");
    let hash = words.iter().position(|it| it.word == "hash").unwrap();
    form.accept(hash);
    assert_eq!(Value::Object(form.changes()), json!({"detection": "hash"}));
}

#[test]
fn an_edit_lives_until_it_is_in_force() {
    let mut form = form();
    let detection = row(&form, "detection");
    form.open(detection);
    form.accept(1);
    let changes = form.changes();
    form.hear(settings(), 0);
    assert_eq!(
        form.changes(),
        changes,
        "somebody else changed something else"
    );
    let mut after = settings();
    let setting = &mut after.settings[detection];
    setting.value = changes["detection"].clone();
    form.hear(after, 0);
    assert!(form.changes().is_empty());
}

#[test]
fn a_value_says_where_it_comes_from_and_over_what_it_stands() {
    let mut all = settings();
    let setting = all.settings.iter_mut().find(|it| it.key == "detection");
    let setting = setting.unwrap();
    assert_eq!(origin(setting), "default");
    let layer = |origin, value: &str| crate::manage::Layer {
        origin,
        value: value.into(),
        since: None,
    };
    setting.layers.push(layer(Origin::File, "mtime"));
    setting.layers.push(layer(Origin::Stored, "hash"));
    setting.origin = Origin::Stored;
    assert_eq!(origin(setting), "stored, over mtime (file)");
    setting.origin = Origin::File;
    setting.layers.pop();
    assert_eq!(origin(setting), "file");
}
