//! More than one edit, and edits at awkward moments: in the debounce window, in a reload, while
//! the host starts.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use crate::conformance::text::{HEADER, edit, line};
use crate::conformance::{Expect, Halt, Pattern, Scene};

/// Long enough for an edit to fall into it on a busy machine.
const SLOW_RELOAD: Duration = Duration::from_millis(400);
/// Edits while the host starts, should it never come up.
const MOST_EARLY_EDITS: u32 = 400;

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "slow-writer",
        "open(O_TRUNC), 30 pieces 100 ms apart, close",
        slow_writer,
    ),
    Pattern::new(
        "burst",
        "50 saves 10 ms apart, each open(O_TRUNC), write, close",
        burst,
    ),
    Pattern::new(
        "burst-of-renames",
        "50 saves 10 ms apart, each a rename over",
        burst_of_renames,
    ),
    Pattern::new(
        "second-edit-in-window",
        "a second edit half a debounce window after the first",
        second_edit_in_window,
    ),
    Pattern::new(
        "undone-in-window",
        "an edit, and half a debounce window later the old bytes again",
        undone_in_window,
    )
    .expects(Expect::NoChange),
    Pattern::new(
        "second-edit-early",
        "a second edit after a quarter of poll interval and debounce together",
        second_edit_early,
    )
    .expects(Expect::UpTo(2)),
    Pattern::new(
        "second-edit-midway",
        "a second edit after half of poll interval and debounce together",
        second_edit_midway,
    )
    .expects(Expect::UpTo(2)),
    Pattern::new(
        "second-edit-late",
        "a second edit after three quarters of poll interval and debounce together",
        second_edit_late,
    )
    .expects(Expect::UpTo(2)),
    Pattern::new(
        "edit-during-reload",
        "a second edit while the reload of the first, which has read the file, is busy",
        edit_during_reload,
    )
    .expects(Expect::Changes(2))
    .reload_takes(SLOW_RELOAD),
    Pattern::new(
        "edits-while-starting",
        "the host has loaded the file; edits until the watcher is up, and one more",
        edits_while_starting,
    )
    .early(),
    Pattern::new(
        "missing-at-start",
        "there is no file at the start; it appears",
        appears,
    )
    .prepared(missing),
    Pattern::new(
        "created-while-starting",
        "there is no file when the host starts; it appears before the watcher is up",
        appears,
    )
    .prepared(missing)
    .early(),
];

fn save(scene: &Scene, n: u32) -> Result<String, Halt> {
    fs::write(scene.path(), edit(n))?;
    Ok(edit(n))
}

fn slow_writer(scene: &Scene) -> Result<String, Halt> {
    let mut file = File::create(scene.path())?;
    file.write_all(HEADER.as_bytes())?;
    for n in 1..=30 {
        file.write_all(line(n).as_bytes())?;
        scene.pause(Duration::from_millis(100))?;
    }
    Ok(edit(30))
}

fn burst(scene: &Scene) -> Result<String, Halt> {
    for n in 2..=50 {
        save(scene, n)?;
        scene.pause(Duration::from_millis(10))?;
    }
    save(scene, 51)
}

fn burst_of_renames(scene: &Scene) -> Result<String, Halt> {
    for n in 2..=51 {
        let beside = scene.beside(".config.yaml.tmp");
        fs::write(&beside, edit(n))?;
        fs::rename(beside, scene.path())?;
        scene.pause(Duration::from_millis(10))?;
    }
    Ok(edit(51))
}

fn second_edit_in_window(scene: &Scene) -> Result<String, Halt> {
    save(scene, 2)?;
    scene.pause(scene.debounce() / 2)?;
    save(scene, 3)
}

fn undone_in_window(scene: &Scene) -> Result<String, Halt> {
    save(scene, 2)?;
    scene.pause(scene.debounce() / 2)?;
    save(scene, 1)
}

fn second_edit_early(scene: &Scene) -> Result<String, Halt> {
    second_edit_after_quarters(scene, 1)
}

fn second_edit_midway(scene: &Scene) -> Result<String, Halt> {
    second_edit_after_quarters(scene, 2)
}

fn second_edit_late(scene: &Scene) -> Result<String, Halt> {
    second_edit_after_quarters(scene, 3)
}

/// Where polling has just noticed the first edit, a second one is easily taken for it.
fn second_edit_after_quarters(scene: &Scene, quarters: u32) -> Result<String, Halt> {
    save(scene, 2)?;
    scene.pause((scene.poll() + scene.debounce()) * quarters / 4)?;
    save(scene, 3)
}

fn edit_during_reload(scene: &Scene) -> Result<String, Halt> {
    save(scene, 2)?;
    scene.reloading()?;
    scene.pause(SLOW_RELOAD / 4)?;
    save(scene, 3)
}

fn edits_while_starting(scene: &Scene) -> Result<String, Halt> {
    let mut n = 2;
    save(scene, n)?;
    while !scene.has_started()? && n < MOST_EARLY_EDITS {
        scene.pause(scene.debounce() / 4)?;
        n += 1;
        save(scene, n)?;
    }
    save(scene, n + 1)
}

/// There is a folder, and no more.
fn missing(_: &Scene) -> Result<(), Halt> {
    Ok(())
}

fn appears(scene: &Scene) -> Result<String, Halt> {
    save(scene, 1)
}
