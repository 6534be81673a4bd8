//! The clients that are connected now, to be told when a list changes. A client that is gone is
//! forgotten when it is next told; one that does not listen delays nobody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use rmcp::RoleServer;
use rmcp::service::Peer;

use super::Changes;

/// How long one client may take to be told.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Clients {
    peers: Mutex<Vec<Peer<RoleServer>>>,
}

impl Clients {
    pub(super) fn add(&self, peer: Peer<RoleServer>) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|peer| !peer.is_transport_closed());
        peers.push(peer);
    }

    pub(super) fn count(&self) -> usize {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|peer| !peer.is_transport_closed());
        peers.len()
    }

    /// Tells every client which of its lists to read again.
    pub(super) async fn tell(&self, changes: Changes) {
        let peers = self
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        join_all(peers.iter().map(|peer| async move {
            let told = async {
                if changes.tools {
                    peer.notify_tool_list_changed().await?;
                }
                if changes.prompts {
                    peer.notify_prompt_list_changed().await?;
                }
                if changes.resources {
                    peer.notify_resource_list_changed().await?;
                }
                Ok::<_, rmcp::ServiceError>(())
            };
            match tokio::time::timeout(PATIENCE, told).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a client is gone"),
                Err(_elapsed) => tracing::warn!("a client does not read its notifications"),
            }
        }))
        .await;
        self.count();
    }
}
