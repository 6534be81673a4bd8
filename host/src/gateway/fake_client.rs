//! A client that hears nothing and answers nothing: for tests.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::client::{Client, ClientId, LogLevel, Profile, Question};
use crate::mcp::{Id, Members, Notification, Raw, RpcError, Version};

pub(super) struct FakeClient {
    id: ClientId,
    profile: Profile,
    gone: CancellationToken,
}

impl FakeClient {
    pub(super) fn named(name: &str) -> Arc<dyn Client> {
        Arc::new(Self {
            id: ClientId::next(),
            profile: Profile {
                name: name.to_owned(),
                version: Version::LAST_WITH_SESSIONS,
                info: None,
                capabilities: Members::default(),
            },
            gone: CancellationToken::new(),
        })
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

    fn tell(&self, _about: Option<&Id>, _notification: Notification) {}

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
