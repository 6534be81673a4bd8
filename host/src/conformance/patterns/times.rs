//! The modification time says too little or too much.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::conformance::scene::set_time;
use crate::conformance::text::{edit, twin};
use crate::conformance::{Expect, Halt, Pattern, Scene};

const SAME: &str = "same size, same time, same inode";

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "same-size-same-time",
        "write as many other bytes in place, set the old time again by futimens",
        same_size_same_time,
    )
    .blind_to_mtime(SAME),
    Pattern::new(
        "renamed-edited-back",
        "rename away, write as many other bytes, set the old time again, rename back",
        renamed_edited_back,
    )
    .blind_to_mtime(SAME),
    Pattern::new(
        "same-tick",
        "two writes of one size, the second within the first's clock tick (set by futimens, since new kernels tick finely)",
        same_tick,
    ),
    Pattern::new(
        "time-backwards",
        "write, then set a time before that of the last save, as unpacking an archive does",
        time_backwards,
    ),
    Pattern::new("touch", "open, futimens(now), close: `touch FILE`", touch)
        .expects(Expect::NoChange),
    Pattern::new(
        "same-bytes",
        "open(O_TRUNC), write the same bytes, close",
        same_bytes,
    )
    .expects(Expect::NoChange),
    Pattern::new(
        "same-bytes-renamed-over",
        "write the same bytes beside it, rename over",
        same_bytes_renamed_over,
    )
    .expects(Expect::NoChange),
];

/// Writes in place, with no moment of another size.
fn overwrite(path: &Path, text: &str) -> Result<File, Halt> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn same_size_same_time(scene: &Scene) -> Result<String, Halt> {
    let text = twin(&edit(1));
    let before = fs::metadata(scene.path())?.modified()?;
    set_time(&overwrite(&scene.path(), &text)?, before)?;
    Ok(text)
}

fn renamed_edited_back(scene: &Scene) -> Result<String, Halt> {
    let text = twin(&edit(1));
    let away = scene.beside("config.yaml.away");
    fs::rename(scene.path(), &away)?;
    let before = fs::metadata(&away)?.modified()?;
    set_time(&overwrite(&away, &text)?, before)?;
    fs::rename(away, scene.path())?;
    Ok(text)
}

fn same_tick(scene: &Scene) -> Result<String, Halt> {
    fs::write(scene.path(), edit(2))?;
    let first = fs::metadata(scene.path())?.modified()?;
    let text = twin(&edit(2));
    set_time(&overwrite(&scene.path(), &text)?, first)?;
    Ok(text)
}

fn time_backwards(scene: &Scene) -> Result<String, Halt> {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = overwrite(&scene.path(), &edit(2))?;
    set_time(&file, long_ago)?;
    Ok(edit(2))
}

fn touch(scene: &Scene) -> Result<String, Halt> {
    let file = OpenOptions::new().write(true).open(scene.path())?;
    set_time(&file, SystemTime::now())?;
    Ok(edit(1))
}

fn same_bytes(scene: &Scene) -> Result<String, Halt> {
    fs::write(scene.path(), edit(1))?;
    Ok(edit(1))
}

fn same_bytes_renamed_over(scene: &Scene) -> Result<String, Halt> {
    let beside = scene.beside(".config.yaml.tmp");
    fs::write(&beside, edit(1))?;
    fs::rename(beside, scene.path())?;
    Ok(edit(1))
}
