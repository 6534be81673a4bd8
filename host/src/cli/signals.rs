//! The signals by which commands end, and hosts reload.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM.
pub(super) struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    /// From now on they end nothing by themselves.
    ///
    /// # Errors
    /// Which cannot be had, and why.
    pub(super) fn listen() -> Result<Self, String> {
        Ok(Self {
            interrupt: on(SignalKind::interrupt(), "SIGINT")?,
            terminate: on(SignalKind::terminate(), "SIGTERM")?,
        })
    }

    /// Comes back at the first of them. Cancel safe.
    pub(super) async fn heard(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What a signal asks for.
pub(super) enum Ask {
    Reload,
    End,
}

/// Those of a host: SIGHUP as well.
pub(super) struct Signals {
    hangup: Signal,
    ends: Ends,
}

impl Signals {
    /// As [`Ends::listen`].
    pub(super) fn listen() -> Result<Self, String> {
        Ok(Self {
            hangup: on(SignalKind::hangup(), "SIGHUP")?,
            ends: Ends::listen()?,
        })
    }

    /// What the next one asks for. Cancel safe.
    pub(super) async fn next(&mut self) -> Ask {
        tokio::select! {
            _ = self.hangup.recv() => Ask::Reload,
            () = self.ends.heard() => Ask::End,
        }
    }

    /// Comes back when it is to end. Cancel safe.
    pub(super) async fn end(&mut self) {
        while matches!(self.next().await, Ask::Reload) {}
    }
}

fn on(kind: SignalKind, name: &str) -> Result<Signal, String> {
    signal(kind).map_err(|error| {
        format!(
            "{name} cannot be listened for: {error}; where a sandbox or a limit on open files \
             (ulimit -n) forbids it, allow more"
        )
    })
}
