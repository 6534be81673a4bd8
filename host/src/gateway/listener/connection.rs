//! One connection of a client: HTTP/1.1, request after request, each through the door.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::patience::{Arrival, Patient};
use crate::gateway::door::{Admission, Door};
use crate::gateway::front::{Connection, Desk};

/// How long a connection may be idle between two requests. Longer than clients keep theirs (90 s,
/// most of them), so that none is closed just when its client begins to write.
const IDLE: Duration = Duration::from_secs(120);
/// Bytes of all headers together, more or less; 431 beyond.
const HEADERS: usize = 64 << 10;

/// Serves until the client leaves; when the host closes, to the end of what is under way.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    door: Door,
    desk: Arc<Desk>,
    closing: CancellationToken,
) {
    let arrival = Arrival::default();
    let io = TokioIo::new(Patient::new(stream, arrival.clone()));
    let connection = Connection::new(Arc::clone(&door.gateway), Arc::clone(&desk));
    let answer = |request: Request<Incoming>| {
        let (door, connection, desk) = (&door, &connection, &desk);
        let arrival = &arrival;
        async move {
            arrival.begin();
            let admitted = door.admit(request.map(Body::new), desk.limits()).await;
            arrival.end();
            Ok::<_, Infallible>(match admitted {
                Admission::LetIn(arrived, pass) => pass.bounded(connection.answer(arrived).await),
                Admission::Refused(response) => response,
            })
        }
    };
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEADERS)
        .serve_connection(io, service_fn(answer));
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Says that there are too many, as far as that can be said without waiting.
pub(super) fn refuse(stream: &TcpStream, limit: usize) {
    let say =
        format!("{limit} connections are open, and no more may be (server.limits.connections)\n");
    let length = say.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {length}\r\nretry-after: 60\r\nconnection: close\r\n\r\n{say}"
    );
    // A client that is gone needs no answer.
    let _ = stream.try_write(answer.as_bytes());
}
