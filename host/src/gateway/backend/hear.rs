//! What a backend says: answers to whoever waits for them, notifications to the client that they
//! are about, lists that changed to the gateway. What cannot be read ends the one request that it
//! was to answer, if that can be made out, and nothing else.

use std::sync::Arc;

use super::about::About;
use super::peer::Peer;
use crate::mcp::{Glimpse, Id, Message, Notification, Unreadable, key};

impl Peer {
    /// A message as bytes; `stream_of` is our request on whose own stream it came.
    pub(super) fn hear(self: &Arc<Self>, bytes: &[u8], stream_of: Option<u64>) {
        match Message::parse(bytes) {
            Ok(message) => self.take(message, stream_of),
            Err(unreadable) => self.make_out(&unreadable, bytes),
        }
    }

    /// A line that is longer than allowed.
    pub(super) fn too_long(&self, glimpse: &Glimpse) {
        let why = "it is longer than allowed";
        let answer = ids_at_the_ends(&glimpse.head, &glimpse.tail)
            .into_iter()
            .any(|id| self.cannot_be_read(id, why));
        if !answer && !self.fail_the_only_one(&format!("gave an answer that cannot be read: {why}"))
        {
            self.noise("a message that is longer than allowed");
        }
    }

    pub(super) fn take(self: &Arc<Self>, message: Message, stream_of: Option<u64>) {
        match message {
            Message::Response(response) => self.answered(response.id.as_ref(), response.result),
            Message::Request(request) => self.question(request, stream_of),
            Message::Notification(notification) => self.notified(notification, stream_of),
        }
    }

    fn make_out(&self, unreadable: &Unreadable, bytes: &[u8]) {
        let why = &unreadable.error.message;
        let named = unreadable.id.as_ref().and_then(Id::number);
        let guessed = ids_at_the_ends(bytes, bytes);
        let ids = named.into_iter().chain(guessed);
        let answer = !unreadable.asks && ids.into_iter().any(|id| self.cannot_be_read(id, why));
        if !answer {
            self.noise("something that is no message");
        }
    }

    fn notified(self: &Arc<Self>, notification: Notification, stream_of: Option<u64>) {
        match notification.method.as_str() {
            "notifications/progress" => self.progress(notification),
            "notifications/message" => self.log(notification, stream_of),
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed" => self.offers_changed(),
            "notifications/resources/updated" => {
                if let Some(vain) = self.subscriptions.updated(&notification) {
                    self.tells_in_vain(vain);
                }
            }
            "notifications/cancelled" => {
                let words = notification.members().unwrap_or_default();
                let Some(id) = words.get("requestId").and_then(Id::of) else {
                    return;
                };
                self.questions.take_back(&id, words);
                if let Some(id) = id.number() {
                    self.torn_down(id);
                }
            }
            "notifications/subscriptions/acknowledged" => {
                let said = notification.members().unwrap_or_default();
                let meta = said.object(key::META).unwrap_or_default();
                if let Some(id) = meta.read(key::SUBSCRIPTION_ID).or(stream_of) {
                    self.acknowledged(id, said);
                }
            }
            "notifications/tasks/status" | "notifications/elicitation/complete" => {
                self.outlived(notification, stream_of);
            }
            _ => match self.about_said(notification.params.as_ref(), stream_of) {
                Some(about) => about.client.tell(about.request.as_ref(), notification),
                None => self.tell_all(&notification),
            },
        }
    }

    /// Under the client's own token.
    fn progress(&self, mut notification: Notification) {
        let mut params = notification.members().unwrap_or_default();
        let about = params.read::<u64>("progressToken").and_then(|it| {
            self.about_request(it)
                .or_else(|| self.outliving.task_of(it))
        });
        let Some(About {
            client,
            request,
            token: Some(token),
            ..
        }) = about
        else {
            // Of a call that has ended, or that nobody wants to hear of.
            return;
        };
        params.set("progressToken", token);
        notification.params = Some(params.to_raw());
        client.tell(request.as_ref(), notification);
    }

    /// What is about nobody's call in particular is for all who share the connection.
    fn tell_all(&self, notification: &Notification) {
        for client in self.ground.clients.all() {
            client.tell(None, notification.clone());
        }
    }
}

/// Numbers that stand as `id` at the beginning or at the end of a broken message.
fn ids_at_the_ends(head: &[u8], tail: &[u8]) -> Vec<u64> {
    /// Every known writer puts it there.
    const NEAR: usize = 64;
    let head = &head[..head.len().min(NEAR)];
    let tail = &tail[tail.len().saturating_sub(NEAR)..];
    [head, tail].into_iter().filter_map(id_in).collect()
}

fn id_in(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once(r#""id""#)?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_answer_still_says_whose_it_is() {
        let long = "x".repeat(1000);
        for (text, ids) in [
            (
                format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"{long}"#),
                vec![7],
            ),
            (
                format!(r#"{{"result":{{"{long}"}},"jsonrpc":"2.0","id": 8}}"#),
                vec![8],
            ),
            (format!(r#"{{"{long}":"#), vec![]),
            (r#"{"id":"9"}"#.to_owned(), vec![]),
        ] {
            let bytes = text.as_bytes();
            assert_eq!(ids_at_the_ends(bytes, bytes), ids, "{text}");
        }
    }
}
