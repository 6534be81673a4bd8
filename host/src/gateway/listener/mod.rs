//! The addresses at which clients are served. A new one opens before the old one lets go, and the
//! old one lets clients in for a while longer, since they learn only by failing that it moved.
//! Sessions are shared between all, and connections that are open live on.

mod beside;
mod connection;
mod patience;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Gateway;
use super::door::Door;
use super::front::Desk;
use crate::config::{Problem, ServerLimits, ServerSettings};

/// How long the last answers may take to be written when the host stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// How long an address that was left lets clients in.
const LEAVING: Duration = Duration::from_secs(30);
/// After a failure to accept, which mostly means that no descriptor is free.
const RESPITE: Duration = Duration::from_millis(100);

pub(super) struct Listeners {
    /// Clients come to an address only where the file names one.
    only_named: AtomicBool,
    places: Mutex<Places>,
    pub(super) desk: Arc<Desk>,
    connections: Arc<AtomicUsize>,
    /// The host stops: connections end after what they are at.
    closing: CancellationToken,
}

#[derive(Default)]
struct Places {
    serving: Option<Place>,
    leaving: Vec<Place>,
}

#[derive(Clone)]
struct Place {
    wanted: SocketAddr,
    address: SocketAddr,
    /// Gone when it is closed.
    listener: Weak<TcpListener>,
    stay: watch::Sender<Stay>,
}

/// How long clients are let in.
#[derive(Debug, Clone, Copy)]
enum Stay {
    Open,
    Until(Instant),
}

/// An address that is open, but not served on yet; or one that serves already.
pub struct Opened {
    limits: ServerLimits,
    at: At,
}

enum At {
    Nowhere,
    /// Where clients are served already.
    Here,
    /// Open as long as this is, also if it is one that was left and whose time runs out meanwhile.
    There {
        wanted: SocketAddr,
        address: SocketAddr,
        listener: Arc<TcpListener>,
    },
}

impl Listeners {
    pub(super) fn new(tasks: &TaskTracker) -> Self {
        Self {
            only_named: AtomicBool::new(false),
            places: Mutex::default(),
            desk: Arc::new(Desk::new(tasks)),
            connections: Arc::default(),
            closing: CancellationToken::new(),
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.places().serving.as_ref().map(|place| place.address)
    }

    /// Where clients are let in already, if that is what is wanted.
    fn open_at(&self, wanted: SocketAddr) -> Option<At> {
        let places = self.places();
        let is_it = |place: &&Place| place.wanted == wanted && !place.stay.is_closed();
        if places.serving.iter().any(|place| is_it(&place)) {
            return Some(At::Here);
        }
        let left = places.leaving.iter().find(is_it)?;
        Some(At::There {
            wanted,
            address: left.address,
            listener: left.listener.upgrade()?,
        })
    }

    /// Our own listeners with this port.
    fn with_port(&self, port: u16) -> Vec<Arc<TcpListener>> {
        let places = self.places();
        let open = places.serving.iter().chain(&places.leaving);
        let with_port = open.filter(|place| place.address.port() == port);
        with_port.filter_map(|it| it.listener.upgrade()).collect()
    }

    /// From now on no address is opened that the file does not name.
    pub(super) fn only_named(&self) {
        self.only_named.store(true, Ordering::Relaxed);
    }

    pub(super) async fn open(&self, server: &ServerSettings) -> Result<Opened, Problem> {
        let (wanted, limits) = (server.address(), server.limits);
        if self.only_named.load(Ordering::Relaxed) && !server.is_named {
            let at = At::Nowhere;
            return Ok(Opened { limits, at });
        }
        if let Some(at) = self.open_at(wanted) {
            return Ok(Opened { limits, at });
        }
        let failed = |error: std::io::Error| {
            Problem::error("server.port", format!("cannot listen on {wanted}: {error}"))
                .help("is another program using it? choose another port, or 0 for any that is free")
        };
        let listener = match TcpListener::bind(wanted).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let ours = self.with_port(wanted.port());
                let ours: Vec<_> = ours.iter().map(AsRef::as_ref).collect();
                match ours.is_empty() {
                    true => Err(error),
                    false => beside::open(wanted, &ours).map_err(|_| error),
                }
            }
            opened => opened,
        };
        let listener = Arc::new(listener.map_err(failed)?);
        let address = listener.local_addr().map_err(failed)?;
        let at = At::There {
            wanted,
            address,
            listener,
        };
        Ok(Opened { limits, at })
    }

    pub(super) fn serve(&self, opened: Opened, gateway: Arc<Gateway>, tasks: &TaskTracker) {
        self.desk.set_limits(opened.limits);
        let mut places = self.places();
        places.leaving.retain(|place| !place.stay.is_closed());
        let next = match opened.at {
            At::Nowhere => None,
            At::Here => return,
            At::There {
                wanted,
                address,
                listener,
            } => {
                // Where clients come back to one that was left, they are let in anew: whoever let
                // them in until now may be about to stop.
                places.leaving.retain(|place| place.address != address);
                let (stay, stays) = watch::channel(Stay::Open);
                let entrance = Entrance {
                    door: Door {
                        gateway,
                        is_local: address.ip().is_loopback(),
                    },
                    desk: Arc::clone(&self.desk),
                    connections: Arc::clone(&self.connections),
                    closing: self.closing.clone(),
                };
                let known = Arc::downgrade(&listener);
                tasks.spawn(entrance.let_in(listener, stays));
                self.desk.watch_silence();
                Some(Place {
                    wanted,
                    address,
                    listener: known,
                    stay,
                })
            }
        };
        if let Some(before) = std::mem::replace(&mut places.serving, next) {
            let end = Instant::now() + LEAVING;
            before.stay.send_replace(Stay::Until(end));
            let (address, seconds) = (before.address, LEAVING.as_secs());
            tracing::info!(%address, seconds, "lets clients in for a while longer");
            places.leaving.push(before);
        }
    }

    /// Serves a connection that came another way, as one of this machine's own programs.
    pub(super) async fn serve_stream(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        gateway: Arc<Gateway>,
    ) {
        let door = Door {
            gateway,
            is_local: true,
        };
        connection::serve(stream, door, Arc::clone(&self.desk), self.closing.clone()).await;
    }

    /// Takes no more connections.
    pub(super) fn close(&self) {
        self.closing.cancel();
        self.desk.close();
    }

    /// Ends the sessions that are left, once the last answers have been written.
    pub(super) async fn end_sessions(&self) {
        let answered = self.desk.answered();
        if tokio::time::timeout(LAST_ANSWERS, answered).await.is_err() {
            tracing::warn!("a client does not read its answer");
        }
        self.desk.end();
    }
}

