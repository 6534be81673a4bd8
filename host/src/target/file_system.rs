//! Which file systems tell of every change. On the others a watch is put in place without an
//! error, and stays silent when somebody else, on another machine or behind the mount, writes.

use std::path::Path;

/// The name of the file system that `path` lies on, if it does not tell of every change; `None`
/// for one that does, or that does not say what it is.
#[cfg(target_os = "linux")]
pub fn silent_file_system(path: &Path) -> Option<&'static str> {
    /// Magic numbers of `statfs(2)` and the kernel's sources.
    const SILENT: [(u32, &str); 16] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFE53_4D42, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0x6573_5546, "FUSE"),
        (0x0102_1997, "9P"),
        (0x5346_414F, "AFS"),
        (0x6B41_4653, "AFS"),
        (0x7375_7245, "Coda"),
        (0x00C3_6400, "Ceph"),
        (0x0BD0_0BD0, "Lustre"),
        (0x0116_1970, "GFS2"),
        (0x7461_636F, "OCFS2"),
        (0x4750_4653, "GPFS"),
        (0x786F_4256, "VirtualBox shared folders"),
        (0xBACB_ACBC, "VMware shared folders"),
    ];
    let kind = nix::sys::statfs::statfs(path).ok()?.filesystem_type().0;
    // Wide enough for every width that the field has; the numbers are of 32 bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::allow_attributes,
        reason = "a magic number, kept by its low 32 bits on every platform"
    )]
    let kind = kind as u32;
    SILENT
        .iter()
        .find_map(|(magic, name)| (*magic == kind).then_some(*name))
}

/// Elsewhere nobody says; the look by content at each `safety_interval` is what there is.
#[cfg(not(target_os = "linux"))]
pub fn silent_file_system(_path: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(silent_file_system(folder.path()), None);
    }
}
