//! What is said on one stream, in order, until somebody has read it; where a stream can be
//! resumed, a while longer. Whoever writes never waits. A reader that falls too far behind loses
//! its place, and its stream ends: so much memory and no more goes to a client that does not read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Notify;

/// So many of the last messages are looked at for one that is the same: there are three lists.
const LATELY: usize = 4;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Messages.
    pub(super) messages: usize,
    /// Their bytes. The newest does not count: it is kept whatever its size, and what precedes it
    /// with it.
    pub(super) bytes: usize,
    /// What was read is kept too, for whoever reads it again.
    pub(super) replay: bool,
}

/// One stream's messages.
#[derive(Debug)]
pub(super) struct Outbox {
    bounds: Bounds,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    kept: VecDeque<Bytes>,
    bytes: usize,
    /// How many there were before the first that is kept: the number of the first is one more.
    before: u64,
    /// The number of the last that somebody has read.
    read: u64,
    /// Counts the readers; only the last one reads.
    turn: u64,
    is_read: bool,
    /// Whoever has read everything leaves, and comes back after so long.
    lets_go: Option<Duration>,
    ended: bool,
}

impl State {
    fn last(&self) -> u64 {
        self.before + self.kept.len() as u64
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.kept.pop_front() {
            self.bytes -= first.len();
            self.before += 1;
        }
    }
}

impl Outbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
            news: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message. After the end nothing is added.
    pub(super) fn push(&self, message: impl Into<Bytes>) {
        let message = message.into();
        let mut state = self.state();
        if state.ended {
            return;
        }
        // What is said again and again (that a list changed) has its bytes once.
        let mut lately = state.kept.iter().rev().take(LATELY);
        let same = lately.find(|kept| **kept == message).cloned();
        let message = same.unwrap_or(message);
        let newest = message.len();
        state.bytes += newest;
        state.kept.push_back(message);
        let Bounds {
            messages, bytes, ..
        } = self.bounds;
        while state.kept.len() > 1 && (state.kept.len() > messages || state.bytes - newest > bytes)
        {
            state.forget_first();
        }
        drop(state);
        self.news.notify_waiters();
    }

    /// As [`Self::push`], unless nobody reads and the same message waits already: to whoever comes
    /// back after a hundred changes one word says it.
    pub(super) fn push_once(&self, message: Vec<u8>) {
        let state = self.state();
        let unread = usize::try_from(state.read.saturating_sub(state.before)).unwrap_or_default();
        let waits = || state.kept.iter().skip(unread).any(|kept| *kept == message);
        if !state.is_read && waits() {
            return;
        }
        drop(state);
        self.push(message);
    }

    /// Nothing comes any more.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.news.notify_waiters();
    }

    /// Whoever reads this shall leave when everything is read, and come back after `wait`.
    pub(super) fn let_go(&self, wait: Duration) {
        self.state().lets_go = Some(wait);
        self.news.notify_waiters();
    }

    /// Comes back once there is something to read, or whoever reads shall leave.
    pub(super) async fn begun(&self) {
        let begun = |state: &State| state.last() > 0 || state.ended || state.lets_go.is_some();
        self.wait(|state| begun(state).then_some(())).await;
    }

    /// Whether nothing comes any more.
    pub(super) fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// The bytes of what is kept.
    pub(super) fn bytes(&self) -> usize {
        self.state().bytes
    }

    /// Whether nothing was ever said.
    pub(super) fn is_empty(&self) -> bool {
        self.state().last() == 0
    }

    /// Whether the last message has been read, and none follows.
    pub(super) fn is_done(&self) -> bool {
        let state = self.state();
        state.ended && state.read >= state.last()
    }

    /// Reads what comes after message number `after`; without one, what nobody has read yet. Ends
    /// whoever has read until now.
    pub(super) fn read(self: &Arc<Self>, after: Option<u64>) -> Reader {
        let mut state = self.state();
        state.turn += 1;
        state.is_read = true;
        let at = after
            .unwrap_or(state.read)
            .clamp(state.before, state.last());
        let turn = state.turn;
        drop(state);
        self.news.notify_waiters();
        Reader {
            outbox: Arc::clone(self),
            at,
            turn,
            let_go: None,
            left: false,
        }
    }

    async fn wait<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // What comes between the look and the waiting must wake it too.
            news.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            news.await;
        }
    }
}

/// The one who reads an [`Outbox`].
#[derive(Debug)]
pub(super) struct Reader {
    outbox: Arc<Outbox>,
    /// The number of the message that it has read last.
    at: u64,
    turn: u64,
    /// It was let go, and may come back after so long.
    let_go: Option<Duration>,
    left: bool,
}

impl Reader {
    /// After the end: when it may come back, if it was let go. Says so once.
    pub(super) fn let_go(&mut self) -> Option<Duration> {
        self.let_go.take()
    }

