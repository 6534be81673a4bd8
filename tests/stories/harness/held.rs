//! A call that its backend holds until the story says so, and which thus outlasts whatever happens
//! meanwhile for certain.

use std::fs;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{Client, until};

/// A call that is under way until it is released.
pub(crate) struct Held {
    folder: TempDir,
    call: JoinHandle<Result<String, String>>,
}

impl Held {
    pub(crate) async fn begin(client: &Arc<Client>) -> Self {
        let folder = TempDir::new().unwrap();
        let arguments = json!({"folder": folder.path()});
        let client = Arc::clone(client);
        let call = tokio::spawn(async move { client.call("hold", arguments).await });
        let held = folder.path().join("held");
        until("the call to reach the backend", || held.exists()).await;
        Self { folder, call }
    }

    pub(crate) async fn release(self) -> Result<String, String> {
        assert!(!self.call.is_finished(), "it ended before its time");
        fs::write(self.folder.path().join("release"), "").unwrap();
        self.call.await.unwrap()
    }

    /// How it ended by itself.
    pub(crate) async fn ended(self) -> Result<String, String> {
        self.call.await.unwrap()
    }
}
