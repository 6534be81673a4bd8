//! Another inode takes over the name.

use std::fs;

use crate::conformance::pattern::plain;
use crate::conformance::text::edit;
use crate::conformance::{Halt, Pattern, Scene};

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "rename-over",
        "write a temporary file beside it, rename it over: any atomic save",
        rename_over,
    ),
    Pattern::new(
        "rename-over-from-elsewhere",
        "write a temporary file in another folder of the same file system, rename it over",
        rename_over_from_elsewhere,
    ),
    Pattern::new(
        "unlink-create",
        "unlink, then at once open(O_CREAT|O_EXCL), write, close",
        unlink_create,
    ),
    Pattern::new(
        "hard-link-swap",
        "unlink, then link the name to another inode, written before the start",
        hard_link_swap,
    )
    .prepared(with_another),
    Pattern::new(
        "rename-exchange",
        "renameat2(RENAME_EXCHANGE) with a file written before the start",
        rename_exchange,
    )
    .prepared(with_another),
    Pattern::new(
        "o-tmpfile",
        "open(O_TMPFILE), write, linkat under a temporary name, rename that over",
        o_tmpfile,
    ),
];

fn rename_over(scene: &Scene) -> Result<String, Halt> {
    let beside = scene.beside(".config.yaml.tmp");
    fs::write(&beside, edit(2))?;
    fs::rename(beside, scene.path())?;
    Ok(edit(2))
}

fn rename_over_from_elsewhere(scene: &Scene) -> Result<String, Halt> {
    let elsewhere = scene.folder().join("config.yaml.tmp");
    fs::write(&elsewhere, edit(2))?;
    fs::rename(elsewhere, scene.path())?;
    Ok(edit(2))
}

fn unlink_create(scene: &Scene) -> Result<String, Halt> {
    fs::remove_file(scene.path())?;
    fs::write(scene.path(), edit(2))?;
    Ok(edit(2))
}

/// As old as the first, so that neither time nor events of a write give it away.
fn with_another(scene: &Scene) -> Result<(), Halt> {
    plain(scene)?;
    scene.put(&scene.beside("another"), &edit(2))
}

fn hard_link_swap(scene: &Scene) -> Result<String, Halt> {
    fs::remove_file(scene.path())?;
    fs::hard_link(scene.beside("another"), scene.path())?;
    Ok(edit(2))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn rename_exchange(scene: &Scene) -> Result<String, Halt> {
    use nix::errno::Errno;
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

    let another = scene.beside("another");
    let exchange = RenameFlags::RENAME_EXCHANGE;
    match renameat2(AT_FDCWD, &another, AT_FDCWD, &scene.path(), exchange) {
        Err(Errno::EINVAL | Errno::ENOSYS) => Err(Halt::Skip(
            "no RENAME_EXCHANGE on this file system".to_owned(),
        )),
        exchanged => Ok(exchanged.map(|()| edit(2))?),
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn rename_exchange(_: &Scene) -> Result<String, Halt> {
    Err(Halt::Skip("renameat2 is Linux's".to_owned()))
}

#[cfg(target_os = "linux")]
fn o_tmpfile(scene: &Scene) -> Result<String, Halt> {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    use nix::fcntl::{AT_FDCWD, AtFlags};
    use nix::unistd::linkat;

    let mut options = OpenOptions::new();
    options.write(true).custom_flags(nix::libc::O_TMPFILE);
    let Ok(mut file) = options.open(scene.conf()) else {
        return Err(Halt::Skip("no O_TMPFILE on this file system".to_owned()));
    };
    file.write_all(edit(2).as_bytes())?;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    let beside = scene.beside(".config.yaml.tmp");
    linkat(
        AT_FDCWD,
        nameless.as_str(),
        AT_FDCWD,
        &beside,
        AtFlags::AT_SYMLINK_FOLLOW,
    )?;
    fs::rename(beside, scene.path())?;
    Ok(edit(2))
}

#[cfg(not(target_os = "linux"))]
fn o_tmpfile(_: &Scene) -> Result<String, Halt> {
    Err(Halt::Skip("O_TMPFILE is Linux's".to_owned()))
}
