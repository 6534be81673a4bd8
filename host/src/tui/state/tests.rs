use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};
use serde_json::json;

use super::*;
use crate::events::{EventKind, SyncEvent};
use crate::manage::{Bounds, Settings, Status, Word};

/// A host as one is found: all is well.
pub(in crate::tui) fn status() -> Status {
    serde_json::from_value(json!({
        "version": "0.1.0", "process": 4711, "state": "running",
        "started": "2026-11-24T11:20:05.250+00:00",
        "config": "/srv/mcp/config.yaml", "address": "127.0.0.1:9000", "live": true,
        "watching": "on",
        "serves": {"generation": 12, "digest": "9f3ab1c2d4e5", "tools": 3, "prompts": 1,
                   "resources": 2, "clients": 2},
        "on_disk": {"digest": "9f3ab1c2d4e5", "same": true, "error": null},
        "reloading": null,
        "last_reload": {"started": "2026-11-24T14:32:05.100+00:00",
                        "ended": "2026-11-24T14:32:05.250+00:00", "trigger": "detector",
                        "outcome": "applied", "reasons": [], "digest": "9f3ab1c2d4e5", "serves": true,
                        "generation": 12},
        "retry_in": null, "settles_in": null,
        "detection": {"wanted": "inotify", "detector": "inotify", "stands_in": false,
                      "by": "events", "degraded": null, "since": "2026-11-24T11:20:06.000+00:00"},
        "backends": [
            {"name": "demo", "state": "serving", "process": 4720, "tools": 2, "reason": null,
             "load": {"calls": 1204, "unanswered": 3, "under_way": 1, "per_second": 3.25,
                      "latency": {"p50": 1.9, "p95": 12.4, "max": 80.0}, "restarts": 0}},
            {"name": "github", "state": "serving", "process": null, "tools": 1, "reason": null,
             "load": {"calls": 20, "unanswered": 0, "under_way": 0, "per_second": 0.05,
                      "latency": {"p50": 210.0, "p95": 12400.0, "max": 80000.0}, "restarts": 2}},
        ],
        "troubles": [],
    }))
    .unwrap()
}

/// The settings of that host; nothing is stored.
pub(in crate::tui) fn settings() -> Settings {
    let seconds = |key: &str, value: f64, least: f64, most: f64, zero_is_off: bool, said: &str| {
        json!({
            "key": key, "value": value, "origin": "default", "summary": said,
            "layers": [{"origin": "default", "value": value}],
            "bounds": {"kind": "seconds", "least": least, "most": most,
                       "zero_is_off": zero_is_off},
        })
    };
    let choice = |key: &str, value: &str, said: &str, words: serde_json::Value| {
        json!({
            "key": key, "value": value, "origin": "default", "summary": said,
            "layers": [{"origin": "default", "value": value}],
            "bounds": {"kind": "choice", "words": words},
        })
    };
    serde_json::from_value(json!({
        "file": "/srv/mcp/config.yaml",
        "store": "/home/ann/.config/config-sync/config-5c3f.yaml",
        "settings": [
            {"key": "enabled", "value": true, "origin": "default",
             "summary": "watch the file at all", "bounds": {"kind": "boolean"},
             "layers": [{"origin": "default", "value": true}]},
            seconds("poll_interval", 2.0, 0.01, 86_400.0, false, "between two looks"),
            seconds("debounce", 1.0, 0.0, 3_600.0, false, "of quiet before a reload"),
            seconds("max_debounce", 10.0, 0.0, 86_400.0, true,
                    "a file that never gets quiet is reloaded after so long anyway"),
            choice("detection", "mtime", "how a change is noticed", json!([
                {"word": "auto", "summary": "events where they can be trusted, else by content"},
                {"word": "hash", "summary": "by content, at each interval"},
                {"word": "inotify", "summary": "by events of the system, and polls beside"},
                {"word": "mtime", "summary": "by time and size, at each interval"},
                {"word": "etag", "summary": "asks the server that generates the file"},
            ])),
            choice("on_failure", "backoff", "what follows a reload that failed", json!([
                {"word": "backoff", "summary": "try again, ever later"},
                {"word": "fixed", "summary": "try again at each interval"},
                {"word": "stop", "summary": "stop watching, go on serving"},
            ])),
            seconds("safety_interval", 60.0, 0.1, 604_800.0, true,
                    "between two looks by content, whatever the detection"),
            seconds("probation", 0.0, 0.0, 86_400.0, true,
                    "after a swap, in which an ill backend makes the host go back"),
        ],
    }))
    .unwrap()
}

