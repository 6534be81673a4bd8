//! Secrets that were changed while the file was not: whoever asks for a reload gets them used. An
//! edit does not: what it leaves as it was goes on as it was.

use std::sync::Arc;

use tokio::time::Instant;

use super::Trigger;
use super::reloader::Reloader;
use crate::secrets::Secrets;

impl Reloader {
    /// Whether what serves must be built anew since somebody has asked, now or in an attempt that
    /// came to nothing, and its secrets are others than these.
    pub(super) async fn is_outdated(&mut self, trigger: Trigger, secrets: &Arc<Secrets>) -> bool {
        self.renews |= trigger.is_asked();
        if !self.renews || self.applied.is_none() {
            return false;
        }
        let (gateway, secrets) = (Arc::clone(&self.gateway), Arc::clone(secrets));
        // A keyring takes its time.
        let asking = tokio::task::spawn_blocking(move || gateway.is_outdated(&secrets));
        let outdated = asking.await.unwrap_or(false);
        if outdated {
            tracing::info!("secrets have changed; what uses them is built anew");
        }
        self.renews = outdated;
        outdated
    }

    /// Somebody has asked while the attempt ran that has just ended: it may have read the secrets
    /// before they were changed.
    pub(super) async fn renew_for(&mut self, joined: Trigger) {
        if self.is_outdated(joined, &Arc::default()).await {
            self.retry_at = Some(Instant::now());
        }
        if joined.is_asked() {
            self.standing.send_modify(|standing| standing.asked += 1);
        }
    }
}
