//! Each screen as people see it, at three sizes.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

use super::*;
use crate::events::EventKind;
use crate::manage::{Attempt, Status, Told, Watching};
use crate::tui::message::Heard;
use crate::tui::state::tests::{event, press, settings, state, status};
use crate::tui::state::{Now, Pane};

const SIZES: [(u16, u16); 3] = [(60, 16), (80, 24), (120, 40)];

/// What a host has told in an afternoon.
fn afternoon() -> State {
    let mut state = state();
    state.tick(Now {
        elapsed: Duration::from_secs(1),
        wall: "2026-11-24T14:32:17.900Z".parse().unwrap(),
    });
    let started = [
        (EventKind::State, "11:20:05", "starting"),
        (EventKind::Changed, "11:20:06", "2 backends reloaded"),
        (EventKind::State, "11:20:06", "running"),
    ];
    let edits = [
        (EventKind::NoChange, "12:01:44", "same bytes as what serves"),
        (
            EventKind::Changed,
            "13:10:02",
            "1 backend reloaded (~ backends.github.headers)",
        ),
        (
            EventKind::Degraded,
            "13:44:10",
            "backend `github` is missing: it does not answer: connection refused",
        ),
        (
            EventKind::Changed,
            "13:44:15",
            "backend `github` serves again",
        ),
        (
            EventKind::Error,
            "14:31:50",
            "rejected: config.yaml:20:3: sync.debounse: unknown key; did you mean `debounce`?; \
             the last good state serves",
        ),
        (
            EventKind::Changed,
            "14:32:05",
            "1 backend reloaded (~ backends.demo.args[2], + sync.debounce)",
        ),
    ];
    let mut events: Vec<_> = started
        .into_iter()
        .chain(edits)
        .zip(1..)
        .map(|((kind, time, details), number)| event(number, time, kind, details))
        .collect();
    // Of each the one that served then.
    for (event, generation) in events.iter_mut().zip([8, 9, 9, 9, 10, 10, 11, 11, 12]) {
        event.generation = generation;
    }
    events.last_mut().unwrap().digest = Some("9f3ab1c2d4e5".to_owned());
    state.hear(Heard::Kept(events, 0));
    state.hear(Heard::History(history()));
    state.hear(Heard::Tools(tools()));
    let plugins = json!([
        {"name": "etag", "kind": "detector", "summary": "", "built_in": false},
        {"name": "hash", "kind": "detector", "summary": "", "built_in": true},
    ]);
    state.hear(Heard::Plugins(serde_json::from_value(plugins).unwrap()));
    state
}

fn tools() -> Vec<crate::manage::Tool> {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    });
    let tool = |name: &str, backend: &str, said: &str, schema: &Value| {
        json!({"name": name, "backend": backend, "original": name, "description": said,
               "input_schema": schema})
    };
    serde_json::from_value(json!([
        tool("add", "demo", "Adds two numbers", &schema),
        tool(
            "echo",
            "demo",
            "Says what it is told",
            &json!({"type": "object"})
        ),
        tool(
            "search_issues",
            "github",
            "Finds issues and pull requests\nwith a query",
            &json!({"type": "object"})
        ),
    ]))
    .unwrap()
}

fn history() -> Vec<Attempt> {
    serde_json::from_value(json!([
        {"id": 40, "started": "2026-11-24T11:20:05.300+00:00", "trigger": "start",
         "outcome": "applied", "generation": 9, "digests": {"seen": "11aa", "applied": "11aa"},
         "backends_started": ["demo", "github"], "phases": [{"phase": "read", "ms": 0.2}]},
        {"id": 41, "started": "2026-11-24T14:31:50.100+00:00", "trigger": "detector",
         "detector": "inotify", "outcome": "rejected", "generation": 11,
         "digests": {"seen": "77cc", "applied": "11aa"},
         "reasons": ["config.yaml:20:3: sync.debounse: unknown key; did you mean `debounce`?"]},
        {"id": 42, "started": "2026-11-24T14:32:04.900+00:00", "trigger": "detector",
         "detector": "inotify", "outcome": "applied", "generation": 12,
         "writer": "ann (uid 1000) owns it",
         "digests": {"seen": "9f3ab1c2d4e5", "applied": "9f3ab1c2d4e5"},
         "differences": [{"kind": "changed", "path": "backends.demo.args[2]"},
                         {"kind": "added", "path": "sync.debounce"}],
         "backends_started": ["demo"], "backends_stopped": ["demo"],
         "phases": [{"phase": "read", "ms": 0.214}, {"phase": "parse", "ms": 0.09},
                    {"phase": "validate", "ms": 0.31}, {"phase": "propose", "ms": 1.2},
                    {"phase": "build", "ms": 84.06}, {"phase": "compose", "ms": 0.4},
                    {"phase": "swap", "ms": 0.02}, {"phase": "finish", "ms": 0.7}]},
    ]))
    .unwrap()
}

