//! Server-sent events, in pieces of any size: the pieces make no difference, and no event is longer
//! than the bound.

#![no_main]

use std::convert::Infallible;

use bytes::Bytes;
use config_sync::mcp::Events;
use futures::executor::block_on;
use futures::stream;
use libfuzzer_sys::fuzz_target;

/// The events, and whether the stream came to its end.
fn read(bytes: &[u8], size: usize, limit: usize) -> (Vec<String>, bool) {
    let pieces: Vec<_> = bytes
        .chunks(size)
        .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
        .collect();
    let mut events = Events::of(stream::iter(pieces), limit);
    let mut read = Vec::new();
    loop {
        match block_on(events.next()) {
            Ok(Some(event)) => read.push(format!("{event:?}")),
            Ok(None) => return (read, true),
            Err(why) => {
                assert!(!why.is_empty());
                return (read, false);
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [size, bytes @ ..] = bytes else { return };
    let size = usize::from(*size).max(1);
    let (whole, ended) = read(bytes, bytes.len().max(1), usize::MAX);
    let (pieces, also) = read(bytes, size, usize::MAX);
    assert_eq!(ended, also);
    assert_eq!(whole, pieces);
    let (short, _) = read(bytes, size, 64);
    assert!(short.len() <= whole.len());
});
