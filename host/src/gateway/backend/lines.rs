//! The lines of a stream, one bad line at a time: what is too long or is not UTF-8 is told and
//! passed over, and the next line is read. Ends with the stream.

use std::io;

use futures::StreamExt;
use tokio::io::AsyncRead;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

pub(super) struct Lines<R> {
    framed: FramedRead<R, LinesCodec>,
    /// `FramedRead` says once that it has ended after each error, and then goes on.
    failed: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `limit` bytes.
    pub(super) fn new(stream: R, limit: usize) -> Self {
        Self {
            framed: FramedRead::new(stream, LinesCodec::new_with_max_length(limit)),
            failed: false,
        }
    }

    /// The next line, or what is wrong with it. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<String, LinesCodecError>> {
        loop {
            match self.framed.next().await {
                None if self.failed => self.failed = false,
                Some(Err(LinesCodecError::Io(error)))
                    if error.kind() != io::ErrorKind::InvalidData =>
                {
                    return None;
                }
                Some(Err(error)) => {
                    self.failed = true;
                    return Some(Err(error));
                }
                line => {
                    self.failed = false;
                    return line;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bad_line_does_not_end_the_stream() {
        let stream: &[u8] = b"one\n\xff\xfe\n0123456789\n\xff\nlast";
        let mut lines = Lines::new(stream, 5);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await {
            read.push(line.unwrap_or_else(|_| "bad".to_owned()));
        }
        assert_eq!(read, ["one", "bad", "bad", "bad", "last"]);
    }
}