    /// The number of the message that it has read last.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next message and its number; nothing at the end, when another reads, or when what
    /// would be next is kept no longer.
    pub(super) async fn next(&mut self) -> Option<(u64, Bytes)> {
        let Self {
            outbox,
            at,
            turn,
            let_go,
            left,
        } = self;
        if *left {
            return None;
        }
        let replay = outbox.bounds.replay;
        let (number, message) = outbox
            .wait(|state| {
                if state.turn != *turn || *at < state.before {
                    return Some(None);
                }
                let index = usize::try_from(*at - state.before).unwrap_or(usize::MAX);
                let Some(message) = state.kept.get(index).cloned() else {
                    if !state.ended {
                        *let_go = state.lets_go.take();
                        *left = let_go.is_some();
                    }
                    return (state.ended || *left).then_some(None);
                };
                let number = *at + 1;
                state.read = state.read.max(number);
                if !replay {
                    state.forget_first();
                }
                Some(Some((number, message)))
            })
            .await?;
        *at = number;
        Some((number, message))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.outbox.state();
        if state.turn == self.turn {
            state.is_read = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn outbox(messages: usize, replay: bool) -> Arc<Outbox> {
        Arc::new(Outbox::new(Bounds {
            messages,
            bytes: 1000,
            replay,
        }))
    }

    /// What can be read at this moment.
    fn rest(reader: &mut Reader) -> Vec<String> {
        let next = || reader.next().now_or_never().flatten();
        std::iter::from_fn(next)
            .map(|(number, text)| format!("{number}{}", String::from_utf8_lossy(&text)))
            .collect()
    }

    #[test]
    fn whoever_says_nothing_reads_what_nobody_has_read() {
        let outbox = outbox(10, true);
        outbox.push("a");
        let mut first = outbox.read(None);
        assert_eq!(rest(&mut first), ["1a"]);
        drop(first);
        outbox.push("b");
        assert_eq!(rest(&mut outbox.read(None)), ["2b"]);
        assert_eq!(rest(&mut outbox.read(Some(0))), ["1a", "2b"]);
        assert_eq!(rest(&mut outbox.read(Some(99))), [""; 0]);
    }

    #[test]
    fn what_is_said_again_has_its_bytes_once() {
        let outbox = outbox(10, true);
        for text in ["a", "b", "a", "b"] {
            outbox.push(text.as_bytes().to_vec());
        }
        let state = outbox.state();
        let at: Vec<_> = state.kept.iter().map(|kept| kept.as_ptr()).collect();
        assert_eq!((at[0], at[1]), (at[2], at[3]));
        drop(state);
        assert_eq!(rest(&mut outbox.read(None)), ["1a", "2b", "3a", "4b"]);
    }

    #[test]
    fn the_last_reader_reads_alone() {
        let outbox = outbox(10, true);
        let (mut first, mut second) = (outbox.read(None), outbox.read(None));
        outbox.push("a");
        assert_eq!(first.next().now_or_never(), Some(None));
        assert_eq!(rest(&mut second), ["1a"]);
    }

    #[test]
    fn a_reader_that_falls_behind_has_lost_its_place() {
        for replay in [true, false] {
            let outbox = outbox(2, replay);
            let mut reader = outbox.read(None);
            for text in ["a", "b", "c"] {
                outbox.push(text);
            }
            assert_eq!(reader.next().now_or_never(), Some(None));
            assert_eq!(rest(&mut outbox.read(None)), ["2b", "3c"]);
        }
    }

    #[test]
    fn the_end_comes_after_the_last_message() {
        let outbox = outbox(2, false);
        let mut reader = outbox.read(None);
        outbox.push("a");
        outbox.end();
        outbox.push("b");
        assert!(!outbox.is_done());
        assert_eq!(rest(&mut reader), ["1a"]);
        assert_eq!(reader.next().now_or_never(), Some(None));
        assert!(outbox.is_done());
    }

    #[test]
    fn whoever_is_let_go_leaves_when_all_is_read_and_comes_back() {
        let outbox = outbox(2, true);
        let mut reader = outbox.read(Some(0));
        outbox.push("a");
        outbox.let_go(Duration::from_millis(200));
        assert_eq!(rest(&mut reader), ["1a"]);
        assert_eq!(reader.next().now_or_never(), Some(None));
        assert_eq!(reader.let_go(), Some(Duration::from_millis(200)));
        assert_eq!(reader.next().now_or_never(), Some(None));
        outbox.push("b");
        let mut again = outbox.read(Some(1));
        assert_eq!(rest(&mut again), ["2b"]);
        assert_eq!(again.let_go(), None);
    }

    #[test]
    fn one_large_message_is_kept_and_no_more() {
        let outbox = outbox(10, true);
        outbox.push(vec![b'x'; 5000]);
        outbox.push("a");
        assert_eq!(rest(&mut outbox.read(None)), ["2a"]);
    }

    #[test]
    fn a_large_answer_leaves_its_reader_what_precedes_it() {
        let outbox = outbox(10, false);
        let mut reader = outbox.read(None);
        outbox.push("progress");
        outbox.push(vec![b'x'; 5000]);
        outbox.end();
        let read: Vec<_> = rest(&mut reader).iter().map(String::len).collect();
        assert_eq!(read, [9, 5001]);
    }

    #[test]
    fn a_word_that_waits_already_is_not_said_again_to_nobody() {
        let outbox = outbox(10, true);
        let said = |text: &str| outbox.push_once(text.into());
        said("a");
        said("b");
        said("a");
        let mut reader = outbox.read(None);
        assert_eq!(rest(&mut reader), ["1a", "2b"]);
        // Somebody reads: each is news.
        said("a");
        assert_eq!(rest(&mut reader), ["3a"]);
        drop(reader);
        said("a");
        assert_eq!(rest(&mut outbox.read(None)), ["4a"]);
    }
}
