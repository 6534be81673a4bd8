//! A server on this machine that is told of things: it writes each request down, and answers what it
//! is told to. With TLS it shows a certificate for `localhost` and 127.0.0.1 that nobody trusts but
//! who trusts [`Hook::authority`] (both made for these stories, with `openssl`, for 100 years).

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::soon;

const SHOWN: &[u8] = include_bytes!("../tls/loopback.pem");

pub(crate) struct Hook {
    port: u16,
    answer: Arc<Mutex<String>>,
    heard: watch::Receiver<Vec<String>>,
    serving: JoinHandle<()>,
}

impl Hook {
    pub(crate) async fn start() -> Self {
        Self::serve(None).await
    }

    pub(crate) async fn with_tls() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(SHOWN).unwrap()],
                PrivateKeyDer::from_pem_slice(SHOWN).unwrap(),
            );
        Self::serve(Some(TlsAcceptor::from(Arc::new(config.unwrap())))).await
    }

    /// Whose word stands for its certificate.
    pub(crate) fn authority() -> PathBuf {
        concat!(env!("CARGO_MANIFEST_DIR"), "/stories/tls/loopback_ca.pem").into()
    }

    async fn serve(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new("200 OK".to_owned()));
        let (sender, heard) = watch::channel(Vec::new());
        let answers = Arc::clone(&answer);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers.lock().unwrap().clone();
                let request = match &tls {
                    Some(tls) => shaken(tls, stream, &answer).await,
                    None => exchange(stream, &answer).await,
                };
                let request = request.unwrap_or_else(|error| format!("no request: {error}"));
                sender.send_modify(|heard| heard.push(request));
            }
        });
        Self {
            port,
            answer,
            heard,
            serving,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on it answers this, such as `503 Busy`; more lines are headers.
    pub(crate) fn answer_with(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }

    /// All that it was asked, once it is so much.
    pub(crate) async fn heard(&self, count: usize) -> Vec<String> {
        let mut heard = self.heard.clone();
        let so_much = heard.wait_for(|heard| heard.len() >= count);
        soon("a request", so_much).await.unwrap().clone()
    }

    /// Nobody is at its address any more.
    pub(crate) async fn leave(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

async fn shaken(tls: &TlsAcceptor, stream: TcpStream, answer: &str) -> std::io::Result<String> {
    exchange(tls.accept(stream).await?, answer).await
}

/// One request, whole, for one answer.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
) -> std::io::Result<String> {
    let (mut bytes, mut wanted) = (Vec::new(), None);
    while wanted.is_none_or(|wanted| bytes.len() < wanted) {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        wanted = text.find("\r\n\r\n").map(|end| {
            let length = text[..end].split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            end + 4 + length.unwrap_or(0)
        });
    }
    let answer = format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
