//! A stream of server-sent events (HTML standard, 9.2 "Server-sent events"), read with a bound: a
//! server that never comes to the end of an event fills no memory. What the standard does not know
//! is passed over. An event that holds nothing but an id is one here: it says where the stream
//! stands (MCP 2025-11-25, "Resumability and Redelivery").

use std::collections::VecDeque;
use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its lines of data, one after the other.
    pub data: Option<String>,
    /// Where the stream can be taken up again after it.
    pub id: Option<String>,
    /// Milliseconds to wait before that.
    pub retry: Option<u64>,
}

type Pieces = Pin<Box<dyn Stream<Item = Option<Bytes>> + Send>>;

/// The events of a stream of bytes.
pub struct Events {
    /// `None` where it broke off.
    pieces: Pieces,
    lines: Lines,
    read: VecDeque<Event>,
    /// What is wrong with what comes after those.
    wrong: Option<String>,
}

impl Events {
    /// No event may have more than `limit` bytes.
    pub fn of<E: 'static>(
        pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
        limit: usize,
    ) -> Self {
        Self {
            pieces: Box::pin(pieces.map(Result::ok)),
            lines: Lines::new(limit),
            read: VecDeque::new(),
            wrong: None,
        }
    }

    /// The next; `None` at the end. What stands behind the last event is none.
    ///
    /// # Errors
    /// When the stream breaks off, or has a line that is no text, or an event that is too long.
    pub async fn next(&mut self) -> Result<Option<Event>, String> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(Some(event));
            }
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            match self.pieces.next().await {
                None => return Ok(None),
                Some(None) => return Err("its stream broke off".to_owned()),
                Some(Some(piece)) => self.wrong = self.lines.take(&piece, &mut self.read).err(),
            }
        }
    }
}

/// What is read of the event that comes next.
struct Lines {
    limit: usize,
    line: Vec<u8>,
    event: Option<Event>,
    /// Bytes of the event's lines before this one.
    size: usize,
    is_first: bool,
    /// The last byte was a CR: an LF ends no other line.
    after_return: bool,
}

impl Lines {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            event: None,
            size: 0,
            is_first: true,
            after_return: false,
        }
    }

    fn take(&mut self, mut bytes: &[u8], read: &mut VecDeque<Event>) -> Result<(), String> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.size + self.line.len() + part.len() > self.limit {
                return Err("it is longer than allowed".to_owned());
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { return Ok(()) };
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            read.extend(self.end_line(&line)?);
        }
        Ok(())
    }

    /// The event that ends with this line.
    fn end_line(&mut self, line: &[u8]) -> Result<Option<Event>, String> {
        let line = match std::mem::take(&mut self.is_first) {
            true => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
            false => line,
        };
        if line.is_empty() {
            self.size = 0;
            return Ok(self.event.take());
        }
        let line = str::from_utf8(line).map_err(|_| "its stream is no UTF-8".to_owned())?;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                let event = self.event.get_or_insert_default();
                match &mut event.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    none => *none = Some(value.to_owned()),
                }
            }
            "id" if !value.contains('\0') => {
                self.event.get_or_insert_default().id = Some(value.to_owned());
            }
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.event.get_or_insert_default().retry = value.parse().ok();
            }
            // A comment, the kind of event (MCP has one), or something newer.
            _ => return Ok(None),
        }
        self.size += line.len();
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    fn events(pieces: &[&str]) -> Events {
        let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec().into());
        let pieces: Vec<Result<Bytes, Infallible>> = pieces.map(Ok).collect();
        Events::of(stream::iter(pieces), 32)
    }

    async fn all(pieces: &[&str]) -> Vec<Event> {
        let (mut events, mut all) = (events(pieces), Vec::new());
        while let Some(event) = events.next().await.unwrap() {
            all.push(event);
        }
        all
    }

    fn data(text: &str) -> Event {
        Event {
            data: Some(text.to_owned()),
            ..Event::default()
        }
    }

    #[tokio::test]
    async fn events_are_read_as_the_standard_has_them() {
        for (text, expected) in [
            ("data: a\n\n", vec![data("a")]),
            (
                "\u{feff}data:a\r\rdata: b\r\n\r\n",
                vec![data("a"), data("b")],
            ),
            ("data: a\ndata\ndata:  b\n\n", vec![data("a\n\n b")]),
            (
                ": ping\n\nevent: message\nkind: x\nwhat\ndata: a\n\n",
                vec![data("a")],
            ),
            ("data: a\n\ndata: half", vec![data("a")]),
            (
                "id: 7\nretry: 10\nretry: soon\n\n",
                vec![Event {
                    id: Some("7".to_owned()),
                    retry: Some(10),
                    data: None,
                }],
            ),
            ("id: a\0b\n\n", vec![]),
        ] {
            assert_eq!(all(&[text]).await, expected, "{text:?}");
            let letters: Vec<_> = text.split("").collect();
            assert_eq!(all(&letters).await, expected, "{text:?} in pieces");
        }
    }

    #[tokio::test]
    async fn many_short_events_pass_where_a_long_one_does_not() {
        assert_eq!(all(&["data: 0123456789\n: more\n\n"; 10]).await.len(), 10);
        for long in [&["data: 0123456789\n"; 4][..], &["0123456789"; 4]] {
            let why = events(long).next().await.unwrap_err();
            assert_eq!(why, "it is longer than allowed");
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_says_so() {
        let pieces = [Ok(Bytes::from_static(b"data: a\n\ndata")), Err(())];
        let mut events = Events::of(stream::iter(pieces), 32);
        assert_eq!(events.next().await, Ok(Some(data("a"))));
        assert_eq!(events.next().await, Err("its stream broke off".to_owned()));
    }
}
