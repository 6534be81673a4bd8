//! The file is missing, empty, unreadable or not a file for a while. None of that is a
//! configuration: what a watcher makes of it must be nothing.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Seek, Write};
use std::os::unix::fs::PermissionsExt;

use crate::conformance::text::edit;
use crate::conformance::{Expect, Halt, Pattern, Scene};

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "delete-wait-recreate",
        "unlink, let the absence be noticed, create, write, close",
        delete_wait_recreate,
    ),
    Pattern::new(
        "delete-wait-recreate-same",
        "unlink, let the absence be noticed, create again with the same bytes",
        delete_wait_recreate_same,
    )
    .expects(Expect::NoChange),
    Pattern::new(
        "rename-away-and-back",
        "rename away, let the absence be noticed, rename back, unchanged",
        rename_away_and_back,
    )
    .expects(Expect::NoChange),
    Pattern::new(
        "replaced-by-folder",
        "rename away, mkdir of that name, let it be noticed, rmdir, write a new file",
        replaced_by_folder,
    ),
    Pattern::new(
        "empty-for-a-moment",
        "open(O_TRUNC), half a debounce window, write, close",
        empty_for_a_moment,
    ),
    Pattern::new(
        "empty-for-long",
        "truncate, close, let it be noticed and settle, write, close",
        empty_for_long,
    ),
    Pattern::new(
        "mode-000-and-back",
        "chmod 000, let it be noticed, chmod 644",
        mode_000_and_back,
    )
    .expects(Expect::NoChange),
    Pattern::new(
        "mode-000-edited",
        "chmod 000, write through a descriptor from before, let it be noticed, chmod 644",
        mode_000_edited,
    ),
];

fn delete_wait_recreate(scene: &Scene) -> Result<String, Halt> {
    fs::remove_file(scene.path())?;
    scene.rest()?;
    fs::write(scene.path(), edit(2))?;
    Ok(edit(2))
}

fn delete_wait_recreate_same(scene: &Scene) -> Result<String, Halt> {
    fs::remove_file(scene.path())?;
    scene.rest()?;
    fs::write(scene.path(), edit(1))?;
    Ok(edit(1))
}

fn rename_away_and_back(scene: &Scene) -> Result<String, Halt> {
    let away = scene.beside("config.yaml.away");
    fs::rename(scene.path(), &away)?;
    scene.rest()?;
    fs::rename(away, scene.path())?;
    Ok(edit(1))
}

fn replaced_by_folder(scene: &Scene) -> Result<String, Halt> {
    fs::rename(scene.path(), scene.beside("config.yaml.away"))?;
    fs::create_dir(scene.path())?;
    scene.rest()?;
    fs::remove_dir(scene.path())?;
    fs::write(scene.path(), edit(2))?;
    Ok(edit(2))
}

fn empty_for_a_moment(scene: &Scene) -> Result<String, Halt> {
    let mut file = File::create(scene.path())?;
    scene.pause(scene.debounce() / 2)?;
    file.write_all(edit(2).as_bytes())?;
    Ok(edit(2))
}

fn empty_for_long(scene: &Scene) -> Result<String, Halt> {
    File::create(scene.path())?;
    scene.rest()?;
    fs::write(scene.path(), edit(2))?;
    Ok(edit(2))
}

fn chmod(scene: &Scene, mode: u32) -> Result<(), Halt> {
    Ok(fs::set_permissions(
        scene.path(),
        Permissions::from_mode(mode),
    )?)
}

fn mode_000_and_back(scene: &Scene) -> Result<String, Halt> {
    chmod(scene, 0)?;
    scene.rest()?;
    chmod(scene, 0o644)?;
    Ok(edit(1))
}

/// Root reads it at once, everybody else when the mode is back: one change for both.
fn mode_000_edited(scene: &Scene) -> Result<String, Halt> {
    let mut file = OpenOptions::new().write(true).open(scene.path())?;
    chmod(scene, 0)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(edit(2).as_bytes())?;
    drop(file);
    scene.rest()?;
    chmod(scene, 0o644)?;
    Ok(edit(2))
}
