//! What clients say beside their calls, on its way to the backends that serve now: those that the
//! client has a connection of its own to hear it there.

use futures::future::join_all;

use super::Gateway;
use super::client::{ClientId, LogLevel};
use crate::mcp::{Notification, Version};

/// What is between a client and the gateway alone: it names requests, questions and tokens that a
/// backend knows by other names, or as another's.
const OWN: [&str; 3] = [
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
];

impl Gateway {
    /// A notification that is not for the gateway itself.
    pub(super) fn pass_on(&self, client: ClientId, version: Version, notification: &Notification) {
        if OWN.contains(&notification.method.as_str()) {
            return;
        }
        for backend in &self.current().backends {
            backend.pass_on(client, version, notification);
        }
    }

    /// A client of the old era wants log messages from this level on. Comes back when backends of
    /// that era know, or take too long.
    pub(super) async fn log_from(&self, client: ClientId, version: Version, level: LogLevel) {
        let snapshot = self.current();
        let backends = snapshot.backends.iter();
        join_all(backends.map(|backend| backend.log_from(client, version, level))).await;
    }
}
