//! A listener beside others of our own that overlap with it: 0.0.0.0 and 127.0.0.1 with the same
//! port. The kernel lets only one program have them, and only if all that are open say that they
//! share; they say so for this moment alone. Programs of other users never get in between.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be let in; as `TcpListener::bind` has it.
const BACKLOG: u32 = 1024;

/// Opens this address while `ours` stay open.
pub(super) fn open(wanted: SocketAddr, ours: &[&TcpListener]) -> io::Result<TcpListener> {
    let socket = match wanted {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    let _alone_again: Vec<_> = ours.iter().map(|ours| Shared::from_now(ours)).collect();
    socket.bind(wanted)?;
    let listener = socket.listen(BACKLOG)?;
    SockRef::from(&listener).set_reuse_port(false)?;
    Ok(listener)
}

/// Shares its address until it is dropped.
struct Shared<'a>(&'a TcpListener);

impl<'a> Shared<'a> {
    fn from_now(listener: &'a TcpListener) -> Self {
        // If it cannot, the new one is not opened, and that is told.
        let _ = SockRef::from(listener).set_reuse_port(true);
        Self(listener)
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        let _ = SockRef::from(self.0).set_reuse_port(false);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    async fn peer_of(listener: &TcpListener) -> SocketAddr {
        listener.accept().await.unwrap().1
    }

    #[tokio::test]
    async fn all_addresses_and_one_of_them_are_open_at_the_same_time() {
        let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = one.local_addr().unwrap();
        let everywhere = SocketAddr::new([0, 0, 0, 0].into(), address.port());
        let all = open(everywhere, &[&one]).unwrap();
        // The narrower one goes first; once it is closed, the wider one has everything.
        let client = TcpStream::connect(address).await.unwrap();
        assert_eq!(peer_of(&one).await, client.local_addr().unwrap());
        drop(one);
        let client = TcpStream::connect(address).await.unwrap();
        assert_eq!(peer_of(&all).await, client.local_addr().unwrap());
        // And the other way round.
        let one = open(address, &[&all]).unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        assert_eq!(peer_of(&one).await, client.local_addr().unwrap());
    }

    #[tokio::test]
    async fn nobody_else_gets_in() {
        let foreign = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let everywhere = SocketAddr::new([0, 0, 0, 0].into(), foreign.local_addr().unwrap().port());
        let refused = open(everywhere, &[]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        let ours = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = ours.local_addr().unwrap().port();
        let everywhere = SocketAddr::new([0, 0, 0, 0].into(), port);
        let all = open(everywhere, &[&ours]).unwrap();
        drop(ours);
        let loopback = SocketAddr::new([127, 0, 0, 1].into(), port);
        let refused = TcpListener::bind(loopback).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        drop(all);
    }
}
