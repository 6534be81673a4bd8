//! A client that remembers what it is told and answers as it is set to: for tests.

#![allow(dead_code, reason = "the wire that uses the rest of it is being laid")]

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::client::{Client, ClientId, LogLevel};
use crate::mcp::{Id, Members, Notification, Raw, RpcError, Version};

pub(super) struct FakeClient {
    id: ClientId,
    name: String,
    pub(super) version: Version,
    pub(super) capabilities: Members,
    pub(super) log_level: Option<LogLevel>,
    /// What it answers whatever it is asked.
    pub(super) answer: Result<Raw, RpcError>,
    told: Mutex<Vec<(Option<Id>, Notification)>>,
    asked: Mutex<Vec<(Id, String, Option<Raw>)>>,
    gone: CancellationToken,
}

impl FakeClient {
    pub(super) fn new(name: &str) -> Self {
        Self {
            id: ClientId::next(),
            name: name.to_owned(),
            version: Version::LAST_WITH_SESSIONS,
            capabilities: Members::default(),
            log_level: None,
            answer: Err(RpcError::new(RpcError::METHOD_NOT_FOUND, "not asked for")),
            told: Mutex::default(),
            asked: Mutex::default(),
            gone: CancellationToken::new(),
        }
    }

    pub(super) fn named(name: &str) -> Arc<dyn Client> {
        Arc::new(Self::new(name))
    }
}

impl Client for FakeClient {
    fn id(&self) -> ClientId {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Version {
        self.version
    }

    fn info(&self) -> Option<&RawValue> {
        None
    }

    fn capabilities(&self) -> &Members {
        &self.capabilities
    }

    fn log_level(&self) -> Option<LogLevel> {
        self.log_level
    }

    fn tell(&self, about: Option<&Id>, notification: Notification) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push((about.cloned(), notification));
    }

    fn ask(
        &self,
        about: &Id,
        method: String,
        params: Option<Raw>,
    ) -> BoxFuture<'static, Result<Raw, RpcError>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push((about.clone(), method, params));
        let answer = self.answer.clone();
        async move { answer }.boxed()
    }

    fn gone(&self) -> &CancellationToken {
        &self.gone
    }
}
