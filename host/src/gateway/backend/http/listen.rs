//! The stream on which a server of the old era says what is about no request.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::failure::Failure;
use super::super::peer::Peer;
use super::{Http, LONGEST_PAUSE, PAUSE, Unopened, note};

impl Http {
    /// Hears what a server of the old era says beside any request, for as long as it is there. One
    /// that offers no such stream is left in peace.
    pub(in super::super) async fn listen(&self, peer: &Arc<Peer>) {
        let (mut last, mut pause, mut wait) = (None, PAUSE, PAUSE);
        let (mut session, mut is_first) = (self.session(), true);
        loop {
            let now = self.session();
            if now != session {
                // Another one knows nothing of the streams of the one before.
                (session, last) = (now, None);
            }
            match self.open(peer, last.as_ref()).await {
                Ok(mut events) => {
                    if !is_first && last.is_none() {
                        // Nobody knows what was said while there was no stream.
                        peer.offers_changed();
                        peer.subscriptions.read_again();
                    }
                    let (since, mut spoke) = (Instant::now(), false);
                    while let Ok(Some(event)) = events.next().await {
                        note(&event, &mut last, &mut pause);
                        spoke = true;
                        if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                            peer.hear(data.as_bytes(), None);
                        }
                    }
                    if spoke || is_forgiven(since.elapsed(), wait) {
                        wait = shortest(pause, last.is_some());
                    }
                    peer.doubt();
                }
                Err(Unopened::Ever(_)) => return,
                // Perhaps only what came last is not known there any more.
                Err(Unopened::Now(Failure::Refused(_))) => last = None,
                Err(Unopened::Now(Failure::Error(_))) => {}
                Err(Unopened::Now(_) | Unopened::InThisSession(_)) => peer.doubt(),
            }
            is_first = false;
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Somewhere on the way streams that are idle may be cut now and then: one that stood for longer than
/// was waited for it is forgiven.
fn is_forgiven(stood: Duration, wait: Duration) -> bool {
    stood > wait
}

/// How long to wait at least before a stream is opened again, whatever the server says: where it
/// cannot be taken up where it ended, everything is asked for anew.
fn shortest(pause: Duration, goes_on: bool) -> Duration {
    if goes_on { pause } else { pause.max(PAUSE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_stood_for_a_while_is_opened_again_soon() {
        let seconds = Duration::from_secs;
        assert!(is_forgiven(seconds(60), LONGEST_PAUSE));
        assert!(!is_forgiven(seconds(0), seconds(8)));
    }

    #[test]
    fn a_server_that_is_in_a_hurry_is_heeded_where_nothing_is_missed() {
        let hurry = Duration::from_millis(1);
        assert_eq!(shortest(hurry, true), hurry);
        assert_eq!(shortest(hurry, false), PAUSE);
        assert_eq!(shortest(LONGEST_PAUSE, false), LONGEST_PAUSE);
    }
}
