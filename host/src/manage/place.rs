//! Where the socket of a host is: in the user's runtime folder, else beside what the host
//! remembers, else in a folder of the user's own in `/tmp`, the first of these whose path is
//! short enough and can be used. The name follows from the watched file and its state folder
//! alone, so whoever knows those finds the host.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::state::{self, Folder, Hold, StateError};

/// Bytes of a path that a socket may have (`sun_path`, without the zero at its end).
const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Where everybody may write, and paths are short.
const SHARED: &str = "/tmp";

/// The places where the socket of one host can be, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    watched: PathBuf,
    candidates: Vec<PathBuf>,
}

/// A socket of our own, gone when this is dropped.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// What can be seen of it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// As long as this lives, the socket is nobody else's.
    _hold: Hold,
}

impl Place {
    /// The place for the host that follows `watched` (absolute) and keeps its memory in `state`.
    /// Touches no disk.
    pub fn of(runtime: Option<&Path>, state: Option<&Path>, watched: &Path) -> Self {
        let folder = Folder::of(state.unwrap_or(Path::new("/")), watched);
        let name = format!("{}.sock", folder.name_elsewhere());
        let user = nix::unistd::getuid();
        let candidates = [
            runtime.map(|runtime| runtime.join(&name)),
            state.map(|_| folder.path().join("manage.sock")),
            Some(
                Path::new(SHARED)
                    .join(format!("config-sync-{user}"))
                    .join(&name),
            ),
        ];
        let short = |path: &PathBuf| path.as_os_str().len() <= LONGEST;
        Self {
            watched: watched.to_owned(),
            candidates: candidates.into_iter().flatten().filter(short).collect(),
        }
    }

    /// Which file the host follows.
    pub(super) fn watched(&self) -> &Path {
        &self.watched
    }

    /// Opens the socket, for the user alone. One that a killed host has left is replaced.
    ///
    /// # Errors
    /// [`StateError::Held`] when another host has it, or what the system refused.
    pub fn bind(&self) -> Result<Socket, StateError> {
        let mut refused = None;
        for path in &self.candidates {
            match bind(path) {
                Ok(socket) => return Ok(socket),
                Err(error @ StateError::Held { .. }) => return Err(error),
                // The first is where it should be.
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| {
            StateError::of("open a socket in", Path::new(SHARED))(ErrorKind::InvalidFilename.into())
        }))
    }

    /// The socket on which a host answers; `None` when there is none.
    ///
    /// # Errors
    /// When there is one, and it is not for this user.
    pub(super) async fn find(&self) -> io::Result<Option<&Path>> {
        let mut refused = None;
        for path in &self.candidates {
            // There somebody else may have made one that only looks like a host.
            if path.starts_with(SHARED) && path.parent().is_none_or(|it| check_owner(it).is_err()) {
                continue;
            }
            match UnixStream::connect(path).await {
                Ok(_) => return Ok(Some(path)),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    let path = path.display();
                    refused.get_or_insert_with(|| {
                        io::Error::other(format!(
                            "{path} is another user's: {error}; run this as the user of the host"
                        ))
                    });
                }
                // Not there, or left by a host that was killed.
                Err(_) => {}
            }
        }
        refused.map_or(Ok(None), Err)
    }
}

impl Socket {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // One that is left is replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> Result<Socket, StateError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    state::make(folder)?;
    check_owner(folder)?;
    let hold = state::hold(&path.with_extension("lock"), path)?;
    // Made beside its place and renamed: it is there with its mode, or not at all.
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let failed = |error| StateError::of("open the socket", path)(error);
    let listener = UnixListener::bind(&beside).map_err(failed)?;
    fs::set_permissions(&beside, Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(failed)?;
    Ok(Socket {
        listener,
        file: SocketFile {
            path: path.to_owned(),
            _hold: hold,
        },
    })
}

/// In `/tmp` somebody else may have made it first.
fn check_owner(folder: &Path) -> Result<(), StateError> {
    let failed = |error| StateError::of("trust", folder)(error);
    let about = fs::symlink_metadata(folder).map_err(failed)?;
    let ours = about.uid() == nix::unistd::getuid().as_raw();
    if !ours || about.mode() & 0o022 != 0 {
        return Err(failed(io::Error::new(
            ErrorKind::PermissionDenied,
            "others may write into it",
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCHED: &str = "/etc/gateway/config.yaml";

    #[test]
    fn each_host_has_a_place_of_its_own_that_follows_from_its_file_and_state() {
        let place = |runtime, state, watched| {
            Place::of(
                Some(Path::new(runtime)),
                Some(Path::new(state)),
                Path::new(watched),
            )
        };
        let one = place("/run/user/7/config-sync", "/state", WATCHED);
        assert_eq!(one, place("/run/user/7/config-sync", "/state", WATCHED));
        let name = one.candidates[0].to_str().unwrap();
        assert!(
            name.starts_with("/run/user/7/config-sync/gateway-config-"),
            "{name}"
        );
        for other in [
            place("/run/user/7/config-sync", "/other", WATCHED),
            place(
                "/run/user/7/config-sync",
                "/state",
                "/srv/gateway/config.yaml",
            ),
        ] {
            assert_ne!(one.candidates[0], other.candidates[0]);
        }
    }

    #[test]
    fn a_path_that_is_too_long_for_a_socket_is_passed_over() {
        let long = PathBuf::from(format!("/{}", "x".repeat(100)));
        let place = Place::of(Some(&long), Some(&long), Path::new(WATCHED));
        assert_eq!(place.candidates.len(), 1);
        assert!(place.candidates[0].starts_with("/tmp"));
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_and_goes_with_its_host() {
        let root = tempfile::tempdir().unwrap();
        let place = Place::of(Some(root.path()), None, Path::new(WATCHED));
        let socket = place.bind().unwrap();
        let mode = fs::metadata(socket.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(place.find().await.unwrap(), Some(socket.path()));
        let held = place.bind().unwrap_err().to_string();
        let process = std::process::id();
        assert!(held.contains(&format!("(process {process})")), "{held}");
        drop(socket);
        assert_eq!(place.find().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_socket_that_a_killed_host_has_left_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let place = Place::of(Some(root.path()), None, Path::new(WATCHED));
        drop(std::os::unix::net::UnixListener::bind(&place.candidates[0]).unwrap());
        assert!(place.candidates[0].exists());
        assert_eq!(place.find().await.unwrap(), None);
        let socket = place.bind().unwrap();
        assert_eq!(place.find().await.unwrap(), Some(socket.path()));
    }

    #[test]
    fn a_folder_into_which_others_may_write_is_not_trusted() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), Permissions::from_mode(0o777)).unwrap();
        let error = bind(&root.path().join("a.sock")).unwrap_err().to_string();
        assert!(error.contains("others may write"), "{error}");
    }
}
