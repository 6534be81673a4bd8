//! A client that answers nothing, and may be asked what it was told: for tests.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::client::{Client, ClientId, LogLevel, Profile, Question};
use crate::mcp::{Id, Members, Notification, Raw, RpcError, Version};

pub(super) struct FakeClient {
    id: ClientId,
    profile: Profile,
    told: mpsc::UnboundedSender<Notification>,
    gone: CancellationToken,
}

impl FakeClient {
    pub(super) fn named(name: &str) -> Arc<dyn Client> {
        Self::listening(name).0
    }

    /// What it is told comes out of the receiver.
    pub(super) fn listening(
        name: &str,
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
