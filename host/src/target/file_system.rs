//! Which file system something lies on, and whether it tells of every change. On those that do
//! not, a watch is put in place without an error, and stays silent when somebody else, on another
//! machine or behind the mount, writes.

use std::path::Path;

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// What people call it.
    pub name: &'static str,
    /// It does not tell of every change.
    pub silent: bool,
}

impl FileSystem {
    /// Of what stands at `path`; `None` for one that is not known here, which is trusted.
    #[cfg(target_os = "linux")]
    pub fn of(path: &Path) -> Option<Self> {
        let magic = nix::sys::statfs::statfs(path).ok()?.filesystem_type().0;
        // Kept by its low 32 bits on every platform; the field is wider on some, and signed.
        let magic = u32::try_from(i128::from(magic) & 0xFFFF_FFFF).ok()?;
        KNOWN
            .iter()
            .find_map(|(known, name, silent)| (*known == magic).then_some((name, silent)))
            .map(|(name, silent)| Self {
                name,
                silent: *silent,
            })
    }

    /// Elsewhere nobody says; the look by content at each `safety_interval` is what there is.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_path: &Path) -> Option<Self> {
        None
    }
}

/// Magic numbers of `statfs(2)` and the kernel's sources; whether it is silent.
#[cfg(target_os = "linux")]
const KNOWN: [(u32, &str, bool); 22] = [
    (0x0000_EF53, "ext4", false),
    (0x9123_683E, "Btrfs", false),
    (0x5846_5342, "XFS", false),
    (0xF2F5_2010, "F2FS", false),
    (0x0102_1994, "tmpfs", false),
    (0x794C_7630, "overlayfs", false),
    (0x0000_6969, "NFS", true),
    (0x0000_517B, "SMB", true),
    (0xFE53_4D42, "SMB", true),
    (0xFF53_4D42, "CIFS", true),
    (0x6573_5546, "FUSE", true),
    (0x0102_1997, "9P", true),
    (0x5346_414F, "AFS", true),
    (0x6B41_4653, "AFS", true),
    (0x7375_7245, "Coda", true),
    (0x00C3_6400, "Ceph", true),
    (0x0BD0_0BD0, "Lustre", true),
    (0x0116_1970, "GFS2", true),
    (0x7461_636F, "OCFS2", true),
    (0x4750_4653, "GPFS", true),
    (0x786F_4256, "VirtualBox shared folders", true),
    (0xBACB_ACBC, "VMware shared folders", true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FileSystem::of(folder.path()).is_none_or(|kind| !kind.silent));
    }
}
