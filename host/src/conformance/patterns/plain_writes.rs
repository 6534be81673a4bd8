//! Writes into the file that stands there: same name, same inode.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};

use crate::conformance::pattern::plain;
use crate::conformance::text::{edit, line};
use crate::conformance::{Halt, Pattern, Scene};

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "truncate-write",
        "open(O_TRUNC), write, close: `echo > FILE`, most programs",
        truncate_write,
    ),
    Pattern::new("append", "open(O_APPEND), write, close: `>> FILE`", append),
    Pattern::new(
        "overwrite-shorter",
        "open without O_TRUNC, write fewer bytes, ftruncate to them, close",
        overwrite_shorter,
    )
    .prepared(longer),
    Pattern::new(
        "open-descriptor",
        "ftruncate and write through a descriptor from before the start, which stays open",
        open_descriptor,
    )
    .prepared(opened),
    Pattern::new(
        "fallocate",
        "fallocate to the new size (zeros at the end), a pause, write over all of it, close",
        fallocate,
    ),
    Pattern::new(
        "hard-link",
        "truncate and write through another name of the same inode, in another folder",
        hard_link,
    )
    .prepared(linked),
];

fn truncate_write(scene: &Scene) -> Result<String, Halt> {
    fs::write(scene.path(), edit(2))?;
    Ok(edit(2))
}

fn append(scene: &Scene) -> Result<String, Halt> {
    let mut file = OpenOptions::new().append(true).open(scene.path())?;
    file.write_all(line(2).as_bytes())?;
    Ok(edit(2))
}

fn longer(scene: &Scene) -> Result<(), Halt> {
    scene.put(&scene.path(), &edit(3))
}

fn overwrite_shorter(scene: &Scene) -> Result<String, Halt> {
    let text = edit(2);
    let mut file = OpenOptions::new().write(true).open(scene.path())?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    Ok(text)
}

fn opened(scene: &Scene) -> Result<(), Halt> {
    plain(scene)?;
    scene.keep(OpenOptions::new().write(true).open(scene.path())?);
    Ok(())
}

fn open_descriptor(scene: &Scene) -> Result<String, Halt> {
    let mut file = scene.kept::<File>()?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(edit(2).as_bytes())?;
    scene.keep(file);
    Ok(edit(2))
}

#[cfg(target_os = "linux")]
fn fallocate(scene: &Scene) -> Result<String, Halt> {
    use nix::errno::Errno;
    use nix::fcntl::{FallocateFlags, fallocate};

    let text = edit(2);
    let size = text.len().try_into().unwrap_or(i64::MAX);
    let mut file = OpenOptions::new().write(true).open(scene.path())?;
    match fallocate(&file, FallocateFlags::empty(), 0, size) {
        Err(Errno::EOPNOTSUPP) => {
            return Err(Halt::Skip("no fallocate on this file system".to_owned()));
        }
        allocated => allocated?,
    }
    scene.pause(scene.debounce() / 4)?;
    file.write_all(text.as_bytes())?;
    Ok(text)
}

#[cfg(not(target_os = "linux"))]
fn fallocate(_: &Scene) -> Result<String, Halt> {
    Err(Halt::Skip("fallocate is Linux's".to_owned()))
}

fn linked(scene: &Scene) -> Result<(), Halt> {
    plain(scene)?;
    Ok(fs::hard_link(
        scene.path(),
        scene.folder().join("other-name"),
    )?)
}

fn hard_link(scene: &Scene) -> Result<String, Halt> {
    fs::write(scene.folder().join("other-name"), edit(2))?;
    Ok(edit(2))
}
