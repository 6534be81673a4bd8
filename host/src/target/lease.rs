//! Whether anybody has a file open for writing. Linux answers by a read lease: the kernel refuses
//! one while the file is open for writing or mapped shared and writable (`fcntl(2)`, "Leases").
//! Only asks, and gives the lease back at once; never waits for a writer.

use std::fs::File;

/// `None` where the system does not tell: not Linux, not the file's owner, a file system without
/// leases.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe binding of these two commands exists")]
pub(super) fn is_open_for_writing(file: &File) -> Option<bool> {
    use std::io::Error;
    use std::os::fd::AsRawFd;

    use nix::libc::{EAGAIN, F_RDLCK, F_SETLEASE, F_UNLCK, SIGURG, c_int, fcntl};

    /// `include/uapi/asm-generic/fcntl.h`; the libc crate has no name for it.
    const F_SETSIG: c_int = 10;

    let descriptor = file.as_raw_fd();
    // SAFETY: `fcntl` with these commands takes an integer and touches no memory of ours; the
    // descriptor is open as long as `file` is borrowed.
    let ask = |command: c_int, argument: c_int| unsafe { fcntl(descriptor, command, argument) };
    // Whoever opens the file while we hold the lease makes the kernel signal us. By default that
    // is SIGIO, which ends a process; SIGURG is ignored by one that does not ask for it.
    if ask(F_SETSIG, SIGURG) == -1 {
        return None;
    }
    if ask(F_SETLEASE, F_RDLCK) == -1 {
        return (Error::last_os_error().raw_os_error() == Some(EAGAIN)).then_some(true);
    }
    ask(F_SETLEASE, F_UNLCK);
    Some(false)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_open_for_writing(_file: &File) -> Option<bool> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_writer_is_seen_as_long_as_it_has_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "a").unwrap();
        let file = File::open(&path).unwrap();
        is_left(&file);
        let writer = OpenOptions::new().append(true).open(&path).unwrap();
        assert_eq!(is_open_for_writing(&file), Some(true));
        drop(writer);
        is_left(&file);
    }

    /// Soon: a child that another test starts has what was open until its `exec`.
    fn is_left(file: &File) {
        let soon = (0..1_000_000).any(|_| is_open_for_writing(file) == Some(false));
        assert!(soon, "somebody has it open for writing");
    }

    #[test]
    fn whoever_opens_it_while_we_ask_harms_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "a").unwrap();
        let file = File::open(&path).unwrap();
        let writer = path.clone();
        let opens = std::thread::spawn(move || {
            for _ in 0..2_000 {
                OpenOptions::new().append(true).open(&writer).unwrap();
            }
        });
        while !opens.is_finished() {
            assert!(is_open_for_writing(&file).is_some());
        }
        opens.join().unwrap();
    }
}