/// What stands behind one address.
#[derive(Clone)]
struct Entrance {
    door: Door,
    desk: Arc<Desk>,
    connections: Arc<AtomicUsize>,
    closing: CancellationToken,
}

impl Entrance {
    /// Lets clients in as long as the place stays.
    async fn let_in(self, listener: Arc<TcpListener>, mut stays: watch::Receiver<Stay>) {
        loop {
            let until = match *stays.borrow_and_update() {
                Stay::Open => None,
                Stay::Until(end) => Some(end),
            };
            let over = async {
                match until {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.receive(stream),
                    Err(error) if is_its_own(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot let a client in");
                        tokio::time::sleep(RESPITE).await;
                    }
                },
                changed = stays.changed() => if changed.is_err() { return },
                () = over => return,
                () = self.closing.cancelled() => return,
            }
        }
    }

    fn receive(&self, stream: TcpStream) {
        // Answers are small: waiting to fill a packet (Nagle) costs each of them 40 ms.
        let _ = stream.set_nodelay(true);
        let limit = self.desk.limits().connections;
        let taken = Taken::one(&self.connections);
        if taken.all > limit {
            connection::refuse(&stream, limit);
            return;
        }
        let (door, desk) = (self.door.clone(), Arc::clone(&self.desk));
        let closing = self.closing.clone();
        let tasks = desk.tasks().clone();
        tasks.spawn(async move {
            connection::serve(stream, door, desk, closing).await;
            drop(taken);
        });
    }
}

/// One of the connections that are open.
struct Taken {
    connections: Arc<AtomicUsize>,
    /// How many there are with it.
    all: usize,
}

impl Taken {
    fn one(connections: &Arc<AtomicUsize>) -> Self {
        let all = connections.fetch_add(1, Ordering::Relaxed) + 1;
        let connections = Arc::clone(connections);
        Self { connections, all }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The client was gone before it was let in.
fn is_its_own(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

#[cfg(test)]
mod tests;
