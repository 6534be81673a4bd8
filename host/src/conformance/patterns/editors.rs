//! How editors save, system call by system call, as `strace` shows it for vim 9.0, Emacs 28.2 and
//! nano 7.2, and as the sources of VS Code and of the IntelliJ platform have it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::conformance::scene::set_time;
use crate::conformance::text::edit;
use crate::conformance::{Halt, Pattern, Scene};

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "vim",
        "probe `4913`, rename FILE to FILE~, create FILE, write, fsync, fchmod, chmod, unlink FILE~ (the defaults)",
        vim,
    ),
    Pattern::new(
        "vim-backup",
        "the same without the probe, and FILE~ stays (backup, backupcopy=no)",
        vim_backup,
    ),
    Pattern::new(
        "vim-backupcopy",
        "copy FILE to FILE~ with its time, then ftruncate and write FILE in place, fsync (backupcopy=yes)",
        vim_backupcopy,
    ),
    Pattern::new(
        "vim-nowritebackup",
        "open without O_TRUNC, ftruncate(0), write, fsync, fchmod, close (nowritebackup)",
        vim_nowritebackup,
    ),
    Pattern::new(
        "vscode",
        "open(O_TRUNC), write, fdatasync, close: how VS Code saves what you edit",
        vscode,
    ),
    Pattern::new(
        "vscode-atomic",
        "write FILE.vsctmp, fdatasync, rename over: how VS Code saves its own settings",
        vscode_atomic,
    ),
    Pattern::new(
        "emacs",
        "lock by the dangling link `.#FILE`, rename FILE to FILE~, create, write, open and close again, unlock, chmod",
        emacs,
    ),
    Pattern::new(
        "emacs-again",
        "a later save of the session: lock, open(O_TRUNC), write, close, open and close again, unlock",
        emacs_again,
    ),
    Pattern::new(
        "emacs-backup-by-copying",
        "lock, copy FILE to FILE~ with its time, then in place as above",
        emacs_backup_by_copying,
    ),
    Pattern::new(
        "emacs-precious",
        "lock, write tmpXXXXXX beside it, unlock, rename over, chmod (file-precious-flag)",
        emacs_precious,
    ),
    Pattern::new("nano", "open(O_TRUNC), write, fsync, close", nano),
    Pattern::new(
        "nano-backup",
        "copy FILE to FILE~, fsync, with its time, then in place as above",
        nano_backup,
    ),
    Pattern::new(
        "jetbrains",
        "copy FILE to FILE~, open(O_TRUNC|O_SYNC), write, close, unlink FILE~ (safe write since 2019)",
        jetbrains,
    ),
    Pattern::new(
        "jetbrains-renames",
        "write FILE___jb_tmp___, rename FILE to FILE___jb_old___, rename the first to FILE, unlink the second (before)",
        jetbrains_renames,
    ),
];

const BACKUP: &str = "config.yaml~";

/// vim's swap file stands beside the file while it is edited.
struct SwapFile(PathBuf);

impl SwapFile {
    fn create(scene: &Scene) -> Result<Self, Halt> {
        let path = scene.beside(".config.yaml.swp");
        fs::write(&path, [0; 4096])?;
        Ok(Self(path))
    }

    fn remove(self) -> Result<(), Halt> {
        Ok(fs::remove_file(self.0)?)
    }
}

fn vim(scene: &Scene) -> Result<String, Halt> {
    let swap = SwapFile::create(scene)?;
    let probe = scene.beside("4913");
    File::create_new(&probe)?;
    fs::remove_file(probe)?;
    fs::rename(scene.path(), scene.beside(BACKUP))?;
    vim_write(&scene.path())?;
    chmod(&scene.path())?;
    fs::remove_file(scene.beside(BACKUP))?;
    swap.remove()?;
    Ok(edit(2))
}

fn vim_backup(scene: &Scene) -> Result<String, Halt> {
    let swap = SwapFile::create(scene)?;
    fs::rename(scene.path(), scene.beside(BACKUP))?;
    vim_write(&scene.path())?;
    chmod(&scene.path())?;
    swap.remove()?;
    Ok(edit(2))
}

fn vim_backupcopy(scene: &Scene) -> Result<String, Halt> {
    let swap = SwapFile::create(scene)?;
    copy_with_time(&scene.path(), &scene.beside(BACKUP))?;
    vim_write(&scene.path())?;
    fs::remove_file(scene.beside(BACKUP))?;
    swap.remove()?;
    Ok(edit(2))
}

fn vim_nowritebackup(scene: &Scene) -> Result<String, Halt> {
    let swap = SwapFile::create(scene)?;
    vim_write(&scene.path())?;
    chmod(&scene.path())?;
    swap.remove()?;
    Ok(edit(2))
}

