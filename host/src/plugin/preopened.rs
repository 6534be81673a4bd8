//! The folders that one instance may read. It holds them open: one that is put in the place of
//! another is seen by a fresh instance only.

use std::path::{Path, PathBuf};

use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use super::fault::Missing;
use super::outside::Outside;
use crate::target::{LocalFile, Target};

/// What tells a folder from another at its path.
type Identity = (u64, u64);

/// Where they lie, and which they were.
pub(super) struct Preopened(Vec<(PathBuf, Option<Identity>)>);

impl Preopened {
    /// Opens what is granted for this world.
    ///
    /// # Errors
    /// When a folder cannot be opened.
    pub(super) fn open(
        wasi: &mut WasiCtxBuilder,
        folders: &[PathBuf],
        outside: Option<&Outside>,
    ) -> wasmtime::Result<Self> {
        let mut opened = Vec::new();
        for folder in folders {
            let shown = folder.to_string_lossy();
            let place = match outside {
                Some(outside) => outside.place_of(folder),
                None => folder.clone(),
            };
            // Before it is opened: what comes between the two is found by the next look.
            let identity = identity(&place);
            wasi.preopened_dir(&place, shown.as_ref(), FsPerms::ReadOnly)
                .map_err(|error| Missing::folder(&shown, &error))?;
            opened.push((place, identity));
        }
        Ok(Self(opened))
    }

    /// Whether another folder lies where one of them lay. While none does, the one that is open is
    /// the best there is.
    pub(super) fn are_others(&self) -> bool {
        let mut all = self.0.iter();
        all.any(|(place, then)| identity(place).is_some_and(|now| Some(now) != *then))
    }
}

fn identity(place: &Path) -> Option<Identity> {
    let stat = LocalFile::new(place).stat().ok()?;
    Some((stat.device, stat.inode))
}