/// Draws twice, as the motor does: what was seen of the lists is known the second time.
fn drawn(state: &mut State, columns: u16, rows: u16) -> (Terminal<TestBackend>, Drawn) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    state.size = (columns, rows);
    let mut seen = Drawn::default();
    for _ in 0..2 {
        terminal
            .draw(|frame| seen = draw(frame, state, Palette::Sixteen))
            .unwrap();
        for (pane, list) in &seen.lists {
            *state.list_mut(*pane) = *list;
        }
    }
    (terminal, seen)
}

/// Compares this screen at each size with how it was.
fn see(name: &str, state: &mut State) {
    let sizes = SIZES.map(|(columns, rows)| {
        let (terminal, _) = drawn(state, columns, rows);
        format!("{columns}x{rows}\n{}", terminal.backend())
    });
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, sizes.join("\n")));
}

fn with_status(state: &mut State, change: impl FnOnce(&mut Status)) {
    let mut told = status();
    change(&mut told);
    state.hear(Heard::Status(Box::new(told)));
}

#[test]
fn status_of_a_host_that_is_well() {
    see("status", &mut afternoon());
}

#[test]
fn status_of_a_host_with_troubles() {
    let mut state = afternoon();
    for told in [
        event(
            10,
            "14:32:09",
            EventKind::Degraded,
            "backend `github` is missing: it does not answer: connection refused",
        ),
        event(
            11,
            "14:32:14",
            EventKind::Error,
            "rejected: config.yaml:20:3: sync.debounse: unknown key; did you mean `debounce`?; \
             the last good state serves",
        ),
    ] {
        state.hear(Heard::Told(Told::Event(told)));
    }
    with_status(&mut state, |status| {
        status.on_disk.same = false;
        status.on_disk.digest = Some("404ac8e7d0".to_owned());
        let last = status.last_reload.as_mut().unwrap();
        last.started = "2026-11-24T14:32:14.100+00:00".to_owned();
        last.ended = "2026-11-24T14:32:14.250+00:00".to_owned();
        last.outcome = "rejected".to_owned();
        last.digest = status.on_disk.digest.clone();
        last.reasons = vec![
            "config.yaml:20:3: sync.debounse: unknown key; did you mean `debounce`?".to_owned(),
        ];
        let detection = status.detection.as_mut().unwrap();
        detection.degraded = Some("it is on NFS, whose events do not come".to_owned());
        detection.by = "polling".to_owned();
        status.backends[1].state = crate::manage::BackendState::Missing;
        status.troubles = vec![
            "what the file holds does not serve, it was rejected: config.yaml:20:3: \
             sync.debounse: unknown key; did you mean `debounce`?"
                .to_owned(),
            "events of the operating system cannot be trusted, polling instead: it is on NFS"
                .to_owned(),
            "backend `github`: it does not answer: connection refused".to_owned(),
        ];
    });
    see("status-troubles", &mut state);
}

#[test]
fn status_while_a_change_settles_and_while_nobody_is_there() {
    let mut state = afternoon();
    with_status(&mut state, |status| status.settles_in = Some(0.62));
    see("status-settling", &mut state);
    state.hear(Heard::Lost("the host has ended".to_owned()));
    see("status-no-host", &mut state);
    let mut nothing = State::new(false);
    nothing.hear(Heard::Lost(
        "no host runs on /srv/mcp/config.yaml".to_owned(),
    ));
    see("status-nothing", &mut nothing);
}

#[test]
fn events_of_an_afternoon() {
    let mut state = afternoon();
    press(&mut state, "2");
    see("events", &mut state);
    press(&mut state, "⏎");
    see("events-details", &mut state);
    press(&mut state, "⎋/backend");
    see("events-filter", &mut state);
    press(&mut state, "⏎ ");
    state.hear(Heard::Told(Told::Missed(8_976)));
    see("events-halted", &mut state);
    press(&mut state, " ");
    state.hear(Heard::Told(Told::Restarted));
    see("events-missed", &mut state);
    press(&mut state, "e");
    see("events-export", &mut state);
}

#[test]
fn backends_and_their_tools() {
    let mut state = afternoon();
    press(&mut state, "3");
    see("backends", &mut state);
    press(&mut state, "⏎");
    see("backends-tools", &mut state);
    press(&mut state, "⏎");
    see("backends-schema", &mut state);
    press(&mut state, "⎋⎋/issue");
    see("backends-search", &mut state);
    with_status(&mut state, |status| {
        status.backends[0].state = crate::manage::BackendState::Missing;
        status.backends[0].process = None;
        status.backends[0].load.latency = None;
        status.backends[0].reason =
            Some("it did not start: `npx`: No such file or directory; is it in PATH?".to_owned());
    });
    press(&mut state, "⎋⎋");
    see("backends-missing", &mut state);
}

