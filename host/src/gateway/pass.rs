//! What a client hears of changes on has no end of its own, and is open to whoever may come in, for
//! as long as that is so: it ends when its token is taken back or expires. The answer to a call goes
//! on to its end, whatever becomes of the token that it was asked with.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::response::Response;
use futures::StreamExt;

use super::door::{Answer, Caller, Door};
use super::middleware::Refused;

/// Between two looks whether a token has expired.
const LOOK: Duration = Duration::from_secs(60);

/// Marks a response whose body has no end of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endless;

/// What a request was let in with.
pub(super) struct Pass {
    pub(super) door: Door,
    /// The header `Authorization`.
    pub(super) shown: Option<HeaderValue>,
    pub(super) caller: Option<Caller>,
}

impl Pass {
    /// The response; if it has no end of its own, to the end of this pass.
    pub(super) fn bounded(self, response: Response) -> Response {
        if response.extensions().get::<Endless>().is_none() {
            return response;
        }
        let (parts, body) = response.into_parts();
        let body = body.into_data_stream().take_until(Box::pin(self.over()));
        Response::from_parts(parts, Body::from_stream(body))
    }

    async fn over(self) {
        let mut guards = self.door.gateway.guards.subscribe();
        while self.is_good().await {
            tokio::select! {
                changed = guards.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn is_good(&self) -> bool {
        let snapshot = self.door.gateway.current();
        match self.door.answer(&snapshot, self.shown.as_ref()).await {
            // Where nobody is asked any more, nobody is refused.
            Answer::LetIn(now) => now.is_none() || now == self.caller,
            // It cannot be told today.
            Answer::Refused(Some(Refused::NoKeys), _) => true,
            Answer::Refused(..) | Answer::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Bytes;
    use futures::FutureExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::config::MiddlewareSpec;
    use crate::gateway::fakes::Fakes;
    use crate::gateway::{Gateway, Wanted};

    const TOKEN: &str = "0123456789abcdef";

    async fn follow(gateway: &Arc<Gateway>, auth: Option<Value>) {
        let auth =
            auth.map(|it| MiddlewareSpec::from_json("auth", "auth", &it, &|_| None).unwrap());
        let wanted = Wanted {
            middleware: auth.into_iter().collect(),
            ..Wanted::default()
        };
        let candidate = gateway.build(&wanted, Default::default()).await.unwrap();
        gateway.swap(candidate);
    }

    fn response(is_endless: bool) -> Response {
        let silence = futures::stream::pending::<Result<Bytes, std::convert::Infallible>>();
        let mut response = Response::new(Body::from_stream(silence));
        if is_endless {
            response.extensions_mut().insert(Endless);
        }
        response
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_token_that_opened_it_and_a_call_does_not() {
        let (gateway, _notices) = Gateway::connected_by(Arc::new(Fakes::default()));
        let alice = json!({"tokens": {"alice": TOKEN}});
        follow(&gateway, Some(alice.clone())).await;
        let bounded = |is_endless| {
            let pass = Pass {
                door: Door {
                    gateway: Arc::clone(&gateway),
                    is_local: true,
                },
                shown: HeaderValue::try_from(format!("Bearer {TOKEN}")).ok(),
                caller: Some(Caller("alice".to_owned())),
            };
            pass.bounded(response(is_endless))
                .into_body()
                .into_data_stream()
        };
        let (mut stream, mut call) = (bounded(true), bounded(false));
        assert!(stream.next().now_or_never().is_none());
        // It stays what it was where others come, and where nobody is asked.
        let both = json!({"tokens": {"alice": TOKEN, "bob": "fedcba9876543210"}});
        for auth in [Some(both), None, Some(alice)] {
            follow(&gateway, auth).await;
            assert!(stream.next().now_or_never().is_none());
        }
        let other = json!({"tokens": {"alice": "fedcba9876543210"}});
        follow(&gateway, Some(other)).await;
        assert!(stream.next().now_or_never().unwrap().is_none(), "its end");
        assert!(call.next().now_or_never().is_none());
        let renamed = json!({"tokens": {"bob": TOKEN}});
        follow(&gateway, Some(renamed)).await;
        assert!(bounded(true).next().now_or_never().unwrap().is_none());
    }
}
