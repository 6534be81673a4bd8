//! Whose a connection to a backend is: everybody's, or that of the clients that need one beside it.

use std::sync::Arc;

use super::hello::Introduction;
use crate::gateway::client::{Client, ClientId};
use crate::mcp::Version;

/// Whose a connection is that is not for all.
#[derive(Debug, Clone)]
pub(super) enum Owner {
    Client(Arc<dyn Client>),
    /// All clients of the old era.
    OldEra,
}

/// Names the clients that share a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Whose {
    All,
    OldEra,
    Client(ClientId),
}

impl Owner {
    pub(super) fn whose(&self) -> Whose {
        match self {
            Self::Client(client) => Whose::Client(client.id()),
            Self::OldEra => Whose::OldEra,
        }
    }

    /// Whom the backend takes the gateway for on it. `speaks_old`: the backend speaks a version of
    /// the old era as well.
    pub(super) fn introduction(&self, speaks_old: bool) -> Introduction {
        match self {
            Self::Client(client) if client.version().has_sessions() && speaks_old => {
                Introduction::of(client, Version::LAST_WITH_SESSIONS)
            }
            Self::Client(client) => Introduction::of(client, Version::LATEST),
            Self::OldEra => Introduction {
                version: Version::LAST_WITH_SESSIONS,
                ..Introduction::own()
            },
        }
    }

    /// Ends when it has left.
    pub(super) async fn gone(&self) {
        match self {
            Self::Client(client) => client.gone().cancelled().await,
            Self::OldEra => std::future::pending().await,
        }
    }
}
