//! `subscriptions/listen` (2026-07-28): one client listens for changes, on a stream that has no
//! end of its own. It hears of what it asked for and of nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use axum::response::Response;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::http::Connection;
use super::outbox::Outbox;
use super::said::{self, refuse};
use super::stateless::UNREAD;
use crate::gateway::client::{Client, ClientId, LogLevel, Profile, Question};
use crate::gateway::route::Asked;
use crate::gateway::{Gateway, Method};
use crate::mcp::{Id, Members, Message, Notification, Raw, RpcError, key, part, raw_of};

/// Resources that one listener may follow.
const RESOURCES: usize = 1000;

/// What a client listens for.
#[derive(Debug, Clone, Default, PartialEq)]
struct Filter {
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: Vec<String>,
}

impl Filter {
    fn read(params: &Members) -> Result<Self, RpcError> {
        let wrong = |say: &str| RpcError::new(RpcError::INVALID_PARAMS, say);
        let wanted = params
            .object("notifications")
            .ok_or_else(|| wrong("`notifications` says what to listen for"))?;
        let flag = |key: &str| wanted.read(key).unwrap_or(false);
        let uris = match wanted.get("resourceSubscriptions") {
            None => Vec::new(),
            Some(uris) => serde_json::from_str::<Vec<String>>(uris.get())
                .map_err(|_| wrong("`resourceSubscriptions` is a list of URIs"))?,
        };
        if uris.len() > RESOURCES {
            let say = format!("one listener may follow {RESOURCES} resources");
            return Err(wrong(&say));
        }
        Ok(Self {
            tools: flag("toolsListChanged"),
            prompts: flag("promptsListChanged"),
            resources: flag("resourcesListChanged"),
            uris,
        })
    }

    fn wants(&self, notification: &Notification) -> bool {
        match notification.method.as_str() {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            "notifications/resources/updated" => {
                let uri = notification.members().ok().and_then(|it| it.text("uri"));
                uri.is_some_and(|uri| self.uris.iter().any(|it| part(&uri, it).is_some()))
            }
            _ => false,
        }
    }

    /// What is acknowledged.
    fn agreed(&self) -> serde_json::Value {
        let flags = [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ];
        let flags = flags.into_iter().filter(|(_, wanted)| *wanted);
        let mut agreed: serde_json::Map<_, _> = flags
            .map(|(key, wanted)| (key.to_owned(), wanted.into()))
            .collect();
        if !self.uris.is_empty() {
            agreed.insert("resourceSubscriptions".to_owned(), json!(self.uris));
        }
        agreed.into()
    }
}

/// One client that listens.
pub(super) struct Listener {
    id: ClientId,
    profile: Profile,
    /// The request that it began with.
    subscription: Id,
    outbox: Arc<Outbox>,
    state: Mutex<State>,
    gone: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    filter: Filter,
    /// What comes before it was told that it listens.
    early: Option<Vec<Notification>>,
}

impl Listener {
    /// Listens from now on, until the guard is dropped. Its first word on `outbox` is what was
    /// agreed on.
    ///
    /// # Errors
    /// Parameters that do not say what to listen for.
    pub(super) async fn begin(
        gateway: &Gateway,
        profile: Profile,
        params: &Members,
        subscription: Id,
        caller: Option<String>,
        outbox: Arc<Outbox>,
    ) -> Result<(Arc<Self>, DropGuard), RpcError> {
        let mut filter = Filter::read(params)?;
        let listener = Arc::new(Self {
            id: ClientId::next(),
            profile,
            subscription,
            outbox,
            state: Mutex::new(State {
                filter: filter.clone(),
                early: Some(Vec::new()),
            }),
            gone: CancellationToken::new(),
        });
        // It may be given up while its backends are asked.
        let hand = listener.gone.clone().drop_guard();
        gateway.greet(Arc::clone(&listener) as Arc<dyn Client>);
        let following = filter.uris.iter();
        let following = following.map(|uri| listener.follow(gateway, uri, caller.clone()));
        let mut agreed = join_all(following).await.into_iter();
        filter.uris.retain(|_| agreed.next() == Some(true));
        listener.acknowledge(filter);
        Ok((listener, hand))
    }

    /// A resource whose backend lets nobody follow it is left out.
    async fn follow(
        self: &Arc<Self>,
        gateway: &Gateway,
        uri: &str,
        caller: Option<String>,
    ) -> bool {
        let uri = raw_of(&uri).unwrap_or_default();
        let asked = Asked {
            client: Arc::clone(self) as Arc<dyn Client>,
            request: self.subscription.clone(),
            caller,
            method: Method::Subscribe,
            params: [("uri".to_owned(), uri)].into_iter().collect(),
            cancelled: self.gone.clone(),
        };
        gateway.call(asked).await.is_ok()
    }

    fn acknowledge(&self, filter: Filter) {
        let agreed = raw_of(&filter.agreed()).unwrap_or_default();
        let params: Members = [("notifications".to_owned(), agreed)].into_iter().collect();
        self.say(Notification {
            method: "notifications/subscriptions/acknowledged".to_owned(),
            params: Some(params.to_raw()),
        });
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.filter = filter;
        let early = state.early.take().unwrap_or_default();
        for notification in early {
            if state.filter.wants(&notification) {
                self.say(notification);
            }
        }
    }

