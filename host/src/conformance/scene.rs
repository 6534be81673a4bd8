//! The folder in which one case is played, with what a script needs: paths, pauses that notice
//! when the machine stretches them, real tools, and a place for what stays open to the end.

use std::any::Any;
use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::time::Instant;

use super::Halt;
use super::signals::{Abandoned, Signals};

/// How long a script waits for the watcher or for a reload before it goes on without.
const PATIENCE: Duration = Duration::from_secs(10);
/// Prepared files were last saved so long ago, as most configurations were: no clock tick of the
/// preparation can be mistaken for one of the save.
const AGE: Duration = Duration::from_secs(3600);
/// What a watcher may need beside poll interval and debounce, on a machine that is busy.
const MARGIN: Duration = Duration::from_millis(200);

/// The watcher's settings, as far as a script places its edits by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// `sync.poll_interval`.
    pub poll: Duration,
    /// `sync.debounce`. What a script does within one window holds from 30 ms on; the slow
    /// writer pauses for 100 ms, so a window should be longer than that.
    pub debounce: Duration,
}

/// The folder of one case. Dropping it closes, unmounts and removes all that the case left.
#[derive(Debug)]
pub struct Scene {
    timing: Timing,
    signals: Signals,
    pace: Mutex<Pace>,
    /// Dropped before the folder goes: a mount in it must be undone first.
    kept: Mutex<Vec<Box<dyn Any + Send>>>,
    folder: PathBuf,
    _temporary: TempDir,
}

/// When the script last waited, and the longest time by which it was late.
#[derive(Debug)]
struct Pace {
    last: Instant,
    late: Duration,
}

/// For the runner.
impl Scene {
    /// A fresh folder inside `base`, whose file system is the one that is played on.
    ///
    /// # Errors
    /// When nothing can be created there.
    pub fn new(base: &Path, timing: Timing) -> io::Result<Self> {
        let temporary = tempfile::Builder::new()
            .prefix("config-sync-")
            .tempdir_in(base)?;
        let folder = temporary.path().canonicalize()?;
        fs::create_dir(folder.join("conf"))?;
        Ok(Self {
            timing,
            signals: Signals::default(),
            pace: Mutex::new(Pace {
                last: Instant::now(),
                late: Duration::ZERO,
            }),
            kept: Mutex::default(),
            folder,
            _temporary: temporary,
        })
    }

    /// The watched path. Links and folders on the way to it come and go.
    pub fn path(&self) -> PathBuf {
        self.conf().join("config.yaml")
    }

    /// What the path leads to now.
    #[cfg(test)]
    pub(super) fn final_bytes(&self) -> io::Result<Vec<u8>> {
        fs::read(self.path())
    }

    /// Tells the script that the watcher is up.
    pub fn start(&self) {
        self.signals.start();
    }

    /// Tells the script that a reload has read the file and now does the rest of its work.
    pub fn reload_began(&self) {
        self.signals.reload();
    }

    /// Calls the case off: the script returns [`Halt::Abandoned`] at its next wait, at once.
    pub fn abandon(&self) {
        self.signals.abandon();
    }
}

/// For the scripts.
impl Scene {
    /// The folder of the whole case.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder in which the watched path ends.
    pub(super) fn conf(&self) -> PathBuf {
        self.folder.join("conf")
    }

