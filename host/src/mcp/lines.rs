//! The lines of a stream, one bad line at a time: what is too long or is not UTF-8 is told and
//! passed over, and the next line is read. Ends with the stream.

use std::io;

use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, FramedRead, LinesCodec, LinesCodecError};

/// Lines of `R`, each as it is or with what is wrong with it.
pub type Lines<R> = FramedRead<R, LineByLine>;

/// Lines of at most `limit` bytes.
pub fn lines<R: tokio::io::AsyncRead>(stream: R, limit: usize) -> Lines<R> {
    FramedRead::new(stream, LineByLine(LinesCodec::new_with_max_length(limit)))
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// More bytes than the limit.
    #[error("it is longer than allowed")]
    TooLong,
    /// Bytes that are no text.
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// A bad line is an item and no error, for after an error `FramedRead` reads no further.
pub struct LineByLine(LinesCodec);

type Decoded = Result<Option<Result<String, BadLine>>, io::Error>;

fn item(decoded: Result<Option<String>, LinesCodecError>) -> Decoded {
    match decoded {
        Ok(line) => Ok(line.map(Ok)),
        Err(LinesCodecError::MaxLineLengthExceeded) => Ok(Some(Err(BadLine::TooLong))),
        Err(LinesCodecError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            Ok(Some(Err(BadLine::NotUtf8)))
        }
        Err(LinesCodecError::Io(error)) => Err(error),
    }
}

impl Decoder for LineByLine {
    type Item = Result<String, BadLine>;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> Decoded {
        item(self.0.decode(bytes))
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Decoded {
        item(self.0.decode_eof(bytes))
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_bad_line_does_not_end_the_stream() {
        let stream: &[u8] = b"one\n\xff\xfe\n0123456789\n\xff\nlast";
        let read: Vec<_> = lines(stream, 5).map(Result::unwrap).collect().await;
        let good = |line: &str| Ok(line.to_owned());
        let (long, not_utf8) = (Err(BadLine::TooLong), Err(BadLine::NotUtf8));
        assert_eq!(
            read,
            [good("one"), not_utf8.clone(), long, not_utf8, good("last")]
        );
    }
}