pub(in crate::tui) fn event(number: u64, time: &str, kind: EventKind, details: &str) -> SyncEvent {
    let at = format!("2026-11-24T{time}+00:00[UTC]").parse().unwrap();
    let mut event = SyncEvent::new(&at, kind, details);
    event.number = number;
    event.generation = 12;
    event
}

/// A state that knows this host.
pub(in crate::tui) fn state() -> State {
    let mut state = State::new(false);
    state.size = (80, 24);
    state.hear(Heard::Attached);
    state.hear(Heard::Status(Box::new(status())));
    state.hear(Heard::Settings(Box::new(settings())));
    state
}

/// Presses these keys; says what follows from the last one.
pub(in crate::tui) fn press(state: &mut State, keys: &str) -> Option<Effect> {
    let mut effect = None;
    for letter in keys.chars() {
        let code = match letter {
            '⏎' => KeyCode::Enter,
            '⎋' => KeyCode::Esc,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            '⇥' => KeyCode::Tab,
            other => KeyCode::Char(other),
        };
        effect = state.press(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }
    effect
}

fn ctrl(state: &mut State, letter: char) -> Option<Effect> {
    let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    state.press(&Event::Key(key))
}

#[test]
fn change_detection_is_set_in_the_form_and_saved() {
    let mut state = state();
    assert_eq!(press(&mut state, "4↓↓↓↓⏎"), None);
    assert_eq!(state.context(), Context::Words);
    assert_eq!(press(&mut state, "↑↑⏎"), None);
    let order = press(&mut state, "s");
    let changes = json!({"detection": "hash"}).as_object().unwrap().clone();
    let to = crate::manage::SaveTo::Store;
    let save = Order::Save { changes, to };
    assert_eq!(order, Some(Effect::Order(save.clone())));
    state.hear(Heard::Answered(save.clone(), Err("no room".to_owned())));
    assert!(
        !state.form.changes().is_empty(),
        "what was not saved is kept"
    );
    state.hear(Heard::Answered(save, Ok("saved".to_owned())));
    assert!(state.form.changes().is_empty());
    assert_eq!(press(&mut state, "s"), None, "nothing is left to save");
}

#[test]
fn a_detector_that_is_dropped_in_comes_into_the_list_that_is_open() {
    let mut state = state();
    press(&mut state, "4↓↓↓↓⏎");
    let chosen = |state: &State| {
        let Some(Editing::Word { words, .. }) = &state.form.editing else {
            panic!("nothing is chosen");
        };
        let row = state.list(Pane::Words).selected;
        (words.len(), words[row].word.clone())
    };
    let (count, word) = chosen(&state);
    let mut more = settings();
    let Bounds::Choice { words } = &mut more.settings[4].bounds else {
        panic!("no choice");
    };
    let word_of_all = |word: &str| Word {
        word: word.to_owned(),
        summary: String::new(),
    };
    words.insert(0, word_of_all("a-rule"));
    state.hear(Heard::Settings(Box::new(more)));
    assert_eq!(chosen(&state), (count + 1, word));
}

#[test]
fn the_file_is_written_only_after_a_yes() {
    let mut state = state();
    press(&mut state, "4⏎f");
    let Some(Overlay::Question { lines, .. }) = &state.overlay else {
        panic!("no question");
    };
    assert!(
        lines[1].contains("sync.enabled: off   (now on)"),
        "{lines:?}"
    );
    assert_eq!(press(&mut state, "n"), None);
    assert!(state.overlay.is_none());
    let order = press(&mut state, "fy");
    let Some(Effect::Order(Order::Save { to, .. })) = order else {
        panic!("{order:?}");
    };
    assert_eq!(to, crate::manage::SaveTo::File);
}

#[test]
fn reset_drops_the_change_first_and_what_is_stored_then() {
    let mut state = state();
    press(&mut state, "4⏎");
    assert_eq!(press(&mut state, "x"), None);
    assert!(state.form.changes().is_empty());
    assert_eq!(press(&mut state, "x"), None, "nothing is stored");
    let mut stored = settings();
    let layer = json!({"origin": "stored", "value": false});
    stored.settings[0]
        .layers
        .push(serde_json::from_value(layer).unwrap());
    state.hear(Heard::Settings(Box::new(stored)));
    let order = press(&mut state, "x");
    let Some(Effect::Order(Order::Save { changes, .. })) = order else {
        panic!("{order:?}");
    };
    assert_eq!(changes["enabled"], serde_json::Value::Null);
}

#[test]
fn only_what_was_applied_can_be_restored_and_only_after_a_yes() {
    let mut state = state();
    let attempt = |id: u64, outcome: &str| -> Attempt {
        serde_json::from_value(json!({"id": id, "outcome": outcome, "generation": id})).unwrap()
    };
    let history = vec![attempt(1, "applied"), attempt(2, "rejected")];
    state.hear(Heard::History(history));
    press(&mut state, "5R");
    assert!(state.overlay.is_none() && state.notice.is_some());
    press(&mut state, "↓R");
    assert!(state.overlay.is_some());
    assert_eq!(
        press(&mut state, "y"),
        Some(Effect::Order(Order::Restore(1)))
    );
    // A new attempt comes first; the chosen one stays chosen.
    state.hear(Heard::History(vec![
        attempt(1, "applied"),
        attempt(2, "rejected"),
        attempt(3, "applied"),
    ]));
    assert_eq!(state.history[state.list(Pane::History).selected].id, 1);
}

#[test]
fn leaving_asks_only_where_clients_would_lose_their_host() {
    let mut attached = state();
    assert_eq!(press(&mut attached, "q"), Some(Effect::End));
    let mut owner = state();
    owner.owns_host = true;
    assert_eq!(press(&mut owner, "q"), None);
    assert_eq!(press(&mut owner, "n"), None);
    assert_eq!(press(&mut owner, "qy"), Some(Effect::End));
    assert_eq!(ctrl(&mut owner, 'c'), None);
    assert_eq!(
        ctrl(&mut owner, 'c'),
        Some(Effect::End),
        "the second one means it"
    );
    owner.overlay = None;
    let mut alone = status();
    alone.serves.as_mut().unwrap().clients = 0;
    owner.hear(Heard::Status(Box::new(alone)));
    assert_eq!(press(&mut owner, "q"), Some(Effect::End));
}

#[test]
fn nothing_is_done_unseen() {
    let mut state = state();
    state.size = (59, 16);
    assert_eq!(press(&mut state, "r"), None);
    assert_eq!(press(&mut state, "?5"), None);
    assert_eq!((state.screen, state.help), (Screen::Status, false));
    assert_eq!(press(&mut state, "q"), Some(Effect::End));
    state.size = (60, 16);
    assert_eq!(press(&mut state, "r"), Some(Effect::Order(Order::Reload)));
}

#[test]
fn letters_are_text_where_one_types_and_help_is_there_too() {
    let mut state = state();
    state.hear(Heard::Kept(
        vec![event(1, "14:00:00", EventKind::Error, "quit? no")],
        0,
    ));
    press(&mut state, "2/quit?");
    assert_eq!((state.log.text(), state.log.len()), ("quit?", 1));
    let paste = Event::Paste(" no\n".to_owned());
    state.press(&paste);
    assert_eq!((state.log.text(), state.log.len()), ("quit? no", 1));
    state.press(&Event::Key(KeyEvent::new(
        KeyCode::F(1),
        KeyModifiers::NONE,
    )));
    assert_eq!(state.context(), Context::Help);
    press(&mut state, "?");
    assert_eq!(state.context(), Context::Filter);
    press(&mut state, "⏎⎋");
    assert_eq!(state.log.text(), "");
}

#[test]
fn what_is_shown_is_what_is_copied_and_exported() {
    let mut state = state();
    state.hear(Heard::Kept(
        vec![
            event(1, "14:00:00", EventKind::Changed, "1 backend reloaded"),
            event(2, "14:00:01", EventKind::Error, "rejected"),
        ],
        0,
    ));
    state.hear(Heard::Told(Told::Missed(3)));
    press(&mut state, "2↓");
    let copied = press(&mut state, "c");
    let expected = "2026-11-24T14:00:01.000+00:00 error 12 rejected";
    assert_eq!(copied, Some(Effect::Copy(expected.to_owned())));
    press(&mut state, "t");
    press(&mut state, "e");
    let Some(Effect::Export { path, text }) = press(&mut state, "⏎") else {
        panic!("nothing is exported");
    };
    assert_eq!(path, "config-sync-events-20261124T140000.jsonl");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["type"], &lines[1]["missed"]),
        (&json!("changed"), &json!(3))
    );
}

