//! A handler's catalog, which may lead astray: then it is told whose it is.

use crate::gateway::{Candidate, Entry, Offer};

/// A catalog.
pub(super) struct Composed {
    /// The handler that composed it.
    pub(super) by: String,
    pub(super) entries: Vec<Entry>,
}

/// Gives the candidate this catalog, or one of everything as it is offered.
///
/// # Errors
/// A catalog that leads astray, with the handler that composed it and the remedy.
pub(super) fn serve(
    candidate: &mut Candidate,
    composed: Option<Composed>,
    offers: &[Offer],
) -> Result<(), String> {
    let (by, entries) = composed.map(|it| (it.by, it.entries)).unzip();
    candidate.compose(entries, offers).map_err(|error| {
        let by = by.map_or_else(|| "the host".to_owned(), |by| format!("plugin `{by}`"));
        format!(
            "{by} composed a catalog that leads astray: {error}; see to what it composes, or take \
             its file out of the plugins folder"
        )
    })
}
