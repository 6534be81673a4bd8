//! Bind mounts, as containers have them: over the file, over its folder, and the source of one
//! edited from outside. Linux only, and only for those who may mount.

use std::fs;
use std::path::{Path, PathBuf};

use crate::conformance::text::edit;
use crate::conformance::{Expect, Halt, Pattern, Scene};

const NO_EVENT: &str = "mounting changes no file and no folder, so no event tells of it";

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "bind-mount-over-file",
        "mount(MS_BIND) another file over it; it stays",
        over_file,
    )
    .blind_to_events(NO_EVENT),
    Pattern::new(
        "bind-mount-over-folder",
        "mount(MS_BIND) another folder over its folder; it stays",
        over_folder,
    )
    .blind_to_events(NO_EVENT),
    Pattern::new(
        "bind-mount-removed",
        "a file was mounted over it before the start; umount shows the one below",
        removed,
    )
    .prepared(mounted)
    .blind_to_events(NO_EVENT),
    Pattern::new(
        "bind-mount-source-edited",
        "a container's single-file mount: truncate and write the source, in another folder",
        source_edited,
    )
    .prepared(mounted),
    Pattern::new(
        "bind-mount-source-replaced",
        "a file is renamed over the source: the mount goes on showing the old inode",
        source_replaced,
    )
    .prepared(mounted)
    .expects(Expect::NoChange),
];

/// A mount of ours, undone when dropped.
struct Mount(PathBuf);

impl Mount {
    #[cfg(target_os = "linux")]
    fn bind(source: &Path, over: &Path) -> Result<Self, Halt> {
        use nix::errno::Errno;
        use nix::mount::{MsFlags, mount};

        let nothing = None::<&str>;
        match mount(Some(source), over, nothing, MsFlags::MS_BIND, nothing) {
            Err(Errno::EPERM | Errno::EACCES) => {
                Err(Halt::Skip("needs the right to mount (root)".to_owned()))
            }
            mounted => Ok(mounted.map(|()| Self(over.to_owned()))?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn bind(_: &Path, _: &Path) -> Result<Self, Halt> {
        Err(Halt::Skip("bind mounts are Linux's".to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        {
            use nix::mount::{MntFlags, umount2};
            // Detached, so that a watcher that has it open cannot keep it in place.
            if let Err(error) = umount2(&self.0, MntFlags::MNT_DETACH) {
                tracing::error!(%error, path = %self.0.display(), "a mount is left behind");
            }
        }
    }
}

fn source(scene: &Scene) -> PathBuf {
    scene.folder().join("source/config.yaml")
}

fn with_source(scene: &Scene, text: &str) -> Result<(), Halt> {
    fs::create_dir(scene.folder().join("source"))?;
    scene.put(&source(scene), text)
}

fn over_file(scene: &Scene) -> Result<String, Halt> {
    with_source(scene, &edit(2))?;
    scene.keep(Mount::bind(&source(scene), &scene.path())?);
    Ok(edit(2))
}

fn over_folder(scene: &Scene) -> Result<String, Halt> {
    with_source(scene, &edit(2))?;
    let folder = scene.folder().join("source");
    scene.keep(Mount::bind(&folder, &scene.conf())?);
    Ok(edit(2))
}

/// The mounted file is the first edit, the one below it the second.
fn mounted(scene: &Scene) -> Result<(), Halt> {
    scene.put(&scene.path(), &edit(2))?;
    with_source(scene, &edit(1))?;
    scene.keep(Mount::bind(&source(scene), &scene.path())?);
    Ok(())
}

fn removed(scene: &Scene) -> Result<String, Halt> {
    drop(scene.kept::<Mount>()?);
    Ok(edit(2))
}

fn source_edited(scene: &Scene) -> Result<String, Halt> {
    fs::write(source(scene), edit(3))?;
    Ok(edit(3))
}

fn source_replaced(scene: &Scene) -> Result<String, Halt> {
    let beside = scene.folder().join("source/config.yaml.tmp");
    fs::write(&beside, edit(3))?;
    fs::rename(beside, source(scene))?;
    Ok(edit(1))
}