    /// Says it, and to what it belongs.
    fn say(&self, notification: Notification) {
        let Ok(mut params) = notification.members() else {
            return;
        };
        let mut meta = params.object(key::META).unwrap_or_default();
        meta.set(key::SUBSCRIPTION_ID, self.subscription.to_raw());
        params.set(key::META, meta.to_raw());
        let notification = Notification {
            params: Some(params.to_raw()),
            ..notification
        };
        self.outbox
            .push(Message::Notification(notification).to_line());
    }

    /// Comes back when it has left, or at `end`. If it still hears, it is told that this is the end.
    pub(super) async fn until(&self, end: &CancellationToken) {
        // Whoever is not waited for any more has left.
        let _left = self.gone.clone().drop_guard();
        tokio::select! {
            () = end.cancelled() => {}
            () = self.gone.cancelled() => {}
        }
        self.say_goodbye();
    }

    fn say_goodbye(&self) {
        let meta = json!({
            "resultType": "complete",
            "_meta": { key::SUBSCRIPTION_ID: self.subscription.to_raw() },
        });
        let result = raw_of(&meta).unwrap_or_default();
        self.outbox
            .push(said::message(self.subscription.clone(), Ok(result)));
    }
}

impl Client for Listener {
    fn id(&self) -> ClientId {
        self.id
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn log_level(&self) -> Option<LogLevel> {
        None
    }

    fn tell(&self, _about: Option<&Id>, notification: Notification) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.filter.wants(&notification) {
            return;
        }
        match &mut state.early {
            // Too far behind, as one that does not read: its stream ends.
            Some(early) if early.len() >= UNREAD.messages => self.gone.cancel(),
            Some(early) => early.push(notification),
            None => self.say(notification),
        }
    }

    fn ask(
        &self,
        _about: Option<&Id>,
        Question { method, .. }: Question,
    ) -> BoxFuture<'static, Result<Raw, RpcError>> {
        let say = format!("{method}: a client that listens answers nothing");
        futures::future::ready(Err(RpcError::new(RpcError::METHOD_NOT_FOUND, say))).boxed()
    }

    fn taken_back(&self, _request: &Id) -> Option<Members> {
        None
    }

    fn gone(&self) -> &CancellationToken {
        &self.gone
    }
}

/// Ends with its connection, or with the host.
pub(super) async fn over_http(
    connection: &Connection,
    profile: Profile,
    params: &Members,
    id: Id,
    caller: Option<String>,
) -> Response {
    let outbox = Arc::new(Outbox::new(UNREAD));
    let (gateway, desk) = (&connection.gateway, &connection.desk);
    let begun = Listener::begin(
        gateway,
        profile,
        params,
        id.clone(),
        caller,
        Arc::clone(&outbox),
    );
    let (listener, hand) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return refuse(StatusCode::OK, Some(id), error),
    };
    let (stream, end) = (Arc::clone(&outbox), desk.end.clone());
    desk.tasks.spawn(async move {
        listener.until(&end).await;
        stream.end();
    });
    said::endless(said::stream(
        outbox.read(None),
        None,
        CancellationToken::new(),
        hand,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Result<Filter, RpcError> {
        Filter::read(&Members::parse(text).unwrap())
    }

    #[test]
    fn a_listener_hears_what_it_asked_for_and_nothing_else() {
        let filter = filter(
            r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":false,"new":true,
                "resourceSubscriptions":["a://1"]}}"#,
        )
        .unwrap();
        let wants = |method: &str, params: &str| {
            filter.wants(&Notification {
                method: format!("notifications/{method}"),
                params: serde_json::from_str(params).ok(),
            })
        };
        assert!(wants("tools/list_changed", ""));
        assert!(!wants("prompts/list_changed", ""));
        assert!(!wants("resources/list_changed", ""));
        assert!(wants("resources/updated", r#"{"uri":"a://1"}"#));
        assert!(wants("resources/updated", r#"{"uri":"a://1/part"}"#));
        assert!(!wants("resources/updated", r#"{"uri":"a://12"}"#));
        assert!(!wants("resources/updated", "7"));
        assert!(!wants("message", "{}"));
        let agreed = json!({"toolsListChanged": true, "resourceSubscriptions": ["a://1"]});
        assert_eq!(filter.agreed(), agreed);
    }

    #[test]
    fn a_listener_that_is_told_too_much_while_it_begins_is_let_go() {
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
        let filter = filter(r#"{"notifications":{"toolsListChanged":true}}"#).unwrap();
        let listener = Listener {
            id: ClientId::next(),
            profile: Profile::of_meta(&Members::parse(meta).unwrap()).unwrap(),
            subscription: Id::from(1),
            outbox: Arc::new(Outbox::new(UNREAD)),
            state: Mutex::new(State {
                filter,
                early: Some(Vec::new()),
            }),
            gone: CancellationToken::new(),
        };
        let changed = Notification {
            method: "notifications/tools/list_changed".to_owned(),
            params: None,
        };
        for _ in 0..UNREAD.messages {
            listener.tell(None, changed.clone());
        }
        assert!(!listener.gone.is_cancelled());
        listener.tell(None, changed);
        assert!(listener.gone.is_cancelled());
    }

    #[test]
    fn a_listener_that_does_not_say_for_what_is_refused() {
        for params in ["{}", r#"{"notifications":[]}"#] {
            assert!(filter(params).unwrap_err().message.contains("listen for"));
        }
        let uris = r#"{"notifications":{"resourceSubscriptions":[1]}}"#;
        assert!(filter(uris).unwrap_err().message.contains("list of URIs"));
    }
}