#[test]
fn a_chosen_row_stays_chosen_while_others_come() {
    let mut state = state();
    let three = (1..=3)
        .map(|it| event(it, "14:00:00", EventKind::State, "x"))
        .collect();
    state.hear(Heard::Kept(three, 0));
    press(&mut state, "2↓");
    let chosen = |state: &State| {
        state
            .log
            .event(state.list(Pane::Events).selected)
            .unwrap()
            .number
    };
    assert_eq!(chosen(&state), 2);
    for number in 4..100 {
        state.hear(Heard::Told(Told::Event(event(
            number,
            "14:00:00",
            EventKind::State,
            "x",
        ))));
    }
    assert_eq!(chosen(&state), 2);
}

#[test]
fn a_host_that_went_and_came_back_is_told_of() {
    let mut state = state();
    state.hear(Heard::Lost("it has ended".to_owned()));
    assert_eq!(state.known.standing(Duration::ZERO).word, "no host");
    state.hear(Heard::Attached);
    state.hear(Heard::Told(Told::Restarted));
    assert!(matches!(state.log.row(0), Some(Row::Anew)));
    assert!(state.notice.as_ref().unwrap().text.contains("anew"));
    let now = Now {
        elapsed: Duration::from_secs(60),
        ..Now::default()
    };
    state.tick(now);
    assert!(state.notice.is_none(), "it does not stand for ever");
}