#[test]
fn settings_and_how_they_are_changed() {
    let mut state = afternoon();
    press(&mut state, "4");
    see("settings", &mut state);
    drawn(&mut state, 80, 24);
    press(&mut state, "↓↓⏎00");
    see("settings-number", &mut state);
    press(&mut state, "⎋↓↓⏎");
    see("settings-choice", &mut state);
    press(&mut state, "↑↑⏎");
    see("settings-changed", &mut state);
    press(&mut state, "f");
    see("settings-question", &mut state);
    press(&mut state, "n");
    let mut stored = settings();
    let detection = &mut stored.settings[4];
    let layers = json!([{"origin": "default", "value": "mtime"}, {"origin": "file", "value": "inotify"},
                        {"origin": "stored", "value": "hash"}]);
    detection.layers = serde_json::from_value(layers).unwrap();
    detection.value = "hash".into();
    detection.origin = crate::manage::Origin::Stored;
    state.hear(Heard::Settings(Box::new(stored)));
    see("settings-stored", &mut state);
    press(&mut state, "o");
    see("settings-other-file", &mut state);
}

#[test]
fn history_and_one_attempt() {
    let mut state = afternoon();
    press(&mut state, "5");
    see("history", &mut state);
    press(&mut state, "⏎");
    see("history-details", &mut state);
    press(&mut state, "R");
    see("history-restore", &mut state);
}

#[test]
fn help_says_every_key() {
    let mut state = afternoon();
    press(&mut state, "2?");
    see("help", &mut state);
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    let mut state = afternoon();
    for (columns, rows) in [(59, 24), (80, 15), (9, 2), (1, 1)] {
        let (terminal, drawn) = drawn(&mut state, columns, rows);
        assert!(drawn.spots.is_empty());
        if columns > 40 {
            let text = terminal.backend().to_string();
            assert!(text.contains("60x16 are needed"), "{text}");
        }
    }
}

#[test]
fn nothing_breaks_at_any_size_on_any_screen() {
    let mut state = afternoon();
    let ways = ["1", "2⏎", "3", "3⏎⏎", "4", "4↓⏎", "5⏎", "5R", "?"];
    for keys in ways {
        for (columns, rows) in [
            (60, 16),
            (61, 17),
            (79, 19),
            (200, 16),
            (60, 90),
            (300, 100),
        ] {
            drawn(&mut state, columns, rows);
            press(&mut state, keys);
            let (_, seen) = drawn(&mut state, columns, rows);
            let whole = Rect::new(0, 0, columns, rows);
            assert!(
                seen.spots
                    .iter()
                    .all(|(area, _)| whole.intersection(*area) == *area)
            );
            press(&mut state, "⎋⎋⎋");
        }
    }
}

#[test]
fn a_click_finds_what_it_points_at() {
    let mut state = afternoon();
    press(&mut state, "2");
    let (_, seen) = drawn(&mut state, 80, 24);
    assert_eq!(
        seen.at(Position::new(3, 1)),
        Some(Spot::Screen(Screen::Status))
    );
    assert_eq!(
        seen.at(Position::new(30, 5)),
        Some(Spot::Row(Pane::Events, 0))
    );
    assert_eq!(
        seen.at(Position::new(30, 7)),
        Some(Spot::Row(Pane::Events, 2))
    );
    assert_eq!(
        seen.at(Position::new(30, 20)),
        Some(Spot::Pane(Pane::Events))
    );
    press(&mut state, "?");
    let (_, seen) = drawn(&mut state, 80, 24);
    assert_eq!(
        seen.at(Position::new(30, 7)),
        Some(Spot::Pane(Pane::Help)),
        "nothing below it"
    );
}

#[test]
fn no_colour_says_anything_alone() {
    let mut state = afternoon();
    with_status(&mut state, |status| status.watching = Watching::Paused);
    for screen in Screen::ALL {
        state.screen = screen;
        let mut buffers = Vec::new();
        for palette in [Palette::Sixteen, Palette::Plain] {
            let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
            terminal
                .draw(|frame| drop(draw(frame, &state, palette)))
                .unwrap();
            buffers.push(terminal.backend().buffer().clone());
        }
        let [sixteen, plain] = buffers.try_into().unwrap();
        let text = |buffer: &ratatui::buffer::Buffer| {
            buffer
                .content()
                .iter()
                .map(|cell| cell.symbol().to_owned())
                .collect::<String>()
        };
        assert_eq!(text(&sixteen), text(&plain));
        let colourless =
            |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
        assert!(plain.content().iter().all(colourless));
        let reversed = |cell: &ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
        assert!(
            plain.content().iter().any(reversed),
            "where one is, is seen"
        );
    }
}
