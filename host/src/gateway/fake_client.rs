//! A client that answers nothing, or takes its time for it, and may be asked what it was told; and
//! what it calls: for tests.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::client::{Client, ClientId, LogLevel, Profile, Question};
use super::{Call, Method};
use crate::mcp::{Id, Members, Notification, Raw, RpcError, Version};

pub(super) struct FakeClient {
    id: ClientId,
    profile: Profile,
    told: mpsc::UnboundedSender<Notification>,
    /// How long it thinks before it answers.
    thinks: Option<Duration>,
    gone: CancellationToken,
}

/// A call of this tool.
pub(super) fn call(tool: &str) -> Call {
    Call {
        id: 1,
        client: FakeClient::named("test/1"),
        request: 1.into(),
        caller: None,
        method: Method::CallTool,
        shown_as: tool.to_owned(),
        template: None,
        backend: "one".to_owned(),
        params: Members::default(),
        repeatable: false,
        cancelled: CancellationToken::new(),
        asking: Asking::default(),
    }
}

impl FakeClient {
    pub(super) fn named(name: &str) -> Arc<dyn Client> {
        Self::make(name, None).0
    }

    /// What it is told comes out of the receiver.
    pub(super) fn listening(
        name: &str,
    ) -> (Arc<dyn Client>, mpsc::UnboundedReceiver<Notification>) {
        Self::make(name, None)
    }

    /// It answers every question, in so much time.
    pub(super) fn thinking(name: &str, thinks: Duration) -> Arc<dyn Client> {
        Self::make(name, Some(thinks)).0
    }

    fn make(
        name: &str,
        thinks: Option<Duration>,
    ) -> (Arc<dyn Client>, mpsc::UnboundedReceiver<Notification>) {
        let (told, heard) = mpsc::unbounded_channel();
        let client = Arc::new(Self {
            id: ClientId::next(),
            profile: Profile {
                name: name.to_owned(),
                version: Version::LAST_WITH_SESSIONS,
                info: None,
                capabilities: Members::default(),
            },
            told,
            thinks,
            gone: CancellationToken::new(),
        });
        (client, heard)
    }
}

impl Client for FakeClient {
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
        // Most tests do not listen.
        let _ = self.told.send(notification);
    }

    fn ask(
        &self,
        _about: Option<&Id>,
        question: Question,
    ) -> BoxFuture<'static, Result<Raw, RpcError>> {
        if let Some(thinks) = self.thinks {
            let answer = async move {
                tokio::time::sleep(thinks).await;
                Ok(Members::default().to_raw())
            };
            return answer.boxed();
        }
        let say = format!("{}: this client answers nothing", question.method);
        futures::future::ready(Err(RpcError::new(RpcError::METHOD_NOT_FOUND, say))).boxed()
    }

    fn taken_back(&self, _request: &Id) -> Option<Members> {
        None
    }

    fn gone(&self) -> &CancellationToken {
        &self.gone
    }
}
