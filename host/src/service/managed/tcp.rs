//! The management API over TCP, as the configuration that serves says: it follows
//! `server.management` live. Where the address cannot be had, that is told, and tried again.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::{ManagementSettings, Seal};
use crate::events::{EventBus, EventKind};
use crate::manage::{Door, Server};
use crate::reload::Standing;
use crate::secrets::value_of;

/// Between two tries to open an address that somebody else has.
const AGAIN: Duration = Duration::from_secs(5);

/// Where it is served, and by what.
pub(in crate::service) struct OverTcp {
    pub(in crate::service) server: Server,
    pub(in crate::service) standing: watch::Receiver<Standing>,
    /// Where it is served at this moment.
    pub(in crate::service) address: watch::Sender<Option<SocketAddr>>,
    pub(in crate::service) bus: EventBus,
}

impl OverTcp {
    /// Serves until cancelled.
    pub(in crate::service) async fn run(mut self, cancel: CancellationToken) {
        let mut told = None;
        loop {
            let wanted = wanted(&self.standing.borrow_and_update());
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.serve(&wanted, &mut told, &cancel) => {}
            }
        }
    }

    /// Comes back once something else is wanted, or it is to be tried again.
    async fn serve(
        &self,
        wanted: &ManagementSettings,
        told: &mut Option<String>,
        cancel: &CancellationToken,
    ) {
        let mut standing = self.standing.clone();
        let (asked, then) = (standing.borrow().asked, seal(wanted));
        let is_changed = || {
            let now = seal(wanted);
            matches!((&then, &now), (Some(then), Some(now)) if then.is_broken_by(now))
        };
        let other = async {
            let mut asked = asked;
            loop {
                if standing.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                let (is_other, now) = {
                    let standing = standing.borrow_and_update();
                    (self::wanted(&standing) != *wanted, standing.asked)
                };
                // Whoever asks for a reload may have changed the token.
                let is_asked = std::mem::replace(&mut asked, now) != now;
                if is_other || is_asked && is_changed() {
                    return;
                }
            }
        };
        if !wanted.enabled {
            *told = None;
            return other.await;
        }
        let opened = open(wanted).await;
        let (listener, door, address) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if told.as_ref() != Some(&error) {
                    self.bus.publish(EventKind::Degraded, error.clone());
                    *told = Some(error);
                }
                tokio::select! {
                    () = other => {}
                    () = sleep(AGAIN) => {}
                }
                return;
            }
        };
        *told = None;
        tracing::info!(%address, "management API");
        self.address.send_replace(Some(address));
        let ends = cancel.child_token();
        let serving = self.server.serve_at(listener, door, ends.clone());
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = other => {
                ends.cancel();
                serving.await;
            }
        }
        self.address.send_replace(None);
    }
}

fn wanted(standing: &Standing) -> ManagementSettings {
    let serving = standing.applied.as_ref();
    serving.map_or_else(ManagementSettings::default, |serving| {
        serving.config.server.management.clone()
    })
}

/// Of the token, if there must be one.
fn seal(wanted: &ManagementSettings) -> Option<Seal> {
    let token = wanted.token.as_ref().filter(|_| wanted.enabled);
    token.map(|token| token.seal(&value_of))
}

async fn open(wanted: &ManagementSettings) -> Result<(TcpListener, Door, SocketAddr), String> {
    let token = wanted.token.as_ref().map(|token| token.value(&value_of));
    let token = token.transpose().map_err(|error| {
        format!("the management API is not served over TCP: server.management.token: {error}")
    })?;
    let failed = |error: std::io::Error| {
        format!(
            "the management API is not served on {}: {error}; choose another \
             server.management.port, or 0 for any that is free",
            wanted.address
        )
    };
    let door = Door::of(wanted.address, token)?;
    let listener = TcpListener::bind(wanted.address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, door, address))
}
