//! What every client over HTTP in this host begins with, and why a request of one failed, found below
//! what the library says of it. Asks nobody anything.

use std::error::Error;
use std::io;

/// With ring for TLS, the one cryptography that is in the host anyway.
pub fn builder() -> reqwest::ClientBuilder {
    // Installed once in a process; the error says that it already is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// The first cause of the error that is of this kind.
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

/// The error and all that led to it.
pub fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
