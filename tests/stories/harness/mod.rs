//! What the stories stand on: the built host in a folder of its own, real clients, backends of
//! every kind. Nothing here sleeps: it awaits facts, all under one limit, which only a defect
//! reaches. To prove that nothing happened, a story makes a marker change and sees only that.

mod api;
mod client;
mod config;
mod held;
mod home;
mod hook;
mod host;
mod processes;
mod raw_client;
mod raw_remote;
mod remote;
mod watching;
mod wire;

use std::time::Duration;

pub(crate) use api::{Api, ask};
pub(crate) use client::{Client, List, http};
pub(crate) use config::{config, demo, remote};
pub(crate) use held::Held;
pub(crate) use home::{Home, cache};
pub(crate) use hook::Hook;
pub(crate) use host::{Event, Host, digest};
pub(crate) use processes::{children, group, is_gone};
pub(crate) use raw_client::{RawClient, get, knock};
pub(crate) use raw_remote::{Era, Manner, RawRemote};
pub(crate) use remote::Remote;
pub(crate) use watching::Watching;
pub(crate) use wire::{Way, Wire, answer_to, signature};

/// The backend that knows nothing of MCP's types.
pub(crate) const RAW_BACKEND: &str = env!("CARGO_BIN_EXE_raw-backend");

/// No fact takes so long, on no machine that tests run on.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at what the operating system tells nobody about.
const LOOK: Duration = Duration::from_millis(10);

/// The built host.
pub(crate) fn binary() -> std::path::PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("config-sync");
    assert!(
        path.exists(),
        "{} is not built: run `cargo test --workspace`",
        path.display()
    );
    path
}

/// Its result, or a panic that says what was waited for.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// As [`soon`], for what takes minutes.
pub(crate) async fn long<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(10 * LIMIT, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Comes back once the fact holds.
pub(crate) async fn until(what: &str, mut fact: impl FnMut() -> bool) {
    let looking = async {
        let mut clock = tokio::time::interval(LOOK);
        // A look may take longer, and servers of the story's own want to run, too.
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !fact() {
            clock.tick().await;
        }
    };
    soon(what, looking).await;
}

/// Makes a test of each story for each of the built-in detectors.
macro_rules! for_each_detector {
    ($($story:ident),+ $(,)?) => {
        for_each_detector!(@ mtime $($story)+);
        for_each_detector!(@ hash $($story)+);
        for_each_detector!(@ inotify $($story)+);
    };
    (@ $detector:ident $($story:ident)+) => {
        mod $detector {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story(stringify!($detector)).await;
                }
            )+
        }
    };
}
