//! A file mapped into memory, for writing: the one place where this room needs `unsafe`.
#![expect(
    unsafe_code,
    reason = "there is no safe way to map a file that others change"
)]

use std::ffi::c_void;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::conformance::Halt;

/// The bytes of a file, shared with whoever else reads it. Dropping unmaps, then closes it.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<c_void>,
    size: NonZeroUsize,
    _file: File,
}

// SAFETY: the mapping belongs to the process, not to a thread, and only its one owner uses it.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps all of a file that was opened for reading and writing.
    pub(super) fn of(file: File) -> Result<Self, Halt> {
        let size = usize::try_from(file.metadata()?.len()).ok();
        let size = size
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| Halt::Failed("an empty file cannot be mapped".to_owned()))?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses the address, so no memory of ours is replaced.
        let start = unsafe { mmap(None, size, protection, MapFlags::MAP_SHARED, &file, 0) }?;
        Ok(Self {
            start,
            size,
            _file: file,
        })
    }

    /// Stores bytes from the beginning on, as far as the mapping goes.
    pub(super) fn store(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.size.get());
        // SAFETY: `count` bytes are mapped for writing from `start` on until `self` is dropped,
        // nothing here borrows them, and no pattern shortens a file that is mapped.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().cast(), count) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and `size` are those of a mapping that nothing points into any more.
        // It can fail only for an address that is not mapped.
        let _ = unsafe { munmap(self.start, self.size.get()) };
    }
}