/// vim opens without `O_TRUNC`, also what it creates, and truncates by itself.
fn vim_write(path: &Path) -> Result<(), Halt> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let mut file = options.open(path)?;
    file.set_len(0)?;
    file.write_all(edit(2).as_bytes())?;
    file.sync_all()?;
    Ok(file.set_permissions(Permissions::from_mode(0o644))?)
}

fn vscode(scene: &Scene) -> Result<String, Halt> {
    let mut file = File::create(scene.path())?;
    file.write_all(edit(2).as_bytes())?;
    file.sync_data()?;
    Ok(edit(2))
}

fn vscode_atomic(scene: &Scene) -> Result<String, Halt> {
    let beside = scene.beside("config.yaml.vsctmp");
    let mut file = File::create(&beside)?;
    file.write_all(edit(2).as_bytes())?;
    file.sync_data()?;
    drop(file);
    fs::rename(beside, scene.path())?;
    Ok(edit(2))
}

/// Emacs' lock on a file that has unsaved changes: a link that says who edits, and leads nowhere.
struct Lock(PathBuf);

impl Lock {
    fn take(scene: &Scene) -> Result<Self, Halt> {
        let path = scene.beside(".#config.yaml");
        symlink("somebody@somewhere.4242:1700000000", &path)?;
        Ok(Self(path))
    }

    fn release(self) -> Result<(), Halt> {
        Ok(fs::remove_file(self.0)?)
    }
}

fn emacs(scene: &Scene) -> Result<String, Halt> {
    let lock = Lock::take(scene)?;
    fs::rename(scene.path(), scene.beside(BACKUP))?;
    emacs_write(&scene.path())?;
    lock.release()?;
    chmod(&scene.path())?;
    Ok(edit(2))
}

fn emacs_again(scene: &Scene) -> Result<String, Halt> {
    let lock = Lock::take(scene)?;
    emacs_write(&scene.path())?;
    lock.release()?;
    Ok(edit(2))
}

fn emacs_backup_by_copying(scene: &Scene) -> Result<String, Halt> {
    let lock = Lock::take(scene)?;
    copy_with_time(&scene.path(), &scene.beside(BACKUP))?;
    emacs_write(&scene.path())?;
    lock.release()?;
    Ok(edit(2))
}

fn emacs_precious(scene: &Scene) -> Result<String, Halt> {
    let lock = Lock::take(scene)?;
    let beside = scene.beside("tmpq7Zx4d");
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    emacs_write(&beside)?;
    lock.release()?;
    fs::rename(beside, scene.path())?;
    chmod(&scene.path())?;
    Ok(edit(2))
}

/// Having closed the file, Emacs opens it for writing once more to ask for its time.
fn emacs_write(path: &Path) -> Result<(), Halt> {
    fs::write(path, edit(2))?;
    OpenOptions::new().write(true).open(path)?;
    Ok(())
}

fn nano(scene: &Scene) -> Result<String, Halt> {
    let mut file = File::create(scene.path())?;
    file.write_all(edit(2).as_bytes())?;
    file.sync_all()?;
    Ok(edit(2))
}

fn nano_backup(scene: &Scene) -> Result<String, Halt> {
    copy_with_time(&scene.path(), &scene.beside(BACKUP))?.sync_all()?;
    nano(scene)
}

fn jetbrains(scene: &Scene) -> Result<String, Halt> {
    fs::copy(scene.path(), scene.beside(BACKUP))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.custom_flags(nix::libc::O_SYNC);
    options.open(scene.path())?.write_all(edit(2).as_bytes())?;
    fs::remove_file(scene.beside(BACKUP))?;
    Ok(edit(2))
}

fn jetbrains_renames(scene: &Scene) -> Result<String, Halt> {
    let beside = scene.beside("config.yaml___jb_tmp___");
    let old = scene.beside("config.yaml___jb_old___");
    fs::write(&beside, edit(2))?;
    fs::rename(scene.path(), &old)?;
    fs::rename(beside, scene.path())?;
    fs::remove_file(old)?;
    Ok(edit(2))
}

/// Sets the mode that it has: an event of metadata, and no more.
fn chmod(path: &Path) -> Result<(), Halt> {
    Ok(fs::set_permissions(path, Permissions::from_mode(0o644))?)
}

fn copy_with_time(from: &Path, to: &Path) -> Result<File, Halt> {
    let modified = fs::metadata(from)?.modified()?;
    let mut copy = File::create_new(to)?;
    copy.write_all(&fs::read(from)?)?;
    set_time(&copy, modified)?;
    Ok(copy)
}
