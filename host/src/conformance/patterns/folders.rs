//! The folder of the file goes, comes, or is another one.

use std::fs;
use std::path::PathBuf;

use crate::conformance::text::edit;
use crate::conformance::{Expect, Halt, Pattern, Scene};

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "folder-recreated",
        "rename the folder away, mkdir it anew, write the file",
        folder_recreated,
    ),
    Pattern::new(
        "folder-recreated-late",
        "rename the folder away, let the absence be noticed, mkdir it anew, write the file",
        folder_recreated_late,
    ),
    Pattern::new(
        "folder-swapped",
        "rename the folder away and another, in which a file stands already, to its name",
        folder_swapped,
    ),
    Pattern::new(
        "folder-away-and-back",
        "rename the folder away, let the absence be noticed, rename it back",
        folder_away_and_back,
    )
    .expects(Expect::NoChange),
    Pattern::new(
        "folder-edited-while-away",
        "rename the folder away, truncate and write the file in it, rename it back",
        folder_edited_while_away,
    ),
    Pattern::new(
        "folder-removed",
        "unlink the file, rmdir the folder, let the absence be noticed, create both again",
        folder_removed,
    ),
];

fn away(scene: &Scene) -> PathBuf {
    scene.folder().join("conf.away")
}

fn create(scene: &Scene) -> Result<String, Halt> {
    fs::create_dir(scene.conf())?;
    fs::write(scene.path(), edit(2))?;
    Ok(edit(2))
}

fn folder_recreated(scene: &Scene) -> Result<String, Halt> {
    fs::rename(scene.conf(), away(scene))?;
    create(scene)
}

fn folder_recreated_late(scene: &Scene) -> Result<String, Halt> {
    fs::rename(scene.conf(), away(scene))?;
    scene.rest()?;
    create(scene)
}

fn folder_swapped(scene: &Scene) -> Result<String, Halt> {
    let new = scene.folder().join("conf.new");
    fs::create_dir(&new)?;
    scene.put(&new.join("config.yaml"), &edit(2))?;
    fs::rename(scene.conf(), away(scene))?;
    fs::rename(new, scene.conf())?;
    Ok(edit(2))
}

fn folder_away_and_back(scene: &Scene) -> Result<String, Halt> {
    fs::rename(scene.conf(), away(scene))?;
    scene.rest()?;
    fs::rename(away(scene), scene.conf())?;
    Ok(edit(1))
}

fn folder_edited_while_away(scene: &Scene) -> Result<String, Halt> {
    fs::rename(scene.conf(), away(scene))?;
    fs::write(away(scene).join("config.yaml"), edit(2))?;
    fs::rename(away(scene), scene.conf())?;
    Ok(edit(2))
}

fn folder_removed(scene: &Scene) -> Result<String, Halt> {
    fs::remove_file(scene.path())?;
    fs::remove_dir(scene.conf())?;
    scene.rest()?;
    create(scene)
}
