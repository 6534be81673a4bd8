//! The newest copy that can be trusted: its bytes have the digest that its name says.

use std::path::Path;

use crate::reload::LastGood;
use crate::state::{Copies, Folder, Kept, StateError};
use crate::target::Digest;

/// What was applied last to `watched` (absolute) by a host that kept its memory in `root`.
pub fn last_good(root: &Path, watched: &Path) -> Option<LastGood> {
    let copies = Copies::of(&Folder::of(root, watched)).list().ok()?;
    newest(&copies, &mut |_| {})
}

/// The newest copy that is whole. `tell` hears of those that are not.
pub(super) fn newest(copies: &[Kept], tell: &mut dyn FnMut(String)) -> Option<LastGood> {
    copies.iter().rev().find_map(|copy| {
        let trouble = match read(copy) {
            Ok(Some(bytes)) => {
                return Some(LastGood {
                    bytes,
                    generation: copy.generation,
                });
            }
            Ok(None) => format!("{} is damaged", copy.path.display()),
            Err(error) => error.to_string(),
        };
        tell(format!("{trouble}; the copy before it is taken"));
        None
    })
}

/// The bytes of a copy; `None` when they are not those that were kept.
pub(super) fn read(copy: &Kept) -> Result<Option<Vec<u8>>, StateError> {
    let bytes = copy.read()?;
    let whole = Digest::of(&bytes).to_string() == copy.digest;
    Ok(whole.then_some(bytes))
}
