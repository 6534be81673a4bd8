//! The UI in front of a host that tells more than anybody can read, and the link to one that ends.

use std::io;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures::{StreamExt as _, stream};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::sync::mpsc;

use super::draw::Palette;
use super::link::Link;
use super::message::{Ask, Effect, Heard, Order};
use super::motor::Motor;
use super::state::{Row, Screen, State};
use crate::events::{EventKind, KEPT};
use crate::manage::Told;
use crate::manage::tests::Stage;

const BURST: usize = 10_000;

fn key(code: KeyCode) -> io::Result<Event> {
    Ok(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn motor() -> (Motor<TestBackend>, mpsc::Receiver<Ask>) {
    let terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let (orders, obeyed) = mpsc::channel(1);
    (
        Motor::new(terminal, State::new(false), Palette::Plain, orders),
        obeyed,
    )
}

#[tokio::test]
async fn a_key_is_obeyed_though_ten_thousand_events_wait() {
    let (mut motor, _orders) = motor();
    let (tell, mut hears) = mpsc::channel(BURST);
    for number in 0..BURST {
        let event = super::state::tests::event(
            number as u64,
            "14:32:05",
            EventKind::Changed,
            "1 backend reloaded",
        );
        tell.try_send(Heard::Told(Told::Event(event))).unwrap();
    }
    let mut keys =
        stream::iter([key(KeyCode::Char('2')), key(KeyCode::Char('q'))]).chain(stream::pending());
    let effect = motor.turn(&mut keys, &mut hears).await.unwrap();
    assert_eq!(effect, Effect::End);
    assert_eq!(motor.state.screen, Screen::Events);
    let heard = BURST - hears.len();
    assert!(
        heard < BURST / 10,
        "{heard} events were heard before two keys"
    );
}

#[tokio::test]
async fn a_burst_is_folded_in_bounded_bites_into_a_bounded_log() {
    let (mut motor, _orders) = motor();
    let (tell, mut hears) = mpsc::channel(BURST + 1);
    for number in 0..BURST {
        let event = super::state::tests::event(number as u64, "14:32:05", EventKind::State, "x");
        tell.try_send(Heard::Told(Told::Event(event))).unwrap();
    }
    drop(tell);
    let mut keys = stream::pending();
    // It ends when nobody can tell anything any more.
    let effect = motor.turn(&mut keys, &mut hears).await.unwrap();
    assert_eq!(effect, Effect::End);
    assert_eq!(motor.state.log.held(), super::state::HELD);
    let newest = motor.state.log.event(0).unwrap().number;
    assert_eq!(newest, BURST as u64 - 1);
}

#[tokio::test]
async fn a_reader_that_fell_behind_sees_how_many_it_missed() {
    let stage = Stage::open();
    stage.host.bus.publish(EventKind::State, "before");
    let (heard, mut hears) = mpsc::channel(16);
    let (_orders, obeyed) = mpsc::channel(1);
    let link = tokio::spawn(Link::new(stage.place.clone(), heard, obeyed).run());
    let mut state = State::new(false);
    while state.log.held() == 0 {
        state.hear(hears.recv().await.unwrap());
    }
    // Nobody reads meanwhile, and publishing waits for nobody.
    for number in 0..BURST {
        stage
            .host
            .bus
            .publish(EventKind::Changed, format!("{number}"));
    }
    let mut told = 0;
    while told + state.log.missed() < BURST as u64 {
        let heard = hears.recv().await.unwrap();
        told += u64::from(matches!(heard, Heard::Told(Told::Event(_))));
        state.hear(heard);
    }
    assert_eq!(
        told + state.log.missed(),
        BURST as u64,
        "none is lost unsaid"
    );
    assert!(state.log.missed() > 0, "it did not fall behind");
    assert!(state.log.rows().any(|row| matches!(row, Row::Missed(_))));
    assert_eq!(state.log.event(0).unwrap().details, (BURST - 1).to_string());
    link.abort();
}

#[tokio::test]
async fn what_is_kept_comes_first_and_a_host_that_ends_is_told_of() {
    let stage = Stage::open();
    for number in 0..KEPT + 7 {
        stage
            .host
            .bus
            .publish(EventKind::State, format!("{number}"));
    }
    let (heard, mut hears) = mpsc::channel(16);
    let (orders, obeyed) = mpsc::channel(1);
    let link = tokio::spawn(Link::new(stage.place.clone(), heard, obeyed).run());
    let mut state = State::new(false);
    while state.form.settings.is_none() || state.known.status.is_none() {
        state.hear(hears.recv().await.unwrap());
    }
    assert_eq!((state.log.held(), state.log.missed()), (KEPT + 1, 7));
    assert_eq!((state.history.len(), state.tools.len()), (500, 1));
    orders.send(Ask::Order(Order::Pause)).await.unwrap();
    while state.notice.is_none() {
        state.hear(hears.recv().await.unwrap());
    }
    assert!(state.notice.as_ref().unwrap().text.starts_with("paused"));
    stage.stop().await;
    while state.known.attached {
        state.hear(hears.recv().await.unwrap());
    }
    // Whoever orders something now is answered, too.
    state.notice = None;
    orders.send(Ask::Order(Order::Reload)).await.unwrap();
    while state.notice.is_none() {
        state.hear(hears.recv().await.unwrap());
    }
    assert!(state.notice.as_ref().unwrap().text.contains("no host runs"));
    drop(hears);
    link.await.unwrap();
}

#[tokio::test]
async fn another_file_has_another_host_and_nothing_of_the_first_one_is_left() {
    let (one, other) = (Stage::open(), Stage::open());
    one.host.bus.publish(EventKind::State, "of the first");
    other.host.bus.publish(EventKind::State, "of the second");
    let (heard, mut hears) = mpsc::channel(16);
    let (asks, asked) = mpsc::channel(1);
    let link = tokio::spawn(Link::new(one.place.clone(), heard, asked).run());
    let mut state = State::new(false);
    while state.log.held() == 0 || state.known.status.is_none() {
        state.hear(hears.recv().await.unwrap());
    }
    let turn = |stage: &Stage| Ask::Turn("that.yaml".to_owned(), stage.place.clone());
    asks.send(turn(&other)).await.unwrap();
    let told = |state: &State, details: &str| {
        let event = state.log.event(0);
        event.is_some_and(|it| it.details == details)
    };
    while !told(&state, "of the second") {
        state.hear(hears.recv().await.unwrap());
    }
    assert_eq!(state.log.held(), 1);
    // Also from where no host is.
    other.stop().await;
    while state.known.attached {
        state.hear(hears.recv().await.unwrap());
    }
    asks.send(turn(&one)).await.unwrap();
    while !told(&state, "of the first") {
        state.hear(hears.recv().await.unwrap());
    }
    link.abort();
}