    /// A name beside the watched one.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.conf().join(name)
    }

    pub(super) fn poll(&self) -> Duration {
        self.timing.poll
    }

    pub(super) fn debounce(&self) -> Duration {
        self.timing.debounce
    }

    /// Writes a file that was saved long ago.
    pub(super) fn put(&self, path: &Path, text: &str) -> Result<(), Halt> {
        fs::write(path, text)?;
        // The call needs the file to be ours, not a descriptor that may write.
        set_time(&File::open(path)?, SystemTime::now() - AGE)
    }

    /// Waits for so long and no longer: the edits before and after belong to one debounce
    /// window. Records it when the machine makes more of it.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Halt> {
        self.note(Duration::ZERO);
        self.signals.pass(time)?;
        self.note(time);
        Ok(())
    }

    /// Waits until any watcher has noticed, settled and reloaded. Longer does no harm.
    pub(super) fn rest(&self) -> Result<(), Halt> {
        self.note(Duration::ZERO);
        self.signals
            .pass((self.timing.poll + self.timing.debounce) * 2 + MARGIN)?;
        self.begin();
        Ok(())
    }

    /// Whether the watcher is up.
    pub(super) fn has_started(&self) -> Result<bool, Halt> {
        Ok(self.signals.started(Duration::ZERO)?)
    }

    /// Waits until a reload has read the file, or goes on when none does: a watcher that sees
    /// nothing is judged later.
    pub(super) fn reloading(&self) -> Result<(), Halt> {
        self.note(Duration::ZERO);
        self.signals.reloaded(PATIENCE)?;
        self.begin();
        Ok(())
    }

    /// Runs a real tool beside the file. Its time is not counted: what it does to the file takes
    /// a moment of that.
    pub(super) fn tool(&self, name: &str, arguments: &[&str]) -> Result<(), Halt> {
        self.note(Duration::ZERO);
        let mut command = Command::new(name);
        command
            .args(arguments)
            .current_dir(self.conf())
            .stdin(Stdio::null())
            .env("LC_ALL", "C");
        // A person's git must not change what git does here, nor one that runs the tests.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Halt::Skip(format!("`{name}` is not installed")),
            io::ErrorKind::PermissionDenied => Halt::Skip(format!("`{name}` may not be run")),
            _ => Halt::Failed(format!("{name}: {error}")),
        })?;
        self.begin();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Halt::Failed(format!(
                "{name} {}: {}",
                arguments.join(" "),
                said.trim()
            )));
        }
        Ok(())
    }

    /// Keeps a thing to the end of the case: an open descriptor, a mount.
    pub(super) fn keep(&self, thing: impl Any + Send) {
        self.things().push(Box::new(thing));
    }

    /// Takes back what was kept last, for instance by the preparation.
    pub(super) fn kept<T: Any>(&self) -> Result<T, Halt> {
        let last = self.things().pop();
        last.and_then(|thing| thing.downcast().ok())
            .map(|thing| *thing)
            .ok_or_else(|| Halt::Failed("nothing was kept".to_owned()))
    }

    /// Starts the count of time anew.
    pub(super) fn begin(&self) {
        self.pace().last = Instant::now();
    }

    /// How late the script was at worst, if that may have mattered. Two edits in one window are
    /// half of it apart at most, so a third more keeps them there.
    pub(super) fn end(&self) -> Option<Duration> {
        self.note(Duration::ZERO);
        let late = self.pace().late;
        (late > self.timing.debounce / 3).then_some(late)
    }

    /// Counts what passed since the last note beyond what was meant to.
    fn note(&self, meant: Duration) {
        let mut pace = self.pace();
        let late = pace.last.elapsed().saturating_sub(meant);
        pace.late = pace.late.max(late);
        pace.last = Instant::now();
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn things(&self) -> MutexGuard<'_, Vec<Box<dyn Any + Send>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets both times, as tools do. It matters: inotify tells of that as a change of metadata, but
/// of the modification time alone as of a write.
pub(super) fn set_time(file: &File, time: SystemTime) -> Result<(), Halt> {
    let times = FileTimes::new().set_accessed(time).set_modified(time);
    Ok(file.set_times(times)?)
}

impl From<Abandoned> for Halt {
    fn from(_: Abandoned) -> Self {
        Self::Abandoned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(debounce: Duration) -> Scene {
        let poll = Duration::from_millis(20);
        Scene::new(&std::env::temp_dir(), Timing { poll, debounce }).unwrap()
    }

    #[test]
    fn a_machine_that_stretches_a_pause_is_found_out() {
        let quick = scene(Duration::from_secs(60));
        quick.begin();
        quick.pause(Duration::from_millis(5)).unwrap();
        assert_eq!(quick.end(), None);

        let stretched = scene(Duration::from_secs(60));
        stretched.begin();
        stretched.pace().last -= Duration::from_secs(30);
        assert!(stretched.end().unwrap() >= Duration::from_secs(30));
    }

    #[test]
    fn a_case_that_is_called_off_waits_no_longer() {
        let scene = scene(Duration::from_secs(3600));
        std::thread::scope(|threads| {
            let script = threads.spawn(|| scene.rest());
            scene.abandon();
            assert_eq!(script.join().unwrap(), Err(Halt::Abandoned));
        });
    }

    #[test]
    fn a_tool_that_is_not_there_is_a_reason_to_skip() {
        let missing = scene(Duration::ZERO).tool("no-such-tool", &[]);
        assert!(matches!(missing, Err(Halt::Skip(_))), "{missing:?}");
    }
}
