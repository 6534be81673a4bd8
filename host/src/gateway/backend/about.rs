//! In whose course a backend says something: that of the client whose call it is about, else that
//! of the client to whom the connection belongs.

use std::sync::Arc;
use std::time::Duration;

use super::peer::Peer;
use crate::gateway::asking::{Asked, Asking};
use crate::gateway::client::{Client, ClientId, LogLevel};
use crate::mcp::{Id, Raw};

/// The client that something is about.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) client: Arc<dyn Client>,
    /// Whose token it showed, where clients must show one.
    pub(super) caller: Option<String>,
    /// Its request; none beside all calls, on a connection that is this client's alone.
    pub(super) request: Option<Id>,
    /// The client's own token for progress.
    pub(super) token: Option<Raw>,
    /// From which level on it wants log messages.
    pub(super) log_level: Option<LogLevel>,
    /// What the client is asked meanwhile.
    pub(super) asking: Asking,
}

impl About {
    /// Nothing that is under way.
    pub(super) fn none_of(client: Arc<dyn Client>, log_level: Option<LogLevel>) -> Self {
        Self {
            client,
            caller: None,
            request: None,
            token: None,
            log_level,
            asking: Asking::default(),
        }
    }
}

impl Peer {
    /// In whose course the backend says something: the request on whose stream it came; else the
    /// only one that is under way, or the newest, where all are one client's.
    pub(super) fn about(&self, stream_of: Option<u64>) -> Option<About> {
        let pending = self.pending();
        let about = |id| pending.get(id).and_then(|it| it.about.as_ref());
        if let Some(id) = stream_of {
            return about(&id).cloned().or_else(|| self.about_owner());
        }
        let mut under_way: Vec<_> = pending.keys().filter(|id| about(id).is_some()).collect();
        under_way.sort();
        let Some(newest) = under_way.last().and_then(|id| about(id)) else {
            return self.about_owner();
        };
        let mut all = under_way.iter().filter_map(|id| about(id));
        let is_one = all.all(|it| it.client.id() == newest.client.id());
        is_one.then(|| newest.clone())
    }

    fn about_owner(&self) -> Option<About> {
        let client = self.me.owner.clone()?;
        let level = client.log_level();
        Some(About::none_of(client, level))
    }

    /// The client is asked in the course of the request on whose stream that came; else of each of
    /// its requests, for any of them may wait for the answer.
    pub(super) fn begin_asking(&self, client: ClientId, stream_of: Option<u64>) -> Vec<Asked> {
        let pending = self.pending();
        let meant = pending
            .iter()
            .filter(|(id, _)| stream_of.is_none_or(|it| it == **id));
        let abouts = meant.filter_map(|(_, it)| it.about.as_ref());
        abouts
            .filter(|it| it.client.id() == client)
            .map(|it| it.asking.begin())
            .collect()
    }

    /// What our request of this number is about. Its number is the token for its progress, too.
    pub(super) fn about_request(&self, id: u64) -> Option<About> {
        self.pending().get(&id)?.about.clone()
    }

    /// The backend has let go of the stream of our request, and goes on with it after `wait`.
    pub(super) fn lets_go(&self, id: u64, wait: Duration) {
        if let Some(about) = self.about_request(id)
            && let Some(request) = about.request
        {
            about.client.let_go(&request, wait);
        }
    }

    /// Whether any call is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.pending().values().any(|it| it.about.is_some())
    }
}
