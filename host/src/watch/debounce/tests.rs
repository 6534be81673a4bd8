//! The machine alone, case by case and by property.

use proptest::prelude::*;

use super::*;
use crate::target::Digest;

const MS: Duration = Duration::from_millis(1);

fn machine() -> (Debounce, Instant) {
    (Debounce::new(1000 * MS, 3000 * MS), Instant::now())
}

fn still() -> Rest {
    Rest::Still(Digest::of(b"a"))
}

fn written() -> Rest {
    Rest::Written(Digest::of(b"a"))
}

#[test]
fn a_change_settles_after_the_quiet_time() {
    let (mut debounce, start) = machine();
    debounce.change(start);
    assert_eq!(debounce.look_at(), Some(start + 1000 * MS));
    assert_eq!(debounce.rest(start + 999 * MS, still()), Settling::Waits);
    let end = start + 1000 * MS;
    assert_eq!(debounce.rest(end, still()), Settling::Settled);
    assert_eq!(debounce.look_at(), None);
    assert_eq!(
        debounce.rest(end, still()),
        Settling::Waits,
        "it settles once"
    );
}

#[test]
fn a_second_edit_inside_the_window_starts_it_anew() {
    let (mut debounce, start) = machine();
    debounce.change(start);
    debounce.change(start + 900 * MS);
    assert_eq!(debounce.rest(start + 1000 * MS, still()), Settling::Waits);
    assert_eq!(debounce.rest(start + 1900 * MS, still()), Settling::Settled);
}

#[test]
fn edits_that_never_end_settle_at_the_cap() {
    let (mut debounce, start) = machine();
    for step in 0..6 {
        debounce.change(start + step * 500 * MS);
    }
    assert_eq!(debounce.look_at(), Some(start + 3000 * MS));
    assert_eq!(debounce.rest(start + 3000 * MS, still()), Settling::Settled);
}

#[test]
fn a_cap_of_zero_is_none() {
    let start = Instant::now();
    let mut debounce = Debounce::new(1000 * MS, Duration::ZERO);
    for step in 0..100 {
        debounce.change(start + step * 500 * MS);
    }
    assert_eq!(debounce.look_at(), Some(start + 99 * 500 * MS + 1000 * MS));
}

#[test]
fn no_debounce_settles_at_once() {
    let start = Instant::now();
    let mut debounce = Debounce::new(Duration::ZERO, Duration::ZERO);
    debounce.change(start);
    assert_eq!(debounce.rest(start, still()), Settling::Settled);
}

#[test]
fn a_writer_with_pauses_is_waited_for_until_it_closes() {
    let start = Instant::now();
    let mut debounce = Debounce::new(50 * MS, 10_000 * MS);
    for piece in 0..30 {
        let now = start + piece * 100 * MS;
        debounce.change(now);
        assert_eq!(debounce.rest(now + 50 * MS, written()), Settling::Waits);
        assert_eq!(debounce.rest(now + 99 * MS, written()), Settling::Waits);
    }
    let closed = start + 3000 * MS;
    assert_eq!(debounce.rest(closed, still()), Settling::Settled);
}

#[test]
fn a_writer_that_never_closes_holds_it_up_for_a_short_while() {
    let (mut debounce, start) = (Debounce::new(50 * MS, 10_000 * MS), Instant::now());
    debounce.change(start);
    assert_eq!(debounce.rest(start + 999 * MS, written()), Settling::Waits);
    assert_eq!(
        debounce.rest(start + 1000 * MS, written()),
        Settling::Settled
    );
}

#[test]
fn a_file_that_still_grows_at_the_cap_is_told_once_and_read_when_it_is_stable() {
    let (mut debounce, start) = machine();
    debounce.change(start);
    let mut told = 0;
    for step in 1..50 {
        let now = start + step * 100 * MS;
        debounce.change(now);
        match debounce.rest(now, written()) {
            Settling::StillWritten => told += 1,
            Settling::Waits => {}
            Settling::Settled => panic!("settled after {step} steps, while being written"),
        }
    }
    assert_eq!(told, 1);
    assert_eq!(debounce.rest(start + 5000 * MS, still()), Settling::Settled);
}

#[test]
fn a_file_that_never_stops_growing_is_read_in_the_end() {
    let (mut debounce, start) = machine();
    debounce.change(start);
    let mut settled = None;
    for step in 1..200 {
        let now = start + step * 100 * MS;
        debounce.change(now);
        if debounce.rest(now, Rest::Moving) == Settling::Settled {
            settled = Some(step * 100);
            break;
        }
    }
    assert_eq!(settled, Some(6000), "the cap, and as long again");
}

#[test]
fn an_emptied_file_is_taken_for_one_about_to_be_written() {
    let (mut debounce, start) = machine();
    debounce.change(start);
    let empty = Rest::Empty(Digest::of(b""));
    assert_eq!(debounce.rest(start + 1000 * MS, empty), Settling::Waits);
    assert_eq!(debounce.rest(start + 2999 * MS, empty), Settling::Waits);
    assert_eq!(debounce.rest(start + 3000 * MS, empty), Settling::Settled);
}

proptest! {
    /// Any changes, any looks, any writers: what is looked at in time settles in time, and once.
    #[test]
    fn every_series_settles_once_and_in_time(
        gaps in proptest::collection::vec(0_u32..400, 1..60),
        held in 0_u32..2_000,
        quiet in 0_u32..500,
        cap in 500_u32..3_000,
    ) {
        let start = Instant::now();
        let mut debounce = Debounce::new(quiet * MS, cap * MS);
        let mut now = start;
        let mut first = None;
        let mut last = start;
        let mut settled = 0;
        let look = |debounce: &mut Debounce, now: Instant, first: &mut Option<Instant>, last: Instant| {
            let rest = if now < start + held * MS { written() } else { still() };
            if debounce.rest(now, rest) != Settling::Settled {
                return false;
            }
            let begun = first.take().unwrap();
            let in_time = begun + 2 * cap * MS + WRITER_PATIENCE;
            assert!(now <= in_time, "{:?} after the first change", now - begun);
            assert!(now >= last + quiet * MS || now >= begun + cap * MS, "neither quiet nor capped");
            true
        };
        for gap in gaps {
            let next = now + gap * MS;
            while let Some(at) = debounce.look_at().filter(|at| *at <= next) {
                settled += u32::from(look(&mut debounce, at, &mut first, last));
            }
            now = next;
            debounce.change(now);
            last = now;
            first.get_or_insert(now);
        }
        while let Some(at) = debounce.look_at() {
            settled += u32::from(look(&mut debounce, at, &mut first, last));
        }
        prop_assert!(settled >= 1 && first.is_none(), "the last change has settled");
    }
}
