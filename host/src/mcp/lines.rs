//! The lines of a stream, one bad line at a time: what is too long or is not UTF-8 is told and
//! passed over, and the next line is read. Ends with the stream.

use std::io;

use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, FramedRead};

use super::{Id, Members, Raw};

/// Lines of `R`, each as it is or with what is wrong with it.
pub type Lines<R> = FramedRead<R, LineByLine>;

/// So much of the beginning and of the end of a line that is too long is kept, in bytes.
const GLIMPSE: usize = 256;

/// Lines of at most `limit` bytes.
pub fn lines<R: tokio::io::AsyncRead>(stream: R, limit: usize) -> Lines<R> {
    let decoder = LineByLine {
        limit,
        searched: 0,
        passing: None,
    };
    FramedRead::new(stream, decoder)
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// More bytes than the limit.
    #[error("it is longer than allowed")]
    TooLong(Glimpse),
    /// Bytes that are no text.
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// How a line begins and how it ends, to tell whose it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glimpse {
    /// Its first bytes.
    pub head: Vec<u8>,
    /// Its last bytes.
    pub tail: Vec<u8>,
}

impl Glimpse {
    /// The id of the message that the line is, where it stands before or after all that is long.
    pub fn id(&self) -> Option<Id> {
        const KEY: &str = r#""id""#;
        let head = String::from_utf8_lossy(&self.head);
        let tail = String::from_utf8_lossy(&self.tail);
        let first = head.split_once(KEY).and_then(|(before, rest)| {
            // Whole, but for its end: nothing is open in which it could stand.
            let before = before.trim_end();
            let before = before.strip_suffix(',').unwrap_or(before);
            Members::parse(&format!("{before}}}")).ok()?;
            let value = rest.trim_start().strip_prefix(':')?;
            let mut values = serde_json::Deserializer::from_str(value).into_iter::<Raw>();
            Id::of(&values.next()?.ok()?)
        });
        first.or_else(|| {
            // What ends with the line is the message.
            let (_, rest) = tail.rsplit_once(KEY)?;
            let last = Members::parse(&format!("{{{KEY}{rest}")).ok()?;
            Id::of(last.get("id")?)
        })
    }

    /// Whether it seems to be a request, as its beginning has it.
    pub fn asks(&self) -> bool {
        String::from_utf8_lossy(&self.head).contains(r#""method""#)
    }

    fn add(&mut self, bytes: &[u8]) {
        let missing = GLIMPSE - self.head.len();
        self.head.extend(bytes.iter().take(missing));
        self.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(GLIMPSE)..]);
        let spare = self.tail.len().saturating_sub(GLIMPSE);
        self.tail.drain(..spare);
    }
}

/// A bad line is an item and no error, for after an error `FramedRead` reads no further.
pub struct LineByLine {
    limit: usize,
    /// So many bytes of what waits hold no line's end.
    searched: usize,
    /// The line that is passed over.
    passing: Option<Glimpse>,
}

impl LineByLine {
    /// From now on lines may have so many bytes.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    fn line(&mut self, bytes: &[u8]) -> Result<String, BadLine> {
        self.searched = 0;
        let passing = self.passing.take();
        if passing.is_some() || bytes.len() > self.limit {
            let mut glimpse = passing.unwrap_or_default();
            glimpse.add(bytes);
            return Err(BadLine::TooLong(glimpse));
        }
        let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let text = std::str::from_utf8(line).map_err(|_| BadLine::NotUtf8)?;
        Ok(text.to_owned())
    }
}

impl Decoder for LineByLine {
    type Item = Result<String, BadLine>;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        let ahead = bytes[self.searched..].iter();
        if let Some(end) = ahead.copied().position(|byte| byte == b'\n') {
            let line = bytes.split_to(self.searched + end + 1);
            return Ok(Some(self.line(&line[..line.len() - 1])));
        }
        self.searched = bytes.len();
        if self.passing.is_some() || bytes.len() > self.limit {
            self.passing.get_or_insert_default().add(bytes);
            bytes.clear();
            self.searched = 0;
        }
        Ok(None)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        if let Some(line) = self.decode(bytes)? {
            return Ok(Some(line));
        }
        if bytes.is_empty() && self.passing.is_none() {
            return Ok(None);
        }
        let rest = bytes.split();
        Ok(Some(self.line(&rest)))
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_bad_line_does_not_end_the_stream() {
        let stream: &[u8] = b"one\n\xff\xfe\n0123456789\n\xff\r\n\nlast";
        let read: Vec<_> = lines(stream, 5).map(Result::unwrap).collect().await;
        let good = |line: &str| Ok(line.to_owned());
        let glimpse = Glimpse {
            head: b"0123456789".to_vec(),
            tail: b"0123456789".to_vec(),
        };
        let (long, not_utf8) = (Err(BadLine::TooLong(glimpse)), Err(BadLine::NotUtf8));
        let none = good("");
        assert_eq!(
            read,
            [
                good("one"),
                not_utf8.clone(),
                long,
                not_utf8,
                none,
                good("last")
            ]
        );
    }

    #[test]
    fn of_a_line_that_is_too_long_its_ends_may_tell_whose_it_is() {
        let x = "x".repeat(1000);
        for (line, id) in [
            (
                format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{x}"}}"#),
                Some("7"),
            ),
            (
                format!(r#"{{ "id" : "a\u0062" , "method":"{x}"}}"#),
                Some(r#""a\u0062""#),
            ),
            (
                format!(r#"{{"method":"m","params":["{x}"],"jsonrpc":"2.0","id":"b"}}"#),
                Some(r#""b""#),
            ),
            (
                format!(r#"{{"method":"m","params":["{x}"],"id":8,"jsonrpc":"2.0"}}"#),
                Some("8"),
            ),
            (
                format!(r#"{{"method":"m","params":{{"id":1,"x":"{x}"}},"id":9}}"#),
                Some("9"),
            ),
            // These are somebody else's.
            (
                format!(r#"{{"method":"m","params":{{"id":1,"x":"{x}"}}}}"#),
                None,
            ),
            (
                format!(r#"{{"method":"m","params":{{"x":"{x}","id":1}}}}"#),
                None,
            ),
            (
                format!(r#"{{"method":"m","params":"\"id\":1{x}\"id\":1"}}"#),
                None,
            ),
            (format!(r#"{{"id":{{"a":"{x}"}}}}"#), None),
            (x.clone(), None),
        ] {
            let mut glimpse = Glimpse::default();
            glimpse.add(line.as_bytes());
            let found = glimpse.id();
            assert_eq!(found.as_ref().map(Id::as_json), id, "{line}");
            assert_eq!(glimpse.asks(), line.contains("method"), "{line}");
        }
    }

    #[tokio::test]
    async fn of_a_line_without_end_only_its_ends_are_kept() {
        let mut stream = vec![b'x'; 1 << 20];
        stream.splice(..2, *b"ab");
        stream.extend_from_slice(b"yz\nnext");
        let mut read = lines(&stream[..], 1000);
        let Err(BadLine::TooLong(glimpse)) = read.next().await.unwrap().unwrap() else {
            panic!("it was too long");
        };
        assert!(glimpse.head.starts_with(b"abx") && glimpse.tail.ends_with(b"xyz"));
        assert_eq!((glimpse.head.len(), glimpse.tail.len()), (GLIMPSE, GLIMPSE));
        assert!(read.read_buffer().capacity() < 1 << 18);
        assert_eq!(read.next().await.unwrap().unwrap().as_deref(), Ok("next"));
    }
}