#[test]
fn a_click_goes_to_a_tab_and_the_second_one_on_a_row_opens_it() {
    let mut state = state();
    let click = MouseEventKind::Down(MouseButton::Left);
    state.point(click, Some(Spot::Screen(Screen::Backends)));
    assert_eq!(state.screen, Screen::Backends);
    state.point(click, Some(Spot::Row(Pane::Backends, 1)));
    assert_eq!(
        (state.focus, state.list(Pane::Backends).selected),
        (Focus::Backends, 1)
    );
    state.point(click, Some(Spot::Row(Pane::Backends, 1)));
    assert_eq!(state.tools_of.as_deref(), Some("github"));
    state.point(MouseEventKind::ScrollDown, Some(Spot::Pane(Pane::Backends)));
    assert_eq!(state.list(Pane::Backends).selected, 1, "there are no more");
    assert_eq!(state.point(click, None), None);
}

#[test]
fn watching_is_paused_and_goes_on_again() {
    let mut state = state();
    assert_eq!(press(&mut state, "p"), Some(Effect::Order(Order::Pause)));
    let mut paused = status();
    paused.watching = crate::manage::Watching::Paused;
    state.hear(Heard::Status(Box::new(paused)));
    assert_eq!(press(&mut state, "p"), Some(Effect::Order(Order::Resume)));
}
