use super::super::engine::PluginEngine;
use super::*;
use crate::config::{PluginFile, PluginLimits, SignalGrant};
use crate::plugin::bindings::granted::config_sync::plugin::signal::{Host as _, Kind};

const HASH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hash.wasm"));

/// What the host keeps for an instance of `hash`.
fn state() -> State {
    let limits = PluginLimits::default().into();
    let engine = PluginEngine::isolated(limits, None, Isolation::default()).unwrap();
    let mut file = PluginFile::default();
    let granted = SignalGrant::Unit("x.service".to_owned());
    file.grants.signal.push(granted);
    let edition = Edition::new("hash", &engine, HASH, &file, limits).unwrap();
    State::new(&edition).unwrap()
}

#[test]
fn what_the_host_does_takes_no_time_of_the_guest_but_has_an_end() {
    let mut state = state();
    state.begin();
    state.hosts = HOSTS_TIME - Duration::from_nanos(1);
    let deadline = state.deadline;
    let nap = || {
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1) {}
    };
    state.on_the_hosts_time(nap).unwrap();
    assert!(state.deadline > deadline);
    let refused = state.on_the_hosts_time(|| ()).unwrap_err();
    assert!(refused.is::<KeptBusy>(), "{refused}");
    state.begin();
    state.on_the_hosts_time(|| ()).unwrap();
}

#[test]
fn one_call_sends_so_many_signals_and_no_more() {
    let mut state = state();
    let send = |state: &mut State| state.send("x.service".to_owned(), Kind::Hangup).unwrap();
    state.begin();
    let sent = (0..1000).filter(|_| send(&mut state).is_ok()).count();
    assert_eq!(u32::try_from(sent), Ok(MAX_SIGNALS));
    state.begin();
    assert_eq!(send(&mut state), Ok(()));
}

#[test]
fn what_a_memory_or_a_table_cannot_have_is_not_counted() {
    let mut state = state();
    for _ in 0..3 {
        assert!(!state.memory_growing(100, 300, Some(200)).unwrap());
        assert!(!state.table_growing(100, 300, Some(200)).unwrap());
    }
    assert_eq!((state.memory, state.elements), (0, 0));
    assert!(state.memory_growing(0, 200, Some(200)).unwrap());
    assert!(state.table_growing(0, 200, None).unwrap());
    assert_eq!((state.memory, state.elements), (200, 200));
}
