//! The patterns, by what they are made of. To add one, write its script beside its kin and name
//! it in that file's list.

mod absences;
mod editors;
mod folders;
mod links;
mod mapped;
mod mapping;
mod mounts;
mod pace;
mod plain_writes;
mod replacements;
mod times;
mod tools;

use super::Pattern;

/// Every pattern, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Pattern> {
    [
        plain_writes::PATTERNS,
        mapped::PATTERNS,
        replacements::PATTERNS,
        editors::PATTERNS,
        tools::PATTERNS,
        links::PATTERNS,
        folders::PATTERNS,
        mounts::PATTERNS,
        absences::PATTERNS,
        times::PATTERNS,
        pace::PATTERNS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests;
