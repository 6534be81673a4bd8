//! `backends`: a map from names to backends. One entry is read in `backend.rs`.

use super::backend;
use super::reader::MapReader;

/// Checks the section and gives the names in the order of the file, which decides who is first.
pub(super) fn check(root: &mut MapReader<'_>) -> Vec<String> {
    let Some(map) = root.get("backends").and_then(|value| value.map()) else {
        return Vec::new();
    };
    map.values()
        .map(|(name, value)| {
            backend::check_name(name, &value);
            backend::read(&value);
            name.to_owned()
        })
        .collect()
}
