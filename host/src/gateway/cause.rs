//! Why a request over HTTP failed, found below what the library says of it. Decides nothing.

use std::error::Error;
use std::io;

/// The first of its causes that is of this kind.
#[must_use]
pub fn cause<T: Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What an `io::Error` wraps is not its source, but has it.
        let wrapped = error.downcast_ref::<io::Error>();
        let wrapped = wrapped.and_then(io::Error::get_ref);
        cause = wrapped.map(|error| error as &dyn Error).or(error.source());
    }
    None
}
