//! Real tools, run for real. What each does to the file was seen with `strace` (GNU coreutils 9.1,
//! GNU sed 4.9, rsync 3.5, git 2.47); another version may do it otherwise, and is right to be tested.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use crate::conformance::pattern::plain;
use crate::conformance::text::edit;
use crate::conformance::{Halt, Pattern, Scene};

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "sed-in-place",
        "`sed -i`: writes sedXXXXXX beside it, rename over",
        sed_in_place,
    ),
    Pattern::new(
        "cp-over",
        "`cp NEW FILE`: open(O_TRUNC), copy_file_range, close",
        cp_over,
    ),
    Pattern::new(
        "cp-preserve-older",
        "`cp -p OLD FILE`: in place, and the time goes backwards",
        cp_preserve_older,
    )
    .prepared(just_saved),
    Pattern::new(
        "cp-remove-destination",
        "`cp --remove-destination`, `install`: unlink, open(O_CREAT|O_EXCL), copy, close",
        cp_remove_destination,
    ),
    Pattern::new("mv", "`mv NEW FILE` on one file system: renameat2 over", mv),
    Pattern::new(
        "mv-across-file-systems",
        "`mv` from another file system: unlink, create (0600), write, set the old time, close",
        mv_across_file_systems,
    ),
    Pattern::new(
        "rsync",
        "`rsync NEW FILE`: writes .FILE.XXXXXX beside it, fchmod, rename over",
        rsync,
    ),
    Pattern::new(
        "rsync-inplace",
        "`rsync --inplace`: open without O_TRUNC, write, ftruncate to size, close",
        rsync_inplace,
    ),
    Pattern::new(
        "git-checkout",
        "`git checkout BRANCH`: unlink, open(O_CREAT|O_EXCL), write, close",
        git_checkout,
    )
    .prepared(two_branches),
    Pattern::new(
        "git-stash",
        "`git stash`: the edited file goes back to what was committed, by unlink and create",
        git_stash,
    )
    .prepared(edited),
    Pattern::new(
        "git-stash-pop",
        "`git stash pop`: the edit comes back, by unlink and create",
        git_stash_pop,
    )
    .prepared(stashed),
    Pattern::new(
        "ln-sfn",
        "`ln -sfn NEW FILE`: symlink under a random name, rename over the old link",
        ln_sfn,
    )
    .prepared(linked),
];

/// A new version of the file, outside its folder.
fn staged(scene: &Scene) -> Result<String, Halt> {
    let path = scene.folder().join("new.yaml");
    fs::write(&path, edit(2))?;
    Ok(text(&path))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn sed_in_place(scene: &Scene) -> Result<String, Halt> {
    // BSD's wants the suffix of a backup, GNU's does not.
    let in_place: &[&str] = if cfg!(target_os = "linux") {
        &["-i"]
    } else {
        &["-i", ""]
    };
    let script = ["-e", "s/edit 1/edited by sed/", "config.yaml"];
    scene.tool("sed", &[in_place, &script].concat())?;
    Ok(edit(1).replace("edit 1", "edited by sed"))
}

fn cp_over(scene: &Scene) -> Result<String, Halt> {
    scene.tool("cp", &[&staged(scene)?, "config.yaml"])?;
    Ok(edit(2))
}

fn just_saved(scene: &Scene) -> Result<(), Halt> {
    Ok(fs::write(scene.path(), edit(1))?)
}

fn cp_preserve_older(scene: &Scene) -> Result<String, Halt> {
    let path = scene.folder().join("old.yaml");
    scene.put(&path, &edit(2))?;
    scene.tool("cp", &["-p", &text(&path), "config.yaml"])?;
    Ok(edit(2))
}

fn cp_remove_destination(scene: &Scene) -> Result<String, Halt> {
    if cfg!(not(target_os = "linux")) {
        return Err(Halt::Skip("--remove-destination is GNU's".to_owned()));
    }
    let new = staged(scene)?;
    scene.tool("cp", &["--remove-destination", &new, "config.yaml"])?;
    Ok(edit(2))
}

fn mv(scene: &Scene) -> Result<String, Halt> {
    scene.tool("mv", &["-f", &staged(scene)?, "config.yaml"])?;
    Ok(edit(2))
}

fn mv_across_file_systems(scene: &Scene) -> Result<String, Halt> {
    let memory = Path::new("/dev/shm");
    let elsewhere = fs::metadata(memory).is_ok_and(|found| {
        fs::metadata(scene.folder()).is_ok_and(|here| here.dev() != found.dev())
    });
    if !elsewhere {
        return Err(Halt::Skip(
            "/dev/shm is not a file system of its own".to_owned(),
        ));
    }
    // Removes what `mv` leaves, which is nothing if all goes well.
    let new = tempfile::NamedTempFile::new_in(memory)?.into_temp_path();
    scene.put(&new, &edit(2))?;
    scene.tool("mv", &["-f", &text(&new), "config.yaml"])?;
    Ok(edit(2))
}

fn rsync(scene: &Scene) -> Result<String, Halt> {
    scene.tool("rsync", &[&staged(scene)?, "config.yaml"])?;
    Ok(edit(2))
}

fn rsync_inplace(scene: &Scene) -> Result<String, Halt> {
    scene.tool("rsync", &["--inplace", &staged(scene)?, "config.yaml"])?;
    Ok(edit(2))
}

fn git(scene: &Scene, arguments: &[&str]) -> Result<(), Halt> {
    let somebody = ["-c", "user.name=somebody", "-c", "user.email=some@body"];
    scene.tool("git", &[&somebody, arguments].concat())
}

fn committed(scene: &Scene) -> Result<(), Halt> {
    plain(scene)?;
    git(scene, &["init", "-q"])?;
    git(scene, &["add", "config.yaml"])?;
    git(scene, &["commit", "-q", "-m", "one"])
}

fn two_branches(scene: &Scene) -> Result<(), Halt> {
    committed(scene)?;
    git(scene, &["checkout", "-q", "-b", "other"])?;
    fs::write(scene.path(), edit(2))?;
    git(scene, &["commit", "-q", "-a", "-m", "two"])?;
    git(scene, &["checkout", "-q", "-"])
}

fn git_checkout(scene: &Scene) -> Result<String, Halt> {
    git(scene, &["checkout", "-q", "other"])?;
    Ok(edit(2))
}

fn edited(scene: &Scene) -> Result<(), Halt> {
    committed(scene)?;
    scene.put(&scene.path(), &edit(2))
}

fn git_stash(scene: &Scene) -> Result<String, Halt> {
    git(scene, &["stash", "-q"])?;
    Ok(edit(1))
}

fn stashed(scene: &Scene) -> Result<(), Halt> {
    edited(scene)?;
    git(scene, &["stash", "-q"])
}

fn git_stash_pop(scene: &Scene) -> Result<String, Halt> {
    git(scene, &["stash", "pop", "-q"])?;
    Ok(edit(2))
}

fn linked(scene: &Scene) -> Result<(), Halt> {
    scene.put(&scene.beside("one.yaml"), &edit(1))?;
    scene.put(&scene.beside("two.yaml"), &edit(2))?;
    Ok(symlink("one.yaml", scene.path())?)
}

fn ln_sfn(scene: &Scene) -> Result<String, Halt> {
    scene.tool("ln", &["-sfn", "two.yaml", "config.yaml"])?;
    Ok(edit(2))
}
