//! Writes through a mapping: stores into memory, which no system call carries and of which the
//! operating system tells nobody.

use std::fs::OpenOptions;

use super::mapping::Mapping;
use crate::conformance::pattern::plain;
use crate::conformance::text::{edit, twin};
use crate::conformance::{Halt, Pattern, Scene};

const NO_EVENT: &str = "a store into mapped memory is no system call, so no event tells of it";

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "mmap-closed",
        "open(O_RDWR), mmap(MAP_SHARED), store bytes of the same size, munmap, close",
        mmap_closed,
    ),
    Pattern::new(
        "mmap-open",
        "the same through a mapping from before the start, which stays, as does its descriptor",
        mmap_open,
    )
    .prepared(mapped)
    .blind_to_events(NO_EVENT),
    Pattern::new(
        "mmap-open-dirty",
        "the same after an earlier store into the page that is not written back yet",
        mmap_open,
    )
    .prepared(mapped_and_dirty)
    .blind_to_mtime("a store into a page that is dirty already leaves the inode's times alone")
    .blind_to_events(NO_EVENT),
];

fn map(scene: &Scene) -> Result<Mapping, Halt> {
    let mut options = OpenOptions::new();
    Mapping::of(options.read(true).write(true).open(scene.path())?)
}

fn mmap_closed(scene: &Scene) -> Result<String, Halt> {
    let text = twin(&edit(1));
    map(scene)?.store(text.as_bytes());
    Ok(text)
}

fn mapped(scene: &Scene) -> Result<(), Halt> {
    plain(scene)?;
    scene.keep(map(scene)?);
    Ok(())
}

fn mapped_and_dirty(scene: &Scene) -> Result<(), Halt> {
    scene.put(&scene.path(), &twin(&edit(1)))?;
    let mut mapping = map(scene)?;
    mapping.store(edit(1).as_bytes());
    scene.keep(mapping);
    Ok(())
}

fn mmap_open(scene: &Scene) -> Result<String, Halt> {
    let text = twin(&edit(1));
    let mut mapping = scene.kept::<Mapping>()?;
    mapping.store(text.as_bytes());
    scene.keep(mapping);
    Ok(text)
}
